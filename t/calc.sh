#!/bin/sh
# A module for examples and tests: calc.sh FUNCTION [ARGUMENT ...]
#	pi N		pi with N decimals
#	add A B		their sum
#	echo ARG ...	the arguments, each in brackets, then standard input
#	status N	exits with N
case $1 in
pi)
	exec awk -v n="$2" 'BEGIN { printf "%." n "f\n", atan2(0, -1) }'
	;;
add)
	echo $(($2 + $3))
	;;
echo)
	shift
	for arg; do
		printf '[%s]' "$arg"
	done
	exec cat
	;;
status)
	echo "exiting with $2" >&2
	exit "$2"
	;;
*)
	echo "calc has no function $1: pi, add, echo and status it has" >&2
	exit 100
	;;
esac
