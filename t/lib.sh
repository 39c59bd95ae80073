# For the scripts in t/: sourced, not run. It gives each test a directory of its
# own ($tmp, which is also the run directory), ends what the test started, and
# waits with bounds instead of sleeping. The programs are in $bin, and found by
# PATH; with $CHECK_UNDER each of them is run under that command (valgrind, say).
# shellcheck shell=sh disable=SC2016,SC2034

set -u
top=$(cd "$(dirname "$0")/.." && pwd)
tmp=$(mktemp -d "${TMPDIR:-/tmp}/lambda-t.XXXXXX") || exit 1
LAMBDA_RUN=$tmp/run
TMPDIR=$tmp
mkdir -m 700 "$LAMBDA_RUN"
export LAMBDA_RUN TMPDIR
unset LAMBDA_BROKER LAMBDA_KEY
# A make of ours is not the one that runs us, and has none of its jobs.
unset MAKEFLAGS MFLAGS MAKELEVEL
pids=
spaces=

# A program looks for the others beside it, and then by PATH: each is in a
# directory of its own, and what is in $bin runs it there.
bin=$top
if [ -n "${CHECK_UNDER:-}" ]; then
	bin=$tmp/under
	for file in "$top"/lambda-*; do
		name=${file##*/}
		case $name in
		*.*) continue ;;
		esac
		mkdir -p "$bin/alone/$name"
		ln -s "$file" "$bin/alone/$name"
		printf '#!/bin/sh\nexec %s %s "$@"\n' "$CHECK_UNDER" \
		    "$bin/alone/$name/$name" >"$bin/$name"
		chmod +x "$bin/$name"
	done
fi
PATH=$bin:$PATH
export PATH

# bound N: a bound on time or memory, which is larger by $CHECK_FACTOR where
# programs are made or run so that they tell more about themselves
bound() {
	echo $(($1 * ${CHECK_FACTOR:-1}))
}

# mine PID...: those of them that run, as far as this test started them. Who has
# ended leaves his number to whoever comes next, and it need not be one of ours.
mine() {
	ps -A -o pid= -o ppid= | awk -v p="$$" -v all=" $* " \
	    '$2 == p && index(all, " " $1 " ") { print $1 }'
}

# guard SECONDS PID...: they are killed then, unless $guard is killed before. It
# ends by itself soon after them: a signal to what has just been forked may be
# lost. Its time is a bound.
guard() {
	(
		n=$(bound "$1")
		shift
		while [ "$n" -gt 0 ]; do
			sleep 1
			n=$((n - 1))
			[ -n "$(mine "$@")" ] || exit 0
		done
		# shellcheck disable=SC2046
		kill -9 $(mine "$@")
	) >/dev/null 2>&1 &
	guard=$!
}

# strays: what still runs of the test, as far as its environment tells: the run
# directory that it was given, or that lambda-solo made in $TMPDIR
strays() {
	grep -ls "LAMBDA_RUN=$tmp" /proc/[0-9]*/environ 2>/dev/null |
	    tr -cd '0-9\n'
}

# name_of PID: the name of the program that it runs
name_of() {
	{ tr '\0' '\n' <"/proc/$1/cmdline"; } 2>/dev/null |
	    awk -v under="$tmp/under/" '
		NR == 1 { name = $0 }
		index($0, under) == 1 { name = $0; exit }
		END { sub(/.*\//, "", name); print name }'
}

# tell_why: what was logged, the latest at the end, and then what failed
tell_why() {
	# shellcheck disable=SC2045 # their names are plain
	for f in $(ls -tr "$tmp"/*.log 2>/dev/null); do
		[ -s "$f" ] && echo "--- $f" && tail -n 40 "$f"
	done
	cat "$tmp/failed" 2>/dev/null
}

clean_up() {
	status=$?
	trap - EXIT
	trap '' PIPE
	[ "$status" -eq 0 ] || [ "$status" -eq 77 ] || tell_why
	# shellcheck disable=SC2086
	pids=$(mine $pids)
	for pid in $pids; do
		kill "$pid" 2>/dev/null
	done
	# shellcheck disable=SC2086
	guard 10 $pids
	for pid in $pids; do
		wait "$pid" 2>/dev/null
	done
	kill "$guard" 2>/dev/null
	for pid in $(strays); do
		kill -9 "$pid" 2>/dev/null
	done
	for space in $spaces; do
		ip netns del "$space" 2>/dev/null
	done
	rm -rf "$tmp"
	exit "$status"
}
trap clean_up EXIT
trap 'exit 130' HUP INT PIPE TERM

# fail WHAT...: also where standard output is not the log
fail() {
	echo "FAILED: $*" | tee -a "$tmp/failed"
	exit 1
}

skip() {
	echo "$*"
	exit 77
}

# need NAME...: partners that the test runs against; installs them where it may
need() {
	sh "$top/t/setup.sh" "$@" || skip "$* not here, see above"
}

# start NAME COMMAND...: in the background, its output in $tmp/NAME.log; its pid
# is in $pid
start() {
	name=$1
	shift
	"$@" >>"$tmp/$name.log" 2>&1 </dev/null 3>&- &
	pid=$!
	pids="$pids $pid"
}

# supervised NAME COMMAND...: start a supervisor. It sends SIGCONT after SIGTERM,
# which takes away the SIGSTOP that AddressSanitizer looks for leaks with, and
# both wait for ever: there it does not look.
supervised() {
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 start "$@"
}

# stop PID [SIGNAL]: end it, and wait until it has ended; its status is in
# $ended. None takes as long as a minute.
stop() {
	kill "-${2:-TERM}" "$(mine "$1")" 2>/dev/null
	guard 60 "$1"
	wait "$1" 2>/dev/null
	ended=$?
	kill "$guard" 2>/dev/null
	[ "$ended" -ne 137 ] || [ "${2:-TERM}" = KILL ] ||
	    fail "process $1 did not end in a minute"
}

# until_true SECONDS COMMAND...: run it again and again until it succeeds; the
# time is a bound
until_true() {
	until=$(($(date +%s) + $(bound "$1") + 1))
	shift
	while [ "$(date +%s)" -lt "$until" ]; do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.05
	done
	return 1
}

# logged NAME PATTERN [SECONDS]: wait for a line in NAME's log
logged() {
	until_true "${3:-10}" grep -q -e "$2" "$tmp/$1.log" ||
	    fail "$1 did not log: $2"
}

# address NAME: where NAME said that it listens (its first TCP address)
address() {
	logged "$1" 'listening on [0-9[]'
	sed -n 's/.*listening on \([0-9[][^ ]*\).*/\1/p' "$tmp/$1.log" |
	    head -n 1
}

# tier: an authority and a broker on loopback, in $LAMBDA_RUN
tier() {
	start authority lambda-authority -l 127.0.0.1:0 "$@"
	authority=$pid
	where=$(address authority) || exit 1
	echo "$where" >"$tmp/authorities"
	start broker sh -c 'exec lambda-broker -l 127.0.0.1:0 <"$0"' \
	    "$tmp/authorities"
	broker=$pid
	until_true 10 test -S "$LAMBDA_RUN/broker" || fail "no broker"
}

# same A B: the two are equal
same() {
	[ "$1" = "$2" ] || fail "expected '$2', got '$1'"
}

# tells STATUS PATTERN COMMAND...: it ends within 60 seconds, with that status,
# and a line of what it says matches the pattern
tells() {
	status=$1
	pattern=$2
	shift 2
	"$@" >"$tmp/told" 2>&1 <&0 &
	pid=$!
	guard 60 "$pid"
	wait "$pid"
	told=$?
	kill "$guard"
	grep -q -e "$pattern" "$tmp/told" ||
	    fail "$*: said '$(cat "$tmp/told")', not: $pattern"
	[ "$told" -eq "$status" ] || fail "$*: exit $told, not $status"
}

# helper NAME: a program of t/ that the test runs
helper() {
	[ -x "$top/t/$1" ] || (cd "$top" && make -s "t/$1") >&2 ||
	    fail "t/$1 does not compile"
}

# within FILE...: at the workers that count themselves in these slots (t/slot.c)
# no more ran at once than there are, and some did
within() {
	for file; do
		[ -e "$file" ] || fail "no worker came to $file"
		[ ! -e "$file.over" ] ||
		    fail "more than may be at once: $(head -n 3 "$file.over")"
	done
}

# children PID NAME: the processes under it with that in their arguments
children() {
	ps -o pid= -o ppid= -o args= -A | awk -v p="$1" -v n="$2" \
	    '$2 == p && index($0, n) { print $1 }'
}

# hosts NAME...: network namespaces, all on one link. The first has the address
# 10.77.0.1 and fd77::1, the second 10.77.0.2 and fd77::2, and so on. The
# command `on' runs something on one of them, with a run directory of its own.
hosts() {
	need ip
	[ "$(id -u)" -eq 0 ] || skip "network namespaces need root"
	net=lt$$
	ip netns add "$net" || skip "no network namespaces here"
	spaces="$spaces $net"
	ip netns exec "$net" true || skip "nothing runs in a network namespace here"
	ip -n "$net" link add br0 type bridge
	ip -n "$net" link set br0 up
	n=0
	for host; do
		n=$((n + 1))
		ip netns add "$net$host"
		spaces="$spaces $net$host"
		ip -n "$net" link add "v$n" type veth peer name eth0 \
		    netns "$net$host"
		ip -n "$net" link set "v$n" master br0 up
		ip -n "$net$host" link set lo up
		ip -n "$net$host" addr add "10.77.0.$n/24" dev eth0
		ip -n "$net$host" addr add "fd77::$n/64" dev eth0 nodad
		ip -n "$net$host" link set eth0 up
		mkdir -m 700 "$tmp/run.$host"
	done
	mkdir -p "$tmp/bin"
	PATH=$tmp/bin:$PATH
	cat >"$tmp/bin/on" <<EOF
#!/bin/sh
host=\$1
shift
LAMBDA_RUN=$tmp/run.\$host exec ip netns exec $net\$host "\$@"
EOF
	chmod +x "$tmp/bin/on"
}
