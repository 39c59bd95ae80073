#!/bin/sh
# Where its user may have no more processes, a listener starts no channel, and a
# channel no program: who waits for that is told why, and what to do. Root has no
# such limit, so the test is another user's then.
. "$(dirname "$0")/lib.sh"

if [ $# -eq 0 ]; then
	helper inherit
	[ "$(id -u)" -eq 0 ] || {
		rm -rf "$tmp"
		TMPDIR=${tmp%/*} exec sh "$0" run
	}
	tree=$tmp/tree
	mkdir -p "$tree/t" "$tmp/theirs"
	for file in "$top"/lambda-*; do
		[ ! -x "$file" ] || cp "$file" "$tree"
	done
	cp "$top/t/inherit" "$top/t/lib.sh" "$0" "$tree/t"
	chmod -R a+rX "$tmp" && chmod 777 "$tmp/theirs"
	TMPDIR=$tmp/theirs "$tree/t/inherit" nobody sh "$tree/t/${0##*/}" run
	exit # with its status, and what it said is the log
fi
# LeakSanitizer wants a thread, which is refused here.
ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
export ASAN_OPTIONS
crowded="$top/t/inherit crowded"
# shellcheck disable=SC2086
$crowded sh -c 'true & wait "$!"' 2>/dev/null &&
    skip "there is no limit on processes here"

# A channel and its program.
no='Resource temporarily unavailable: .*raise that limit, or run less'
: >"$tmp/nothing"
for worker in exec line mux; do
	command="$crowded $bin/lambda-channel -w $worker cat cat"
	[ "$worker" != exec ] || command="$crowded $bin/lambda-channel cat cat"
	tells 111 "unable to run cat: $no" \
	    sh -c 'exec lambda-call -x "|$1" cat <"$0"' "$tmp/nothing" \
	    "$command"
	tells 111 "line 1: .*unable to run cat: $no" \
	    sh -c 'echo 1 | lambda-call -L -x "|$0" cat' "$command"
done

# A listener and its channel: of one that a broker knows, and of one that is
# named.
tier
# shellcheck disable=SC2086
start few $crowded "$bin/lambda-listener" -c 2 cat cat
logged few 'publishing cat at'
at=$(sed -n 's/.*publishing cat at \([^,]*\),.*/\1/p' "$tmp/few.log")
no="unable to start a channel: unable to run .*lambda-channel: $no"
start bought lambda-call cat <"$tmp/nothing"
bought=$pid
logged bought "no capacity yet: .*the listener is $no"
logged few "$no"
start named lambda-call -x "$at" cat <"$tmp/nothing"
named=$pid
# It says this while it has the connection, too: then it is refused.
logged named "no capacity yet: \($at turns everybody away\|refused\): the listener is $no"
stop "$named"
# Another has the capacity that it cannot use: what waits goes on there.
start more lambda-listener -c 2 cat cat
wait "$bought"
same $? 0
stop "$pid"
echo passed
