#!/bin/sh
# Lookups of lambda-discovery with 10 to 5000 nodes registered, beside those of
# the real epmd with as many as it takes, in one run of three rounds. Prints
# "NAME VALUE", a line each: NAME is epmd-N or lambda-N, N the number of nodes,
# and behind it -lookups (a second), -p50 or -p99 (us).
top=$(cd "$(dirname "$0")/../.." && pwd)
PATH=$top:$PATH
lookups=${1:-20000}
log=$(mktemp "${TMPDIR:-/tmp}/lambda-b.XXXXXX") || exit 1
pid=
trap 'kill $pid 2>/dev/null; rm -f "$log"' EXIT
# shellcheck disable=SC3045
ulimit -n "$(ulimit -H -n)"
cd "$top" && sh t/setup.sh epmd || exit 77
unset ERL_EPMD_PORT ERL_EPMD_ADDRESS ERL_EPMD_RELAXED_COMMAND_CHECK

ready() { # PORT
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		epmd -port "$1" -names >/dev/null 2>&1 && return 0
		sleep 0.1
	done
	return 1
}

measure() { # NAME NODES
	"$top/t/bench/discovery.bench" "$port" "$2" "$lookups" |
	    sed "s/^lookups/$1-$2-lookups/; s/^lookup-/$1-$2-/"
}

lambda-discovery -p 0 </dev/null 2>"$log" &
pid=$!
until port=$(sed -n 's/.*listening on 127.0.0.1:\([0-9]*\).*/\1/p' "$log") &&
    [ -n "$port" ]; do
	sleep 0.1
done
for n in 10 900 5000 10 900 5000 10 900 5000; do
	measure lambda "$n"
done
kill "$pid"
wait "$pid"
epmd -port "$port" >/dev/null 2>&1 &
pid=$!
ready "$port" || exit 1
for n in 10 900 10 900 10 900; do
	measure epmd "$n"
done
