# For the scripts in t/: sourced, not run. It gives each test a directory of its
# own ($tmp, which is also the run directory), and ends what the test started,
# which is all that it looks at. The programs are in $bin, and found by PATH; with
# $CHECK_UNDER each of them is run under that command (valgrind, say).
#
# Nothing here judges how long something takes. A test waits until it happens, and
# fails in $hang seconds, which only what hangs needs; times are measured by
# t/bench.
# shellcheck shell=sh disable=SC2016,SC2034

set -u
top=$(cd "$(dirname "$0")/.." && pwd)
[ -e "$top/t/lib.sh" ] || top=${top%/*} # of t/bench
tmp=$(mktemp -d "${TMPDIR:-/tmp}/lambda-t.XXXXXX") || exit 1
LAMBDA_RUN=$tmp/run
TMPDIR=$tmp
mkdir -m 700 "$LAMBDA_RUN"
export LAMBDA_RUN TMPDIR
unset LAMBDA_BROKER LAMBDA_KEY
# A make of ours is not the one that runs us, and has none of its jobs.
unset MAKEFLAGS MFLAGS MAKELEVEL
arguments=$*
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
		cp "$file" "$bin/alone/$name"
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
hang=$(bound 300)
[ "${CHECK_CLEAN:-0}" = 0 ] || hang=60 # it need not pass

# mine PID...: those of them that run, as far as this test started them. Who has
# ended leaves his number to whoever comes next, and it need not be one of ours.
mine() {
	ps -A -o pid= -o ppid= | awk -v p="$$" -v all=" $* " \
	    '$2 == p && index(all, " " $1 " ") { print $1 }'
}

# guard PID...: they are killed when they hang, unless $guard is killed before. It
# ends by itself soon after them: a signal to what has just been forked may be
# lost.
guard() {
	(
		n=$hang
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
# directory that it was given, or, of workers, the one for temporary files. Others
# come and go while it looks.
strays() {
	grep -ls -e "LAMBDA_RUN=$tmp" -e "TMPDIR=$tmp" /proc/[0-9]*/environ 2>/dev/null |
	    tr -cd '0-9\n'
}

# running WORDS: those of them that have these words in their arguments
running() {
	for stray in $(strays); do
		{ tr '\0' ' ' <"/proc/$stray/cmdline"; } 2>/dev/null |
		    grep -q -e "$1" && echo "$stray"
	done
}

# name_of PID: the name of the program that it runs; none of one that has ended
name_of() {
	{ tr '\0' '\n' <"/proc/$1/cmdline"; } 2>/dev/null |
	    awk -v under="$tmp/under/" '
		NR == 1 { name = $0 }
		index($0, under) == 1 { name = $0; exit }
		END { sub(/.*\//, "", name); print name }'
}

# For awk: of(NAME) is what a row of lambda-ctl has after that name.
of='function of(name, i) {
	for (i = 2; i < NF && $i != name;)
		i++
	return $(i + 1)
}
'

# memory NAME: KiB of what runs of the program of that name
memory() {
	for stray in $(strays); do
		[ "$(name_of "$stray")" = "$1" ] && ps -o rss= -p "$stray"
	done | awk '{ n += $1 } END { print n + 0 }'
}

# copied BYTES: so many have come to $tmp/copy
copied() {
	[ "$(wc -c <"$tmp/copy")" -ge "$1" ]
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
	# SIGCONT first: the check for leaks of one that ends stops it, and a SIGCONT
	# at that moment would leave both to wait for each other.
	for pid in $pids; do
		kill -CONT "$pid" 2>/dev/null
		kill "$pid" 2>/dev/null
	done
	# shellcheck disable=SC2086
	guard $pids
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

# stop PID [SIGNAL]: end it, and wait until it has ended; its status is in $ended
stop() {
	kill "-${2:-TERM}" "$(mine "$1")" 2>/dev/null
	guard "$1"
	wait "$1" 2>/dev/null
	ended=$?
	kill "$guard" 2>/dev/null
	[ "$ended" -ne 137 ] || [ "${2:-TERM}" = KILL ] ||
	    fail "process $1 did not end in $hang s"
}

# until_true COMMAND...: run it again and again until it succeeds
until_true() {
	until=$(($(date +%s) + hang))
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$until" ] || return 1
		sleep 0.05
	done
}

# logged NAME PATTERN: wait for a line in NAME's log
logged() {
	until_true grep -q -e "$2" "$tmp/$1.log" || fail "$1 did not log: $2"
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
	until_true test -S "$LAMBDA_RUN/broker" || fail "no broker"
}

# same A B: the two are equal
same() {
	[ "$1" = "$2" ] || fail "expected '$2', got '$1'"
}

# tells STATUS PATTERN COMMAND...: it ends with that status, and a line of what it
# says matches the pattern
tells() {
	status=$1
	pattern=$2
	shift 2
	"$@" >"$tmp/told" 2>&1 <&0 &
	pid=$!
	guard "$pid"
	wait "$pid"
	told=$?
	kill "$guard" 2>/dev/null
	grep -q -e "$pattern" "$tmp/told" ||
	    fail "$*: said '$(cat "$tmp/told")', not: $pattern"
	[ "$told" -eq "$status" ] || fail "$*: exit $told, not $status"
}

# late PATTERN COMMAND...: it is given seconds, for which @ stands among its words,
# and more of them until what it says matches: where a machine is slow they may be
# over before it knows. What it said is printed, and its status returned.
limits="1 30 $hang"
late() {
	expected=$1
	shift
	for limit in $limits; do
		said=$(within_limit "$limit" "$@" 2>&1)
		late=$?
		! echo "$said" | grep -q -e "$expected" || break
	done
	echo "$said"
	return "$late"
}
within_limit() { # SECONDS COMMAND...
	limit=$1
	shift
	for word; do
		[ "$word" != @ ] || word=$limit
		set -- "$@" "$word"
		shift
	done
	"$@"
}
tells_late() { # STATUS PATTERN COMMAND...: as tells
	status=$1
	pattern=$2
	shift 2
	tells "$status" "$pattern" late "$pattern" "$@"
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

# namespaces: what follows may make network namespaces, as root, or as who is root
# in a user namespace of its own: there the test begins again, so it is to start
# nothing before.
namespaces() {
	need ip
	if [ "$(id -u)" -ne 0 ]; then
		[ -z "$pids" ] && unshare -Urmn true 2>/dev/null ||
		    skip "network namespaces need root, or unshare -U"
		rm -rf "$tmp"
		TMPDIR=${tmp%/*}
		CHECK_INSTALL=0 # that root has no package manager
		export CHECK_INSTALL
		# Where ip(8) names them there is no place for others than root.
		# shellcheck disable=SC2086
		exec unshare -Urmn sh -c 'mount -t tmpfs none /run &&
		    ip link set lo up && exec sh "$@"' sh "$0" $arguments
	fi
	net=lt${tmp##*.}
	ip netns add "$net" || skip "no network namespaces here"
	spaces="$spaces $net"
	ip netns exec "$net" true || skip "nothing runs in a network namespace here"
}

# space NAME BRIDGE INTERFACE ADDRESS...: a namespace at a bridge that is in $net
space() {
	space=$net$1 interface=$3
	ip netns add "$space"
	spaces="$spaces $space"
	ip -n "$net" link add "$interface" type veth peer name eth0 netns "$space"
	ip -n "$net" link set "$interface" master "$2" up
	ip -n "$space" link set lo up
	shift 3
	for address; do
		ip -n "$space" addr add "$address" dev eth0
	done
	ip -n "$space" link set eth0 up
}

# hosts NAME...: network namespaces, all on one link. The first has the address
# $network.1 and fd77::1, the second $network.2 and fd77::2, and so on. The
# command `on' runs something on one of them, with a run directory of its own.
network=10.77.0
hosts() {
	namespaces
	ip -n "$net" link add br0 type bridge
	ip -n "$net" link set br0 up
	n=0
	for host; do
		n=$((n + 1))
		space "$host" br0 "v$n" "$network.$n/24"
		ip -n "$net$host" addr add "fd77::$n/64" dev eth0 nodad
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

# idle HOST...: all that runs there is ended
idle() {
	for host; do
		for p in $(ip netns pids "$net$host"); do
			kill "$p" 2>/dev/null
		done
		until_true deserted "$host" || fail "$host: $(ip netns pids \
		    "$net$host" | xargs ps -o args= -p) does not end"
	done
}
deserted() { # HOST: nothing runs there
	[ -z "$(ip netns pids "$net$1")" ]
}

# erlang: the command `node' runs an Erlang node that has nothing from outside the
# test; one scheduler, which does not spin, is enough for each.
erlang() {
	unset ERL_EPMD_PORT ERL_EPMD_ADDRESS ERL_EPMD_RELAXED_COMMAND_CHECK
	HOME=$tmp
	ERL_FLAGS='+S 1:1 +sbwt none'
	export HOME ERL_FLAGS
	mkdir -p "$tmp/bin"
	cat >"$tmp/bin/node" <<'EOF'
#!/bin/sh
exec erl -noshell -noinput -setcookie c -kernel net_setuptime 120 "$@"
EOF
	chmod +x "$tmp/bin/node"
}
# What a node evaluates that stays: it says so when it is registered.
stays='io:format("up~n"), receive never -> ok end.'

# literals SECTIONS PAGE: the literal blocks of a manual page, as mdoc(7) shows
# them, of the sections whose headings match: files in $blocks, named PAGE.1 and
# so on
blocks=$tmp/blocks
literals() {
	mkdir -p "$blocks"
	awk -v sections="$1" -v out="$blocks/${2##*/}" '
	/^\.Sh/ { on = $0 ~ sections }
	on && /^\.Bd -literal/ { file = out "." ++n; next }
	/^\.Ed/ { if (file != "") close(file); file = "" }
	file != "" { gsub(/\\e/, "\\"); gsub(/\\[&]/, ""); print >file }' "$2"
}

# take PAGE WORDS: the block of the page that has these words, in $block; each is
# taken once. What is changed in it, $changed, is for sed.
changed=
take() {
	found=$(grep -lF -e "$2" "$blocks/$1".* 2>/dev/null)
	[ "$(echo "$found" | grep -c .)" -eq 1 ] ||
	    fail "$1: not one block with '$2', but: $found"
	block=$tmp/block.${found##*/}
	sed -e "$changed" "$found" >"$block"
	rm "$found"
}
none_left() { # of the blocks
	for left in "$blocks"/*; do
		[ ! -e "$left" ] ||
		    fail "nothing runs this of ${left##*/}: $(cat "$left")"
	done
}

# flow NAME COMMAND...: a filter in the background whose records are the numbers
# from 1 on, until flow_ends; its answers, of which each begins with its number, are
# in $tmp/NAME.out
flow() {
	flow=$1
	shift
	{ numbers "$tmp/$flow.enough" | "$@" >"$tmp/$flow.out"; } \
	    2>"$tmp/$flow.log" &
	flowing=$!
	pids="$pids $flowing"
}
numbers() { # FILE: until it is there
	i=0
	while [ ! -e "$1" ]; do
		i=$((i + 1))
		echo "$i"
		sleep 0.02
	done
}
flow_goes_on() { # WHEN: more answers than there were come
	was=$(wc -l <"$tmp/$flow.out")
	until_true flow_grown || fail "$1: the filter stands still"
}
flow_grown() {
	[ "$(wc -l <"$tmp/$flow.out")" -gt $((was + 10)) ]
}
flow_ends() { # well: all that was read has an answer, in order
	: >"$tmp/$flow.enough"
	wait "$flowing" || fail "$flow ends with $?"
	awk '$1 != NR { exit 1 }' "$tmp/$flow.out" ||
	    fail "$flow: not all answers, in order"
	! grep 'line [0-9]*:' "$tmp/$flow.log" || fail "$flow lost records"
	echo "$flow: $(wc -l <"$tmp/$flow.out") answers"
}
