#!/bin/sh
# Authorities that listen on several addresses, IPv4 and IPv6: each is given all
# addresses of the other and its own, and one link a pair is what remains.
. "$(dirname "$0")/lib.sh"

# Where there is no ::1, that is left out, which strict tests do not allow.
if grep -q '^0*1 ' /proc/net/if_inet6 2>/dev/null; then
	any='-l 127.0.0.1:0 -l 127.0.0.2:0 -l [::1]:0'
	places=3
else
	echo "no ::1 here: two IPv4 addresses only"
	[ "${CHECK_STRICT:-0}" = 0 ] || fail "that is not all of it"
	any='-l 127.0.0.1:0 -l 127.0.0.2:0'
	places=2
fi

authority() { # NAME OPTIONS: reads $tmp/all, and again at SIGHUP
	# shellcheck disable=SC2086
	start "$1" sh -c 'all=$0; exec lambda-authority "$@" <"$all"' \
	    "$tmp/all" $2
}
listens() { # NAME PLACES: it does; where, to that file
	logged "$1" ready
	sed -n 's/.*listening on \([0-9[][^ ]*\).*/\1/p' "$tmp/$1.log" >"$2"
	same "$(grep -c . "$2")" "$places"
}

sockets() { # PID: how many it has
	find "/proc/$1/fd" -lname 'socket:*' | grep -c .
}
has() { # PID N
	[ "$(sockets "$1")" -eq "$2" ]
}

# knows PLACES N: whoever is asked at each of these names N authorities
knows() {
	while read -r place; do
		[ "$(lambda-ctl -A "$place" authorities | grep -c .)" -eq "$2" ] ||
		    return 1
	done <"$1"
}

# one_link NAME...: the processes $one and $two know each other, all that they
# dialled is linked or given up, and one link remains, also by these logs
one_link() {
	for pid in "$one" "$two"; do
		has "$pid" $((idle + 1)) || return 1
	done
	for who; do
		up=$(grep -c 'linked to authority' "$tmp/$who.log")
		down=$(grep -c 'lost authority' "$tmp/$who.log")
		[ $((up - down)) -eq 1 ] || return 1
	done
	knows "$tmp/one" 2 && knows "$tmp/two" 2
}
remains() { # NAME...
	until_true one_link "$@" ||
	    fail "not one link: $(ls -l "/proc/$one/fd" "/proc/$two/fd")"
}

: >"$tmp/all"
authority one "$any"
one=$pid
authority two "$any"
two=$pid
listens one "$tmp/one"
listens two "$tmp/two"
until_true knows "$tmp/one" 1 || fail "it knows others before it is told"
# Who has asked is gone, and no longer one of these; what the test has inherited
# is.
idle=$((places + $(sh -c 'exec find "/proc/$$/fd" -lname "socket:*"' 3>&- |
    grep -c .)))
until_true has "$one" "$idle" || fail "it has $(sockets "$one") sockets"

# One that is given its own addresses drops them.
cat "$tmp/one" >"$tmp/all"
kill -HUP "$one"
itself() {
	[ "$(grep -c 'it is this process itself' "$tmp/one.log")" -eq "$places" ]
}
until_true itself || fail "it does not see that it is itself"
until_true has "$one" "$idle" || fail "it is linked to itself"
until_true knows "$tmp/one" 1 || fail "it knows itself as another"

cat "$tmp/one" "$tmp/two" >"$tmp/all"
kill -HUP "$one" "$two"
remains one two

# Started at the same instant, each dials the other at all its addresses. They are
# known before, and stay theirs: t/activate has bound them.
helper activate
bound_places() { # NAME PLACES: an authority that will listen there
	# shellcheck disable=SC2046,SC2086
	start "$1" "$top/t/activate" $(echo $any | sed 's/-l /listen:=/g') \
	    sh -c ': <"$0/go" && exec lambda-authority <"$0/all"' "$tmp"
	logged "$1" '^pid '
	sed -n 's/^listening  //p' "$tmp/$1.log" >"$2"
	same "$(grep -c . "$2")" "$places"
}
pid_of() { # NAME
	sed -n 's/^pid //p' "$tmp/$1.log"
}
stop "$one"
stop "$two"
mkfifo "$tmp/go"
for i in 1 2 3; do
	bound_places "one$i" "$tmp/one"
	one_parent=$pid
	bound_places "two$i" "$tmp/two"
	two_parent=$pid
	one=$(pid_of "one$i")
	two=$(pid_of "two$i")
	cat "$tmp/one" "$tmp/two" >"$tmp/all"
	exec 7>"$tmp/go"
	remains "one$i" "two$i"
	exec 7>&-
	[ "$i" -eq 3 ] || stop "$one_parent"
	kill -9 "$two"
	wait "$two_parent"
done

# One that comes back on other ports is one authority, and where it was is nobody.
authority back "$any"
two=$pid
listens back "$tmp/two"
remains back
lambda-ctl -A "$(head -n 1 "$tmp/one")" authorities >"$tmp/told"
same "$(grep -c 'self 1' "$tmp/told")" 1
grep -v 'self 1' "$tmp/told" | while read -r _ place _; do
	grep -qxF "$place" "$tmp/two" || fail "it is said to be at $place"
done || exit 1

# A broker that is given the last address of one is told the first of the other,
# and another broker learns both from it, at either of its addresses.
tail -n 1 "$tmp/one" >"$tmp/authorities"
start broker sh -c 'exec lambda-broker -l 127.0.0.1:0 -l 127.0.0.2:0 <"$0"' \
    "$tmp/authorities"
logged broker "linked to authority $(head -n 1 "$tmp/two")"
sed -n 's/.*listening on \([0-9][^ ]*\).*/\1/p' "$tmp/broker.log" >"$tmp/brokers"
same "$(grep -c . "$tmp/brokers")" 2
tail -n 1 "$tmp/brokers" >"$tmp/last"
start other sh -c 'exec lambda-broker -b "$0/other" -l 127.0.0.1:0 <"$0/last"' \
    "$tmp"
for at in "$tmp/one" "$tmp/two"; do
	logged other "linked to authority $(head -n 1 "$at")"
done

tells 100 '-l: give 8 addresses at most' lambda-authority -l a -l b -l c -l d \
    -l e -l f -l g -l h -l i
echo passed
