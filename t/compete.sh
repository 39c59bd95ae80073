#!/bin/sh
# Twenty one-shot callers and three endless filters compete for a capacity of 8,
# beside one PLB that sits on 8 and does nothing: never more than 8 at once,
# counted at the worker, while a channel, a worker and the listener are killed;
# all callers finish, nobody starves, and in the end all the capacity is there
# again.
. "$(dirname "$0")/lib.sh"

need ps
helper slot

# taken FILE: somebody is in a slot of it
taken() {
	"$top/t/slot" -t "$1"
}
empty() {
	! taken "$1"
}

# The counter counts.
start first "$top/t/slot" "$tmp/one" 1 sleep 1000
first=$pid
until_true taken "$tmp/one" || fail "nobody is in the slot"
"$top/t/slot" "$tmp/one" 1 true && fail "two are in one slot"
stop "$first"
"$top/t/slot" "$tmp/one" 1 true || fail "the slot of a process that is gone"

cat >"$tmp/work" <<EOF
#!/bin/sh
case \$1 in
run) sleep 0.01; exec cat ;;
hang) exec sleep 1234.5 ;;
deaf) trap '' TERM; exec sleep 1235.5 ;;
esac
EOF
chmod +x "$tmp/work"

left() { # N: so much of the listener's capacity is not sold
	lambda-ctl orders | grep -q "kind sell .* quantity $1 "
}

# runs PID: the channel runs something that ends, or has not seen yet that it
# did
runs() {
	[ -n "$(children "$1" ' ')" ] && [ -z "$(children "$1" hang)" ] &&
	    [ -z "$(children "$1" 'sleep 1234.5')" ]
}
# busy_channel: one that is stopped while it runs something; in $victim
busy_channel() {
	for victim in $(children "$listener" lambda-channel); do
		kill -STOP "$victim" || continue
		runs "$victim" && return 0
		kill -CONT "$victim"
	done
	return 1
}

# hanging_worker: in $victim
hanging_worker() {
	for channel in $(children "$listener" lambda-channel); do
		victim=$(children "$channel" 'sleep 1234.5')
		[ -z "$victim" ] || return 0
	done
	return 1
}

# deaf_channel: the one whose worker heeds no SIGTERM; in $victim
deaf_channel() {
	for victim in $(children "$listener" lambda-channel); do
		[ -z "$(children "$victim" 'sleep 1235.5')" ] || return 0
	done
	return 1
}
deaf_gone() {
	[ -z "$(running 'sleep 1235.5')" ]
}

# publish NAME
publish() {
	start "$1" lambda-listener -c 8 work "$top/t/slot" "$tmp/slots" 8 \
	    "$tmp/work"
	listener=$pid
}

tier
publish listener
start idle lambda-plb -c 8 -s "$tmp/idle.plb" work
idle=$pid
until_true left 0 || fail "the idle PLB did not take all that there is"

filters=
for i in 1 2 3; do
	start "filter$i" sh -c 'yes | lambda-call -P -b "$0" -L work run \
	    >/dev/null' "$LAMBDA_RUN/broker"
	filters="$filters $pid"
done
# Every filter moves, though the idle PLB had it all.
for i in 1 2 3; do
	until_true grep -q '[1-9][0-9]* done' "$tmp/filter$i.log" ||
	    fail "filter $i starves"
done

start hang lambda-call -T "$hang" work hang
hanging=$pid
callers=
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	start "caller$i" sh -c 'test "$(echo "$1" |
	    lambda-call -b "$0" -T "$2" work run)" = "$1"' \
	    "$LAMBDA_RUN/broker" "$i" "$hang"
	callers="$callers $pid"
done

# A channel is killed meanwhile, and a worker: what they ran has failed, with a
# reason.
until_true busy_channel || fail "no channel is busy"
kill -9 "$victim" || fail "the channel was gone"
until_true hanging_worker || fail "no worker hangs"
kill -9 "$victim" || fail "the worker was gone"
wait "$hanging"
same $? 111
grep -q 'killed by signal 9' "$tmp/hang.log" || fail "$(cat "$tmp/hang.log")"
until_true grep -q 'channel at .* was lost' "$tmp"/filter?.log \
    "$tmp"/caller*.log ||
    fail "nothing ran in the channel that was killed"

# What a killed channel ran is no place for others before it has ended.
start deaf lambda-call -T "$hang" work deaf
deaf=$pid
until_true deaf_channel || fail "no worker is deaf"
kill -9 "$victim"
wait "$deaf"
same $? 111
until_true deaf_gone || fail "a deaf worker outlives its channel"
within "$tmp/slots"

# The listener, too, with all that it runs. What there is then is bought by
# those who are there.
until_true taken "$tmp/slots" ||
    fail "nothing runs when the listener is to be killed"
kill -9 "$listener"
until_true empty "$tmp/slots" ||
    fail "what the listener ran goes on without it"
publish again

# Those whose channel was lost may have failed, and no other.
n=0 lost=0
for pid in $callers; do
	n=$((n + 1))
	wait "$pid" && continue
	lost=$((lost + 1))
	grep -q 'channel at .* was lost' "$tmp/caller$n.log" ||
	    fail "caller $n failed: $(cat "$tmp/caller$n.log")"
done
[ "$n" -eq 20 ] && [ "$lost" -le 16 ] || fail "$lost of $n callers failed"
done_of() {
	sed -n 's/^\([0-9]*\) done.*/\1/p' "$tmp/filter$1.log" | tail -n 1
}
moved() { # I WAS
	[ "$(done_of "$1")" -gt "$2" ]
}
# Nobody starves: each filter goes on moving.
for i in 1 2 3; do
	was=$(done_of "$i")
	until_true moved "$i" "$was" || fail "filter $i stands at $was"
done
echo "filters: $(done_of 1) $(done_of 2) $(done_of 3), callers that failed: $lost"

# When all have gone nothing is missing.
for pid in $filters; do
	# shellcheck disable=SC2046
	kill $(children "$pid" lambda-call) || fail "a filter was gone"
done
stop "$idle"
until_true left 8 || fail "capacity is missing: $(lambda-ctl orders)"
within "$tmp/slots"
echo passed
