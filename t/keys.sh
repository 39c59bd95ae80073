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
calc=$pid
logged farcalc 'publishing calc at \[fd77::1\]:'
seq 1 1000 | sed 's/$/*2/' | on b lambda-call -k "$tmp/key" -L calc \
    >"$tmp/doubled"
same "$(awk '$1 == 2 * NR { n++ } END { print n, NR }' "$tmp/doubled")" \
    '1000 1000'
# A call with arguments, a body and a status over it.
start fartold on a lambda-listener -k "$tmp/key" -l '[fd77::1]:0' told \
    sh -c 'printf "%s|" "$@"; cat; echo heard >&2; exit 7' sh
told=$pid
nl='
'
same "$(printf 'a body' | on b lambda-call -k "$tmp/key" told tell 'two words' \
    '' "a${nl}b" "$(printf '\351')"; echo "status $?")" \
    "tell|two words||a${nl}b|$(printf '\351')|a bodystatus 7"
grep -q heard "$tmp/fartold.log" || fail "standard error is not in the log"
stop "$told"
# As many hosts do it: the environment names the key, listeners take any
# address, and the broker says which it is.
stop "$calc"
start farany on a sh -c 'LAMBDA_KEY=$0 exec lambda-listener -l "[::]:0" \
    -w line -c 2 calc bc -q' "$tmp/key"
same "$(echo 6*7 | LAMBDA_KEY=$tmp/key on b lambda-call -L calc)" 42
stop "$pid"

# Keys that differ, between all that can meet: one line on each side, with what
# to do, however long they go on trying.
wrong='it refused our key (or is no lambda): give both ends the same (-k)'
other='it has another key: give both ends the same (-k)'
broker() { # NAME HOST KEY ADDRESS LISTEN
	start "$1" on "$2" sh -c 'echo "$2" | exec lambda-broker -k "$0" \
	    -b "$1" -l "$3"' "$3" "$tmp/$1.socket" "$4" "$5"
	logged "$1" ready
}
authority() { # NAME HOST KEY ADDRESS LISTEN [OPTION...]
	name=$1 host=$2 key=$3 address=$4 listen=$5
	shift 5
	start "$name" on "$host" sh -c 'a=$0; shift; echo "$a" |
	    exec lambda-authority "$@"' "$address" - -k "$key" -l "$listen" "$@"
	logged "$name" ready
}
begun=$(date +%s)
authority one a "$tmp/key" '#' '[fd77::1]:4371'
broker onebroker b "$tmp/other" '[fd77::1]:4371' '[::1]:0'
authority two a "$tmp/key" '#' '[fd77::1]:4372'
authority twotwo b "$tmp/other" '[fd77::1]:4372' '[::1]:4372'
broker three a "$tmp/key" '#' '[fd77::1]:4373'
broker threethree b "$tmp/other" '[fd77::1]:4373' '[::1]:0'
# An exchange, which another authority keeps alive.
start exchange on a "$top/t/listen" '[fd77::1]:4374' lambda-exchange \
    -k "$tmp/other" calc
logged exchange ready
authority itsown a "$tmp/other" '#' '[::1]:4375' -x 'calc=[fd77::1]:4374'
authority four b "$tmp/key" '#' '[::1]:4376' -x 'calc=[fd77::1]:4374'
# A channel that is named, and two that brokers find.
start five on a lambda-listener -k "$tmp/other" -b "$tmp/none" \
    -l '[fd77::1]:4377' calc bc
logged five 'publishing calc at'
start fiveplb on b lambda-plb -k "$tmp/key" -s "$tmp/five.plb" \
    -x '[fd77::1]:4377' calc
for name in seller1 seller2; do
	start "$name" on a lambda-listener -k "$tmp/other" -l '[fd77::1]:0' \
	    -c 4 sold bc
	logged "$name" 'publishing sold at'
done
start buyer on b lambda-plb -k "$tmp/key" -s "$tmp/buyer.plb" sold

# A caller does not wait until it is another, and one that does wait is told.
tells 100 "unable to reach .fd77::1.:4377: $wrong" \
    on a lambda-call -T "$hang" -k "$tmp/key" -x '[fd77::1]:4377' calc
same "$(wc -l <"$tmp/told")" 1
tells 100 "$wrong" on a lambda-call -T "$hang" -k "$tmp/key" -L \
    -x '[fd77::1]:4377' calc
same "$(wc -l <"$tmp/told")" 1
once() { # when its time is up, and before if that is more than 3 seconds
	same "$(grep -vc ': no capacity yet: .*; waiting$' "$tmp/told")" 1
}
tells_late 99 "unable to reach .fd77::1.:4377: $wrong" \
    on b lambda-call -T @ -s "$tmp/five.plb" calc
once
tells_late 99 "unable to reach the seller at .*: $wrong" \
    on b lambda-call -T @ -k "$tmp/key" sold
once
for _ in 1 2; do
	tells 100 "no answer from .fd77::1.:4370: $wrong" \
	    on b lambda-ctl -k "$tmp/other" -A '[fd77::1]:4370' all
	same "$(wc -l <"$tmp/told")" 1
done
same "$(on b lambda-ctl -k "$tmp/key" -A '[fd77::1]:4370' all |
    grep -c '^authority')" 1

# Another host has a line of its own.
tells 100 "$wrong" on a lambda-ctl -k "$tmp/other" -A '[fd77::1]:4371' all

# All have tried again since, if they did not take longer than this.
they_went_on() {
	[ "$(($(date +%s) - begun))" -ge 8 ]
}
until_true they_went_on
says() { # NAME PATTERN [N]: once, and N lines of keys in all, each minute
	said=$(grep -c -e "$2" "$tmp/$1.log")
	n=$(grep -c ' key' "$tmp/$1.log")
	minutes=$((1 + ($(date +%s) - begun) / 60))
	[ "$said" -ge 1 ] && [ "$said" -le "$minutes" ] ||
	    fail "$1 says so $said times in $minutes minutes: $2"
	[ "$n" -ge "${3:-1}" ] && [ "$n" -le $((minutes * ${3:-1})) ] ||
	    fail "$1 has $n lines of keys in $minutes minutes"
}
says far "closed peer .fd77::2.:.*: $other"
says one "closed peer .fd77::2.:.*: $other" 2
says one "closed peer .fd77::1.:.*: $other" 2
says onebroker "unable to link to .fd77::1.:4371: $wrong"
says two "closed peer .fd77::2.:.*: $other"
says twotwo "unable to link to .fd77::1.:4372: $wrong"
says three "closed peer .fd77::2.:.*: $other"
says threethree "unable to link to .fd77::1.:4373: $wrong"
says exchange "closed peer .fd77::2.:.*: $other"
says four "unable to link to .fd77::1.:4374: $wrong"
says five "closing .fd77::1.:.*: $other" 2
says five "closing .fd77::2.:.*: $other" 2
says fiveplb "no capacity yet: unable to reach .fd77::1.:4377: $wrong"
for name in seller1 seller2; do
	at=$(sed -n 's/.*publishing sold at \(.*\),.*/\1/p' "$tmp/$name.log")
	says "$name" "closing .fd77::2.:.*: $other"
	says buyer "unable to reach the seller at .${at#?}: $wrong" 2
done
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
chown nobody "$tmp/nobody" 2>/dev/null # it need not be there
cat >"$tmp/bin/as_nobody" <<'EOF2'
#!/bin/sh
uid=$(id -u nobody) gid=$(id -g nobody)
TMPDIR=$TMPDIR/nobody exec setpriv --reuid "$uid" --regid "$gid" --clear-groups "$@"
EOF2
chmod +x "$tmp/bin/as_nobody"
if as_nobody test -x "$top/lambda-ctl"; then
	tells 100 'run belongs to another user: set LAMBDA_RUN' \
	    as_nobody lambda-ctl all
	mine=$LAMBDA_RUN
	LAMBDA_RUN=$tmp/nobody
	tells 100 'unable to open the key .*Permission denied' \
	    as_nobody lambda-ctl -k "$mine/key" all
	tells_late 99 'unable to link to .*/run/broker: Permission denied' \
	    as_nobody lambda-call -T @ -b "$mine/broker" calc
	chmod 644 "$tmp/six"
	start stranger as_nobody sh -c 'exec lambda-broker -l 127.0.0.1:0 \
	    <"$0"' "$tmp/six"
	stranger=$pid
	tells 100 "$wrong" as_nobody lambda-call -T "$hang" -x "$where" calc
	LAMBDA_RUN=$mine
	logged stranger "unable to link to .*: $wrong"
	stop "$stranger"
else
	echo "nobody cannot read $top, or cannot be: other users are not tried"
	tells 100 "$wrong" \
	    lambda-ctl -k "$tmp/other" -A "$(cat "$tmp/six")" all
	tells 100 "$wrong" \
	    lambda-call -T "$hang" -k "$tmp/other" -x "$where" calc
fi
logged six "closed [a-z]* .*$other"
logged sixcalc "closing .*: $other"
# Not even a channel is left of it, and the service is none the worse.
no_channel() {
	ps -A -o ppid= -o args= | awk -v p="$sixcalc" \
	    '$1 == p && /lambda-channel/ { found = 1 } END { exit found }'
}
until_true no_channel || fail "channels of strangers are left"
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
each 'short is shorter than 32 bytes: make one with (umask 077; head -c 32' "$tmp/short"
each 'can be read by others: chmod 600 it' "$tmp/open"
tells 100 'long is longer than 4096 bytes: make one with (umask 077; head' \
    lambda-ctl -k "$tmp/long" all
tells 100 'is not a regular file' lambda-ctl -k "$tmp" all
tells 100 'there is no key' env LAMBDA_KEY="$tmp/none" lambda-ctl all
chmod 711 "$LAMBDA_RUN"
tells 100 'run is open to others: chmod 700 it' lambda-ctl all
chmod 700 "$LAMBDA_RUN"
echo passed
