#!/bin/sh
# The key of a tier of three hosts is changed as lambda(7) says: each has two files,
# which SIGHUP reads again. Each host is a network namespace, so that all that passes
# between two of them is sealed with a key. Two filters run meanwhile, and none of
# their lines fails; at the end the old key is refused. A file that is no key changes
# nothing.
. "$(dirname "$0")/lib.sh"

need bc
hosts='a b c'
# shellcheck disable=SC2086
hosts $hosts
make_key() { # FILE
	(umask 077 && head -c 32 /dev/urandom >"$1")
}
make_key "$tmp/old"
make_key "$tmp/new"
put() { # KEY HOST FILE: as mv(1) does it
	cp "$tmp/$1" "$tmp/run.$2/$3.part" && chmod 600 "$tmp/run.$2/$3.part" &&
	    mv "$tmp/run.$2/$3.part" "$tmp/run.$2/$3"
}
at() { # HOST COMMAND...
	LAMBDA_KEY=$tmp/run.$1/key:$tmp/run.$1/other on "$@"
}
# begin HOST NAME COMMAND...: a daemon there
begin() {
	host=$1 name=$2
	shift 2
	LAMBDA_KEY=$tmp/run.$host/key:$tmp/run.$host/other \
	    start "$name" on "$host" "$@"
	daemons="$daemons $pid"
}
daemons=
for host in $hosts; do
	put old "$host" key
	put old "$host" other
done
: >"$tmp/authorities"
n=0
for host in $hosts; do
	n=$((n + 1))
	begin "$host" "authority$host" sh -c 'exec lambda-authority \
	    -l "10.77.0.$0:4370" <"$1"' "$n" "$tmp/authorities"
	address "authority$host" >>"$tmp/authorities"
done
for host in $hosts; do
	begin "$host" "broker$host" sh -c 'exec lambda-broker -l 127.0.0.1:0 <"$0"' \
	    "$tmp/authorities"
	until_true test -S "$tmp/run.$host/broker" || fail "no broker"
done
for host in a b; do
	begin "$host" "listener$host" lambda-listener -l 0.0.0.0:0 -w line -c 4 \
	    calc bc -q
	logged "listener$host" 'publishing calc at'
done
begin c plb lambda-plb -c 4 -s "$tmp/run.c/calc.plb" calc
logged plb 'serving on'

# One filter through the PLB, and one with a PLB of its own, until they are told.
feed() { # NAME
	i=0
	while [ ! -e "$tmp/stop" ]; do
		i=$((i + 1))
		echo "$i*2"
		[ $((i % 50)) -ne 0 ] || sleep 0.05
	done
	echo "$i" >"$tmp/$1.asked"
}
filter() { # NAME OPTION...
	name=$1
	shift
	feed "$name" | at c lambda-call "$@" -L calc >"$tmp/$name.out" \
	    2>"$tmp/$name.err"
	echo $? >"$tmp/$name.status"
}
filter plbs -s "$tmp/run.c/calc.plb" &
filters="$!"
filter own -b "$tmp/run.c/broker" &
filters="$filters $!"
grown() { # NAME N
	[ "$(wc -l <"$tmp/$1.out")" -gt "$2" ]
}
for name in plbs own; do
	until_true grown "$name" 100 || fail "$name does not run"
done

print_of() { # KEY: its fingerprint
	mkdir -m 700 "$tmp/print$1"
	cp "$tmp/$1" "$tmp/print$1/key"
	LAMBDA_RUN=$tmp/print$1 lambda-solo -k "$tmp/$1" lambda-ctl keys |
	    sed -n 's/^key \([0-9a-f]*\) .*/\1/p'
}
old=$(print_of old)
new=$(print_of new)
[ -n "$old" ] && [ -n "$new" ] && [ "$old" != "$new" ] || fail "no fingerprints"

# Two files of the same key are one key: no link counts twice, and no series is there
# twice.
each_its_key() { # all have answered in time
	at a lambda-ctl keys >"$tmp/keys" &&
	    [ "$(grep -c "^key $old .* state dials\$" "$tmp/keys")" -eq \
	    "$(grep -c '^process ' "$tmp/keys")" ]
}
until_true each_its_key || fail "keys: $(cat "$tmp/keys")"
# walked COMMAND...: of host b, until nobody is silent
walked() {
	walks() {
		at b lambda-ctl "$@" >"$tmp/rows" 2>"$tmp/why"
	}
	until_true walks "$@" || fail "$*: $(cat "$tmp/why")"
}
same "$(grep '^key' "$tmp/keys" | grep -v 'state dials$')" ''
at a lambda-ctl metrics >"$tmp/metrics" || fail "metrics: $?"
grep -q "^lambda_key_links{.*key=\"$old\"} [1-9]" "$tmp/metrics" ||
    fail "no link has a key: $(cat "$tmp/metrics")"
same "$(sed '/^#/d; s/ [^ ]*$//' "$tmp/metrics" | sort | uniq -d)" ''
walked keyuse
same "$(sed 's/ dials .* accepted/ accepted/; s/links [0-9]* //' "$tmp/rows")" \
    "keyuse $old accepted 0 dropped 0"

# Of a listener, the links of its channels: what all of them show of a key.
listeners() { # KEY STATE
	n=0
	for host in a b; do
		n=$((n + 1))
		port=$(sed -n 's/.*publishing calc at .*:\([0-9]*\),.*/\1/p' \
		    "$tmp/listener$host.log")
		at c lambda-ctl -A "10.77.0.$n:$port" keys
	done >"$tmp/listeners"
	grep -q "^key $1 links [1-9][0-9]* state $2\$" "$tmp/listeners"
}
until_true listeners "$old" dials || fail "listeners show $(cat "$tmp/listeners")"
awk "$of"'$2 == key { n += of("links") } END { exit n < 6 }' key="$old" "$tmp/listeners" ||
    fail "no link of a channel is counted: $(cat "$tmp/listeners")"

# step KEY OTHER DIALS: these are in the files, and SIGHUP; all daemons say that
# they have read them
says() {
	cat "$tmp"/authority?.log "$tmp"/broker?.log "$tmp"/listener?.log \
	    "$tmp/plb.log" |
	    grep -c '^lambda-\(authority\|broker\|listener\|plb\): reading the keys'
}
all_said() {
	[ "$(says)" -ge "$1" ]
}
step() {
	said=$(says)
	for host in $hosts; do
		put "$1" "$host" key
		put "$2" "$host" other
	done
	# shellcheck disable=SC2086
	kill -HUP $daemons
	until_true all_said "$((said + $(echo "$daemons" | wc -w)))" ||
	    fail "not all have read the keys: $1 $2"
	at=$(wc -l <"$tmp/own.out")
	until_true grown own "$((at + 50))" || fail "the filter has stopped"
	for host in $hosts; do
		at "$host" lambda-ctl keys >"$tmp/keys"
		grep -q "^key $3 .* state dials\$" "$tmp/keys" ||
		    fail "$host does not dial with $1: $(cat "$tmp/keys")"
	done
	# What is new is linked to: a caller of each host.
	for host in $hosts; do
		same "$(echo 6*7 | at "$host" lambda-call -T "$hang" -L calc)" 42
	done
}
step old new "$old"
step new old "$new"
# A peer that is new to all is linked to, whichever of the two it dials with.
for key in old new; do
	[ -n "$(LAMBDA_KEY=$tmp/$key on c lambda-ctl -A "$(head -n 1 \
	    "$tmp/authorities")" authorities)" ] || fail "$key is not accepted"
done
# Nobody closes what is dialled with, and that is told.
at b lambda-ctl keyclose "$new" >"$tmp/rows"
same $? 1
same "$(sed 's/ .*//' "$tmp/rows" | sort -u)" keeps
tells 100 'it is no fingerprint of a key' at b lambda-ctl keyclose cows
tells 111 'nobody who answers has a key 0123456789abcdef' \
    at b lambda-ctl keyclose 0123456789abcdef
step new new "$new"

# Links that were made with the old key stay, until all are told to close them. They
# are made again, with the new one, and no line fails meanwhile.
at a lambda-ctl keys >"$tmp/keys"
grep -q "^key $old links [1-9][0-9]* state dropped\$" "$tmp/keys" ||
    fail "no link is of the old key: $(cat "$tmp/keys")"
walked keyclose "$old"
for role in authority broker exchange; do
	grep -q "^closes $old links [1-9][0-9]* state dropped role $role process [0-9a-f]* host [0-9.]*\$" \
	    "$tmp/rows" || fail "no $role closes it: $(cat "$tmp/rows")"
done
unused() {
	at b lambda-ctl keyuse >"$tmp/rows" && grep -q "^keyuse $new " "$tmp/rows" &&
	    ! grep -q "$old" "$tmp/rows"
}
until_true unused || fail "the old key is in use: $(cat "$tmp/rows")"
for name in plbs own; do
	at=$(wc -l <"$tmp/$name.out")
	until_true grown "$name" "$((at + 50))" || fail "$name has stopped"
done

: >"$tmp/stop"
# shellcheck disable=SC2086
wait $filters
for name in plbs own; do
	same "$(cat "$tmp/$name.status")" 0
	same "$(grep 'line [0-9]' "$tmp/$name.err")" ''
	same "$(awk '$1 == 2 * NR { n++ } END { print n + 0, NR }' \
	    "$tmp/$name.out")" "$(cat "$tmp/$name.asked") $(cat \
	    "$tmp/$name.asked")"
	echo "$name: $(cat "$tmp/$name.asked") lines"
done

# The old key is of no use now, at authorities and at exchanges.
refused_by() { # COMMAND: of each of these addresses
	while read -r at; do
		tells 100 'it refused our key' env LAMBDA_KEY="$tmp/old" on c \
		    lambda-ctl -A "$at" "$1"
		[ -n "$(LAMBDA_KEY=$tmp/new on c lambda-ctl -A "$at" "$1")" ] ||
		    fail "$1: the new key is refused"
	done
}
refused_by authorities <"$tmp/authorities"
listeners "$new" dials || fail "listeners show $(cat "$tmp/listeners")"
same "$(grep -c "^key $new .*dials" "$tmp/listeners")" 2
at a lambda-ctl exchanges | sed -n 's/^exchange \([^ ]*\) module calc.*/\1/p' \
    >"$tmp/exchanges"
[ -s "$tmp/exchanges" ] || fail "no exchange"
refused_by exchanges <"$tmp/exchanges"

# A channel drains, and its PLB connects again: one that dials with the old key, at a
# listener that takes both.
LAMBDA_KEY=$tmp/new:$tmp/old start both on a lambda-listener -l 0.0.0.0:0 -w line \
    both cat
logged both 'publishing both at'
port=$(sed -n 's/.*publishing both at .*:\([0-9]*\),.*/\1/p' "$tmp/both.log")
mkfifo "$tmp/idle"
LAMBDA_KEY=$tmp/old start idle on c sh -c \
    'exec lambda-call -L -x "10.77.0.1:$0" both <>"$1"' "$port" "$tmp/idle"
from() { # the address that it has a channel from
	LAMBDA_KEY=$tmp/new on c lambda-ctl -A "10.77.0.1:$port" clients |
	    awk "$of"'of("state") == "up" { print $2 }'
}
begun() {
	before=$(from)
	[ -n "$before" ]
}
until_true begun || fail "it has no channel"
walked keyclose "$old"
same "$(sed 's/process.*//' "$tmp/rows")" \
    "closes $old links 1 state accepted role listener "
another() {
	now=$(from)
	[ -n "$now" ] && [ "$now" != "$before" ]
}
until_true another || fail "it has the channel that it had: $before"

# A file that is no key: it is said, and all goes on as it was.
chmod 644 "$tmp/run.a/other"
said=$(grep -c 'going on with the keys as they were' "$tmp/brokera.log")
same "$said" 0
# shellcheck disable=SC2086
kill -HUP $daemons
logged brokera 'other can be read by others: chmod 600 it.*going on with the keys'
same "$(LAMBDA_KEY=$tmp/new on a lambda-ctl keys |
    sed '/^process .* role listener/,$d' |
    grep -c "^key $new .*state dials")" 1

# The tier of lambda-solo reads them when that is told to.
cp "$tmp/old" "$tmp/solo.key"
cat >"$tmp/solo.sh" <<'EOF2'
trap : HUP
until at=$(lambda-ctl authorities | sed -n 's/^authority \([^ ]*\) .*/\1/p') &&
    [ -n "$at" ]; do
	sleep 0.1
done
while [ ! -e "$1/solo.end" ]; do
	{ lambda-ctl keys; lambda-ctl -A "$at" keys; } >"$1/solo.part" 2>&1
	mv "$1/solo.part" "$1/solo.keys"
	sleep 0.1
done
EOF2
start solo env LAMBDA_KEY="$tmp/solo.key" lambda-solo sh "$tmp/solo.sh" "$tmp"
both() { # KEY
	[ "$(grep -c "^key $1 links .* state dials\$" "$tmp/solo.keys")" -eq 2 ]
}
until_true both "$old" || fail "solo: $(cat "$tmp/solo.keys")"
cp "$tmp/new" "$tmp/solo.part.key"
mv "$tmp/solo.part.key" "$tmp/solo.key"
kill -HUP "$pid"
until_true both "$new" || fail "solo has not read it: $(cat "$tmp/solo.keys")"
: >"$tmp/solo.end"
wait "$pid" || fail "solo: status $?"

# Five are too many.
tells 100 'at most 4 key files' lambda-ctl -k a -k b -k c -k d -k e all
tells 100 'at most 4 key files' env LAMBDA_KEY=a:b:c:d:e lambda-ctl all
echo passed
