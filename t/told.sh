#!/bin/sh
# Messages of the DIAGNOSTICS sections that nothing else brings about: each is
# provoked by some test, as t/manpages.sh looks up.
. "$(dirname "$0")/lib.sh"

# lambda-solo's parts: one that ends, one that says nothing, and a command that
# leaves more in the run directory than files.
mkdir "$tmp/ends" "$tmp/mute"
for part in ends mute; do
	cp "$top/lambda-solo" "$tmp/$part"
done
printf '#!/bin/sh\necho "no, thanks" >&2\nexit 3\n' >"$tmp/ends/lambda-authority"
printf '#!/bin/sh\nexec sleep 1000.7\n' >"$tmp/mute/lambda-authority"
chmod +x "$tmp"/*/lambda-authority
start mute "$tmp/mute/lambda-solo" true
mute=$pid
tells 111 'lambda-authority has ended: see above' "$tmp/ends/lambda-solo" true
same "$(head -n 1 "$tmp/told")" 'no, thanks'
tells 0 'unable to remove .*: Directory not empty' \
    lambda-solo sh -c 'mkdir "$LAMBDA_RUN/more"'

# Without an EPMD, a node's place is not known.
start node env ERL_EPMD_PORT=1 lambda-listener -c 1 -n node node cat
logged node 'no EPMD tells where node node is: Connection refused'

# Who does not speak the protocol, or says nothing.
helper stranger
start door lambda-listener -v -c 1 -l 127.0.0.1:0 door cat
logged door 'publishing door at'
at=$(sed -n 's/.*publishing door at \(.*\),.*/\1/p' "$tmp/door.log")
start silent "$top/t/stranger" silent 1 "$at"
silent=$pid
"$top/t/stranger" rude 1 "$at" || fail "the rude one is served"
logged door 'closing 127.0.0.1:[0-9]*: it does not begin with a handshake'
logged door 'closing 127.0.0.1:[0-9]*: no handshake in time'
stop "$silent"

tier
# Standard error of a worker, and what is no frame.
start says lambda-listener -c 1 -w line says sh -c '
	while read -r line; do echo "has $line" >&2; echo "$line"; done'
same "$(lambda-call -L says <<'END'
one
END
)" one
logged says 'says 127[^ ]*: worker 1 (request 1): has one$'
start garbles lambda-listener -c 1 -w netstring garbles sh -c '
	head -c 3 >/dev/null; echo garbage; cat'
echo | lambda-call -L garbles >"$tmp/out" 2>&1 && fail "garbage is an answer"
logged garbles 'worker 1: the worker ended: a malformed reply$'

# A listener that is stopped: its sell stands, and it does not answer.
start still lambda-listener -c 1 still cat
still=$pid
sold() {
	lambda-ctl -A "$(sed -n 's/.*exchange for still at //p' \
	    "$tmp/authority.log")" orders | grep '^sell .* quantity 1 '
}
until_true sold || fail "nothing is on sale"
kill -STOP "$still"
start waits lambda-call still
waits=$pid
logged waits 'the seller at 127.0.0.1:[0-9]* has not answered yet'
kill -CONT "$still"
wait "$waits" || fail "the call of what was stopped: $?"

# A listener is killed: its channel ends what runs.
start killed lambda-listener -c 1 killed sleep
listener=$pid
start runs lambda-call killed 1000.8
runs=$pid
sleeps() {
	[ -n "$(running '^sleep 1000.8 ')" ]
}
until_true sleeps || fail "the call does not run"
stop "$listener" KILL
logged killed 'the listener is gone: ending'
wait "$runs"
same $? 111
logged runs 'killed: the channel at 127.0.0.1:[0-9]* was lost'

# lambda-ctl: whoever it asks goes, or names more than it asks.
helper puppet
puppet() { # NAME: a broker, which says what it is told
	mkfifo "$tmp/$1.says"
	start "$1" sh -c 'exec "$0/t/puppet" broker listen "$1" <>"$1.says" \
	    >"$1.heard"' "$top" "$tmp/$1"
	puppet=$pid
	until_true test -S "$tmp/$1" || fail "no puppet"
}
puppet goes
start asks lambda-ctl -A "$tmp/goes" peers
asks=$pid
until_true grep inspect "$tmp/goes.heard" || fail "the puppet was not asked"
stop "$puppet" KILL
wait "$asks"
same $? 111
logged asks "$tmp/goes has gone without an answer"
puppet names
start walks lambda-ctl -w 60 -A "$tmp/names" hosts
walks=$pid
until_true grep inspect "$tmp/names.heard" || fail "the puppet was not asked"
awk 'BEGIN {
	for (i = 0; i < 4100; i += 10) {
		printf "1 report more %d rows [", i < 4090
		for (k = i; k < i + 10; k++)
			printf " \"authority 127.1.%d.%d:1 self 0\"", k / 250, k % 250
		print " ]"
	}
}' >"$tmp/names.says"
wait "$walks"
same $? 111
logged walks 'processes not asked: 5; 4096 at most are'

# Proxies: no file can be locked; the directory is gone when they are to be made;
# and what is not theirs is in the way when they are removed.
tells 111 '-D /proc/proxies: unable to lock a file beside it: ' \
    lambda-plb -s "$tmp/none.plb" -D /proc/proxies calc
mkdir "$tmp/gone"
start gone lambda-plb -c 1 -D "$tmp/gone/proxies" gone
until_true sh -c 'test -n "$(ls -A "$0")"' "$tmp/gone" || fail "nothing is locked"
rm -r "$tmp/gone"
start exports lambda-listener -c 1 -f f/0 gone cat
logged gone "unable to make the proxies $tmp/gone/proxies: No such file"
start plb lambda-plb -c 1 -s "$tmp/plb" -D "$tmp/proxies" gone
plb=$pid
until_true test -x "$tmp/proxies/f" || fail "no proxies"
mkdir "$tmp/proxies/more"
stop "$plb"
same "$ended" 0
logged plb 'unable to remove the proxies proxies.*: Directory not empty'

# What starts exchanges is there at the start, and then no longer.
mkdir -m 700 "$tmp/lone" "$tmp/lone.run"
cp "$top/lambda-authority" "$top/lambda-exchange" "$tmp/lone"
start lone env PATH=/usr/bin:/bin "$tmp/lone/lambda-authority" -l 127.0.0.1:0
at=$(address lone)
rm "$tmp/lone/lambda-exchange"
start lonebroker sh -c 'echo "$1" | LAMBDA_RUN=$0/lone.run LAMBDA_KEY=$0/run/key \
    exec lambda-broker -l 127.0.0.1:0' "$tmp" "$at"
start lonecall env LAMBDA_RUN="$tmp/lone.run" LAMBDA_KEY="$LAMBDA_RUN/key" \
    lambda-call lone
logged lone 'unable to start an exchange for lone: No such file or directory'
logged lonecall 'no capacity yet: no exchange for lone yet: '

wait "$mute"
same $? 111
logged mute 'lambda-authority is not ready after 10 s'
echo passed
