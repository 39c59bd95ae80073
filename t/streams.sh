#!/bin/sh
# Bodies and output of any length: they come and go as they are read and written,
# through a private PLB, lambda-plb, a channel's address and a command, in little
# memory; and what happens when one end goes away in the middle.
. "$(dirname "$0")/lib.sh"

need ps tcpserver
# What a sanitizer keeps of what was freed is not looked at.
ASAN_OPTIONS=${ASAN_OPTIONS:-}:quarantine_size_mb=1
export ASAN_OPTIONS

cat >"$tmp/work" <<'EOF'
#!/bin/sh
what=$1
shift
case $what in
cat) exec cat ;;
cut) exec head -c "$1" ;;
zeros) exec head -c "$1" /dev/zero ;;
some) echo some; exec sleep 1000.5 ;;
fails) head -c "$1" /dev/zero; kill -9 $$ ;;
errors) echo first >&2; until [ -e "$TMPDIR/go2" ]; do sleep 0.1; done
    printf last >&2; exit 3 ;;
deaf) exec <&-; until [ -e "$TMPDIR/go" ]; do sleep 0.1; done; echo deaf ;;
piped) trap : TERM
    sh -c 'while :; do echo y; done' 2>/dev/null
    echo "$?" >"$TMPDIR/ended" ;;
term) trap 'echo TERM >"$TMPDIR/ended"; exit 1' TERM
    echo some
    while :; do sleep 0.1; done ;;
esac
EOF
chmod +x "$tmp/work"

tier
start listener lambda-listener -c 4 work "$tmp/work"
listener=$pid
start plb lambda-plb -c 4 work
logged plb 'serving on'

length() {
	wc -c | tr -d ' '
}

# Five ways, one result: bytes that tell where they are.
awk 'BEGIN { for (i = 0; i < 3000000; i++) printf "%07d\n", i }' >"$tmp/counted"
sum=$(cksum <"$tmp/counted")
same "$(lambda-call -b "$LAMBDA_RUN/broker" work cat <"$tmp/counted" | cksum)" "$sum"
same "$(lambda-call work cat <"$tmp/counted" | cksum)" "$sum"
same "$(lambda-call -x "|lambda-channel work $tmp/work" work cat <"$tmp/counted" |
    cksum)" "$sum"
start alone tcpserver -1 -HRl0 127.0.0.1 0 lambda-channel -k "$LAMBDA_RUN/key" \
    work "$tmp/work"
until_true test -s "$tmp/alone.log" || fail "no server"
same "$(lambda-call -x "127.0.0.1:$(head -n 1 "$tmp/alone.log")" work cat \
    <"$tmp/counted" | cksum)" "$sum"
same "$(lambda-call work zeros 20000001 </dev/null | length)" 20000001

# How it goes.
printf abc | lambda-call -P work cat >"$tmp/got" 2>"$tmp/err"
grep -q '^3 bytes in, 3 out, [0-9.]* MB/s$' "$tmp/err" || fail "$(cat "$tmp/err")"

# The program is fed as it reads, and its output comes as it writes: what goes
# in comes out before more goes in.
mkfifo "$tmp/in" "$tmp/out"
start echo sh -c 'exec lambda-call work cat <"$0" >"$1"' "$tmp/in" "$tmp/out"
exec 5>"$tmp/in" 6<"$tmp/out"
for word in one two three; do
	echo "$word" >&5
	read -r got <&6
	same "$got" "$word"
done
exec 5>&-
same "$(cat <&6)" ""
exec 6<&-

# A program that stops reading early is no error, and whoever writes for it is
# told, while it runs on.
same "$(yes | lambda-call work cut 10 | length)" 10
start deaf sh -c '{ yes 2>/dev/null; : >"$0/told"; } |
    lambda-call work deaf >"$0/said"; : >"$0/over"' "$tmp"
until_true test -e "$tmp/told" || fail "whoever writes for a deaf program is not told"
[ ! -e "$tmp/over" ] || fail "a deaf program has ended"
: >"$tmp/go"
until_true test -e "$tmp/over" || fail "a deaf program does not end"
same "$(cat "$tmp/said")" deaf

# Nobody reads the output: SIGPIPE here, SIGPIPE there, and the capacity back.
same "$(lambda-call work piped </dev/null | head -n 1)" y
until_true test -s "$tmp/ended" || fail "the program goes on without a reader"
same "$(cat "$tmp/ended")" 141

# The caller is killed: the program is told to end.
for signal in TERM KILL; do
	rm -f "$tmp/ended" "$tmp/begun"
	start killed sh -c 'exec lambda-call work term >"$0" </dev/null' "$tmp/begun"
	until_true test -s "$tmp/begun" || fail "nothing came of the program"
	kill -"$signal" "$pid"
	until_true test -s "$tmp/ended" || fail "the program outlives its caller"
	same "$(cat "$tmp/ended")" TERM
done

# A limit bounds the whole of it: what came is written.
some() { # SECONDS
	lambda-call -T "$1" work some </dev/null >"$tmp/got"
}
tells_late 99 'time was up, after 5 bytes of output' some @
same "$(cat "$tmp/got")" some

# A program that dies: so much had come, and it is not run again.
lambda-call -R 3 work fails 1000000 </dev/null 2>"$tmp/err" >"$tmp/got"
same $? 111
same "$(length <"$tmp/got")" 1000000
grep -q 'signal 9.*, after 1000000 bytes of output' "$tmp/err" || fail "$(cat "$tmp/err")"

# Standard error: with -e as it is written, else the last line of it and the host.
mkfifo "$tmp/errors"
start errors sh -c 'exec lambda-call -e work errors </dev/null 2>"$0/errors"' "$tmp"
read -r got <"$tmp/errors"
same "$got" first
: >"$tmp/go2"
host=$(hostname 2>/dev/null || uname -n)
lambda-call work errors </dev/null 2>"$tmp/err"
same $? 3
errors() { # of calls, but that they have waited
	grep -v ': no capacity yet: ' "$tmp/err"
}
same "$(errors)" "lambda-call: work: exit status 3 on $host: last"
printf 'a\nb\n' | lambda-call -e -L work errors 2>"$tmp/err"
same $? 111
same "$(errors | sort)" 'line 1: exit status 3
line 1: first
line 1: last
line 2: exit status 3
line 2: first
line 2: last'
printf 'a\n' | lambda-call -L work errors 2>"$tmp/err"
same "$(errors)" "line 1: exit status 3 on $host: last"
echo x | lambda-call -e -L -x "|lambda-channel -q -w line m cat" m >"$tmp/got" 2>"$tmp/err"
same "$(cat "$tmp/got")" x
grep -q '^line 1: the standard error of .* goes to the log of the listener$' "$tmp/err" ||
    fail "$(cat "$tmp/err")"
# It is in the log of a listener that says nothing else, too.
start quiet lambda-listener -q -c 1 quiet "$tmp/work"
until_true sh -c 'lambda-call -T 2 quiet errors </dev/null >"$0/got" 2>&1; [ $? = 3 ]' "$tmp"
logged quiet 'request [0-9]*: last$'

# What takes its body whole has a bound, and says what to do.
tells 111 'the body is over 16 MiB: .*publish the program with -w exec' \
    sh -c 'head -c 20000000 /dev/zero | lambda-call -x "|lambda-channel -w line m cat" m'

# Memory: a long stream takes no more of it than a short one, but for the window in
# force, which grows where the way is long, or a machine so busy that it seems to be.
# A window is 256 KiB, or that doubled some times, and more than half of it is open
# where all that was sent is consumed. What is queued within it takes three times as
# much: a queue that grows has its old memory, and twice as much of new.
window() { # in_room or out_room: KiB
	lambda-ctl -b "$LAMBDA_RUN/work.plb" all |
	    awk -v name="$1" '$1 == "stream" {
			for (i = 2; i < NF; i++)
				if ($i == name)
					room = $(i + 1)
		}
		END {
			for (window = 256; window * 1024 < room;)
				window *= 2
			print window
		}'
}
fits() { # NAME ROOM KIB: it has grown by so little since it took these KiB
	[ "$(memory "$1")" -le $(($3 + $(bound $((1280 + 3 * $(window "$2")))))) ]
}
mkfifo "$tmp/feed"
start long sh -c 'exec lambda-call work cat <"$0/feed" >"$0/copy"' "$tmp"
exec 5>"$tmp/feed"
head -c 10000000 /dev/zero >&5
until_true copied 10000000 || fail "10 MB do not come"
calls=$(memory lambda-call) channels=$(memory lambda-channel)
head -c 100000000 /dev/zero >&5
until_true copied 110000000 || fail "100 MB do not come"
until_true fits lambda-call out_room "$calls" ||
    fail "$calls KiB, and then $(memory lambda-call), of callers"
until_true fits lambda-channel in_room "$channels" ||
    fail "$channels KiB, and then $(memory lambda-channel), of channels"
exec 5>&-
rm -f "$tmp/copy"

# One of $STREAMS_LONG bytes (none): what comes is what was sent, and takes no more
# memory after all of it than after a part.
gigabytes() { # BYTES
	yes 'a line of 32 bytes, but no zeros' | head -c "$1"
}
has_passed() { # BYTES
	lambda-ctl -b "$LAMBDA_RUN/work.plb" all |
	    awk -v n="$1" "$of"'
		$1 == "stream" && of("out") + 0 >= n { found = 1 }
		END { exit !found }'
}
wait_for() { # BYTES
	until has_passed "$1"; do
		kill -0 "$longest" 2>/dev/null || fail "it ends before $1 bytes"
		sleep 1
	done
}
taken() {
	for program in lambda-call lambda-plb lambda-channel; do
		memory "$program"
	done | awk '{ n += $1 } END { print n }'
}
if [ "${STREAMS_LONG:-0}" -gt 0 ]; then
	mkfifo "$tmp/feed2"
	before=$(taken)
	start longest sh -c \
	    'lambda-call work cat <"$0/feed2" | cksum >"$0/sum"; : >"$0/summed"' "$tmp"
	longest=$pid
	exec 5>"$tmp/feed2"
	part=$((STREAMS_LONG / 100))
	{ gigabytes "$part" && gigabytes $((STREAMS_LONG - part)); } >&5 &
	pids="$pids $!"
	wait_for "$part"
	early=$(taken)
	wait_for "$STREAMS_LONG"
	late=$(taken)
	exec 5>&-
	until_true test -e "$tmp/summed" || fail "it does not end"
	echo "KiB before it $before, after $part bytes $early, after all of it $late"
	same "$(cat "$tmp/sum")" "$({ gigabytes "$part" &&
	    gigabytes $((STREAMS_LONG - part)); } | cksum)"
	[ "$late" -le $((early + $(bound 1024))) ] ||
	    fail "$early KiB, and then $late, of all that carry it"
fi

# The host is lost in the middle: what came is written, and the reason says how
# much.
rm -f "$tmp/begun"
start lost sh -c 'lambda-call work term >"$0/begun" 2>"$0/err" </dev/null
    echo $? >"$0/status"' "$tmp"
until_true test -s "$tmp/begun" || fail "nothing came of the program"
kill -9 "$listener"
until_true test -s "$tmp/status" || fail "a call outlives its host"
same "$(cat "$tmp/status")" 111
same "$(cat "$tmp/begun")" some
grep -q ', after 5 bytes of output' "$tmp/err" || fail "$(cat "$tmp/err")"
