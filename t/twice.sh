#!/bin/sh
# Authorities that listen on several addresses, IPv4 and IPv6: each is given all
# addresses of the other and its own, and one link a pair is what remains.
. "$(dirname "$0")/lib.sh"

if grep -q '^0*1 ' /proc/net/if_inet6 2>/dev/null; then
	third='-l [::1]:0'
	places=3
else
	echo "no ::1 here: two IPv4 addresses only"
	third=
	places=2
fi

authority() { # NAME: reads $tmp/all, and again at SIGHUP; its pid in $pid
	# shellcheck disable=SC2086
	start "$1" sh -c 'all=$0; exec lambda-authority "$@" <"$all"' \
	    "$tmp/all" -l 127.0.0.1:0 -l 127.0.0.2:0 $third
	logged "$1" ready
	sed -n 's/.*listening on \([0-9[][^ ]*\).*/\1/p' "$tmp/$1.log" \
	    >"$tmp/$1.places"
	same "$(grep -c . "$tmp/$1.places")" "$places"
}

sockets() { # PID: how many it has
	find "/proc/$1/fd" -lname 'socket:*' | grep -c .
}
has() { # PID N
	[ "$(sockets "$1")" -eq "$2" ]
}

knows() { # NAME N: asked at each of its addresses, it names N authorities
	while read -r place; do
		[ "$(lambda-ctl -A "$place" authorities | grep -c .)" -eq "$2" ] ||
		    return 1
	done <"$tmp/$1.places"
}

: >"$tmp/all"
authority one
one=$pid
authority two
two=$pid
knows one 1 || fail "it knows others before it is told"
idle=$(sockets "$one")

cat "$tmp/one.places" "$tmp/two.places" >"$tmp/all"
kill -HUP "$one" "$two"
for name in one two; do
	until_true 10 knows "$name" 2 || fail "$name does not know two"
done
# All that was dialled is linked or given up: one link remains.
for pid in "$one" "$two"; do
	until_true 10 has "$pid" $((idle + 1)) ||
	    fail "not one link: $(ls -l "/proc/$pid/fd")"
done
for name in one two; do
	up=$(grep -c 'linked to authority' "$tmp/$name.log")
	down=$(grep -c 'lost authority' "$tmp/$name.log")
	same "$((up - down))" 1
done

# A broker that is given the last address of one is told the first of the other,
# and another broker learns both from it, at either of its addresses.
tail -n 1 "$tmp/one.places" >"$tmp/authorities"
start broker sh -c 'exec lambda-broker -l 127.0.0.1:0 -l 127.0.0.2:0 <"$0"' \
    "$tmp/authorities"
logged broker "linked to authority $(head -n 1 "$tmp/two.places")"
sed -n 's/.*listening on \([0-9][^ ]*\).*/\1/p' "$tmp/broker.log" >"$tmp/brokers"
same "$(grep -c . "$tmp/brokers")" 2
tail -n 1 "$tmp/brokers" >"$tmp/last"
start other sh -c 'exec lambda-broker -b "$0/other" -l 127.0.0.1:0 <"$0/last"' \
    "$tmp"
for name in one two; do
	logged other "linked to authority $(head -n 1 "$tmp/$name.places")"
done

tells 100 '-l: give 8 addresses at most' lambda-authority -l a -l b -l c -l d \
    -l e -l f -l g -l h -l i
echo passed
