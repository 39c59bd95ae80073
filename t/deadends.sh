#!/bin/sh
# A dead end is told, with what to do about it: no broker, no authority, no
# seller, nothing that fits, all taken, a wrong function, a program that is not
# there, usage, addresses, a socket that nobody serves, a full disk for the log.
. "$(dirname "$0")/lib.sh"

# Those that are told after 3 seconds run side by side: each has a log, its pid is
# in $later, and what is expected of it in a file.
limits="3.3 30 $hang"
later=
expect() { # NAME PATTERN COMMAND...
	name=$1
	echo "$2" >"$tmp/$name.expected"
	shift
	start "$name" late "$@"
	later="$later $name:$pid"
}
met() { # STATUS: all of them have ended with it, and said what was expected
	for name in $later; do
		wait "${name#*:}"
		same "${name%:*}: $?" "${name%:*}: $1"
		name=${name%:*}
		grep -q -e "$(cat "$tmp/$name.expected")" "$tmp/$name.log" ||
		    fail "$name: no '$(cat "$tmp/$name.expected")'"
	done
	later=
}

long=$tmp/$(printf '%0100d' 0)
mkdir -m 700 "$long"
tells 100 'too long for a Unix socket.s name: set TMPDIR to a shorter one' \
    env TMPDIR="$long" lambda-solo true
same "$(ls "$long")" ''
tells 100 'too long for a Unix socket.s name: set LAMBDA_RUN to a shorter one' \
    env LAMBDA_RUN="$long" lambda-call m

expect nobroker 'no broker answers at .*/none/broker: start lambda-broker' \
    env LAMBDA_RUN="$tmp/none" lambda-call -T @ calc
mkdir -m 700 "$tmp/alone"
start alone env LAMBDA_RUN="$tmp/alone" lambda-broker -l 127.0.0.1:0
logged alone ready
logged alone 'the input named no authority: give addresses, as lambda-bootstrap'
# Who asks that broker of the tier is told so, whatever the question.
for command in hosts capacity dot audit users 'why calc' keyuse; do
	# shellcheck disable=SC2086
	tells 111 'this broker is linked to no authority: only this host is shown' \
	    env LAMBDA_RUN="$tmp/alone" lambda-ctl $command
done
same "$(LAMBDA_RUN=$tmp/alone lambda-ctl hosts 2>"$tmp/why" | cut -d ' ' -f 7-10)" \
    'state unlinked for_s -'
echo '# nobody' >"$tmp/nobody"
# shellcheck disable=SC2016
start lost env LAMBDA_RUN="$tmp/alone" sh -c \
    'exec lambda-authority -l 127.0.0.1:0 <"$0"' "$tmp/nobody"
logged lost 'the input named no authority: give addresses, as lambda-bootstrap'
expect noauthority 'no authority answers: is lambda-authority running, and' \
    env LAMBDA_RUN="$tmp/alone" lambda-call -T @ calc
# What began before its broker says that it is linked at last.
mkdir -m 700 "$tmp/early"
start early env LAMBDA_RUN="$tmp/early" lambda-listener -c 1 early env
logged early "unable to link to $tmp/early/broker: No such file or directory: start lambda-broker; trying again"
start earlybroker env LAMBDA_RUN="$tmp/early" lambda-broker -l 127.0.0.1:0
logged early "linked to broker $tmp/early/broker"
expect noplb "unable to reach $tmp/nobody.plb: No such file or directory: is it running" \
    sh -c 'lambda-call -T "$1" -s "$0" calc; test $? = 111 && exit 99' \
    "$tmp/nobody.plb" "$hang"
expect nochannel 'unable to reach 127.0.0.1:1: Connection refused: is it running' \
    sh -c 'lambda-call -T "$0" -x 127.0.0.1:1 calc; test $? = 111 && exit 99' \
    "$hang"

tier
start calc lambda-listener -c 3 -V 1.2 -t zone=a -f pi/1 -f add/2 calc \
    "$top/t/calc.sh"
start busy lambda-listener -c 1 busy env
same "$(lambda-call calc pi 3 </dev/null)" 3.142
expect noseller 'nobody publishes it: is lambda-listener running for nosuch' \
    lambda-call -T @ nosuch
n=0
for option in '-V 2+' '-V 1.1' '-t zone=b' '-V 1.2 -t rack=7'; do
	n=$((n + 1))
	# shellcheck disable=SC2086
	expect "unfit$n" 'nothing on offer satisfies what is asked for; on offer: version 1.2, zone=a' \
	    lambda-call $option -T @ calc pi 3
done
# Through a PLB it is told as well, to who was there before and who comes later.
start none lambda-plb -c 2 -s "$tmp/none.plb" nosuch2
logged none 'no capacity yet: nobody publishes it'
expect behind 'no capacity yet: nobody publishes it' \
    lambda-call -s "$tmp/none.plb" -T @ nosuch2
# One that serves is no way round -V and -t.
start calc2 lambda-listener -c 3 -V 1.2 calc2 "$top/t/calc.sh"
start old lambda-plb -c 1 calc2
logged old 'serving on'
expect exact 'nothing on offer satisfies what is asked for; on offer: version 1.2' \
    lambda-call -V 9.9 -T @ calc2 pi 3
start taker lambda-call busy sh -c 'until test -e "$0"; do sleep 0.1; done' \
    "$tmp/free"
taker=$pid
until_true sh -c 'lambda-ctl orders | grep -q "module busy.* quantity 0"' ||
    fail "the only token is not taken"
expect taken 'all capacity is taken\|others hold it all, or no exchange' \
    lambda-call -T @ busy true
# Its time is up while it runs, and it is not left running.
start slow lambda-listener -c 2 slow env
same "$(lambda-call slow echo ready </dev/null)" ready
expect late 'slow: its time was up on [^ ]*$' lambda-call -T @ slow sleep 1000.5
start keeps lambda-listener -w line keeps sh -c 'while read -r line; do :; done'
expect keeps 'its time was up, and its worker has answered nothing yet: have it flush each reply' \
    lambda-call -T @ keeps

# Meanwhile, what is told at once. A wrong function, with what there is:
tells 100 'calc: nofunc/0 is not exported; on offer: .*exports pi/1 add/2' \
    lambda-call calc nofunc
tells 100 'calc: pi/2 is not exported; on offer: .*exports pi/1 add/2' \
    lambda-call calc pi 1 2
# where any is tried, what the program says is in the listener's log.
start any lambda-listener -c 1 any "$top/t/calc.sh"
lambda-call any nofunc </dev/null
same $? 100
logged any 'request [0-9]*: calc has no function nofunc: pi, add, echo and status'

# Programs that are not there, or die.
tells 100 'unable to find nosuch on PATH: give the path of an executable' \
    lambda-listener calc nosuch
tells 100 '/nosuch: No such file' lambda-listener calc /nosuch
tells 100 'not executable: chmod +x it' lambda-listener calc /etc/passwd
tells 127 'unable to run nosuch: No such file' lambda-solo nosuch
# It is tried for half a second, in which a slow machine need not have run it.
tried() {
	: >"$tmp/false.log"
	start false lambda-listener -w line dies false
	until_true grep -q 'ended at once\|publishing' "$tmp/false.log" ||
	    fail "it neither ends nor publishes"
	stop "$pid"
	[ "$ended" -eq 111 ] && grep -q \
	    'fatal: false ended at once: exit status 1' "$tmp/false.log"
}
until_true tried || fail "a program that ends at once is published"
start dies lambda-listener -w line dies sh -c 'read -r n; exit 1'
tells 111 'exit status 1\|workers die at once' lambda-call dies
cp "$top/t/calc.sh" "$tmp/goes"
start goes lambda-listener goes "$tmp/goes"
until_true lambda-call -T 2 goes pi 1 || fail "goes does not run"
chmod -x "$tmp/goes"
# Under valgrind posix_spawn(3) is a fork(2), and does not say why.
[ -n "${CHECK_UNDER:-}" ] ||
    tells 111 'unable to run .*/goes: Permission denied' lambda-call goes pi 1
tells 111 'unable to run ./nosuch: No such file' \
    lambda-call -x '|lambda-channel calc ./nosuch' calc
tells 111 'unable to run ./: Is a directory' \
    lambda-call -x '|lambda-channel calc ./' calc
tells 126 'unable to run ./: Is a directory' lambda-solo ./
tells 100 "is a directory: give the path of a program in it" \
    lambda-listener calc ./
tells 111 'unable to run nosuch: No such file.*look at PATH where it is' \
    lambda-call -x '|lambda-channel calc nosuch' calc

# Usage: 100, and the synopsis.
for name in authority bootstrap broker call channel ctl exchange listener plb \
    solo; do
	tells 100 "^usage: lambda-$name " "lambda-$name" -Z
	case $name in
	authority | broker | ctl) ;;
	*) tells 100 "^usage: lambda-$name " "lambda-$name" ;;
	esac
done
bad() { # what is said, and the line: 100
	pattern=$1
	shift
	tells 100 "$pattern" "$@"
}
bad "-c 0: give a whole number from 1 to" lambda-call -c 0 calc
bad "-c 1x: give a whole number from 1 to" lambda-listener -c 1x calc cat
bad "-T x: give seconds from" lambda-call -T x calc
bad "-i 0: give seconds from" lambda-bootstrap -i 0 10.0.0.1
bad "give 1 to 255 characters without space or slash" lambda-call 'a b'
bad "it has a slash; for a program, .*: lambda-call run env ./job" \
    lambda-call run ./job
bad 'neither a module.s name nor a proxy' lambda-call /etc/passwd
bad 'give one of them' lambda-call -b ./b -s ./s calc
bad '-L, -0, -4 and -N: give one of them' lambda-call -LN calc
bad '-V and -t choose among' lambda-call -s ./s -V 1 calc
bad '-V and -t choose among' lambda-call -x 127.0.0.1:1 -t zone=a calc
bad 'there is no such proxy: the version' lambda-call ./nosuch
bad 'there is no such proxy: .*, write lambda-call calc pi$' lambda-call calc/pi 3
bad "a command begins with a bar: write -x '|ssh host'" \
    lambda-call -x 'ssh host' calc
bad 'only lambda-call runs a command' lambda-plb -x '|ssh host' calc
bad 'refused: calc is served here, not other' \
    lambda-call -T "$hang" -x '|lambda-channel calc cat' other
bad 'a process of role authority answers: -x takes a channel or a listener' \
    lambda-call -x "$(address authority)" calc
bad 'are a filter.s: give -L, -0, -4, -N, -B or -I' lambda-call -u calc
bad '-w foo: give exec, line, netstring, packet4' lambda-listener -w foo a cat
bad 'pi: -f takes name/arity' lambda-listener -f pi calc cat
bad 'zone: -t takes label=value, such as zone=a' lambda-listener -t zone calc cat
bad 'one: -V takes numbers with dots' lambda-listener -V one calc cat
bad 'unable to read the version from' lambda-listener -V @/nosuch calc cat
bad 'no such command: give all, .* or why$' lambda-ctl nosuch
same "$(sed 's/.*: give //; s/,//g; s/ or / /' "$tmp/told" | tr ' ' '\n')" \
    "$(sed -n 's/^\.It Cm \([a-z]*\).*/\1/p' "$top/man/lambda-ctl.1" | sort -u)"
bad '-x foo: write module=IP:PORT' lambda-authority -l 127.0.0.1:0 -x foo
bad 'there is something else of that name' lambda-plb -D "$tmp" calc
bad "^lambda-plb: fatal: $tmp/nobody: there is something else of that name: remove" \
    lambda-plb -s "$tmp/nobody" calc
bad "fatal: $tmp/nobody: there is something else of that name: remove" \
    lambda-broker -b "$tmp/nobody" -l 127.0.0.1:0
bad 'give the path of its Unix socket, with a slash' lambda-call -b sock calc
bad 'host names are not looked up here' lambda-call -x localhost:1 calc
bad 'here: write an IP address$' lambda-authority -l localhost
bad 'that is a path: write an IP address' lambda-authority -l ./sock
bad 'write ADDRESS:PORT, ADDRESS an IP' lambda-listener -l localhost calc cat
bad 'that is a path: write an IP address' lambda-listener -l ./sock calc cat
bad 'here: write an IP address$' lambda-discovery -p 0 -l localhost
bad 'nobody can be reached at port 0' lambda-authority -l 127.0.0.1:0 \
    -x calc=127.0.0.1:0
bad 'give the path of a Unix socket, with a slash' lambda-plb -s sock calc
bad 'host names are not looked up here' lambda-bootstrap localhost
bad 'here: write an IP address, or a path with a slash' lambda-ctl -A host all
bad 'the port is missing: write ADDRESS:PORT' lambda-call -x 127.0.0.1 calc
bad 'the port must be a number from 0 to 65535' lambda-broker -l 127.0.0.1:x
tells 111 'unable to listen on .*Address already in use' \
    lambda-authority -l "$where"
tells 111 'unable to listen on 192.0.2.1:4370: ' lambda-authority \
    -k "$LAMBDA_RUN/key" -l 192.0.2.1
tells 111 'a broker answers on .* already: use it' lambda-broker -l 127.0.0.1:0

# Lines that are no addresses are told with their number, and passed over.
printf 'localhost\n\n# a comment\n127.0.0.1:99999\n%s\n' "$where" >"$tmp/lines"
mkdir -m 700 "$tmp/second"
start second sh -c 'LAMBDA_KEY=$LAMBDA_RUN/key LAMBDA_RUN=$0 \
    exec lambda-broker -l 127.0.0.1:0 <"$1"' "$tmp/second" "$tmp/lines"
logged second 'linked to authority'
same "$(grep -o 'line [0-9]*: [^:]*' "$tmp/second.log" | tr '\n' ' ')" \
    'line 1: localhost line 4: 127.0.0.1 '
stop "$pid"
tells 0 'line 1: localhost: host names are not looked up' \
    lambda-bootstrap -1 "file:$tmp/lines"
same "$(tail -n 1 "$tmp/told")" "$where"
tells 111 'No such file' lambda-bootstrap -1 "file:$tmp/nosuch"

# A PLB that is told to end while a call runs finishes it. Its socket goes at
# once, so new calls go past it.
start plb lambda-plb -c 2 busy2
plb=$pid
start busy2 lambda-listener -c 4 busy2 env
logged plb 'serving on'
start running sh -c 'test "$(lambda-call -s "$0" busy2 sh -c "
    until test -e $1; do sleep 0.1; done; echo done")" = done' \
    "$LAMBDA_RUN/busy2.plb" "$tmp/done"
running=$pid
until_true sh -c 'lambda-ctl -A "$0" all | grep -q "in_flight [1-9]"' \
    "$LAMBDA_RUN/busy2.plb" || fail "the call is not seen to run"
kill "$plb"
until_true test ! -e "$LAMBDA_RUN/busy2.plb" || fail "the socket stays"
kill -0 "$plb" || fail "the PLB did not wait for the call"
same "$(lambda-call busy2 echo past </dev/null)" past
: >"$tmp/done"
wait "$running" || fail "the call was cut off"
wait "$plb" || fail "the PLB failed: $?"

# Proxies: names that are calls, as long as they are exported.
start plbd lambda-plb -c 2 -D "$tmp/proxies" calc
plb=$pid
until_true test -x "$tmp/proxies/pi" || fail "no proxies"
same "$(cd "$tmp/proxies" && echo *)" 'add pi'
same "$("$tmp/proxies/pi" 5 </dev/null)" 3.14159
same "$(cd "$tmp" && proxies/add 2 40 </dev/null)" 42
tells 100 'add/1 is not exported; held' "$tmp/proxies/add" 1
stop "$plb"
same "$ended" 0
[ ! -e "$tmp/proxies/pi" ] || fail "proxies are left behind"
ls -d "$tmp/proxies"* 2>/dev/null && fail "of the proxies something is left"

met 99
: >"$tmp/free"
wait "$taker" || fail "the call that took the only token: $?"
outlived() {
	[ -n "$(running 'sleep 1000.5')" ]
}
until_true eval '! outlived' || fail "a program outlived its time"

# A disk that is full, under the log of all of them: they go on.
if test -c /dev/full; then
	helper listen
	mkdir -m 700 "$tmp/full"
	LAMBDA_RUN=$tmp/full
	start fullauthority "$top/t/listen" 127.0.0.1:0 sh -c '
	    exec 3<&0 </dev/null 2>/dev/full
	    LISTEN_FDS=1 LISTEN_PID=$$ exec lambda-authority -vv'
	authority=$pid
	address fullauthority >"$tmp/authorities"
	start fullbroker sh -c 'exec lambda-broker -vv -l 127.0.0.1:0 \
	    <"$0" 2>/dev/full >/dev/full' "$tmp/authorities"
	broker=$pid
	start fullcalc sh -c 'exec lambda-listener -vv -c 2 calc "$0" \
	    2>/dev/full' "$top/t/calc.sh"
	calc=$pid
	same "$(lambda-call -vv calc pi 5 </dev/null 2>/dev/full)" 3.14159
	lambda-call calc status 7 </dev/null 2>/dev/full
	same $? 7
	same "$(seq 1 200 | lambda-call -vv -P -L calc status 2>/dev/full |
	    wc -l | tr -d ' ')" 0
	same "$(seq 1 200 | lambda-call -vv -L calc echo 2>/dev/full |
	    tail -n 1)" 200
	for pid in $authority $broker $calc; do
		kill -0 "$pid" || fail "a full disk ended one of them"
	done
	# Output that cannot be written is another thing.
	lambda-call calc pi 5 </dev/null 2>"$tmp/err" >/dev/full
	same $? 111
	grep -q 'unable to write standard output: No space' "$tmp/err" ||
	    fail "not told: $(cat "$tmp/err")"
	seq 1 200 | lambda-call -L calc echo 2>"$tmp/err" >/dev/full
	same $? 111
	grep -q 'unable to write standard output: No space' "$tmp/err" ||
	    fail "not told: $(cat "$tmp/err")"
	for command in 'lambda-ctl all' 'lambda-ctl -h' 'lambda-discovery -E'; do
		tells 111 'unable to write standard output: ' \
		    sh -c "exec $command >/dev/full"
	done
	for pid in $calc $broker $authority; do
		stop "$pid"
		same "$ended" 0
	done
fi
echo passed
