#!/bin/sh
# Sockets that are passed (LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES), and readiness
# (-d, NOTIFY_SOCKET, an abstract one too): by t/activate.c as systemd does it,
# and by s6 itself.
. "$(dirname "$0")/lib.sh"

helper activate
activate=$top/t/activate
# Abstract names are those of the whole machine.
abstract=@${tmp##*/}

# shows NAME LINE: what t/activate prints
shows() {
	until_true grep -q -e "$2" "$tmp/$1.log" || fail "$1: no line $2"
}
at() { # NAME SOCKET: where it is
	shows "$1" "^listening $2 "
	sed -n "s/^listening $2 //p" "$tmp/$1.log"
}
itself() { # ADDRESS ROWS: the one that is asked there knows itself
	lambda-ctl -A "$1" "$2" | grep ' self 1'
}
ends() { # NAME PID
	stop "$2"
	shows "$1" '^exit 0$'
}

# An authority, on the sockets that it is given and on no other; ready three ways
# at once.
start a "$activate" listen:=127.0.0.1:0 'listen:=[::1]:0' \
    "notify:$tmp/notify" fd:7 lambda-authority -l 192.0.2.1:1 -d 7
a=$pid
at a '' >"$tmp/both"
while read -r where; do
	shows a "listening on $(echo "$where" | sed 's/[][]/\\&/g')"
	until_true itself "$where" authorities || fail "no answer at $where"
done <"$tmp/both"
same "$(wc -l <"$tmp/both")" 2
where=$(head -n 1 "$tmp/both")
shows a '^notify READY=1$'
shows a '^fd \$$'
shows a '^fd closed$'
echo "$where" >"$tmp/authorities"
# Not meant for its children: they have no such variables.
start b0 sh -c 'exec "$@" <"$0"' "$tmp/authorities" \
    "$activate" "notify:$abstract.b" "listen:other=127.0.0.1:0" \
    "listen:tcp=127.0.0.1:0" "listen:broker=$tmp/broker" \
    'listen:tcp=[::1]:0' lambda-broker
b=$pid
shows b0 '^notify READY=1$'
at b0 tcp >"$tmp/both"
same "$(wc -l <"$tmp/both")" 2
while read -r where; do
	until_true itself "$where" peers || fail "no answer at $where"
done <"$tmp/both"
shows b0 "listening on $tmp/broker"
grep -q "lambda-broker: listening on $(at b0 other)" "$tmp/b0.log" &&
    fail "a socket of another name is used"
LAMBDA_BROKER=$tmp/broker
export LAMBDA_BROKER
start l2 "$activate" listen:=127.0.0.1:0 fd:9 lambda-listener -d 9 -c 2 calc \
    "$top/t/calc.sh"
l=$pid
shows l2 '^fd \$$'
start p "$activate" "listen:plb=$tmp/plb" "notify:$tmp/notify2" lambda-plb calc
p=$pid
shows p '^notify READY=1$'
same "$(lambda-call -s "$tmp/plb" calc add 2 40 </dev/null)" 42
shows l2 "publishing calc at $(at l2 '')"
exchange=
for e in $(strays); do
	[ "$(name_of "$e")" != lambda-exchange ] || exchange=$e
done
[ -n "$exchange" ] || fail "there is no exchange"
tr '\0' '\n' <"/proc/$exchange/environ" >"$tmp/environ"
grep -q '^LISTEN_\|^NOTIFY' "$tmp/environ" &&
    fail "an exchange has: $(cat "$tmp/environ")"

# Without names, what a socket is tells which it is.
start b1 "$activate" "listen:=$tmp/broker1" lambda-broker -l 127.0.0.1:0
b1=$pid
shows b1 "lambda-broker: listening on $tmp/broker1"
shows b1 'lambda-broker: listening on 127.0.0.1:'
start b2 "$activate" listen:=127.0.0.1:0 lambda-broker -b "$tmp/broker2"
b2=$pid
shows b2 "lambda-broker: listening on $(at b2 '')"
shows b2 "lambda-broker: listening on $tmp/broker2"

# By systemd every socket has a name, that of its unit where nothing else is said:
# what it is tells which, here too. Nothing that is passed comes to a worker, be
# it taken or not.
unit=lambda-broker.socket
start b3 "$activate" "listen:$unit=127.0.0.1:0" "listen:$unit=$tmp/broker3" \
    lambda-broker
b3=$pid
shows b3 "lambda-broker: listening on $tmp/broker3"
shows b3 "lambda-broker: listening on $(at b3 "$unit" | head -n 1)"
start a3 "$activate" "listen:x.socket=$tmp/not-tcp3" \
    listen:x.socket=127.0.0.1:0 lambda-authority -l 192.0.2.1:1
a3=$pid
shows a3 "lambda-authority: listening on $(at a3 x.socket | tail -n 1)"
unit=lambda-listener.socket
start l3 "$activate" "listen:$unit=127.0.0.1:0" "listen:$unit=127.0.0.1:0" \
    lambda-listener -b "$tmp/broker" fds sh -c 'ls -l "/proc/$$/fd"' sh
l3=$pid
shows l3 "publishing fds at $(at l3 "$unit" | head -n 1)"
start p3 "$activate" "listen:lambda-plb.socket=$tmp/plb3" lambda-plb \
    -b "$tmp/broker" fds
p3=$pid
shows p3 "lambda-plb: serving on $tmp/plb3"
lambda-call -s "$tmp/plb3" fds x </dev/null >"$tmp/fds" || fail "no call"
grep -q ' 1 -> ' "$tmp/fds" || fail "a worker has: $(cat "$tmp/fds")"
listener=$(sed -n 's/^pid //p' "$tmp/l3.log")
for fd in 3 4; do
	socket=$(readlink "/proc/$listener/fd/$fd")
	case $socket in
	socket:*) ;;
	*) fail "lambda-listener has no socket on $fd: $socket" ;;
	esac
	grep -qF "$socket" "$tmp/fds" &&
	    fail "a worker has descriptor $fd: $(cat "$tmp/fds")"
done

# Not for this process, or not what is needed.
start n "$activate" listen:=127.0.0.1:0 pid:1 lambda-authority -l 127.0.0.1:0
n=$pid
shows n ready
grep -q "lambda-authority: listening on $(at n '')" "$tmp/n.log" &&
    fail "a socket for another process is used"
unfit() { # KIND LISTEN COMMAND...
	kind=$1
	shift
	tells 0 '^exit 100$' "$activate" "$@"
	grep -q "LISTEN_FDS=1: none of them is a listening $kind socket" \
	    "$tmp/told" || fail "$*: $(cat "$tmp/told")"
}
for program in lambda-authority lambda-broker; do
	# shellcheck disable=SC2046 # nine words
	tells 0 '^exit 100$' "$activate" \
	    $(yes listen:=127.0.0.1:0 | head -n 9) "$program"
	grep -q 'LISTEN_FDS: 9 TCP sockets: .* 8 at most' "$tmp/told" ||
	    fail "$program: $(cat "$tmp/told")"
done
for line in lambda-authority lambda-broker 'lambda-listener calc cat'; do
	# shellcheck disable=SC2086
	tells 0 '^exit 100$' "$activate" listen:=0.0.0.0:0 $line
	grep -q 'not on loopback, so both sides need a key' "$tmp/told" ||
	    fail "$line: $(cat "$tmp/told")"
done
unfit TCP "listen:=$tmp/not-tcp" lambda-authority
unfit TCP "listen:=$tmp/not-tcp2" lambda-listener calc cat
unfit Unix listen:=127.0.0.1:0 lambda-plb calc

# A supervisor's socket keeps its name when who served there ends.
ends p "$p"
[ -S "$tmp/plb" ] || fail "lambda-plb removed a socket that is not its own"
ends b1 "$b1"
[ -S "$tmp/broker1" ] || fail "lambda-broker likewise"
ends b2 "$b2"
[ ! -e "$tmp/broker2" ] || fail "its own socket stays"
ends p3 "$p3"
ends l3 "$l3"
ends a3 "$a3"
ends b3 "$b3"
ends l2 "$l"
ends n "$n"
ends b0 "$b"
ends a "$a"

# Exchange and channel have theirs on descriptor 0; -d and NOTIFY_SOCKET with
# nobody there are not errors.
start x "$activate" listen:=127.0.0.1:0 "notify:$abstract.x" fd:5 sh -c \
    'exec lambda-exchange -d 5 calc <&3 3<&-'
x=$pid
shows x '^notify READY=1$'
shows x '^fd \$$'
ends x "$x"
NOTIFY_SOCKET=$tmp/nobody
export NOTIFY_SOCKET
start quiet lambda-authority -l 127.0.0.1:0 -d 6
quiet=$pid
logged quiet ready
stop "$quiet"
same "$ended" 0
unset NOTIFY_SOCKET LAMBDA_BROKER

# s6: a service is up, and later ready.
sh "$top/t/setup.sh" s6-svscan || skip "s6 not here; the rest passed"
service() { # name; its last line is standard input
	mkdir -p "$tmp/s6/$1"
	echo 3 >"$tmp/s6/$1/notification-fd"
	{
		echo '#!/bin/sh'
		echo 'exec 2>&1'
		cat
	} >"$tmp/s6/$1/run"
	chmod +x "$tmp/s6/$1/run"
}
service authority <<'EOF2'
exec lambda-authority -d 3 -l 127.0.0.1:0 </dev/null
EOF2
service broker <<EOF2
exec lambda-broker -d 3 -l 127.0.0.1:0 <$tmp/list
EOF2
service listener <<EOF2
exec lambda-listener -d 3 -c 2 calc $top/t/calc.sh
EOF2
service plb <<'EOF2'
exec lambda-plb -d 3 calc
EOF2
service discovery <<'EOF2'
exec lambda-discovery -d 3 -p 0 -l 127.0.0.1 </dev/null
EOF2
# What s6-svwait and s6-svc -w wait for is an event, and on a busy machine they
# miss one now and then: what counts is the status.
status_is() { # NAME FIELDS VALUES
	[ "$(s6-svstat -o "$2" "$tmp/s6/$1")" = "$3" ]
}
comes() { # NAME FIELDS VALUES
	until_true status_is "$@" ||
	    fail "s6: $1: not $2 = $3: $(s6-svstat "$tmp/s6/$1")"
}
renewed() { # NAME PID: it is ready, and another process
	case $(s6-svstat -o ready,pid "$tmp/s6/$1") in
	"true $2") false ;;
	true\ *) ;;
	*) false ;;
	esac
}
supervise() {
	supervised "s6.$1" s6-supervise "$tmp/s6/$1"
	eval "s6_$1=\$pid"
	until_true s6-svstat "$tmp/s6/$1" || fail "no s6-supervise"
	comes "$1" ready true
}
supervise authority
address s6.authority >"$tmp/list"
for s in broker listener plb discovery; do
	supervise "$s"
done
same "$(lambda-call calc add 2 40 </dev/null)" 42
for s in authority broker listener plb discovery; do
	old=$(s6-svstat -o pid "$tmp/s6/$s")
	s6-svc -r "$tmp/s6/$s"
	until_true renewed "$s" "$old" ||
	    fail "s6: $s did not restart: $(s6-svstat "$tmp/s6/$s")"
done
for s in authority broker listener plb discovery; do
	s6-svc -d "$tmp/s6/$s"
	comes "$s" up,exitcode 'false 0'
	eval "pid=\$s6_$s"
	s6-svc -x "$tmp/s6/$s"
	wait "$pid"
done
echo passed
