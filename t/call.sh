#!/bin/sh
# One call with the exec protocol: arguments, body, reply, exit status and
# standard error arrive as they were.
. "$(dirname "$0")/lib.sh"

need ps

none_sleeps() { # SECONDS: no process of this test does, as long as that
	[ -z "$(running "^sleep $1 ")" ]
}

tier
start listener lambda-listener -c 4 calc "$top/t/calc.sh"
listener=$pid

same "$(lambda-call calc pi 5 </dev/null)" 3.14159
same "$(lambda-call calc add 2 40 </dev/null)" 42

# Arguments: spaces, an empty one, a newline, 8-bit, a leading dash, quotes.
got=$(printf body | lambda-call calc echo 'a  b' '' 'x
y' "$(printf '\303\251\377')" -n '"q"' "it's")
want=$(printf '[a  b][][x\ny][\303\251\377][-n]["q"][it'"'"'s]body')
same "$got" "$want"

# A body of every byte, and a large one; empty ones.
LC_ALL=C awk 'BEGIN { for (i = 0; i < 256; i++) printf "%c", i }' \
    >"$tmp/bytes"
printf '\0\377\n\r\n' >>"$tmp/bytes"
lambda-call calc echo <"$tmp/bytes" >"$tmp/back"
cmp "$tmp/bytes" "$tmp/back" || fail "the body changed"
dd if=/dev/urandom of="$tmp/large" bs=65536 count=160 2>/dev/null
lambda-call calc echo <"$tmp/large" >"$tmp/back"
cmp "$tmp/large" "$tmp/back" || fail "a body of 10 MiB changed"
same "$(lambda-call calc echo </dev/null | wc -c | tr -d ' ')" 0

# A record has a bound, to the byte; a call by itself has none (t/streams.sh).
head -c 16646144 /dev/zero | tr '\0' a >"$tmp/large"
same "$(lambda-call -L calc echo <"$tmp/large" | wc -c | tr -d ' ')" 16646145
echo aa >>"$tmp/large"
same "$(lambda-call calc echo <"$tmp/large" | wc -c | tr -d ' ')" 16646147
tells 111 'line 1: the record is over 16646144 bytes: a call by itself' \
    sh -c 'lambda-call -L calc echo <"$0"' "$tmp/large"
rm "$tmp/large"

# Exit statuses, and standard error in the log with the request's number.
for status in 0 1 7 100 255; do
	lambda-call calc status "$status" </dev/null
	same $? "$status"
done
logged listener 'channel: calc 127.0.0.1:[0-9]*: request 1: exiting with 7'

# A signal, a reply that is too large for a record, and a program that has gone.
cat >"$tmp/odd" <<'EOF'
#!/bin/sh
case $1 in
signal) kill -9 $$ ;;
large) exec dd if=/dev/zero bs=1048576 count=17 2>/dev/null ;;
deaf) exec <&-; echo deaf ;;
quick) echo quick ;;
sleep) touch "$TMPDIR/slept"; exec sleep "$2" ;;
esac
EOF
chmod +x "$tmp/odd"
start odd lambda-listener -c 4 odd "$tmp/odd"
lambda-call odd signal </dev/null 2>"$tmp/err"
same $? 111
grep -q 'signal 9' "$tmp/err" || fail "a signal is not told: $(cat "$tmp/err")"
same "$(lambda-call odd large </dev/null | wc -c | tr -d ' ')" 17825792
tells 111 'line 1: a reply over 16 MiB: a call by itself, without -L' \
    sh -c 'echo x | lambda-call -L odd large'
# One that does not read its body.
same "$(head -c 1000000 /dev/zero | lambda-call odd deaf)" deaf
same "$(head -c 1000000 /dev/zero | lambda-call odd quick)" quick
# Time: 99, and the program does not stay. Where the machine is too slow to start
# it in that time, there is more.
limit=1
until [ -e "$tmp/slept" ]; do
	lambda-call -T "$limit" odd sleep 1000.25 </dev/null 2>"$tmp/err"
	same $? 99
	limit=$((limit * 2))
done
until_true none_sleeps 1000.25 || fail "the program outlived its time"
rm "$tmp/odd" # what was published is still there to be run
same "$(lambda-call odd quick </dev/null)" quick
lambda-call -x "|lambda-channel odd '$tmp/odd'" odd quick </dev/null \
    2>"$tmp/err"
same $? 111
grep -q 'unable to run' "$tmp/err" || fail "gone: $(cat "$tmp/err")"

# The filter's framings, on an exec module: lines, NULs, netstrings, packets.
printf '1\n2\n3\n' | lambda-call -L calc echo x >"$tmp/out" 2>"$tmp/err"
same "$(cat "$tmp/out")" "[x]1
[x]2
[x]3"
printf '1\0a b\0' | lambda-call -0 calc echo | tr '\0' '|' >"$tmp/out"
same "$(cat "$tmp/out")" '1|a b|'
same "$(printf '3:a\nb,0:,' | lambda-call -N calc echo)" '3:a
b,0:,'
same "$(printf '\0\0\0\2hi' | lambda-call -4 calc echo |
    od -An -c | tr -s ' ')" ' \0 \0 \0 002 h i'

# The last record need not be ended, be it the only one or not.
same "$(printf 'abc' | lambda-call -L calc echo)" abc
same "$(printf 'a\n\nx' | lambda-call -L calc echo x)" '[x]a
[x]
[x]x'
same "$(printf 'a\0b' | lambda-call -0 calc echo | tr '\0' '|')" 'a|b|'
same "$(printf '' | lambda-call -L calc echo)" ''
printf '1:a,1:b' | lambda-call -N calc echo >"$tmp/out" 2>"$tmp/err"
same $? 100
same "$(cat "$tmp/out")" 1:a,
grep -q 'line 2: the record is cut short; the input is read no' "$tmp/err" || fail "not cut short"
# A closed standard output is no success (it never is closed under valgrind), and
# a command that is no channel is told, and ended.
[ -n "${CHECK_UNDER:-}" ] || tells 111 'unable to write standard output: ' \
    sh -c 'exec lambda-call calc pi 1 >&- </dev/null'
tells 111 'not the protocol: `Welcome .x07!.: it has to run lambda-channel' \
    lambda-call -x '|printf "Welcome \007!\n"; exec sleep 1000.75' calc pi 1
tells 99 'no capacity in 0.5 s: the command .* has said nothing for' \
    lambda-call -T 0.5 -x '|exec sleep 1000.75' calc pi 1
until_true none_sleeps 1000.75 || fail "the command stays"
# A worker that we end is told what it did, and not by what it was ended.
tells 111 'line 1: the worker ended: it closed its standard output$' \
    sh -c 'echo x | lambda-call -L -x "|lambda-channel -q -w line m sh -c \
    \"read -r n; exec >&-; exec sleep 1000.75\"" m'
tells 111 'line 1: the worker ended: a reply over 16 MiB$' \
    sh -c 'printf 1:x, | lambda-call -N -x "|lambda-channel -q -w netstring m \
    sh -c \"echo 99999999:; exec sleep 1000.75\"" m'
# Through a PLB, too, input that there is no capacity for stays where it is.
start none lambda-plb -c 4 -s "$tmp/none.plb" nobody
logged none 'serving on'
printf 'one\ntwo\nthree\n' >"$tmp/in"
mkfifo "$tmp/fifo"
start waits sh -c 'trap "" HUP # as nohup(1) does
	exec lambda-call -L -s "$0/none.plb" nobody <"$0/fifo"' "$tmp"
waits=$pid
exec 4<>"$tmp/fifo"
cat "$tmp/in" >&4
logged waits 'no capacity yet: nobody publishes it'
kill -HUP "$waits"
stop "$waits"
same "$ended" 143
same "$(head -n 3 <&4)" "$(cat "$tmp/in")"
exec 4>&-
same "$(grep -c '^line' "$tmp/waits.log")" 0
# With -T each that is there in vain for so long has its line, and the rest go on.
lambda-call -L -T 0.2 -s "$tmp/none.plb" nobody <"$tmp/in" 2>"$tmp/err" >&2
same $? 111
same "$(grep -c 'line [123]: no capacity in 0.2 s: ' "$tmp/err")" 3

# With its number and status in front, each record has an answer.
both() { # outputs, but that it has waited
	cat "$tmp/out" "$tmp/err" | grep -av ': no capacity yet: '
}
printf 'a\nb' | lambda-call -LS calc echo >"$tmp/out" 2>"$tmp/err"
same "$? $(both)" '0 1 0 a
2 0 b'
printf '3:abc,0:,' | lambda-call -NS calc status 7 >"$tmp/out" 2>"$tmp/err"
same "$? $(both)" '111 4:1 7 ,4:2 7 ,'
same "$(printf 'a\0b' | lambda-call -0S -c 1 odd signal | tr '\0' '|' | sed 's/ on [^|]*//g')" \
    '1 - killed by signal 9 (Killed)|2 - killed by signal 9 (Killed)|'
tells 100 '-F, -j, -S and -u are a filter.s: give -L' lambda-call -S calc

# A line that fails costs itself alone, and the exit status is 111.
printf '1\n0\n2\n' | lambda-call -L calc status >"$tmp/out" 2>"$tmp/err"
same $? 111
same "$(grep -c 'line [0-9]*:' "$tmp/err")" 3

# The listener ends well.
stop "$listener"
same "$ended" 0
echo passed
