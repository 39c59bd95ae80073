#!/bin/sh
# The key of a tier of three hosts is changed as lambda(7) says: each has two files,
# which SIGHUP reads again. Two filters run meanwhile, and none of their lines fails;
# at the end the old key is refused. A file that is no key changes nothing.
. "$(dirname "$0")/lib.sh"

need bc
make_key() { # FILE
	(umask 077 && head -c 32 /dev/urandom >"$1")
}
make_key "$tmp/old"
make_key "$tmp/new"
put() { # KEY HOST FILE: as mv(1) does it
	cp "$tmp/$1" "$tmp/$2/$3.part" && chmod 600 "$tmp/$2/$3.part" &&
	    mv "$tmp/$2/$3.part" "$tmp/$2/$3"
}
on() { # HOST COMMAND...
	host=$1
	shift
	LAMBDA_RUN=$tmp/$host LAMBDA_KEY=$tmp/$host/key:$tmp/$host/other "$@"
}
# begin HOST NAME COMMAND...: a daemon there
begin() {
	host=$1 name=$2
	shift 2
	LAMBDA_RUN=$tmp/$host LAMBDA_KEY=$tmp/$host/key:$tmp/$host/other \
	    start "$name" "$@"
	daemons="$daemons $pid"
}
daemons=
hosts='a b c'
for host in $hosts; do
	mkdir -m 700 "$tmp/$host"
	put old "$host" key
	put old "$host" other
done
: >"$tmp/authorities"
for host in $hosts; do
	begin "$host" "authority$host" sh -c 'exec lambda-authority \
	    -l 127.0.0.1:0 <"$0"' "$tmp/authorities"
	address "authority$host" >>"$tmp/authorities"
done
for host in $hosts; do
	begin "$host" "broker$host" sh -c 'exec lambda-broker -l 127.0.0.1:0 <"$0"' \
	    "$tmp/authorities"
	until_true test -S "$tmp/$host/broker" || fail "no broker"
done
for host in a b; do
	begin "$host" "listener$host" lambda-listener -w line -c 4 calc bc -q
	logged "listener$host" 'publishing calc at'
done
begin c plb lambda-plb -c 4 -s "$tmp/c/calc.plb" calc
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
	feed "$name" | on c lambda-call "$@" -L calc >"$tmp/$name.out" \
	    2>"$tmp/$name.err"
	echo $? >"$tmp/$name.status"
}
filter plbs -s "$tmp/c/calc.plb" &
filters="$!"
filter own -b "$tmp/c/broker" &
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

# step KEY OTHER DIALS: these are in the files, and SIGHUP; all daemons say that
# they have read them
says() {
	cat "$tmp"/authority?.log "$tmp"/broker?.log "$tmp"/listener?.log \
	    "$tmp/plb.log" | grep -c 'reading the keys again'
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
		on "$host" lambda-ctl keys >"$tmp/keys"
		grep -q "^key $3 .* state dials\$" "$tmp/keys" ||
		    fail "$host does not dial with $1: $(cat "$tmp/keys")"
	done
	# What is new is linked to: a caller of each host.
	for host in $hosts; do
		same "$(echo 6*7 | on "$host" lambda-call -T "$hang" -L calc)" 42
	done
}
step old new "$old"
step new old "$new"
# A peer that is new to all is linked to, whichever of the two it dials with.
for key in old new; do
	[ -n "$(LAMBDA_KEY=$tmp/$key lambda-ctl -A "$(head -n 1 \
	    "$tmp/authorities")" authorities)" ] || fail "$key is not accepted"
done
step new new "$new"

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

# Links that were made with the old key stay, and it is of no use now.
on a lambda-ctl keys >"$tmp/keys"
grep -q "^key $old links [1-9][0-9]* state dropped\$" "$tmp/keys" ||
    fail "no link is of the old key: $(cat "$tmp/keys")"
while read -r at; do
	tells 100 'it refused our key' env LAMBDA_KEY="$tmp/old" lambda-ctl \
	    -A "$at" authorities
	[ -n "$(LAMBDA_KEY=$tmp/new lambda-ctl -A "$at" authorities)" ] ||
	    fail "the new key is refused"
done <"$tmp/authorities"
# Exchanges have read them, too.
on a lambda-ctl exchanges | sed -n 's/^exchange \([^ ]*\) module calc.*/\1/p' \
    >"$tmp/exchanges"
[ -s "$tmp/exchanges" ] || fail "no exchange"
while read -r at; do
	tells 100 'it refused our key' env LAMBDA_KEY="$tmp/old" lambda-ctl \
	    -A "$at" exchanges
	[ -n "$(LAMBDA_KEY=$tmp/new lambda-ctl -A "$at" exchanges)" ] ||
	    fail "an exchange refuses the new key"
done <"$tmp/exchanges"

# A file that is no key: it is said, and all goes on as it was.
chmod 644 "$tmp/a/other"
said=$(grep -c 'going on with the keys as they were' "$tmp/brokera.log")
same "$said" 0
# shellcheck disable=SC2086
kill -HUP $daemons
logged brokera 'other can be read by others: chmod 600 it.*going on with the keys'
same "$(on b lambda-ctl keys | grep -c 'state dials')" 1

# Five are too many.
tells 100 'at most 4 key files' lambda-ctl -k a -k b -k c -k d -k e all
tells 100 'at most 4 key files' env LAMBDA_KEY=a:b:c:d:e lambda-ctl all
echo passed
