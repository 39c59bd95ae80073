#!/bin/sh
# lambda-exchange -o records what it is told and what it answers; -O does the same
# again, to the byte, and says where something differs.
. "$(dirname "$0")/lib.sh"

need bc
exchange() {
	start "$1" lambda-exchange -o "$tmp/orders" -l 127.0.0.1:0 calc
	exchange=$pid
	at=$(address "$1") || exit 1
}
exchange first
[ -n "$(find "$tmp/orders" -perm 600)" ] ||
    fail "the order log is open to others"
tier -x "calc=$at"
start one lambda-listener -c 2 -t zone=a -w line calc bc
one=$pid
start two lambda-listener -c 3 -t zone=b -w line calc bc
sells() {
	lambda-ctl -A "$at" exchanges | grep ' sells 2 '
}
until_true sells || fail "the exchange has not heard of both"
seq 1 200 | lambda-call -L -c 4 calc >"$tmp/sum" 2>"$tmp/call.log" ||
    fail "the calls: $(cat "$tmp/call.log")"
seq 1 200 | cmp -s - "$tmp/sum" || fail "the calls: $(head "$tmp/sum")"
# Whoever looks is no part of it; and a seller leaves, which is.
lambda-ctl -A "$at" all >"$tmp/rows"
stop "$one"
echo '6*7' | lambda-call calc >/dev/null || fail "no call after one has left"

# Also while it runs, and when it was killed.
replay() {
	lambda-exchange -O "$tmp/orders" calc >"$tmp/fills" 2>"$tmp/replay.log"
}
until_true replay || fail "the replay: $(cat "$tmp/replay.log")"
grep -q '^fill [0-9]* at_ms [0-9]* peer [0-9]* seller [0-9a-f]* quantity [1-9]' \
    "$tmp/fills" || fail "no fills: $(head "$tmp/fills")"
stop "$exchange" KILL
replay || fail "the replay of one that was killed: $(cat "$tmp/replay.log")"
cp "$tmp/fills" "$tmp/fills.first"

# Another process goes on in the same file, though the last line was cut off.
printf '17 in 3 bu' >>"$tmp/orders"
replay || fail "the replay of a log that is cut: $(cat "$tmp/replay.log")"
exchange second
stop "$exchange"
same "$ended" 0
tells 0 ': starts: 2, messages: [0-9]*, fills among them: [1-9][0-9]*, all as they were' \
    lambda-exchange -O "$tmp/orders" calc
same "$(tail -n 1 "$tmp/orders")" end
replay && cmp -s "$tmp/fills" "$tmp/fills.first" || fail "the fills are others"

# One seller's quantity is another: the fills are, too. And a fill less, or more.
differs() { # WHAT SED
	sed "$2" "$tmp/orders" >"$tmp/changed"
	cmp -s "$tmp/orders" "$tmp/changed" && fail "$1: nothing was changed"
	tells 1 "line [0-9]*: the replay differs: $3" \
	    lambda-exchange -O "$tmp/changed" calc
}
fill=$(grep -n ' out [0-9]* fill ' "$tmp/orders" | sed -n '1s/:.*//p')
differs 'a fill less' "${fill}d" 'it sends '
differs 'a fill twice' "${fill}p" 'it '
differs 'no buys' '/ in [0-9]* buy /d' 'it does not send this message'
differs 'another seed' \
    's/^\(start calc [0-9a-f]* \).*/\17/; s/^\(start calc \).*\( [0-9]*\)$/\100112233445566778899aabbccddeeff\2/' \
    'it sends another message'

# What is no order log.
tells 100 'line 1: it is the log of another module' \
    lambda-exchange -O "$tmp/orders" other
bad() { # LINE WHY
	printf '%s\n' "$1" >"$tmp/bad"
	tells 100 "line 1: $2" lambda-exchange -O "$tmp/bad" calc
}
bad 'hello' 'it has no number where one must be'
bad '5 tick' 'no line that says start is before it'
bad 'start calc 12 5' 'an id is cut off'
bad "start calc $(printf '%032d' 0) 18446744073709551616" 'it has no number'
started() { # LINE WHY
	printf 'start calc %032d 1\n%s\n' 0 "$1" >"$tmp/bad"
	tells 100 "line 2: $2" lambda-exchange -O "$tmp/bad" calc
}
started '1 up 1 nobody 00' 'it names no role'
started '1 in 1 buy 0' 'a frame or an id is cut off'
started '1 in 1 buy 0g' 'a frame or an id is not hexadecimal'
started '1 in 1 buy 10' 'its frame is no message'
started '1 down 1' 'that peer is not up'
follows() { # LINE WHY: after a peer that is up
	printf 'start calc %032d 1\n5 up 1 plb %032d -\n%s\n' 0 1 "$1" \
	    >"$tmp/bad"
	tells 100 "line 3: $2" lambda-exchange -O "$tmp/bad" calc
}
follows "5 up 1 broker $(printf '%032d' 0) -" 'that peer is up already'
follows '4 tick' 'its time is before that of the line above'
follows '5 in 1 cancel 1203020101' 'a peer of that role does not send this'
started '1 dances 1' 'it is not a line of an order log'
: >"$tmp/bad"
tells 100 'it is no order log' lambda-exchange -O "$tmp/bad" calc
tells 100 'No such file' lambda-exchange -O "$tmp/none" calc
tells 100 '-o and -O: give one of them' \
    lambda-exchange -O "$tmp/bad" -o "$tmp/bad" calc
mkfifo "$tmp/fifo"
tells 100 'is no regular file' \
    lambda-exchange -o "$tmp/fifo" -l 127.0.0.1:0 calc
tells 100 'No such file' \
    lambda-exchange -o "$tmp/none/orders" -l 127.0.0.1:0 calc

# A log that cannot be written, as on a disk that is full, stops no order.
start full sh -c 'ulimit -f 2
	exec lambda-exchange -o "$0" -l 127.0.0.1:0 calc' "$tmp/full.orders"
at=$(address full) || exit 1
stop "$authority"
start authority lambda-authority -l "$where" -x "calc=$at"
sells_again() {
	lambda-ctl -A "$at" exchanges | grep ' sells 1 '
}
until_true sells_again || fail "the exchange has not heard of the listener"
ended_log() { # and calls go on
	seq 1 20 | lambda-call -L calc >"$tmp/sum" 2>"$tmp/call.log" ||
	    fail "a call: $(cat "$tmp/call.log")"
	grep 'unable to write .*; the order log ends here$' "$tmp/full.log"
}
until_true ended_log || fail "it does not say that its log has ended"
same "$(echo '6*7' | lambda-call -L calc)" 42
echo passed
