#!/bin/sh
# The mesh (t/mesh_lib.sh) is split 2 | 3 for $MESH_SPLIT seconds (50): packets
# vanish, nothing is reset. Both sides go on, each with exchanges of its own,
# and when it heals all of these sell the same capacity. No order is lost, and
# none filled twice: a PLB never has more than it wants, a listener never runs
# more than its capacity, and in the end every exchange shows what every host
# has. R is 2, or what $1 says.
. "$(dirname "$0")/lib.sh"
R=${1:-2}
. "$(dirname "$0")/mesh_lib.sh"

silent=${MESH_SPLIT:-50} # seconds; a silent authority is dead after 45

of=$of'function held() { return of("tokens") + of("in_flight") + of("connecting") }'

# plb HOST MODULE N: one that wants N, and a client that uses it all
plb() {
	begin "$1" "$2.plb" lambda-plb -q -c "$3" "$2"
	eval "plb_$2=$pid"
	until_true test -S "$tmp/$1/$2.plb" || fail "no PLB of $2"
	busy "$2" "$1" -R 3 -s "$tmp/$1/$2.plb" "$2"
	eval "client_$2=$pid"
	begin "$1" "$2.watch" sh -c 'while [ ! -e "$0/watched" ]; do
		lambda-ctl -A "$1" all | awk "$3"'"'"'$1 == "plb" {
		    print held(), of("wanted") }'"'"' >>"$2"; sleep 0.1
	    done; echo "status 0"' "$tmp" "$tmp/$1/$2.plb" "$tmp/$2.seen" "$of"
}
has() { # HOST MODULE N: what that PLB holds, and what it is about to get
	[ "$(on "$1" lambda-ctl -A "$tmp/$1/$2.plb" all |
	    awk "$of"'$1 == "plb" { print held() }')" = "$3" ]
}
passed() { # HOST MODULE: what was passed on to it of fills, ever
	on "$1" lambda-ctl orders |
	    awk -v m="$2" "$of"'of("kind") == "buy" && of("module") == m {
		print of("passed") }'
}
# lacks MODULE BUYS N AGE: so many buys stand at each of its exchanges, of which
# each lacks N, and is at least so many ms old
lacks() {
	each "$1" >"$tmp/each"
	[ -s "$tmp/each" ] || return 1
	while read -r at; do
		on a1 lambda-ctl -A "$at" orders >"$tmp/shown"
		[ "$(awk -v n="$3" -v age="$4" "$of"'$1 == "buy" &&
		    of("lacking") == n && of("age_ms") >= age' "$tmp/shown" |
		    grep -c .)" -eq "$2" ] || return 1
		[ "$(grep ^buy "$tmp/shown" | grep -vc " missing 0 ")" -eq "$2" ] ||
		    return 1
	done <"$tmp/each"
}

# Before: one PLB has what it wants of m8, a part of each listener. Another has
# all of m9, and waits for more. On either side somebody waits for what nobody
# publishes.
begin_all
idle=18
plb h5 m8 3
until_true has h5 m8 3 || fail "no 3 of m8"
plb h2 m9 6
until_true lacks m9 1 2 0 || fail "m9: not 4 of 6"
modules=21
waiting=
for h in h3 h6; do
	begin "$h" "waits.$h" sh -c 'echo 21 | lambda-call -q -T "$1" m20 \
	    >"$0"' "$tmp/waits.$h.out" "$((silent + hang))"
	waiting="$waiting $pid"
done
until_true lacks m20 2 1 0 || fail "not two wait for m20"
rest "before"

# What is in flight across the split is lost with it, so calls are retried.
moving=m0 idle=17
filter left h1 -R 3
filter right h5 -R 3
callers split "h2 h3 h4 h6" 3 m0 m1 m2 m3 m4 m5 m6 m7
both=$live
began=$(stamp)
cut=$began
ip -n "$net" link set cable0 down
for live in "1 2" "3 4 5"; do
	until_true whole || fail "side $live of the split is not whole"
	took "authorities $live, silence about them: whole"
done
over() {
	[ "$(since "$began")" -ge $((silent * 1000)) ]
}
until_true over
for live in "1 2" "3 4 5"; do
	until_true whole || fail "side $live of the split is whole no more"
done
sure left "split"
sure right "split"
live=$both
began=$(stamp)
ip -n "$net" link set cable0 up
until_true whole || fail "not whole after the split healed"
until_true linked || fail "brokers not linked after the split healed"
took "whole and linked with the split healed"
sure left "healed"
sure right "healed"
called
rest "healed"
finish left
finish right
moving='' idle=18
rest "without the filters"

# What was wanted before is wanted still, is older than the split, and is got once.
until_true has h5 m8 3 || fail "the PLB of m8 has not what it had"
until_true lacks m9 1 2 0 || fail "m9 after the split: $(cat "$tmp/shown")"
lacks m20 2 1 "$(since "$cut")" ||
    fail "m20 after the split: $(cat "$tmp/shown")"
# Who joins has more than m9 lacks, and every exchange sells it.
was=$(passed h2 m9)
listen 9 6 4
until_true has h2 m9 6 || fail "m9 has not got all six"
listen 20 1 1
for pid in $waiting; do
	wait "$pid" || fail "who waited for m20 is not answered"
done
for h in h3 h6; do
	same "$(cat "$tmp/waits.$h.out")" "42 m20"
done
rest "filled"
same "$(passed h2 m9)" $((was + 2))
touch "$tmp/watched"
for m in m8 m9; do
	logged "$m.watch" status
	awk '$1 > $2 { print; exit 1 }' "$tmp/$m.seen" ||
	    fail "the PLB of $m has more than it wants"
	eval "stop \$client_$m; stop \$plb_$m"
	same "$(sort -u "$tmp/$m.out")" "42 $m"
	echo "$m: $(wc -l <"$tmp/$m.out") lines, all right"
done
idle=20
rest "in the end"
within "$tmp"/*.slots
echo passed
