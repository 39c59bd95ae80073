#!/bin/sh
# The main job, as the README's first command runs it: lambda-solo provides an
# authority and a broker; this publishes two modules and calls them.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
PATH=$top:$PATH
pids=

finish() {
	for pid in $pids; do
		kill "$pid" 2>/dev/null || :
		wait "$pid" 2>/dev/null || :
	done
}
trap finish EXIT

if [ -z "${LAMBDA_RUN:-}" ]; then
	echo "run this as: ./lambda-solo sh t/demo.sh" >&2
	exit 100
fi

echo "publishing calc (a program run once a call) and double (a shell loop"
echo "that answers a line with a line, at most 4 of them at once)"
lambda-listener -q calc "$top/t/calc.sh" &
pids=$!
lambda-listener -q -c 4 -w line double \
    sh -c 'while read -r n; do echo $((n * 2)); done' &
pids="$pids $!"

echo
echo '$ lambda-call calc pi 5'
pi=$(lambda-call calc pi 5 </dev/null)
echo "$pi"

echo
echo '$ seq 1 10000 | lambda-call -L double | tail -n 2'
sum=$(awk 'BEGIN { for (i = 1; i <= 10000; i++) print i }' |
    lambda-call -L double |
    awk '{ sum += $1; was = last; last = $1 } END { print was; print last
	printf "%.0f\n", sum > "/dev/stderr" }' 2>"$LAMBDA_RUN/sum")
echo "$sum"
sum=$(cat "$LAMBDA_RUN/sum")
echo
echo "the sum of all 10000 answers is $sum; 10000 * 10001 is 100010000"
if [ "$pi" != 3.14159 ] || [ "$sum" != 100010000 ]; then
	echo "NOT what was expected"
	exit 1
fi
echo "as it should be"
