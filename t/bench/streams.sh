#!/bin/sh
# Measures streams: the same bytes through cat(1), once between pipes alone and
# once each way of a call, one after the other; and the memory of both ends after
# few bytes and after many. Prints a row for each figure, which is to be less than
# the aim where there is one:
#
#	FIGURE VALUE UNIT [AIM]
#
# $BENCH_STREAM	how many bytes, 400,000,000 by default
. "$(dirname "$0")/../lib.sh"

need ps
exec 3>&1 >&2 # rows, and what lib.sh has to say
bytes=${BENCH_STREAM:-400000000}

row() { # FIGURE VALUE UNIT [AIM]
	[ -n "$2" ] || fail "$1: nothing is said of it"
	echo "$*" >&3
}
uptime_s() {
	cut -d ' ' -f 1 /proc/uptime
}
# rate COMMAND...: its input is the bytes, and its output goes through a pipe
rate() {
	begun=$(uptime_s)
	[ "$(head -c "$bytes" /dev/zero | "$@" | wc -c | tr -d ' ')" = "$bytes" ] ||
	    fail "$*: bytes are lost"
	awk -v a="$begun" -v b="$(uptime_s)" -v n="$bytes" \
	    'BEGIN { printf "%.0f\n", n / 1e6 / (b > a ? b - a : 0.01) }'
}

tier
start listener lambda-listener -c 4 work cat
logged listener 'publishing work'
row stream_cat "$(rate sh -c 'cat | cat')" MB/s
row stream_tcp "$(rate lambda-call -b "$LAMBDA_RUN/broker" work)" MB/s
row stream_pipes "$(rate lambda-call -x '|lambda-channel work cat' work)" MB/s
start plb lambda-plb -c 4 work
logged plb 'serving on'
row stream_plb "$(rate lambda-call work)" MB/s

mkfifo "$tmp/feed"
start long sh -c 'exec lambda-call work <"$0/feed" >"$0/copy"' "$tmp"
exec 5>"$tmp/feed"
head -c 1000000 /dev/zero >&5
until_true copied 1000000 || fail "1 MB does not come"
calls=$(memory lambda-call) channels=$(memory lambda-channel)
head -c 100000000 /dev/zero >&5
until_true copied 101000000 || fail "100 MB do not come"
row stream_caller_grows $(($(memory lambda-call) - calls)) KiB 1024
row stream_channel_grows $(($(memory lambda-channel) - channels)) KiB 1024
exec 5>&-
