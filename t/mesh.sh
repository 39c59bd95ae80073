#!/bin/sh
# The mesh (t/mesh_lib.sh), with a filter and single calls from several hosts
# running throughout. Authorities are killed, an exchange, a listener and PLBs, all
# authorities are killed, a broker is; calls go on, and each time the mesh is
# whole again, and every exchange shows what every host has. R is 2, or what $1
# says.
. "$(dirname "$0")/lib.sh"
R=${1:-2}
. "$(dirname "$0")/mesh_lib.sh"

some="m1 m2 m3 m4 m5 m6 m8 m9 m10 m11 m12 m13 m14 m15 m16 m17 m18 m19"
begin_all

# With no retry: no call fails while parts of the control plane are killed. An
# authority is, then another.
moving=m0 idle=19
filter killed h1 -R 0
sold() {
	! shows m0 'sell 2' 2
}
until_true sold || fail "what is sold to the filter shows nowhere"
# shellcheck disable=SC2086
callers authorities-killed "h2 h3 h5 h6" 0 $some
for i in 4 2; do
	victim=
	eval "victim=\$a$i"
	began=$(stamp)
	kill -9 "$victim"
	live=$(echo " $live " | sed "s/ $i / /")
	until_true whole || fail "not whole without authority $i"
	took "whole without authority $i"
	sure killed "authority $i killed"
done
# Both come back, on other ports: each is one authority.
port=4400
for i in 4 2; do
	authority "$i"
	live="$live $i"
done
began=$(stamp)
until_true whole || fail "not whole with both back"
until_true linked || fail "brokers miss the restarted authorities"
took "whole and linked with both back"
sure killed "authorities restarted"
called
rest "authorities restarted"

# An exchange is killed: another is started in its place, and has its orders.
exchange_of() { # MODULE: the process of one; in $victim
	for i in $live; do
		eval "victim=\$(children \"\$a$i\" ' $1')"
		[ -z "$victim" ] || return 0
	done
	return 1
}
instances() { # MODULE
	run "$1" | awk "$of"'{ print of("instance") }' | sort
}
replaced() { # R exchanges, of which R - 1 are as before
	instances m3 >"$tmp/after"
	[ "$(wc -l <"$tmp/after")" -eq "$R" ] &&
	    [ "$(comm -12 "$tmp/before" "$tmp/after" | wc -l)" -eq $((R - 1)) ]
}
callers exchange-killed "h2 h6" 0 m3
instances m3 >"$tmp/before"
exchange_of m3 || fail "no process is an exchange of m3"
began=$(stamp)
kill -9 "$victim" || fail "the exchange was gone"
until_true replaced || fail "the exchange is not started again"
took "an exchange started again"
called
rest "exchange killed"
sure killed "exchange killed"

# A listener is killed: it is gone from every exchange. It comes back.
began=$(stamp)
# shellcheck disable=SC2154
kill -9 "$l7" || fail "the listener was gone"
until_true shows m7 . 1 || fail "exchanges show a listener that is dead"
took "a dead listener is gone"
listen 7 2

# PLBs that hold all that there is and wait for more are killed: what they wanted
# is gone from every exchange, and what they held is for sale.
waits() { # MODULE
	shows "$1" 'sell 0' 2 && shows "$1" 'buy [1-9]' 1
}
for_sale() { # MODULE: all of it, and nothing is wanted or reserved
	shows "$1" 'sell 2' 2 && shows "$1" . 2
}
plb_dies() { # WHAT MODULE PID
	until_true waits "$2" || fail "$1: it does not wait for more"
	began=$(stamp)
	kill -9 "$3" || fail "$1: it was gone"
	until_true for_sale "$2" || fail "$1: the dead hold or want: $(
	    for at in $(each "$2"); do shown "$at" "$2"; done)"
	took "$1 that is dead wants and holds nothing"
}
begin h6 plb lambda-plb -q -c 8 m5
plb=$pid
until_true test -S "$tmp/h6/m5.plb" || fail "no PLB"
busy client h6 -s "$tmp/h6/m5.plb" m5
client=$pid
plb_dies "a PLB" m5 "$plb"
stop "$client"
busy dies h2 m6
plb_dies "a filter" m6 "$pid"
rest "listener restarted, PLBs killed"
finish killed

# Every authority is killed; calls go on; then they return, and those who came
# meanwhile are served. A broker is killed too and restarted: its orders come
# back on their own.
filter without h1 -R 0
# shellcheck disable=SC2086
callers all-killed "h2 h4 h5" 0 $some
for i in 1 2 3 4 5; do
	eval "kill -9 \$a$i; wait \$a$i 2>/dev/null"
done
sure without "no authority"
port=4370
for i in 3 1 2 5 4; do
	authority "$i"
done
began=$(stamp)
until_true whole || fail "not whole after all authorities returned"
until_true linked || fail "brokers not linked after all returned"
took "whole with all authorities back"
# shellcheck disable=SC2154
kill -9 "$b4"
# shellcheck disable=SC2154
wait "$b4" 2>/dev/null
broker 4 b
until_true linked || fail "the broker that was restarted is not linked"
called
rest "broker restarted"
same "$(echo 21 | on h4 lambda-call -T "$hang" m0)" "42 m0"
sure without "broker restarted"
finish without
moving='' idle=20
rest "in the end"
within "$tmp"/*.slots
echo passed
