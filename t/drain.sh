#!/bin/sh
# A listener's capacity changes while it is in use; listeners, channels, PLBs and
# authorities drain. Jobs are as long as the test wants them to be: each waits for
# a file of its own. What the filters read is accounted for.
# shellcheck disable=SC2154,SC2012 # listener() sets them; their names are plain
. "$(dirname "$0")/lib.sh"

hosts a b
(umask 077 && head -c 32 /dev/urandom >"$tmp/key")
LAMBDA_KEY=$tmp/key
export LAMBDA_KEY

echo 10.77.0.1:4370 >"$tmp/authorities"
start authority on a lambda-authority -l 10.77.0.1:4370
authority=$pid
logged authority 'ready'
for host in a b; do
	n=1
	[ "$host" = a ] || n=2
	# shellcheck disable=SC2016
	start "broker$host" on "$host" sh -c \
	    'exec lambda-broker -l "$1:4371" <"$0"' "$tmp/authorities" \
	    "10.77.0.$n"
	logged "broker$host" 'linked to authority 10.77.0.1:4370'
done

# job NAME CAPACITY-FILE WHO: it says that it runs, and whether more do than may;
# it ends when there is a file of its name, and says who ran it
mkdir "$tmp/runs" "$tmp/up" "$tmp/go"
cat >"$tmp/job" <<E2
#!/bin/sh
read -r name
mkdir "$tmp/runs/\$name"
n=\$(ls "$tmp/runs" | wc -l)
[ "\$n" -le "\$(cat "\$1")" ] || echo "\$name: \$n of \$(cat "\$1")" >>"$tmp/over"
mkdir "$tmp/up/\$name"
until [ -e "$tmp/go/\$name" ]; do sleep 0.05; done
rmdir "$tmp/up/\$name" "$tmp/runs/\$name"
echo "\$name \$2"
E2
chmod +x "$tmp/job"
running() { # N: so many run
	[ "$(ls "$tmp/up" | wc -l)" -eq "$1" ]
}
runs() { # NAME: it runs
	until_true test -d "$tmp/up/$1" || fail "job $1 does not run"
}
killed() { # NAME: it can say no more
	rmdir "$tmp/up/$1" "$tmp/runs/$1"
}
listener() { # NAME OPTION...: one that runs jobs, on a
	name=$1
	shift
	start "$name" on a lambda-listener -l 10.77.0.1:0 "$@" job "$tmp/job" \
	    "$tmp/capacity" "$name"
	logged "$name" 'publishing job'
	eval "$name=\$pid"
}
call() { # NAME OPTION...: a filter of one record, which is its name
	name=$1
	shift
	# shellcheck disable=SC2016
	start "call.$name" on b sh -c 'name=$0
	    echo "$name" | lambda-call -L "$@" job; echo "status $?"' \
	    "$name" "$@"
}
says() { # NAME PATTERN
	logged "call.$1" "$2"
}
sold() { # N: so much is left to sell at the broker of a
	on a lambda-ctl orders | grep -q "kind sell module job .*quantity $1 "
}

# The capacity, up and down.
echo 2 >"$tmp/capacity"
listener changing -c "@$tmp/capacity" -g 0
# shellcheck disable=SC2016
start filter on b sh -c 'printf "%s\n" 1 2 3 4 5 6 7 |
    lambda-call -c 16 -L job >"$0/out"; echo "status $?"' "$tmp"
until_true running 2 || fail "not two of capacity 2"
echo 5 >"$tmp/capacity"
kill -HUP "$changing"
logged changing 'the capacity is 5 now'
until_true running 5 || fail "not five of capacity 5"
echo none >"$tmp/capacity"
kill -HUP "$changing"
logged changing "the capacity in .* is 'none': .*; going on with 5"
echo 1 >"$tmp/capacity"
kill -HUP "$changing"
logged changing 'the capacity is 1 now'
# Five run, and one after another ends; the others wait until none is left.
for n in 1 2 3 4; do
	touch "$tmp/go/$n"
	until_true running $((5 - n)) || fail "job $n does not end"
done
until_true sold 0 || fail "more is sold than there is"
touch "$tmp/go/5"
until_true sh -c 'test -d "$0/up/6" || test -d "$0/up/7"' "$tmp" ||
    fail "nothing runs with capacity 1"
touch "$tmp/go/6" "$tmp/go/7"
logged filter 'status 0'
same "$(tr '\n' , <"$tmp/out")" "$(for n in 1 2 3 4 5 6 7; do
	printf '%s changing,' "$n"; done)"
[ ! -e "$tmp/over" ] || fail "$(cat "$tmp/over")"
tells 100 'unable to read the capacity from .*none' \
    lambda-listener -c "@$tmp/none" job true
tells 100 '-c 0: give a whole number from 1 to 1000000' \
    lambda-plb -c 0 job
stop "$changing"

# A PLB's.
echo 9 >"$tmp/capacity"
listener wide -c 9
echo 3 >"$tmp/wanted"
start plb on b lambda-plb -c "@$tmp/wanted" -g 0 job
plb=$pid
holds() { # N: tokens, of which nothing is used
	on b lambda-ctl -A "$tmp/run.b/job.plb" all | grep -q "^plb .*tokens $1 "
}
until_true holds 3 || fail "the PLB does not hold 3: $(on b lambda-ctl -A "$tmp/run.b/job.plb" all 2>&1)"
echo 6 >"$tmp/wanted"
kill -HUP "$plb"
until_true holds 6 || fail "the PLB does not hold 6"
echo 1 >"$tmp/wanted"
kill -HUP "$plb"
until_true holds 1 || fail "the PLB does not hold 1"
until_true sold 8 || fail "the PLB has not given back"

# It is told to end, and then once more.
call plb1
runs plb1
kill -TERM "$plb"
until_true sh -c '! test -e "$0"' "$tmp/run.b/job.plb" || fail "the PLB serves on"
kill -TERM "$plb"
says plb1 'line 1: its host was drained'
says plb1 'status 111'
wait "$plb" || fail "the PLB ends with $?"
killed plb1

# Its time is over.
start brief on b lambda-plb -g 1 job
plb=$pid
logged brief 'serving on'
call plb2
runs plb2
kill -TERM "$plb"
says plb2 'line 1: its host was drained'
says plb2 'status 111'
wait "$plb" || fail "the PLB ends with $?"
logged brief 'clients have not ended in time'
killed plb2

# While one drains another publishes the module, at the same port: no call fails.
port=$(sed -n 's/.*publishing job at .*:\([0-9]*\),.*/\1/p' "$tmp/wide.log")
call long
runs long
kill -TERM "$wide"
logged wide 'draining: requests left: 1 at most'
listener next -l "10.77.0.1:$port" -c 9 -g 0
touch "$tmp/go/short"
call short
says short 'short next'
touch "$tmp/go/long"
says long 'long wide'
says long 'status 0'
wait "$wide" || fail "the listener ends with $?"
rm -f "$tmp"/go/*

# Its time is over, or it is told twice: callers hear why, and what may run again
# does so elsewhere.
stop "$next"
for kind in exec line; do
	listener "bound$kind" -c 9 -g 1 -w "$kind"
	call "$kind"
	runs "$kind"
	eval "kill -TERM \$bound$kind"
	says "$kind" 'line 1: its host was drained'
	says "$kind" 'status 111'
	eval "wait \$bound$kind" || fail "bound$kind ends with $?"
	killed $kind
done
listener twice -c 9 -g 0
call again -R 1
runs again
listener other -c 9 -g 0
until_true sh -c 'test "$(on a lambda-ctl orders | grep -c "module job ")" -eq 2' ||
    fail "the other one does not publish"
kill -TERM "$twice"
logged twice 'draining: requests left: 1 at most'
killed again
kill -TERM "$twice"
runs again
touch "$tmp/go/again"
says again 'again other'
says again 'status 0'
wait "$twice" || fail "the listener ends with $?"
stop "$other"

# A channel by itself: it is told twice, or its time is over.
alone() { # NAME BOUND: one job, and its channel
	# shellcheck disable=SC2016
	start "call.$1" sh -c 'echo "$2" | lambda-call -L -x "|exec lambda-channel \
	    -g $1 job $0/job $0/capacity alone" job; echo "status $?"' \
	    "$tmp" "$2" "$1"
	runs "$1"
	channel=
	for p in $(strays); do
		[ "$(name_of "$p")" != lambda-channel ] || channel="$channel $p"
	done
}
told_again() { # SIGTERM, until the caller has heard of the second one
	# shellcheck disable=SC2086
	kill -TERM $channel
	grep 'its host was drained' "$tmp/call.alone.log"
}
alone alone 0
until_true told_again || fail "the channel is not ended by SIGTERM"
killed alone
alone briefly 1
# shellcheck disable=SC2086
kill -TERM $channel
says briefly 'its host was drained'
killed briefly

# By lambda-ctl, from another host: it stays, and ends when it is told so.
listener asked -c 9 -g 0
call asked1
runs asked1
until_true sold 8 || fail "the listener does not sell"
on b lambda-ctl -A 10.77.0.1:4371 drain job >"$tmp/told" || fail "drain: $?"
grep -q "^drain job address 10.77.0.1:[0-9]* instance [0-9a-f]*\$" "$tmp/told" ||
    fail "$(cat "$tmp/told")"
logged asked 'draining, as lambda-ctl says'
logged asked 'draining: requests left: 1 at most'
drains() { # and the exchange has heard of it
	on a lambda-ctl capacity job >"$tmp/rows" &&
	    grep -q '^capacity job total 1 used 1 free 0 ' "$tmp/rows" &&
	    on a lambda-ctl hosts >"$tmp/rows" &&
	    ! grep -q ' sells [^ ]*job' "$tmp/rows"
}
until_true drains || fail "one that drains sells: $(cat "$tmp/rows")"
touch "$tmp/go/asked1"
says asked1 'asked1 asked'
logged asked 'drained: staying until SIGTERM'
tells 111 'nothing to drain: no listener .* publishes job now' on b lambda-ctl -A 10.77.0.1:4371 drain job
tells 100 'give drain a module' on a lambda-ctl drain
tells 100 'usage' on a lambda-ctl orders job
stop "$asked"
same "$ended" 0

# An authority: itself, and another one by a broker that is linked to it.
# shellcheck disable=SC2016
start second on b sh -c 'exec lambda-authority -l 10.77.0.2:4370 <"$0"' \
    "$tmp/authorities"
second=$pid
logged brokera 'linked to authority 10.77.0.2:4370'
logged brokerb 'linked to authority 10.77.0.2:4370'
listener last -c 9
touch "$tmp/go/one" "$tmp/go/two" "$tmp/go/three"
call one
says one 'one last'
on a lambda-ctl -A 10.77.0.1:4370 drain >"$tmp/told" || fail "drain: $?"
grep -q '^drain - address 10.77.0.1:4370 instance' "$tmp/told" ||
    fail "$(cat "$tmp/told")"
logged authority 'drained: staying until SIGTERM'
call two
says two 'two last'
stop "$authority"
same "$ended" 0
on a lambda-ctl drain 10.77.0.2:4370 >"$tmp/told" || fail "drain: $?"
logged second 'drained: staying until SIGTERM'
stop "$second"
same "$ended" 0
stop "$last"
echo passed
