#!/bin/sh
# Listeners join, are killed, and the control plane is killed part by part while
# a filter runs: no line is lost, and the PLB buys what it lacks elsewhere.
. "$(dirname "$0")/lib.sh"

need bc ps
lines=300000

publish() { # name: a listener with a capacity of 4
	start "$1" lambda-listener -c 4 -w line calc bc -q
}

# filter NAME OPTION...: a filter whose input ends when $tmp/stop is there, at
# the latest after $lines lines; its output in $tmp/NAME.out
filter() {
	out=$1
	shift
	start "$out" sh -c 'out=$1 tmp=$2 lines=$3; shift 3
		awk -v n="$lines" "BEGIN { for (i = 1; i <= n; i++) print i \"*2\" }" |
		    lambda-call -P "$@" -L calc >"$tmp/$out.out"
		echo "status $?"' sh "$out" "$tmp" "$lines" "$@"
}

# channels NAME N: the filter's progress spoke of N channels (last line)
channels() {
	tail -n 1 "$tmp/$1.log" | grep -q " $2 channels"
}

check() { # NAME: every line of the output is right; those that failed are told
	awk -v n="$lines" 'NR == FNR { if ($1 == "line" ) { sub(/:/, "", $2)
			failed[$2 + 0] = 1; count++ } next }
	    { do i++; while (i in failed)
		if ($1 != i * 2) { print "line", i, "is", $1; exit 1 } }
	    END { if (i + 0 > n) exit 1; while (i + 1 in failed) i++
		if (i != n) { print i, "lines of", n; exit 1 }
		print count + 0, "failed" }' "$tmp/$1.log" "$tmp/$1.out"
}

tier
publish a
a=$pid

# With retries: two join, one is killed, a channel of another too.
filter retried -R 5
until_true 10 channels retried 1 || fail "the filter does not run"
publish b
b=$pid
publish c
c=$pid
until_true 15 channels retried 3 || fail "joined capacity is not taken up"
kill -9 "$b"
until_true 15 channels retried 2 || fail "the loss of a listener is not seen"
# shellcheck disable=SC2046
kill -9 $(children "$c" lambda-channel)
until_true 15 channels retried 2 || fail "a lost channel is not replaced"
logged retried 'status' 120
grep -q 'status 0' "$tmp/retried.log" || fail "the filter failed"
same "$(check retried)" '0 failed'

# Without: at most what was in flight there fails, each with a reason.
publish b
b=$pid
filter plain -c 12
until_true 15 channels plain 3 || fail "the filter does not run"
kill -9 "$b"
# shellcheck disable=SC2046
kill -9 $(children "$c" lambda-channel)
logged plain 'status' 120
failed=$(check plain) || fail "$failed"
[ "${failed% failed}" -le 8 ] || fail "$failed of at most 8"

# The control plane: exchange, authority and broker, killed and restarted.
filter control -R 0
until_true 10 channels control 2 || fail "the filter does not run"
# shellcheck disable=SC2046
kill -9 $(children "$authority" lambda-exchange)
until_true 10 sh -c 'lambda-ctl exchanges | grep -q "state linked"' ||
    fail "the exchange is not restarted"
kill -9 "$authority"
wait "$authority" 2>/dev/null
start authority2 lambda-authority -l "$where"
authority=$pid
until_true 20 sh -c 'lambda-ctl exchanges | grep -q "state linked"' ||
    fail "the authority is not found again"
kill -9 "$broker"
wait "$broker" 2>/dev/null
start broker2 sh -c 'exec lambda-broker -l 127.0.0.1:0 <"$0"' \
    "$tmp/authorities"
until_true 20 sh -c 'lambda-ctl orders | grep -c "kind sell" | grep -q 2' ||
    fail "the orders did not come back"
# New capacity is found by the filter through the new broker.
publish d
until_true 20 channels control 3 || fail "the order did not survive"
same "$(echo 20+1 | lambda-call -L calc)" 21
logged control 'status' 120
grep -q 'status 0' "$tmp/control.log" || fail "calls failed meanwhile"
same "$(check control)" '0 failed'
stop "$a"
echo passed
