#!/bin/sh
# Measures streams: the same bytes through cat(1), between pipes alone, through
# two plain relays, through ssh(1), and each way of a call, in turn, several
# times; what a connection takes its server; calls beside streams; and the memory
# of both ends after few bytes and after many. Prints a row for each figure, and
# what it is to be less, or more, than, where there is an aim:
#
#	FIGURE VALUE UNIT [AIM | >AIM]
#
# $BENCH_STREAM	how many bytes at a time, a multiple of 4; 200,000,000 by
#		default
# $BENCH_ROUNDS	how many times (3)
. "$(dirname "$0")/../lib.sh"

need ps
exec 3>&1 >&2 # rows, and what lib.sh has to say
bytes=${BENCH_STREAM:-200000000}
rounds=${BENCH_ROUNDS:-3}
bench=$top/t/bench

row() { # FIGURE VALUE UNIT [AIM]
	[ -n "$2" ] || fail "$1: nothing is said of it"
	echo "$*" >&3
}
uptime_s() {
	cut -d ' ' -f 1 /proc/uptime
}
# rated NAME BEGUN COUNT: so many bytes have come since; how fast is noted
rated() {
	[ "$3" = "$bytes" ] || fail "$1: bytes are lost"
	awk -v a="$2" -v b="$(uptime_s)" -v n="$bytes" \
	    'BEGIN { printf "%.0f\n", n / 1e6 / (b > a ? b - a : 0.01) }' \
	    >>"$tmp/rate.$1"
}
# rate NAME COMMAND...: its input is the bytes, and its output goes through a
# pipe
rate() {
	way=$1
	shift
	begun=$(uptime_s)
	rated "$way" "$begun" \
	    "$(head -c "$bytes" /dev/zero | "$@" | wc -c | tr -d ' ')"
}
# four: four calls at once, each with a quarter of the bytes, and as a single one
# with pipes of its own: a pipe that they share wakes all of them each time
four() {
	begun=$(uptime_s)
	# shellcheck disable=SC2016
	rated four "$begun" "$(sh -c 'for i in 1 2 3 4; do
		head -c "$0" /dev/zero | lambda-call -b "$1" work | wc -c &
	    done
	    wait' "$((bytes / 4))" "$LAMBDA_RUN/broker" |
	    awk '{ n += $1 } END { print n }')"
}
median() { # NAME: of what was noted
	[ ! -e "$tmp/rate.$1" ] || sort -n "$tmp/rate.$1" |
	    awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}
ratio() {
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f\n", a / (b > 0 ? b : 1) }'
}
# reaped PID: the ms of processor that its children took which have ended
reaped() {
	awk -v hz="$(getconf CLK_TCK)" \
	    '{ sub(/.*\) /, ""); printf "%d\n", ($14 + $15) * 1000 / hz }' \
	    "/proc/$1/stat"
}
# taken PID: those that it took itself, too
taken() {
	awk -v hz="$(getconf CLK_TCK)" '{
		sub(/.*\) /, "")
		printf "%d\n", ($12 + $13 + $14 + $15) * 1000 / hz
	}' "/proc/$1/stat"
}
# starts NAME PID COMMAND...: what the process takes to run true(1) for each of
# these commands, on a connection of its own
starts() {
	name=$1 server=$2 i=0
	shift 2
	"$@" </dev/null || fail "$*: status $?"
	before=$(taken "$server")
	while [ "$i" -lt 100 ]; do
		i=$((i + 1))
		"$@" </dev/null || fail "$*: status $?"
	done
	took=$(ratio "$(($(taken "$server") - before))" 100)
	row "stream_start_$name" "$took" ms
}
# of_calls KIND OUTPUT: p50 or p99 of load(1)
of_calls() {
	echo "$2" | awk -v name="latency-$1" '$1 == name { print $2 }'
}

tier
start listener lambda-listener -c 16 work cat
listener=$pid
logged listener 'publishing work'
start plb lambda-plb -c 16 work
logged plb 'serving on'

# An sshd of our own, where there is one.
ssh=''
sshd=$(PATH=$PATH:/usr/sbin:/sbin command -v sshd)
if [ -n "$sshd" ] && command -v tcpserver >/dev/null &&
    { [ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd; }; then
	ssh-keygen -q -t ed25519 -N '' -f "$tmp/host"
	ssh-keygen -q -t ed25519 -N '' -f "$tmp/user"
	for line in "HostKey $tmp/host" "AuthorizedKeysFile $tmp/user.pub" \
	    'StrictModes no' 'UsePAM no' 'LogLevel QUIET' 'PidFile none'; do
		echo "$line"
	done >"$tmp/config"
	start sshd tcpserver -1 -HRl0 127.0.0.1 0 "$sshd" -i -f "$tmp/config"
	sshd_pid=$pid
	until_true test -s "$tmp/sshd.log" || fail "no sshd"
	ssh="ssh -F none -i $tmp/user -p $(head -n 1 "$tmp/sshd.log")
	    -c chacha20-poly1305@openssh.com -o BatchMode=yes
	    -o StrictHostKeyChecking=no -o LogLevel=ERROR
	    -o UserKnownHostsFile=$tmp/known 127.0.0.1 cat"
fi

i=0
while [ "$i" -lt "$rounds" ]; do
	i=$((i + 1))
	rate cat sh -c 'cat | cat'
	rate plain_tcp "$bench/relay.bench" plain tcp cat
	rate tcp lambda-call -b "$LAMBDA_RUN/broker" work
	# shellcheck disable=SC2086
	[ -z "$ssh" ] || rate ssh $ssh
	rate plain_pipes "$bench/relay.bench" plain pipes cat
	rate pipes lambda-call -x '|lambda-channel work cat' work
	rate plb lambda-call work
	four
done
for way in cat plain_tcp tcp ssh plain_pipes pipes plb four; do
	[ ! -e "$tmp/rate.$way" ] || row "stream_$way" "$(median $way)" MB/s
done
row stream_tcp_of_plain "$(ratio "$(median tcp)" "$(median plain_tcp)")" times '>0.3'
[ -z "$ssh" ] ||
    row stream_tcp_of_ssh "$(ratio "$(median tcp)" "$(median ssh)")" times '>1'
row stream_pipes_of_plain \
    "$(ratio "$(median pipes)" "$(median plain_pipes)")" times '>0.5'
row stream_four_of_one "$(ratio "$(median four)" "$(median tcp)")" times '>0.9'

# What a byte costs, which does not depend on what else runs here.
before=$(reaped "$listener") own=$(reaped $$)
head -c "$bytes" /dev/zero | lambda-call -b "$LAMBDA_RUN/broker" work | wc -c
channel_has_ended() {
	[ "$(reaped "$listener")" -gt "$before" ]
}
until_true channel_has_ended || fail "no channel has ended"
row stream_channel_ns "$(ratio "$(($(reaped "$listener") - before))e6" "$bytes")" ns/byte
row stream_caller_ns "$(ratio "$(($(reaped $$) - own))e6" "$bytes")" ns/byte

# What a connection costs its server, beside the start and the end of two programs
# that do nothing: a server that starts two for each cannot take less.
start short lambda-listener -c 16 short true
short=$pid
logged short 'publishing short'
floor=$("$bench/spawn.bench" 1 3 250 true |
    awk '$1 == "processor" { printf "%.3f\n", 2 * $2 }')
row stream_start_floor "$floor" ms
starts channel "$short" lambda-call -b "$LAMBDA_RUN/broker" short
row stream_start_of_floor "$(ratio "$took" "$floor")" times
# shellcheck disable=SC2086
[ -z "$ssh" ] || starts ssh "$sshd_pid" ${ssh% cat} true

# Small calls through lambda-plb, beside four streams through it, too, and then
# beside four streams that have connections of their own.
for how in shared own; do
	case $how in
	shared) way="-s $LAMBDA_RUN/work.plb" ;;
	own) way="-b $LAMBDA_RUN/broker" ;;
	esac
	bulk=''
	for i in 1 2 3 4; do
		# shellcheck disable=SC2016
		start "bulk$i" sh -c 'exec lambda-call $0 work </dev/zero >/dev/null' "$way"
		bulk="$bulk $pid"
	done
	out=$("$bench/load.bench" work x 1 3 2000 "$LAMBDA_RUN/work.plb")
	# shellcheck disable=SC2086
	kill $bulk
	for p in p50 p99; do
		eval "$how$p=$(of_calls $p "$out")"
		eval "row stream_beside_${how}_$p \$$how$p us"
	done
done
# shellcheck disable=SC2154
row stream_beside_p50 "$(ratio "$sharedp50" "$ownp50")" times 2
# shellcheck disable=SC2154
row stream_beside_p99 "$(ratio "$sharedp99" "$ownp99")" times 2

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
