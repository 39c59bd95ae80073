#!/bin/sh
# lambda-call -x over a real ssh, to a real sshd on loopback that takes its time,
# refuses, greets, lacks the program, and is killed in the middle.
. "$(dirname "$0")/lib.sh"

need sshd ssh tcpserver bc ps

sshd=$(PATH=$PATH:/usr/sbin:/sbin command -v sshd)
[ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd || skip "sshd has no /run/sshd"
for key in host user other; do
	ssh-keygen -q -t ed25519 -N '' -f "$tmp/$key"
done
cp "$tmp/user.pub" "$tmp/authorized"
cat >"$tmp/config" <<EOF
HostKey $tmp/host
AuthorizedKeysFile $tmp/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
LogLevel QUIET
PidFile none
ForceCommand $tmp/shell
EOF
# What a user's shell would do: it may greet, and it notes the session's sshd,
# which some shells are in between.
cat >"$tmp/shell" <<EOF
#!/bin/sh
PATH=$PATH TMPDIR=$tmp LAMBDA_RUN=$LAMBDA_RUN
export PATH TMPDIR LAMBDA_RUN
[ ! -e $tmp/greeting ] || cat $tmp/greeting
pid=\$PPID
until ps -o comm= -p "\$pid" | grep -q sshd; do
	pid=\$(ps -o ppid= -p "\$pid" | tr -d ' ') && [ -n "\$pid" ] || exit 1
done
echo "\$pid" >>$tmp/sessions
exec sh -c "\$SSH_ORIGINAL_COMMAND"
EOF
# It lets nobody in before the door is open.
cat >"$tmp/door" <<EOF
#!/bin/sh
until [ -e $tmp/open ]; do sleep 0.05; done
exec $sshd -i -f $tmp/config
EOF
chmod +x "$tmp/shell" "$tmp/door"
start server tcpserver -1 -HRl0 127.0.0.1 0 "$tmp/door"
until_true test -s "$tmp/server.log" || fail "no server"
port=$(head -n 1 "$tmp/server.log")

# over KEY PORT: ssh to it, as the words of a command
over() {
	echo "ssh -F none -i $tmp/$1 -p $2 -o BatchMode=yes" \
	    "-o IdentitiesOnly=yes -o StrictHostKeyChecking=no" \
	    "-o LogLevel=ERROR -o UserKnownHostsFile=$tmp/known 127.0.0.1"
}
ssh=$(over user "$port")
channel='lambda-channel -c 2 -w line calc bc -q'

# The door stays closed for a while: it is waited for, and that is said.
start slow sh -c 'echo "6*7" | lambda-call -L -x "|$0" calc; echo "status $?"' \
    "$ssh $channel"
logged slow 'calc: no capacity yet: the command .* has said nothing for [0-9]* s yet'
: >"$tmp/open"
logged slow '^status'
same "$(grep -v 'has said nothing for' "$tmp/slow.log")" '42
status 0'
# Or for as long as -T says.
rm "$tmp/open"
tells 99 'no capacity in 0.5 s: the command .* has said nothing for' \
    lambda-call -T 0.5 -x "|$ssh $channel" calc
: >"$tmp/open"

# It is refused: what ssh says of it stands above.
tells 111 'calc: the command .* ended with status 255$' \
    lambda-call -x "|$(over other "$port") $channel" calc
grep -q 'Permission denied' "$tmp/told" ||
    fail "the words of ssh are not there"

# Nobody is there at all.
tells 111 'the command .* ended with status 255$' \
    lambda-call -x "|$(over user 1) $channel" calc
grep -q 'Connection refused' "$tmp/told" ||
    fail "the words of ssh are lost"

# A greeting on standard output is no protocol.
echo 'Welcome to the jungle' >"$tmp/greeting"
tells 111 'wrote something that is not the protocol: .Welcome to the jungle.: it' \
    lambda-call -x "|$ssh $channel" calc
rm "$tmp/greeting"

# The program is not there.
tells 111 'the command .* ended with status 127$' \
    lambda-call -x "|$ssh nosuch-channel calc bc" calc
# With a directory in PATH that may not be searched some shells say so instead.
grep -q 'nosuch-channel.*\(not found\|denied\)' "$tmp/told" ||
    fail "the words of the shell are lost"

# The session is killed in the middle: it is begun again, and what it had is run
# again where that was asked for.
cat >"$tmp/slowly" <<'EOF'
#!/bin/sh
while read -r n; do
	echo "$n" >>"$TMPDIR/began"
	until [ -e "$TMPDIR/go.$n" ]; do sleep 0.05; done
	echo "did $n"
done
EOF
chmod +x "$tmp/slowly"
began() { # N TIMES
	[ "$(grep -cx "$1" "$tmp/began" 2>/dev/null)" = "$2" ]
}
for retries in 0 2; do
	rm -f "$tmp/began" "$tmp"/go.*
	start "cut$retries" sh -c 'seq 1 3 | lambda-call -L -R "$0" \
	    -x "|$1 lambda-channel -c 1 -w line slow $2/slowly" slow
		echo "status $?"' "$retries" "$ssh" "$tmp"
	: >"$tmp/go.1"
	until_true began 2 1 || fail "the second line does not run"
	kill -9 "$(tail -n 1 "$tmp/sessions")"
	[ "$retries" -eq 0 ] || until_true began 2 2 ||
	    fail "it is not run again"
	: >"$tmp/go.2"
	: >"$tmp/go.3"
	logged "cut$retries" '^status'
done
same "$(grep '^did\|^line\|^status' "$tmp/cut0.log")" 'did 1
line 2: the channel was lost
did 3
status 111'
same "$(grep '^did\|^line\|^status' "$tmp/cut2.log")" 'did 1
did 2
did 3
status 0'

# A cluster that needs only ssh: two sessions share the work.
rm -f "$tmp/began" "$tmp"/go.*
start both sh -c 'seq 1 4 | lambda-call -L -x "|$0" -x "|$0" slow
	echo "status $?"' "$ssh lambda-channel -c 1 -w line slow $tmp/slowly"
until_true began 1 1 || fail "the first line does not run"
until_true began 2 1 || fail "the second session has no work"
for n in 4 3 2 1; do
	: >"$tmp/go.$n"
done
logged both '^status'
same "$(grep -v 'has said nothing for' "$tmp/both.log")" 'did 1
did 2
did 3
did 4
status 0'
echo passed
