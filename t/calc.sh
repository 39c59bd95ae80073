#!/bin/sh
# A module for examples and tests: calc.sh FUNCTION [ARGUMENT ...]
#	pi N		pi with N decimals
#	add A B		their sum
#	echo ARG ...	the arguments, each in brackets, then standard input
#	status N	exits with N
case $1 in
pi)
	# By Machin's formula, since not every awk has atan2().
	exec awk -v n="$2" '
	function arccot(x,  power, sum, k) {
		power = 1 / x
		for (k = 1; power > 1e-17; k += 2) {
			sum += (k % 4 == 1 ? power : -power) / k
			power /= x * x
		}
		return sum
	}
	BEGIN { printf "%." n "f\n", 16 * arccot(5) - 4 * arccot(239) }'
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
