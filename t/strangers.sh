#!/bin/sh
# Strangers, who do not have the key and can connect all the same: they neither
# mislead nor hold up nor lock out who has it, and do not fill the log. And one
# who has it, and reads no more: what he holds comes back.
. "$(dirname "$0")/lib.sh"

helper stranger
stranger=$top/t/stranger

# Who sends back what we say is no peer: where an authority listens later, it is
# found, though the address was named but once.
start echo "$stranger" echo 127.0.0.1:0
echo=$pid
where=$(address echo)
echo "$where" >"$tmp/authorities"
start early sh -c 'exec lambda-broker -l 127.0.0.1:0 <"$0"' "$tmp/authorities"
early=$pid
unlike='its answer is not made with our key'
logged early "unable to link to $where: $unlike"
wait "$echo" || fail "the echo: $?"
start late lambda-authority -l "$where"
late=$pid
logged early "linked to authority $where"
same "$(grep -c "$unlike" "$tmp/early.log")" 1
stop "$early"

# An authority that is given its own address says so once, and has no link.
stop "$late"
start self sh -c 'exec lambda-authority -l "$0" <"$1"' "$where" \
    "$tmp/authorities"
logged self "no link to $where: it is this process itself"
same "$(lambda-ctl -A "$where" authorities | grep -c '^authority')" 1
same "$(grep -c 'this process itself' "$tmp/self.log")" 1
stop "$pid"

# With few descriptors, strangers take a quarter of them, and the Unix socket
# serves on.
rm -f "$LAMBDA_RUN/broker"
tier
stop "$broker"
start few sh -c 'ulimit -n 64; exec lambda-broker -l 127.0.0.1:0 <"$0"' \
    "$tmp/authorities"
broker=$pid
at=$(address few)
logged few 'linked to authority'
start silent "$stranger" silent 100 "$at"
silent=$pid
logged silent '100 connections'
for try in 1 2 3 4 5; do
	same "$(lambda-ctl authorities | wc -l | tr -d ' ')" 1
done
kill -0 "$silent" || fail "the silent ones have gone"
same "$(grep -c 'unable to accept' "$tmp/few.log")" 0
stop "$silent"

# Who begins the handshake and goes no further does not hold the door: a caller
# from the same host gets in past a dozen of them, again and again.
cat >"$tmp/big" <<EOF2
#!/bin/sh
# As soon as it may go: more than fits on the way.
until [ -e "$tmp/go" ]; do sleep 0.1; done
head -c 8000000 /dev/zero
EOF2
chmod +x "$tmp/big"
start listener lambda-listener -l 127.0.0.1:0 -c 4 big "$tmp/big"
logged listener 'publishing big at'
at=$(sed -n 's/.*publishing big at \(.*\),.*/\1/p' "$tmp/listener.log")
start hello "$stranger" hello 12 "$at"
hello=$pid
logged hello '12 connections'
: >"$tmp/go"
for try in 1 2 3 4 5; do
	same "$(lambda-call -T "$hang" -x "$at" big | wc -c | tr -d ' ')" \
	    8000000
done
kill -0 "$hello" || fail "those who begin have gone"
stop "$hello"

# A thousand connections a second that say what no key has made, of one address and
# of many; or a message 1 that was recorded, here or at another process. No channel
# is started for any of them, and calls go on.
helper relay
start quiet lambda-listener -v -l 127.0.0.1:0 -c 4 echo cat
quiet=$pid
logged quiet 'publishing echo at'
quiet_at=$(sed -n 's/.*publishing echo at \(.*\),.*/\1/p' "$tmp/quiet.log")
called=0
call() { # ADDRESS
	same "$(echo hi | lambda-call -T "$hang" -x "$1" echo)" hi
	called=$((called + 1))
}
record() { # NAME ADDRESS: it stands there in between, at $between
	start "$1" "$top/t/relay" pass 127.0.0.1:0 "$2" "$tmp/$1"
	between=$(address "$1")
}
first() { # NAME: message 1 of the first connection, with its length
	head -c "$(od -An -tu1 -N2 "$tmp/$1.0.0" |
	    awk '{ print 2 + 256 * $1 + $2 }')" "$tmp/$1.0.0" >"$tmp/$1.first"
}
record here "$quiet_at"
call "$between"
first here
record there "$where"
same "$(lambda-ctl -A "$between" authorities | grep -c '^authority')" 1
first there
channels() {
	grep -c '^lambda-listener: channel for ' "$tmp/quiet.log"
}
for how in one many "one $tmp/here.first" "many $tmp/there.first"; do
	# shellcheck disable=SC2086
	start flood "$stranger" flood 1000 "$quiet_at" 1 $how
	flood=$pid
	for try in 1 2 3; do
		call "$quiet_at"
	done
	wait "$flood" || fail "flood: $how: $?"
	same "$(channels)" "$called"
done
grep -q 'its handshake is a repeated one' "$tmp/quiet.log" ||
    fail "what was recorded is not known again"
stop "$quiet"

# The log has one line a minute of strangers from one host, at the hub and at the
# door: of 200, one for each minute that has begun.
lines() { # name
	grep -c 'clos[a-z]* .*127.0.0.1:\|channel of' "$tmp/$1.log"
}
rude() { # NAME ADDRESS
	before=$(lines "$1")
	begun=$(date +%s)
	"$stranger" rude 200 "$2" || fail "$1 holds rude ones"
	[ "$(($(lines "$1") - before))" -le \
	    $((1 + ($(date +%s) - begun + 60) / 60)) ] ||
	    fail "$1 says it all"
}
rude few "$(address few)"
rude listener "$at"

# One that closes during the handshake, as it is restarted or has too many at its
# door, does not say that the key is wrong: it is tried again.
start leave "$stranger" leave 127.0.0.1:0
tells 111 'unable to reach .*: closed before its hello: is it running?' \
    lambda-call -T "$hang" -x "$(address leave)" big
same "$(wc -l <"$tmp/told")" 1

# A PLB that has all tokens and replies on their way stops reading: it is given
# up, and what it had comes back.
rm "$tmp/go"
start plb lambda-plb -c 4 -x "$at" big
plb=$pid
logged plb 'serving on'
for try in 1 2 3 4; do
	start "call$try" lambda-call -s "$LAMBDA_RUN/big.plb" big
done
all_taken() {
	! lambda-call -T 1 -x "$at" big 2>"$tmp/said" >&2 &&
	    grep -q '4 of 4 in use' "$tmp/said"
}
until_true all_taken || fail "not all is taken: $(cat "$tmp/said")"
kill -STOP "$plb"
: >"$tmp/go"
begun=$(date +%s)
lambda-call -T "$hang" -x "$at" big >"$tmp/took" 2>"$tmp/said" ||
    fail "what a PLB holds that does not read is held for ever"
echo "the PLB that does not read was given up after $(($(date +%s) - begun)) s"
same "$(wc -c <"$tmp/took" | tr -d ' ')" 8000000
kill -KILL "$plb"
echo passed
