#!/bin/sh
# Code that cannot run is not published, and what is published is what runs,
# whatever has its name by then: a filter and callers notice nothing of broken
# code of each kind. And nothing outlives its time, its channel or its listener
# that was not meant to.
. "$(dirname "$0")/lib.sh"

need ps

put() { # NAME TEXT [MODE]: a program, replaced by rename
	printf '%s\n' "$2" >"$tmp/$1.new"
	chmod "${3:-755}" "$tmp/$1.new"
	mv "$tmp/$1.new" "$tmp/$1"
}
answers() { # N: so many lines are out
	[ "$(wc -l <"$tmp/out")" -ge "$1" ]
}
gone() { # PID: of a process that is none of ours to wait for
	! kill -0 "$1"
}
lines_of() { # NAME PATTERN: how many lines of its log match
	grep -c -e "$2" "$tmp/$1.log"
}

# At start: there is nothing that could stay.
tells 100 'LAMBDA_CONTROL=abc: it is lambda-listener.s to set' \
    env LAMBDA_CONTROL=abc sh -c 'cat | lambda-channel m p | cat; exit 100'
tells 111 'fatal: false ended at once: exit status 1' \
    lambda-listener -w line m false
tells 111 'true ended at once: exit status 0: with this -w it must stay and read requests; a program that runs once per request has none' \
    lambda-listener -w line m true
put start '#!/bin/sh
echo no table >&2; exit 3'
tells 111 "fatal: $tmp/start ended at once: exit status 3: no table" \
    lambda-listener -w mux m "$tmp/start"
put start '#!/nonexistent/interp'
# Under valgrind posix_spawn(3) is a fork(2) that does not say why, and valgrind
# dies of a program that cannot be run.
[ -n "${CHECK_UNDER:-}" ] ||
    tells 111 "unable to run $tmp/start: .*what its #! line names" \
    lambda-listener -w netstring m "$tmp/start"
tells 100 "start is to be run by '/nonexistent/interp', which is not there" \
    lambda-listener m "$tmp/start"

# A filter runs through each kind of broken code, each said in one line. Its
# pool grows under it, which is when the file that was published is needed; so
# does a new channel. The good code comes back as another file, and is taken.
tier
# Nor is there when it is asked to publish anew what has just begun. The program
# ends only then; where that was so late that it had passed for good, it is found
# to be broken when it is asked again, and all is done once more.
put start '#!/bin/sh
until [ -e "$TMPDIR/asked" ]; do sleep 0.02; done
exit 3'
early() { # N
	rm -f "$tmp/asked"
	start "early$1" lambda-listener -w line early "$tmp/start"
	early=$pid
	logged "early$1" publishing
	kill -HUP "$early"
	touch "$tmp/asked"
	until_true found "early$1" || fail "a broken start goes on"
	grep -q "fatal: $tmp/start ended at once: exit status 3" \
	    "$tmp/early$1.log"
}
found() { # NAME: the program is told to be broken
	grep 'start ended at once: exit status 3' "$tmp/$1.log" && return
	kill -HUP "$(mine "$early")"
	return 1
}
n=1
until early "$n"; do
	stop "$early"
	n=$((n + 1))
	[ "$n" -le 20 ] || fail "a broken start is never told in time"
done
wait "$early"
same $? 111
good='#!/bin/sh
while read -r n; do echo "$n one"; done'
put line "$good"
start line lambda-listener -c 6 -V 1.0 -w line line "$tmp/line"
line=$pid
mkfifo "$tmp/in"
start filter sh -c 'lambda-call -c 4 -L line <"$0/in" >"$0/out"
	echo "status $?"' "$tmp"
exec 3>"$tmp/in"
echo 0 >&3
until_true answers 1 || fail "the filter does not run"
fed=1 said=0
broken() { # WHAT IS SAID
	kill -HUP "$line"
	said=$((said + 1))
	logged line "not published: .*$1"
	same "$(lines_of line 'not published: ')" "$said"
	seq $((fed * 4000)) $((fed * 4000 + 3999)) >&3
	fed=$((fed + 1))
	same "$(echo new | lambda-call -c 1 -L line)" 'new one'
	until_true answers $(((fed - 1) * 4000 + 1)) ||
	    fail "the filter stands: $1"
}
put line '#!/bin/sh
exit 3'
broken 'line ended at once: exit status 3;'
put line '#!/bin/sh
echo "no such table" >&2; kill -9 $$'
broken 'line ended at once: killed by signal 9 (Killed): no such table;'
if [ -z "${CHECK_UNDER:-}" ]; then
	put line '#!/nonexistent/interp'
	broken 'unable to run .*what its #! line names, or its loader, is not there'
	: >"$tmp/line.new"
	chmod 755 "$tmp/line.new"
	mv "$tmp/line.new" "$tmp/line"
	broken 'unable to run .*line: Exec format'
fi
put line '#!/bin/sh
fi'
broken 'line ended at once: exit status 2: .*yntax'
put line "$good" 644
broken 'line is not executable: chmod +x it'
rm "$tmp/line"
broken 'unable to find .*line: No such file'
same "$(lines_of line 'publishing new code')" 0
put line '#!/bin/sh
while read -r n; do echo "$n two"; done'
# renew NAME PID: it publishes new code, and what was bought of the old one has
# been given back: its channels have gone
renew() {
	channels=$(children "$2" lambda-channel)
	kill -HUP "$2"
	logged "$1" 'publishing new code'
	for channel in $channels; do
		until_true gone "$channel" ||
		    fail "a channel of old code stays: $1"
	done
}
renew line "$line"
echo last >&3
exec 3>&-
logged filter status
grep -q 'status 0' "$tmp/filter.log" || fail "the filter failed"
grep 'line [0-9]' "$tmp/filter.log" && fail "lines failed"
same "$(wc -l <"$tmp/out" | tr -d ' ')" $((said * 4000 + 2))
same "$(grep -c ' one$' "$tmp/out")" $((said * 4000 + 1))
same "$(tail -n 1 "$tmp/out")" 'last two'
same "$(lines_of line 'publishing new code')" 1

# -W finds broken code by itself, says so once, and publishes what follows.
put watched "$good"
start watched lambda-listener -W -c 2 -w line watched "$tmp/watched"
same "$(echo x | lambda-call -L watched)" 'x one'
put watched '#!/bin/sh
exit 9'
logged watched 'not published: .*watched ended at once: exit status 9'
same "$(echo x | lambda-call -L watched)" 'x one'
put watched '#!/bin/sh
while read -r n; do echo "$n three"; done'
logged watched 'publishing new code'
same "$(echo x | lambda-call -L watched)" 'x three'
same "$(lines_of watched 'the previous version stays')" 1

# A process each request: an old channel and a new one answer with the code that
# was published, until other code is. The file keeps its name in $0 as long as
# it has it.
version() { # N
	put tool "#!/bin/sh
echo $1 \$0"
	echo "$1" >"$tmp/version"
}
version 1.0
start tool lambda-listener -c 4 -V "@$tmp/version" tool "$tmp/tool"
tool=$pid
start plb lambda-plb -c 1 tool
until_true test -S "$LAMBDA_RUN/tool.plb" || fail "no PLB"
old() {
	lambda-call -s "$LAMBDA_RUN/tool.plb" tool </dev/null
}
new() {
	lambda-call -b "$LAMBDA_RUN/broker" "$@" tool </dev/null
}
same "$(old)" "1.0 $tmp/tool"
same "$(new)" "1.0 $tmp/tool"
said=0
for code in '#!/nonexistent/interp' 'echo no line' ''; do
	put tool "$code"
	[ -n "$code" ] || : >"$tmp/tool"
	kill -HUP "$tool"
	said=$((said + 1))
	until_true sh -c 'test "$(grep -c "previous version stays" "$0")" = "$1"' \
	    "$tmp/tool.log" "$said" || fail "not said: $code"
	for call in old new; do
		same "$($call | cut -c 1-12)" '1.0 /dev/fd/'
	done
done
logged tool "not published: .*tool is to be run by '/nonexistent/interp'"
logged tool 'not published: .*tool is text without a #! line'
logged tool 'not published: .*tool is empty'
same "$(lines_of tool 'publishing new code')" 0

# Exactly this version: 20 calls before, 20 after the other code is published,
# and none by what merely has the name.
version 2.0
n=0
while [ "$n" -lt 10 ]; do
	same "$(old | cut -c 1-4)" '1.0 '
	same "$(new -V 1.0 | cut -c 1-4)" '1.0 '
	n=$((n + 1))
done
renew tool "$tool"
while [ "$n" -lt 20 ]; do
	same "$(old)" "2.0 $tmp/tool"
	same "$(new -V 2.0)" "2.0 $tmp/tool"
	n=$((n + 1))
done
tells_late 99 'nothing on offer satisfies' \
    lambda-call -b "$LAMBDA_RUN/broker" -T @ -V 1.0 tool

# The log says whose each line is, and counts requests; a cast that goes wrong
# is there too.
put says '#!/bin/sh
echo "says $2" >&2
exit "$2"'
start says lambda-listener -c 1 -f end/1 -f cast/1:cast says "$tmp/says"
start plbsays lambda-plb -c 1 says
until_true test -S "$LAMBDA_RUN/says.plb" || fail "no PLB"
lambda-call says end 4 </dev/null
same $? 4
lambda-call says cast 0 </dev/null
same $? 0
lambda-call says cast 5 </dev/null
same $? 0
logged says '^lambda-channel: says 127.0.0.1:[0-9]*: request 1: says 4$'
logged says '^lambda-channel: says 127.0.0.1:[0-9]*: request 3: says 5$'
logged says 'says 127[^ ]*: request 3, a cast: exit status 5$'
same "$(lines_of says 'a cast: exit status')" 1

# What ends, and with what. A sleep is known by how long it takes.
sleeps() { # SECONDS: in $sleeps, those of this test that sleep so long
	sleeps=$(running "^sleep $1 ")
	[ -n "$sleeps" ]
}
ends() { # SECONDS WHAT: none of them sleeps so long
	until_true no_sleeps "$1" || fail "$2"
}
no_sleeps() {
	! sleeps "$1"
}
put stay '#!/bin/sh
# MODE SECONDS: in a slot. The sleep, and this process too, ignores SIGTERM
# (deaf), or only its child does (deafchild).
set -- "$1" '"$top/t/slot $tmp/stay.slots"' 2 sleep "$2"
mode=$1
shift
case $mode in
deaf) trap "" TERM ;;
deafchild) (trap "" TERM; exec "$@") & wait; exit ;;
esac
"$@"
exit 0'
put staying '#!/bin/sh
while read -r f n; do sleep "$n"; echo done; done'
helper slot
stays() { # a listener
	start stay lambda-listener -c 2 stay "$tmp/stay"
	stay=$pid
}
calls() { # MODE SECONDS [OPTION...]
	mode=$1 time=$2
	shift 2
	start calling lambda-call -b "$LAMBDA_RUN/broker" "$@" stay "$mode" \
	    "$time"
}
runs() { # MODE SECONDS: such a call, and it does
	calls "$@"
	until_true sleeps "$2" || fail "no sleep $2"
}

# A channel is killed: its workers end, they and all that they started, and its
# capacity is sold again.
stays
runs deaf 1000.1
runs deafchild 1000.2
channels=$(children "$stay" lambda-channel)
same "$(echo "$channels" | wc -l | tr -d ' ')" 2
# shellcheck disable=SC2086
kill -9 $channels
ends 1000.1 "a deaf worker outlives its channel"
ends 1000.2 "what a worker started outlives its channel"
same "$(lambda-call -b "$LAMBDA_RUN/broker" -T "$hang" -c 2 -L stay quick 0 \
    </dev/null)" ''
until_true sh -c 'lambda-ctl orders | grep "module stay" |
    grep -q "quantity 2"' || fail "its capacity does not come back"

# Its time is up: all that it started ends before anything else has its place.
# Two that ignore SIGTERM have both places, and three wait for them. A machine may
# be too slow to start them in their time: then they have more.
limit=2
until sleeps 1000.3 && [ "$(echo "$sleeps" | wc -w)" -eq 2 ]; do
	if [ "$limit" -eq 2 ] || [ -z "$(mine "$late" "$later")" ]; then
		limit=$((limit * 2))
		calls deaf 1000.3 -T "$limit"
		late=$pid
		calls deaf 1000.3 -T "$limit"
		later=$pid
	fi
done
waiting=
for n in 1 2 3; do
	calls quick 0 -T "$hang"
	waiting="$waiting $pid"
done
for pid in $late $later; do
	wait "$pid"
	same $? 99
done
for pid in $waiting; do
	wait "$pid"
	same $? 0
done
within "$tmp/stay.slots"
ends 1000.3 "it outlives its time"
# Or its caller is gone.
runs deafchild 1000.4
stop "$pid"
ends 1000.4 "it outlives its caller"
# Or it is in a pool. It has more time until it runs.
start pool lambda-listener -c 1 -w line pool "$tmp/staying"
limit=1
until sleeps 1000.5; do
	if [ "$limit" -eq 1 ] || [ -z "$(mine "$pid")" ]; then
		limit=$((limit * 2))
		start pooled lambda-call -b "$LAMBDA_RUN/broker" -T "$limit" \
		    pool f 1000.5
	fi
done
wait "$pid"
same $? 99
ends 1000.5 "what a pool's worker started outlives its time"

# The listener is killed: the same, and the one that ends first takes nobody's
# signal away.
runs deaf 1000.6
runs deafchild 1000.7
kill -9 "$stay"
ends 1000.6 "a deaf worker outlives the listener"
ends 1000.7 "what a worker started outlives the listener"

# It is told to end, and told again: what runs is ended, and then it ends.
stays
runs deaf 1000.8
kill "$stay"
until_true sh -c 'lambda-ctl orders | grep -q "kind sell module stay" && exit 1
    exit 0' || fail "it does not withdraw"
sleeps 1000.8 || fail "it did not wait for what runs"
kill "$stay"
wait "$stay"
same $? 0
logged stay 'requests have not finished in time: ending them'
ends 1000.8 "it outlives the listener that ended it"
echo passed
