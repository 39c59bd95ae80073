#!/bin/sh
# Keys: the one of the run directory on loopback, IPv4 and IPv6; none needed for
# that, and none that does beyond it; another user, a wrong key, and files that
# are no keys get a sentence and nothing else.
. "$(dirname "$0")/lib.sh"

need bc ps setpriv
hosts a b
make_key() { # file
	(umask 077 && head -c 32 /dev/urandom >"$1")
}
make_key "$tmp/key"
make_key "$tmp/other"

# IPv6 with a key, between two hosts.
start far on a lambda-authority -k "$tmp/key" -l '[fd77::1]:4370'
far=$pid
logged far 'listening on \[fd77::1\]:4370'
for host in a b; do
	start "far$host" on "$host" sh -c \
	    'echo "[fd77::1]" | exec lambda-broker -k "$0" -l "[::1]:0"' \
	    "$tmp/key"
	logged "far$host" 'linked to authority \[fd77::1\]:4370'
done
start farcalc on a lambda-listener -k "$tmp/key" -l '[fd77::1]:0' -w line \
    -c 2 calc bc -q
logged farcalc 'publishing calc at \[fd77::1\]:'
same "$(seq 1 1000 | sed 's/$/*2/' |
    on b lambda-call -k "$tmp/key" -L calc | tail -n 1)" 2000
# As many hosts do it: the environment names the key, listeners take any
# address, and the broker says which it is.
stop "$pid"
start farany on a sh -c 'LAMBDA_KEY=$0 exec lambda-listener -l "[::]:0" \
    -w line -c 2 calc bc -q' "$tmp/key"
same "$(echo 6*7 | LAMBDA_KEY=$tmp/key on b lambda-call -L calc)" 42
stop "$pid"

# Wrong keys: a line on both sides.
far_says() { # how often
	same "$(grep -c 'closed ctl .*wrong key' "$tmp/far.log")" "$1"
}
tells 100 'wrong key' on b lambda-ctl -k "$tmp/other" -A '[fd77::1]:4370' all
grep -q 'no answer .*is it running, with the same key' "$tmp/told" ||
    fail "no advice: $(cat "$tmp/told")"
same "$(wc -l <"$tmp/told")" 1
far_says 1
tells 100 'wrong key' on b lambda-ctl -k "$tmp/other" -A '[fd77::1]:4370' all
far_says 2
same "$(on b lambda-ctl -k "$tmp/key" -A '[fd77::1]:4370' all |
    grep -c '^authority')" 1
far_says 2
stop "$far"

# Off loopback with no key of one's own, a refusal by each of them.
refusal='not on loopback, so both sides need a key of yours: give -k keyfile'
for address in 10.77.0.2:0 '[fd77::2]:0' 0.0.0.0:0 '[::]:0'; do
	tells 100 "$refusal" on b lambda-authority -l "$address"
	tells 100 "$refusal" on b lambda-broker -l "$address"
	tells 100 "$refusal" on b lambda-listener -l "$address" calc bc
done
tells 100 "$refusal" on b lambda-authority -l 127.0.0.1:0 -x calc=10.77.0.1:9
tells 100 "$refusal" on b lambda-ctl -A 10.77.0.1:4370 all
tells 100 "$refusal" on b lambda-call -x 10.77.0.1:4370 calc
tells 100 "$refusal" on b lambda-plb -x 10.77.0.1:4370 calc
# What is read from standard input is refused, and the broker goes on.
echo 10.77.0.1:4370 >"$tmp/far"
mkdir -m 700 "$tmp/alone"
start alone sh -c 'LAMBDA_RUN=$0 exec lambda-broker -l 127.0.0.1:0 <"$1"' \
    "$tmp/alone" "$tmp/far"
logged alone "10.77.0.1:4370.*$refusal"
same "$(LAMBDA_RUN=$tmp/alone lambda-ctl authorities | wc -l)" 0
stop "$pid"
same "$ended" 0

# Loopback with no option, IPv6 and IPv4.
start six lambda-authority -l '[::1]:0'
address six >"$tmp/six"
start sixbroker sh -c 'exec lambda-broker -l "[::1]:0" <"$0"' "$tmp/six"
start sixcalc lambda-listener -l '[::1]:0' -w line calc bc -q
sixcalc=$pid
same "$(echo 6*7 | lambda-call -L calc)" 42
logged sixcalc 'publishing calc at \[::1\]:'
same "$(od -An -v -tx1 "$LAMBDA_RUN/key" | wc -w | tr -d " ")" 32
case $(ls -l "$LAMBDA_RUN/key") in
-rw-------*) ;;
*) fail "others can read the key" ;;
esac
where=$(sed -n 's/.*publishing calc at \(.*\),.*/\1/p' "$tmp/sixcalc.log")

# Another user gets nowhere: not by files, not by sockets, not by addresses.
chmod 755 "$tmp"
mkdir -m 700 "$tmp/nobody"
chown nobody "$tmp/nobody"
cat >"$tmp/bin/as_nobody" <<'EOF2'
#!/bin/sh
uid=$(id -u nobody) gid=$(id -g nobody)
exec setpriv --reuid "$uid" --regid "$gid" --clear-groups "$@"
EOF2
chmod +x "$tmp/bin/as_nobody"
if as_nobody test -x "$top/lambda-ctl"; then
	tells 100 'run belongs to another user: set LAMBDA_RUN' \
	    as_nobody lambda-ctl all
	mine=$LAMBDA_RUN
	LAMBDA_RUN=$tmp/nobody
	tells 100 'unable to open the key .*Permission denied' \
	    as_nobody lambda-ctl -k "$mine/key" all
	tells 99 'unable to link to .*/run/broker: Permission denied' \
	    as_nobody lambda-call -T 1 -b "$mine/broker" calc
	chmod 644 "$tmp/six"
	start stranger as_nobody sh -c 'exec lambda-broker -l 127.0.0.1:0 \
	    <"$0"' "$tmp/six"
	stranger=$pid
	tells 99 'closed during the handshake: wrong key' \
	    as_nobody lambda-call -T 1 -x "$where" calc
	LAMBDA_RUN=$mine
	logged stranger 'closed during the handshake: wrong key'
	stop "$stranger"
else
	echo "$top cannot be read by nobody: other users are not tried"
	tells 100 'closed during the handshake: wrong key' \
	    lambda-ctl -k "$tmp/other" -A "$(cat "$tmp/six")" all
	tells 99 'closed during the handshake: wrong key' \
	    lambda-call -T 1 -k "$tmp/other" -x "$where" calc
fi
grep -q 'closed [a-z]* .*wrong key' "$tmp/six.log" ||
    fail "the authority did not say that the key is wrong"
logged sixcalc 'channel of .*: its client has not proven itself: wrong key?'
# Not even a channel is left of it, and the service is none the worse.
no_channel() {
	ps -A -o ppid= -o args= | awk -v p="$sixcalc" \
	    '$1 == p && /lambda-channel/ { found = 1 } END { exit found }'
}
until_true 3 no_channel || fail "channels of strangers are left"
same "$(echo 6*7 | lambda-call -L calc)" 42

# Key files that are none: exit 100, a sentence, by every program.
head -c 31 "$tmp/key" >"$tmp/short"
head -c 5000 /dev/urandom >"$tmp/long"
cp "$tmp/key" "$tmp/open"
chmod 600 "$tmp/short" "$tmp/long"
chmod 640 "$tmp/open"
each() { # pattern, key: every program says so
	for program in 'lambda-authority -l 127.0.0.1:0' 'lambda-broker -q' \
	    'lambda-call calc' 'lambda-ctl all' 'lambda-exchange calc' \
	    'lambda-listener calc bc' 'lambda-plb calc' 'lambda-solo true'; do
		# shellcheck disable=SC2086
		tells 100 "$1" ${program%% *} -k "$2" ${program#* }
	done
}
each "there is no key $tmp/none: make one with (umask 077; head -c 32 \
/dev/urandom >$tmp/none), and copy it to every host" "$tmp/none"
each 'short is shorter than 32 bytes: make one with head -c 32' "$tmp/short"
each 'can be read by others: chmod 600 it' "$tmp/open"
tells 100 'long is longer than 4096 bytes' lambda-ctl -k "$tmp/long" all
tells 100 'is not a regular file' lambda-ctl -k "$tmp" all
tells 100 'there is no key' env LAMBDA_KEY="$tmp/none" lambda-ctl all
chmod 711 "$LAMBDA_RUN"
tells 100 'run is open to others: chmod 700 it' lambda-ctl all
chmod 700 "$LAMBDA_RUN"
echo passed
