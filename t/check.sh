#!/bin/sh
# Run tests and say how each went, in the order of the arguments:
#
#	ok NAME
#	not ok NAME (log: t/log/NAME.log)
#	skip NAME: why
#
# The end of a failed test's log follows, each line behind a bar.
#
# A test is a binary (NAME.test) or a script (NAME.sh), run from the top of the
# tree with no standard input. Exit status 0 is passed, 77 skipped (the last
# line of its output is why), anything else failed. One that takes longer than
# CHECK_TIMEOUT seconds (300) is ended, and has failed. CHECK_UNDER is a command
# that binaries are run under (valgrind, say). With CHECK_STRICT=1 nothing may be
# left out: what is skipped, or was run without a partner that t/setup.sh did not
# find, has failed. CI is strict.

limit=${CHECK_TIMEOUT:-300}
strict=${CHECK_STRICT:-0}
missing=t/log/missing # what t/setup.sh did not find, by test
passed=0 failed=0 skipped=0
test_pid=''

# The guard: end process $1 when its time is up, hard if need be. It looks once a
# second whether there is still something to guard, and needs no telling.
guard() {
	left=$limit
	for s in TERM KILL; do
		while [ "$left" -gt 0 ]; do
			sleep 1
			kill -0 "$1" 2>/dev/null || return
			left=$((left - 1))
		done
		echo "check: not done in $limit s: kill -$s"
		kill -"$s" "$1" 2>/dev/null
		left=10
	done
}

run() { # log command
	log=$1
	shift
	"$@" </dev/null >"$log" 2>&1 &
	test_pid=$!
	guard "$test_pid" >>"$log" 2>&1 &
	wait "$test_pid" 2>/dev/null
	status=$?
	test_pid=''
	return "$status"
}

passes() { # name
	echo "ok $1"
	passed=$((passed + 1))
}

fails() { # name log: why is at the end of the log
	echo "not ok $1 (log: $2)"
	tail -n 60 "$2" | sed 's/^/| /'
	failed=$((failed + 1))
}

skips() { # name log
	echo "skip $1: $(tail -n 1 "$2")"
	skipped=$((skipped + 1))
}

trap 'kill $test_pid 2>/dev/null; exit 130' HUP INT TERM
mkdir -p t/log || exit 111
# What a test builds is no part of a make above: that one's -j is not for it.
unset MAKEFLAGS MFLAGS MAKELEVEL

for t do
	name=${t#t/}
	name=${name%.test}
	log=t/log/$name.log
	rm -f "$missing"
	# shellcheck disable=SC2086
	case $t in
	*.sh) run "$log" sh "$t" ;;
	*) run "$log" ${CHECK_UNDER:-} "./$t" ;;
	esac
	status=$?
	if [ "$strict" != 0 ] && [ -s "$missing" ]; then
		sed 's/^/check: left out: /' "$missing" >>"$log"
		status=1
	elif [ "$strict" != 0 ] && [ "$status" -eq 77 ]; then
		echo 'check: skipped, and nothing may be' >>"$log"
		status=1
	fi
	case $status in
	0) passes "$name" ;;
	77) skips "$name" "$log" ;;
	*) fails "$name" "$log" ;;
	esac
done

if [ "$skipped" -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ]
