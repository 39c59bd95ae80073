#!/bin/sh
# By hand, on two hosts: an authority, a broker on each, a listener on one, a
# filter on the other. All lines come back right and in order, every process is
# bounded, input is read as fast as there are tokens for it and no faster, and
# a filter whose reader has gone leaves nothing behind.
. "$(dirname "$0")/lib.sh"

need bc
hosts a b
(umask 077 && head -c 32 /dev/urandom >"$tmp/key")
LAMBDA_KEY=$tmp/key
export LAMBDA_KEY

start authority on a lambda-authority -l 10.77.0.1:4370
address authority >/dev/null
for host in a b; do
	n=1
	[ "$host" = a ] || n=2
	start "broker$host" on "$host" sh -c \
	    'lambda-bootstrap 10.77.0.1 | exec lambda-broker -n "$0@$1" \
		-l "$1:4371"' "$host" "10.77.0.$n"
	logged "broker$host" 'linked to authority 10.77.0.1:4370'
done
start listener on a lambda-listener -l 10.77.0.1:0 -c 8 -w line calc bc -q
listener=$pid

processes() { # NAME: of the tier and of both hosts
	for pid in $(ip netns pids "${net}a") $(ip netns pids "${net}b"); do
		case $(name_of "$pid") in
		"$1"*) echo "$pid" ;;
		esac
	done
}

# To the listener, and to the broker of the host that calls.
connections() {
	on a ss -Htn state established state close-wait state fin-wait-1 \
	    sport = ":$port"
	on b ss -Hxn state established | grep "$tmp/run.b/broker"
}

# The exchange's own view, from the other host.
until_true on a sh -c 'lambda-ctl exchanges | grep -q "state linked"' ||
    fail "no exchange"
exchange=$(on a lambda-ctl exchanges | awk '{ print $2 }')
at_rest() {
	on b lambda-ctl -A "$exchange" all >"$tmp/rows" || return 1
	awk '$1 == "sell" { if ($0 !~ /quantity 8 reserved 0/) bad = 1; sells++ }
	    $1 == "buy" { bad = 1 }
	    END { exit bad || sells != 1 }' "$tmp/rows"
}
until_true at_rest || fail "the exchange: $(cat "$tmp/rows")"
logged listener 'publishing calc'
port=$(sed -n 's/.*publishing calc at .*:\([0-9]*\),.*/\1/p' \
    "$tmp/listener.log")

# The most that each process has ever had of memory, kB. What ends meanwhile has
# no entry.
peaks() {
	for pid in $(processes lambda-); do
		awk -v pid="$pid" -v "name=$(tr '\0' ' ' <"/proc/$pid/cmdline")" \
		    '$1 == "VmHWM:" { print pid, $2, name }' "/proc/$pid/status"
	done 2>/dev/null
}
answered() { # N
	until_true sh -c 'test "$(wc -l <"$0")" -eq "$1"' "$tmp/out" "$1" ||
	    fail "$(wc -l <"$tmp/out") lines of $1"
}

# 100,000 lines: what took memory for the first 30,000 of them takes no more for
# the rest. The input stays open until all processes have been looked at.
mkfifo "$tmp/hold"
start filter on b sh -c '{ seq 1 30000 | sed "s/$/*2/"; read -r go
    seq 30001 100000 | sed "s/$/*2/"; read -r go; } \
    <"$0/hold" | lambda-call -L calc >"$0/out"' "$tmp"
filter=$pid
exec 8>"$tmp/hold"
answered 30000
peaks >"$tmp/early"
echo go >&8
answered 100000
awk '$1 != 2 * NR { exit 1 }' "$tmp/out" || fail "wrong lines"
echo "connections: $(connections)"
[ "$(connections | wc -l)" -ge 2 ] || fail "the connections cannot be seen"
peaks >"$tmp/all"
awk -v "most=$(bound 16384)" -v "more=$(bound 1024)" '
    NR == FNR { early[$1] = $2; next }
    !($1 in early) { print "begun meanwhile:", $0; exit bad = 1 }
    { print $2, "kB, and", $2 - early[$1], "of it late:", $0; n++ }
    $2 > most || $2 - early[$1] > more { bad = 1 }
    END { exit bad || n < 8 }' "$tmp/early" "$tmp/all" ||
    fail "that is too much memory, or fewer than 8 processes"
echo go >&8
exec 8>&-
wait "$filter" || fail "the filter failed"

gone() {
	[ -z "$(processes lambda-call)" ] &&
	    [ -z "$(processes lambda-channel)" ] && [ -z "$(processes bc)" ] &&
	    [ -z "$(connections)" ]
}
nothing_left() { # after WHAT
	until_true gone || fail "$1: left behind: $(processes lambda-call) \
$(processes lambda-channel) $(processes bc), connections: $(connections)"
	until_true at_rest || fail "$1: the exchange: $(cat "$tmp/rows")"
}
nothing_left "the filter"

# The reader goes.
for i in 1 2 3; do
	same "$(on b sh -c 'seq 1 10000000 | sed "s/$/*2/" |
	    lambda-call -L calc | head -n 5' | tr '\n' ' ')" '2 4 6 8 10 '
	nothing_left "head, the ${i}th time"
done

# What a filter has read of a file that holds much more.
seq 100000001 101000000 >"$tmp/many"
position() {
	awk '$1 == "pos:" { print $2 }' "/proc/$1/fdinfo/0"
}
# With no seller: nothing.
start none on b sh -c 'exec lambda-call -L nobody <"$0/many"' "$tmp"
none=$pid
logged none 'nobody publishes it'
same "$(position "$none")" 0
stop "$none"

# With a slow one, what has been answered, what tokens allow, and one buffer: lines
# of 10 bytes. What is answered is looked at after what was read for it, and of
# 64 lines the answers may be on their way.
start slow on a lambda-listener -l 10.77.0.1:0 -c 2 -w line slow \
    sh -c 'while read -r n; do sleep 0.05; echo "$n"; done'
start reader on b sh -c 'exec lambda-call -L slow <"$0/many" >"$0/slow.out"' \
    "$tmp"
reader=$pid
until_true sh -c 'test "$(wc -l <"$0")" -ge 40' "$tmp/slow.out" ||
    fail "the slow module does not answer"
read=$(position "$reader")
n=$(wc -l <"$tmp/slow.out")
[ "$read" -gt 0 ] && [ "$read" -le $((65536 + 10 * (n + 64))) ] ||
    fail "$read bytes were read for $n slow lines"
# A pipe's writer is held up likewise.
start written on b sh -c 'seq 100000001 110000000 |
    lambda-call -L slow >"$0/written.out"' "$tmp"
written=$pid
until_true sh -c 'test "$(wc -l <"$0")" -ge 20' "$tmp/written.out" ||
    fail "the slow module does not answer the second filter"
# The pipe holds 64 KiB, and so does the buffer; seq may be about to write more.
wrote=$(awk '$1 == "wchar:" { print $2 }' "/proc/$(processes seq)/io")
n=$(wc -l <"$tmp/written.out")
[ "$wrote" -gt 0 ] && [ "$wrote" -le $((2 * 65536 + 16384 + 10 * n)) ] ||
    fail "$wrote bytes were written for $n slow answers"
stop "$reader"
for pid in $(processes lambda-call); do
	kill "$pid"
done
wait "$written"

# At a terminal it is ended by an interrupt, with a channel that is in use.
start last on b sh -c 'yes 1 | lambda-call -P -L calc >/dev/null'
logged last '[1-9][0-9]* done'
stop "$listener" INT
same "$ended" 0
grep 'listener is gone\|killed by' "$tmp/listener.log" &&
    fail "the listener left its channels alone"
echo passed
