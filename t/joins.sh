#!/bin/sh
# Listeners join, are killed, and the control plane is killed part by part while
# a filter runs: no line is lost, and the PLB buys what it lacks elsewhere.
. "$(dirname "$0")/lib.sh"

need bc ps

publish() { # NAME [MODULE]: a listener with a capacity of 4
	start "$1" lambda-listener -c 4 -w line "${2:-calc}" bc -q
}

# filter NAME OPTION... MODULE: one that has more and more lines to do until it
# is finished; its output in $tmp/NAME.out
filter() {
	out=$1
	shift
	start "$out" sh -c 'out=$1; shift; n=0
		while [ ! -e "$out.stop" ]; do
			awk -v n="$n" "BEGIN {
				while (++i <= 1000) print n + i \"*2\" }"
			n=$((n + 1000))
			echo "$n" >"$out.fed"
		done | lambda-call -L "$@" >"$out.out"
		echo "status $?"' sh "$tmp/$out" "$@"
	until_true test -s "$tmp/$out.out" || fail "$out does not run"
}

# channels N: so many have the filter that runs
channels() {
	[ "$(lambda-ctl plbs | grep -c '^channel .* state up$')" -eq "$1" ]
}

# goes_on NAME WHAT: it answers more lines than it had in flight, while that is
# gone
goes_on() {
	was=$(wc -l <"$tmp/$1.out")
	until_true sh -c 'test "$(wc -l <"$0")" -gt "$1"' "$tmp/$1.out" \
	    $((was + 2000)) || fail "$1 stands while $2 is gone"
}

# finish NAME: every line of the output is right; how many failed is in $failed,
# and each of them is told, with the loss as the reason
finish() {
	touch "$tmp/$1.stop"
	logged "$1" status
	failed=$(awk -v n="$(cat "$tmp/$1.fed")" '
	    NR == FNR { if ($1 == "line" && /was lost/) { sub(/:/, "", $2)
			failed[$2 + 0] = 1; count++ } next }
	    { do i++; while (i in failed)
		if ($1 != i * 2) { print "line", i, "is", $1; exit 1 } }
	    END { while (i + 1 in failed) i++
		if (i != n) { print i, "lines of", n; exit 1 }
		print count + 0 }' "$tmp/$1.log" "$tmp/$1.out") ||
		fail "$1: $failed"
}

# another PID NAME OLD...: the process runs such a program, and none of these
another() {
	all=$(children "$1" "$2")
	[ -n "$all" ] || return 1
	shift 2
	for old; do
		for now in $all; do
			[ "$now" != "$old" ] || return 1
		done
	done
}

tier
publish a
a=$pid

# With retries: two join, one is killed, the channel of another too.
filter retried -R 5 calc
until_true channels 1 || fail "the filter does not run"
publish b
b=$pid
publish c
c=$pid
until_true channels 3 || fail "joined capacity is not taken up"
kill -9 "$b"
until_true channels 2 || fail "the loss of a listener is not seen"
old=$(children "$c" lambda-channel)
# shellcheck disable=SC2086
kill -9 $old
# shellcheck disable=SC2086
until_true another "$c" lambda-channel $old ||
    fail "a lost channel is not replaced"
until_true channels 2 || fail "the new channel has no work"
finish retried
grep -q 'status 0' "$tmp/retried.log" || fail "the filter failed"
same "$failed" 0

# What is lost with a seller is bought of another that has it to sell.
sold() { # LEFT...: so much is left of each seller of the module
	left=$(lambda-ctl orders | awk "$of"'of("kind") == "sell" &&
	    of("module") == "pair" { print of("quantity") }' | sort -n | tr '\n' ' ')
	[ "$left" = "$* " ]
}
publish one pair
one=$pid
filter pair -c 4 pair
until_true sold 0 || fail "4 of 4 are not bought"
publish two pair
two=$pid
until_true sold 0 4 || fail "nothing is left to sell"
kill -9 "$one"
until_true sold 0 || fail "what was lost is not bought elsewhere"
finish pair
[ "$failed" -le 4 ] || fail "$failed of at most 4"
stop "$two"

# Without: at most what was in flight there fails, each with a reason.
publish b
b=$pid
filter plain -c 12 calc
until_true channels 3 || fail "the filter does not run"
kill -9 "$b"
# shellcheck disable=SC2046
kill -9 $(children "$c" lambda-channel) || fail "no channel to be lost"
until_true channels 2 || fail "it does not go on with the rest"
finish plain
[ "$failed" -le 8 ] || fail "$failed of at most 8"

# The control plane: exchange, authority and broker, killed and restarted.
filter control -R 0 calc
until_true channels 2 || fail "the filter does not run"
old=$(children "$authority" lambda-exchange)
# shellcheck disable=SC2086
kill -9 $old
# shellcheck disable=SC2086
until_true another "$authority" lambda-exchange $old ||
    fail "the exchange is not started again"
until_true sh -c 'lambda-ctl exchanges | grep -q "state linked"' ||
    fail "the new exchange is not found"
kill -9 "$authority"
wait "$authority" 2>/dev/null
goes_on control "the authority"
start authority2 lambda-authority -l "$where"
authority=$pid
until_true sh -c 'lambda-ctl exchanges | grep -q "state linked"' ||
    fail "the authority is not found again"
kill -9 "$broker"
wait "$broker" 2>/dev/null
goes_on control "the broker"
start broker2 sh -c 'exec lambda-broker -l 127.0.0.1:0 <"$0"' \
    "$tmp/authorities"
until_true sh -c 'lambda-ctl orders | grep -c "kind sell" | grep -q 2' ||
    fail "the orders did not come back"
# New capacity is found by the filter through the new broker.
publish d
until_true channels 3 || fail "the order did not survive"
same "$(echo 20+1 | lambda-call -L calc)" 21
finish control
grep -q 'status 0' "$tmp/control.log" || fail "calls failed meanwhile"
same "$failed" 0
stop "$a"
echo passed
