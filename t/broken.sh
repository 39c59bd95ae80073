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
lines_of() { # NAME PATTERN: how many lines of its log match
	grep -c -e "$2" "$tmp/$1.log"
}

# At start: there is nothing that could stay.
tells 100 'LAMBDA_CONTROL=abc: it is lambda-listener.s to set' \
    env LAMBDA_CONTROL=abc sh -c 'cat | lambda-channel m p | cat; exit 100'
tells 111 'fatal: false ended at once: exit status 1' \
    lambda-listener -w line m false
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
# Nor is there when it is asked to publish anew what has just begun.
put start '#!/bin/sh
sleep 0.3; exit 3'
start early lambda-listener -w line early "$tmp/start"
logged early publishing
kill -HUP "$pid"
until_true 10 sh -c '! kill -0 "$0"' "$pid" || fail "a broken start goes on"
stop "$pid"
same "$ended" 111
grep -q "fatal: $tmp/start ended at once: exit status 3" "$tmp/early.log" ||
    fail "a broken start is not told"
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
until_true 10 answers 1 || fail "the filter does not run"
fed=1 said=0
broken() { # WHAT IS SAID
	kill -HUP "$line"
	said=$((said + 1))
	logged line "what was published stays: .*$1"
	same "$(lines_of line 'what was published stays')" "$said"
	seq $((fed * 4000)) $((fed * 4000 + 3999)) >&3
	fed=$((fed + 1))
	same "$(echo new | lambda-call -c 1 -L line)" 'new one'
	until_true 20 answers $(((fed - 1) * 4000 + 1)) ||
	    fail "the filter stands: $1"
}
put line '#!/bin/sh
exit 3'
broken 'line ended at once: exit status 3$'
put line '#!/bin/sh
echo "no such table" >&2; kill -9 $$'
broken 'line ended at once: killed by signal 9 (Killed): no such table$'
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
		until_true 10 sh -c '! kill -0 "$0"' "$channel" ||
		    fail "a channel of old code stays: $1"
	done
}
renew line "$line"
echo last >&3
exec 3>&-
logged filter status 30
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
logged watched 'stays: .*watched ended at once: exit status 9'
same "$(echo x | lambda-call -L watched)" 'x one'
put watched '#!/bin/sh
while read -r n; do echo "$n three"; done'
logged watched 'publishing new code'
same "$(echo x | lambda-call -L watched)" 'x three'
same "$(lines_of watched 'stays:')" 1

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
until_true 10 test -S "$LAMBDA_RUN/tool.plb" || fail "no PLB"
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
	until_true 10 sh -c 'test "$(grep -c "published stays" "$0")" = "$1"' \
	    "$tmp/tool.log" "$said" || fail "not said: $code"
	for call in old new; do
		same "$($call | cut -c 1-12)" '1.0 /dev/fd/'
	done
done
logged tool "stays: .*tool is to be run by '/nonexistent/interp'"
logged tool 'stays: .*tool is text without a #! line'
logged tool 'stays: .*tool is empty'
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
tells 99 'nothing on offer satisfies' \
    lambda-call -b "$LAMBDA_RUN/broker" -T 3.5 -V 1.0 tool

# The log says whose each line is, and counts requests; a cast that goes wrong
# is there too.
put says '#!/bin/sh
echo "says $2" >&2
exit "$2"'
start says lambda-listener -c 1 -f end/1 -f cast/1:cast says "$tmp/says"
start plbsays lambda-plb -c 1 says
until_true 10 test -S "$LAMBDA_RUN/says.plb" || fail "no PLB"
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

# What ends, and with what. A sleep is known by how long it is to be.
gone() { # SECONDS N: no such sleep is there
	until_true "$1" sh -c '! ps -A -o stat= -o args= |
	    grep -v "^Z" | grep -q "[s]leep $0$"' "$2"
}
here() { # N
	until_true 10 sh -c 'ps -A -o args= | grep -q "^sleep $0$"' "$1" ||
	    fail "no sleep $1"
}
put stay '#!/bin/sh
# TERM N: a child that ignores SIGTERM or not, and so does this process
case $1 in
deaf) trap "" TERM ;;
deafchild) (trap "" TERM; exec sleep "$2") & wait; exit ;;
esac
sleep "$2"
exit 0'
put staying '#!/bin/sh
while read -r f n; do sleep "$n"; echo done; done'
channels_of() { # LISTENER: their pids
	ps -A -o pid= -o ppid= -o args= |
	    awk -v p="$1" '$2 == p && /lambda-channel/ { print $1 }'
}
id=$$
stays() { # [OPTION ...]: a listener
	start stay lambda-listener -c 2 stay "$tmp/stay"
	stay=$pid
}
calls() { # MODE N
	start calling lambda-call -b "$LAMBDA_RUN/broker" stay "$1" "$2"
	here "$2"
}

# A channel is killed: its workers end, they and all that they started, and its
# capacity is sold again.
stays
calls deaf "1000.1$id"
calls deafchild "1000.2$id"
channels=$(channels_of "$stay")
same "$(echo "$channels" | wc -l | tr -d ' ')" 2
# shellcheck disable=SC2086
kill -9 $channels
gone 6 "1000.1$id" || fail "a deaf worker outlives its channel"
gone 6 "1000.2$id" || fail "what a worker started outlives its channel"
same "$(lambda-call -b "$LAMBDA_RUN/broker" -T 10 -c 2 -L stay quick 0 \
    </dev/null)" ''
until_true 10 sh -c 'lambda-ctl orders | grep "module stay" |
    grep -q "quantity 2"' || fail "its capacity does not come back"

# Its time is up, or its caller gone: all that it started ends before anything
# else has its place. Five of them, never more than two.
n=0 callers=
while [ "$n" -lt 5 ]; do
	n=$((n + 1))
	start "late$n" lambda-call -b "$LAMBDA_RUN/broker" -T "$(bound 4)" stay x \
	    "1000.3$id"
	callers="$callers $pid"
done
most=0
while kill -0 "$pid" 2>/dev/null; do
	now=$(ps -A -o stat= -o args= | awk -v n="1000.3$id" \
	    '$1 !~ /^Z/ && $2 == "sleep" && $3 == n' | wc -l)
	[ "$now" -le "$most" ] || most=$now
	sleep 0.02
done
for pid in $callers; do
	wait "$pid"
done
[ "$most" -ge 1 ] && [ "$most" -le 2 ] || fail "$most at once, capacity 2"
gone 3 "1000.3$id" || fail "it outlives its time"
calls deafchild "1000.4$id"
stop "$pid"
gone 10 "1000.4$id" || fail "it outlives its caller"
start pool lambda-listener -c 1 -w line pool "$tmp/staying"
lambda-call -b "$LAMBDA_RUN/broker" -T 1 pool f "1000.5$id" </dev/null
same $? 99
gone 3 "1000.5$id" || fail "what a pool's worker started outlives its time"

# The listener is killed: the same, and who ends first takes nobody's signal
# away.
calls deaf "1000.6$id"
calls deafchild "1000.7$id"
kill -9 "$stay"
gone 6 "1000.6$id" || fail "a deaf worker outlives the listener"
gone 6 "1000.7$id" || fail "what a worker started outlives the listener"

# It is told to end, and told again: what runs is ended, and then it ends.
stays
calls deaf "1000.8$id"
kill "$stay"
until_true 5 sh -c 'lambda-ctl orders | grep -q "kind sell module stay" && exit 1
    exit 0' || fail "it does not withdraw"
kill -0 "$stay" || fail "it did not wait for what runs"
kill "$stay"
wait "$stay"
same $? 0
logged stay 'channels have not ended in time: ending them'
gone 3 "1000.8$id" || fail "it outlives the listener that ended it"
echo passed
