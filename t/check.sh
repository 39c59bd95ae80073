#!/bin/sh
# Run tests, several at a time, and say how each went when it has ended:
#
#	ok NAME (SECONDS s)
#	not ok NAME (SECONDS s, log: t/log/NAME.log)
#	skip NAME: why
#	clean NAME (SECONDS s): why it did not pass, with CHECK_CLEAN
#
# The end of a failed test's log follows, each line behind a bar.
#
# A test is a binary (NAME.test, .shell or .fuzz), a script (NAME.sh), or the
# scripts of a core (a directory, for t/script), run from the top of the tree with
# no standard input. Exit status 0 is passed, 77 skipped (the last line of its
# output is why), anything else failed. What sanitizers and valgrind
# have to say of any of its processes, however deep, is in t/log/NAME.reports;
# if there is something, it has failed. Scripts with a line `# Alone: why' are
# run when all others have ended, and one after another. Where cmocka is missing,
# and so the binaries, they are left out, which is said in the place of them all.
#
# How long a test takes is told and not judged: a bound is for what hangs.
#
# CHECK_JOBS	how many at a time: five for two processors, and so on, since
#		most of them mostly wait
# CHECK_TIMEOUT	what takes longer, in seconds, is ended, and has failed (7200)
# CHECK_UNDER	a command that programs are run under, such as valgrind: those
#		of scripts, too (t/lib.sh)
# CHECK_FACTOR	how much slower and larger they are then (1): it multiplies
#		every bound, the one above and those in scripts
# CHECK_CLEAN	1: a script need not pass, as long as nothing is reported: where
#		all is much slower the protocol's own times, which stay as they
#		are, are over too early for some
# CHECK_INSTALL	0: nothing that is missing is installed
# CHECK_STRICT	1: nothing may be left out: what is skipped, or was run without
#		a partner that t/setup.sh did not find, has failed. CI is strict.

factor=${CHECK_FACTOR:-1}
limit=$((${CHECK_TIMEOUT:-7200} * factor))
strict=${CHECK_STRICT:-0}
clean=${CHECK_CLEAN:-0}
jobs=${CHECK_JOBS:-$((5 * $(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1) / 2))}
asan=${ASAN_OPTIONS:-}
ubsan=${UBSAN_OPTIONS:-}
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
		left=$((60 * factor))
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

# test_one TEST: run it, and print its exit status, its name, and how many
# seconds it took
test_one() {
	name=$(echo "${1#t/}" | tr / _)
	name=${name%.test}
	name=${name%.fuzz}
	log=t/log/$name.log
	reports=$PWD/t/log/$name.reports
	# What t/setup.sh did not find.
	CHECK_MISSING=$PWD/t/log/$name.missing
	CHECK_REPORTS=$reports
	ASAN_OPTIONS=log_path=$reports/asan${asan:+:$asan}
	UBSAN_OPTIONS=log_path=$reports/ubsan:print_stacktrace=1${ubsan:+:$ubsan}
	export CHECK_MISSING CHECK_REPORTS ASAN_OPTIONS UBSAN_OPTIONS
	rm -rf "$CHECK_MISSING" "$reports"
	# As some scripts do, processes of other users report as well.
	mkdir "$reports" && chmod 1777 "$reports"
	began=$(date +%s)
	# shellcheck disable=SC2086
	case $1 in
	*.sh) run "$log" sh "$1" ;;
	t/core/*) run "$log" ${CHECK_UNDER:-} t/script "$1"/*.script ;;
	*) run "$log" ${CHECK_UNDER:-} "./$1" ;;
	esac
	status=$?
	case $1:$clean:$status in
	*.test:* | *.shell:* | *.fuzz:* | t/core/*:* | *:0:* | *:0 | *:77) ;;
	*) status=clean ;;
	esac
	find "$reports" -type f -size 0 -exec rm -f {} +
	if ! rmdir "$reports"; then
		echo "check: reports, all of them in $reports:"
		cat "$reports"/* | head -n 50
		status=1
	fi >>"$log" 2>/dev/null
	if [ "$strict" != 0 ] && [ -s "$CHECK_MISSING" ]; then
		sed 's/^/check: left out: /' "$CHECK_MISSING" >>"$log"
		status=1
	elif [ "$strict" != 0 ] && [ "$status" = 77 ]; then
		echo 'check: skipped, and nothing may be' >>"$log"
		status=1
	fi
	rm -f "$CHECK_MISSING"
	echo "$status $name $(($(date +%s) - began))"
}

# lane TEST...: run those that no other lane has taken
lane() {
	trap 'kill $test_pid 2>/dev/null; exit 130' HUP TERM
	for t do
		mkdir "$work/$(echo "$t" | tr / _)" 2>/dev/null || continue
		test_one "$t"
	done
}

# lanes N TEST...: run them, N at a time
lanes() {
	n=$1
	shift
	lanes=
	while [ "$n" -gt 0 ]; do
		lane "$@" >&3 3>&- &
		lanes="$lanes $!"
		n=$((n - 1))
	done
	for pid in $lanes; do
		wait "$pid"
	done
}

# tell COUNT: how each test went that the lanes speak of; fails unless there are
# so many, and none has failed
tell() {
	passed=0 failed=0 skipped=0 clean=0
	while read -r status name seconds; do
		log=t/log/$name.log
		case $status in
		0)
			echo "ok $name ($seconds s)"
			passed=$((passed + 1))
			;;
		77)
			echo "skip $name: $(tail -n 1 "$log")"
			skipped=$((skipped + 1))
			;;
		clean)
			echo "clean $name ($seconds s): $(tail -n 1 "$log")"
			clean=$((clean + 1))
			;;
		*)
			echo "not ok $name ($seconds s, log: $log)"
			tail -n 60 "$log" | sed 's/^/| /'
			failed=$((failed + 1))
			;;
		esac
	done
	if [ "$left_out" -gt 0 ]; then
		echo "skip all $left_out unit tests: $cmocka"
		skipped=$((skipped + left_out))
	fi
	sum="$passed passed, $failed failed"
	[ "$skipped" -eq 0 ] || sum="$sum, $skipped skipped"
	[ "$clean" -eq 0 ] || sum="$sum, $clean clean"
	echo "$sum"
	[ "$left_out" -eq 0 ] || [ "$strict" = 0 ] || return 1
	[ $((passed + skipped + clean)) -eq "$1" ]
}

mkdir -p t/log || exit 111
work=$(mktemp -d "${TMPDIR:-/tmp}/lambda-check.XXXXXX") || exit 111
trap 'rm -rf "$work"' EXIT
trap 'kill $lanes 2>/dev/null; exit 130' HUP INT TERM
lanes=
# What a test builds is no part of a make above: that one's -j is not for it.
unset MAKEFLAGS MFLAGS MAKELEVEL

count=$#
alone=
left_out=0
cmocka=$(sh t/setup.sh -n cmocka 2>&1)
for t do
	shift
	case $t in
	*.sh) grep -q '^# Alone: ' "$t" && alone="$alone $t" && continue ;;
	*) [ -z "$cmocka" ] || { left_out=$((left_out + 1)); continue; } ;;
	esac
	set -- "$@" "$t"
done
mkfifo "$work/told" || exit 111
tell "$count" <"$work/told" &
teller=$!
exec 3>"$work/told"
lanes "$jobs" "$@"
# shellcheck disable=SC2086
lanes 1 $alone
exec 3>&-
wait "$teller"
