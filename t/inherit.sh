#!/bin/sh
# Whatever a program inherits, it does its work, ends when it is told to, and
# passes on to workers what they may expect: every program, in every state that
# t/inherit.c knows, and as process 1.
. "${0%/*}/lib.sh"
states='plain ignored blocked umask closed open nowhere'

if [ $# -eq 0 ]; then
	helper inherit
	umask 022
	for state in $states; do
		echo "state: $state"
		TMPDIR=${tmp%/*} sh "$0" "$state" ||
		    fail "with $state, see above"
	done
	sh "$0" first
	case $? in
	0) exit 0 ;;
	77) skip "no process 1 is to be had; what needs none passed" ;;
	esac
	fail "as process 1, see above"
fi

# worker: what it has, as far as a system tells
cat >"$tmp/worker" <<'EOF'
#!/bin/sh
case $1 in
signals) sed -n 's/^Sig\(Blk\|Ign\):[[:space:]]*/\1 /p' /proc/self/status ;;
descriptors) for fd in /proc/$$/fd/*; do
		case $(readlink "$fd") in
		/dev/zero | socket:* | *deleted*)
			echo 'a descriptor that is not for workers' ;;
		esac
	done ;;
environment) env | grep LAMBDA_ ;;
core) ulimit -S -c ;;
*) cat ;;
esac
exit 0
EOF
chmod +x "$tmp/worker"

# ends NAME PID: at SIGTERM, as it should
ends() {
	stop "$2"
	[ "$ended" -eq 0 ] || fail "$1: status $ended at SIGTERM"
}

# ask FUNCTION: one call of the module, on its way
way=''
ask() {
	echo "$1" | lambda-call ${way:+-x "$way"} work "$1" ||
	    fail "call $1: status $?"
}

# As process 1 it is the first of a namespace, which the kernel protects from
# signals that it does not handle.
if [ "$1" = first ]; then
	unshare='unshare -fp --mount-proc --kill-child'
	[ "$(id -u)" -eq 0 ] || unshare="$unshare -Ur"
	$unshare true 2>/dev/null || skip "no process 1 here: unshare fails"
	alone() { # NAME ARGUMENT...: start it so; its own number is in $one
		name=$1
		shift
		# shellcheck disable=SC2086
		start "$name" $unshare "$bin/lambda-$name" "$@"
		until_true one_of "$pid" || fail "$name does not run"
		one=$(one_of "$pid")
	}
	one_of() {
		one_pid=$(ps -A -o pid= -o ppid= | awk -v p="$1" \
		    '$2 == p { print $1 }')
		[ -n "$one_pid" ] && echo "$one_pid"
	}
	over() { # SIGNAL STATUS: it ends so
		kill "-$1" "$one" || fail "$name has ended by itself"
		guard "$pid"
		wait "$pid"
		over=$?
		kill "$guard" 2>/dev/null
		[ "$over" -eq "$2" ] || fail "$name: status $over at SIG$1"
	}
	tier
	alone authority -l 127.0.0.1:0
	logged authority 'listening on'
	over TERM 0
	alone listener work "$tmp/worker"
	logged listener 'publishing work'
	same "$(echo yes | lambda-call work)" yes
	over INT 0
	alone plb -s "$tmp/plb" work
	until_true test -S "$tmp/plb" || fail "no PLB"
	over TERM 0
	alone broker -b "$tmp/alone.broker" -l 127.0.0.1:0
	until_true test -S "$tmp/alone.broker" || fail "no broker"
	over INT 0
	alone exchange -l 127.0.0.1:0 alone
	logged exchange 'listening on'
	over TERM 0
	# It says nothing before its end, so it is told until it is there to hear
	# that.
	kill -STOP "$broker"
	alone ctl -w 3600 all
	until_true eval 'kill "$one"; [ -z "$(name_of "$pid")" ]' ||
	    fail "lambda-ctl does not end"
	wait "$pid"
	same "ctl: status $?" 'ctl: status 143'
	kill -CONT "$broker"
	same "$(echo yes | lambda-call \
	    -x "|$unshare $bin/lambda-channel work $tmp/worker" work)" yes
	alone discovery -p 0
	logged discovery 'listening on'
	over INT 0
	alone bootstrap exec:"touch $tmp/runs; sleep 1000"
	until_true test -e "$tmp/runs" || fail "the command does not run"
	over TERM 0
	alone call nobody
	logged call 'no listener\|waiting\|nobody'
	over TERM 111
	# What has lost its parent is waited for, as long as the command runs.
	cat >"$tmp/orphans" <<'EOF'
for i in 1 2 3 4 5; do
	(sh -c 'exit 0' & ) &
done
wait
n=0
while ps -A -o ppid= -o stat= | grep -q '^ *1 Z'; do
	n=$((n + 1))
	[ "$n" -lt "$1" ] || exit 1
	sleep 1
done
EOF
	$unshare "$bin/lambda-solo" sh "$tmp/orphans" "$hang" ||
	    fail "lambda-solo as process 1 leaves zombies"
	exit 0
fi

state=$1
under="$top/t/inherit $state"
if [ -z "${INHERIT_AGAIN:-}" ]; then
	INHERIT_AGAIN=1 CHECK_UNDER="$under ${CHECK_UNDER:-}" sh "$0" "$state"
	exit
fi

LAMBDA_RUN=$tmp/made
tier
until_true test -S "$LAMBDA_RUN/broker" || fail "no broker"
same "$(find "$LAMBDA_RUN" -type d -perm 700)" "$LAMBDA_RUN"
same "$(find "$LAMBDA_RUN" -name key -perm 600)" "$LAMBDA_RUN/key"
start listener lambda-listener -c 4 work "$tmp/worker"
listener=$pid
# Of the listener, and of a channel that has none.
for way in '' "|lambda-channel work $tmp/worker"; do
	same "$(ask hello)" hello
	same "$(ask descriptors)" ''
	# shellcheck disable=SC3045
	same "$(ask core)" "$(ulimit -S -c)"
	same "$(ask environment)" ''
	# SIGHUP, SIGINT, SIGQUIT and those of job control may be ignored; 32 and
	# 33 are what posix_spawn(3) of glibc leaves.
	if [ "$(uname)" = Linux ]; then
		ask signals >"$tmp/signals"
		while read -r what mask; do
			[ "$what" = Ign ] && may=0x180380007 || may=0
			[ $((0x$mask & ~may)) -eq 0 ] ||
			    fail "signals of a worker: $what $mask"
		done <"$tmp/signals"
		[ -s "$tmp/signals" ] || fail "no signals were told"
	fi
done
start plb lambda-plb -s "$tmp/plb" -D "$tmp/proxies" work
plb=$pid
until_true test -S "$tmp/plb" || fail "no PLB"
same "$(echo x | lambda-call -s "$tmp/plb" work y)" x
same "$(seq 1 20 | lambda-call -L work z | tail -n 1)" 20
lambda-ctl all | grep -q work || fail "lambda-ctl all does not show the module"
start discovery lambda-discovery -p 0 -H "$tmp/hosts"
discovery=$pid
logged discovery 'listening on'
same "$(lambda-bootstrap -1 10.0.0.1:4370)" 10.0.0.1:4370
same "$(lambda-bootstrap -1 exec:'echo 10.0.0.2:4370')" 10.0.0.2:4370
lambda-solo sh -c 'lambda-listener -q one cat & listener=$!
	echo 1 | lambda-call one && kill $listener && wait $listener' \
    >"$tmp/solo" || fail "lambda-solo: status $?"
same "$(cat "$tmp/solo")" 1
# What a command of lambda-solo is given is its own.
[ "$state" != open ] || lambda-solo sh -c 'test -e /dev/fd/9' ||
    fail "lambda-solo keeps a descriptor from its command"
ends lambda-plb "$plb"
ends lambda-listener "$listener"
ends lambda-discovery "$discovery"
ends lambda-broker "$broker"
ends lambda-authority "$authority"
