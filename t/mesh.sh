#!/bin/sh
# The mesh: 5 authorities and 6 hosts in network namespaces on two switches, 20
# modules, a filter running throughout. Authorities are killed, an exchange and a
# listener, the network is split and healed, all authorities are killed, a broker
# is; calls go on, and each time the mesh is whole again, and every exchange
# shows what every listener has. R is 2, or what $1 says.
. "$(dirname "$0")/lib.sh"

R=${1:-2}
modules=20
silent=${MESH_SPLIT:-20} # seconds of the split; a silent peer is dead after 15

need ip ps
[ "$(id -u)" = 0 ] || skip "network namespaces need root"
n=lm$$
head -c 32 /dev/urandom >"$tmp/key"
chmod 600 "$tmp/key"
LAMBDA_KEY=$tmp/key
export LAMBDA_KEY

# A switch of two bridges, left and right, joined by a cable.
ip netns add "$n" || skip "network namespaces are not to be had here"
spaces=$n
ip netns exec "$n" true || skip "nothing runs in a network namespace here"
ip -n "$n" link add left type bridge
ip -n "$n" link add right type bridge
ip -n "$n" link add cable0 type veth peer name cable1
ip -n "$n" link set cable0 master left
ip -n "$n" link set cable1 master right
for dev in left right cable0 cable1; do
	ip -n "$n" link set "$dev" up
done

space() { # NAME SIDE ADDRESS
	ip netns add "$n$1"
	spaces="$spaces $n$1"
	ip -n "$n" link add "$1" type veth peer name eth0 netns "$n$1"
	ip -n "$n" link set "$1" master "$2" up
	ip -n "$n$1" addr add "$3/24" dev eth0
	ip -n "$n$1" link set eth0 up
	ip -n "$n$1" link set lo up
	mkdir -m 700 "$tmp/$1"
}

on() { # NAME COMMAND...: run there
	there=$1
	shift
	LAMBDA_RUN=$tmp/$there ip netns exec "$n$there" "$@"
}

# begin NAME LOG COMMAND...: start it there, in the background
begin() {
	space=$1 log=$2
	shift 2
	LAMBDA_RUN=$tmp/$space start "$log" ip netns exec "$n$space" "$@"
}

port=4370
echo "10.77.0.1:4370" >"$tmp/known"
authority() { # I: start it; all know the first one's address and no other
	begin "a$1" "a$1" sh -c 'exec lambda-authority "$@" <"$0"' \
	    "$tmp/known" -q -r "$R" -l "10.77.0.$1:$port"
	eval "a$1=$pid"
}

live="1 2 3 4 5"
for i in 1 2; do space "a$i" left "10.77.0.$i"; done
for i in 3 4 5; do space "a$i" right "10.77.0.$i"; done
for i in 1 2 3; do space "h$i" left "10.77.0.1$i"; done
for i in 4 5 6; do space "h$i" right "10.77.0.1$i"; done

ask() { # I WHAT: of authority I
	on "a$1" lambda-ctl -A "10.77.0.$1:$(cat "$tmp/port$1")" "$2" 2>/dev/null
}

# placed I: the modules that authority I is to run an exchange for, by the hash,
# are those that it runs one for
placed() {
	self=$(awk '$6 == 1 { print $4 }' "$tmp/linked$1")
	ask "$1" modules | awk '$6 == 1 { print $2 }' | sort >"$tmp/named"
	awk -v self="$self" '$8 == self { print $4 }' "$tmp/rows$1" | sort |
	    cmp -s - "$tmp/named"
}

# whole: every live authority is linked to all others, all have the same list,
# and each module has R exchanges, where they are to be
whole() {
	# shellcheck disable=SC2086
	set -- $live
	count=$#
	want=$R
	[ "$count" -lt "$R" ] && want=$count
	for a; do
		ask "$a" authorities >"$tmp/linked$a"
		[ "$(wc -l <"$tmp/linked$a")" -eq "$count" ] || return 1
		ask "$a" exchanges >"$tmp/rows$a"
		awk '{ print $2, $4, $6 }' "$tmp/rows$a" | sort >"$tmp/list$a"
		cmp -s "$tmp/list$1" "$tmp/list$a" || return 1
		placed "$a" || return 1
	done
	[ "$(awk '{ print $2 }' "$tmp/list$1" | sort | uniq -c |
	    awk -v r="$want" '$1 == r { n++ } END { print n + 0 }')" -eq \
	    "$modules" ]
}

# linked: every broker is linked to every live authority
linked() {
	# shellcheck disable=SC2086
	set -- $live
	for h in 1 2 3 4 5 6; do
		[ "$(on "h$h" lambda-ctl authorities | wc -l)" -eq $# ] ||
		    return 1
	done
}

# sells: what the brokers have of their listeners, as "module broker order
# quantity" a line
sells() {
	# shellcheck disable=SC2086
	set -- $live
	ask "$1" peers >"$tmp/brokers"
	for h in 1 2 3 4 5 6; do
		id=$(awk -v a="10.77.0.1$h:" \
		    'index($2, a) == 1 { print $4 }' "$tmp/brokers")
		on "h$h" lambda-ctl orders | awk -v id="$id" '$4 == "sell" {
			print $6, id, $2, $10 }'
	done | sort
}

# shown ADDRESS MODULE: what an exchange shows, likewise; what is reserved, and
# a buy, are lines that no broker has
shown() {
	on a1 lambda-ctl -A "$1" orders 2>/dev/null | awk -v m="$2" '
		$1 == "sell" { print m, $4, $6, $8 }
		$1 == "sell" && $10 != 0 { print m, "reserved", $10 }
		$1 == "buy" { print m, "bought" }' | sort
}

# conserved [MODULE]: each module's sells, two listeners with all of their
# capacity of 2, are what each of its exchanges shows, and nothing is reserved
# or wanted there. The one that is named is in use, and left out.
conserved() {
	busy=${1:-none}
	quiet=$modules
	[ $# -eq 0 ] || quiet=$((modules - 1))
	# shellcheck disable=SC2086
	set -- $live
	whole || return 1
	sells | grep -v "^$busy " >"$tmp/sells"
	[ "$(awk '$4 == 2 { n[$1]++ } END { for (m in n) all += n[m] == 2
	    print all + 0 }' "$tmp/sells")" -eq \
	    "$quiet" ] || return 1
	awk -v busy="$busy" '$4 != busy { print $2, $4 }' "$tmp/rows$1" \
	    >"$tmp/exchanges"
	while read -r at m; do
		shown "$at" "$m" >"$tmp/shown"
		grep "^$m " "$tmp/sells" | cmp -s - "$tmp/shown" || return 1
	done <"$tmp/exchanges"
}

# rest WHAT [MODULE]: it comes to that
rest() {
	began=$(stamp)
	until_true 30 conserved ${2:+"$2"} ||
	    fail "$1: $(wc -l <"$tmp/sells") sells; an exchange of $m shows
$(cat "$tmp/shown")"
	echo "$1: every exchange shows what every listener has after" \
	    "$(since "$began") ms"
}

stamp() { date +%s%N; }
since() { echo $((($(stamp) - $1) / 1000000)); }

for i in 5 4 3 2 1; do
	echo "$port" >"$tmp/port$i"
	authority "$i"
done
for i in 1 2 3 4 5 6; do
	begin "h$i" "broker$i" sh -c 'exec lambda-broker -q -l "$1:4371" <"$0"' \
	    "$tmp/known" "10.77.0.1$i"
	eval "b$i=$pid"
	LAMBDA_RUN=$tmp/h$i until_true 10 test -S "$tmp/h$i/broker" ||
	    fail "broker $i"
done
cat >"$tmp/work" <<'EOF'
#!/bin/sh
while read -r n; do echo $((n * 2)); done
EOF
chmod +x "$tmp/work"
listen() { # M HOST: a listener of that module there
	begin "h$2" "l$1.$2" lambda-listener -q -c 2 -w line \
	    -l "10.77.0.1$2:0" "m$1" "$tmp/work"
}
m=0
while [ "$m" -lt "$modules" ]; do
	listen "$m" $((m % 3 + 1))
	[ "$m" -ne 7 ] || seller=$pid
	listen "$m" $((m % 3 + 4))
	m=$((m + 1))
done
began=$(stamp)
until_true 30 whole || fail "the mesh is not whole"
until_true 10 linked || fail "not every broker is linked to every authority"
echo "whole and linked after $(since "$began") ms"

# filter NAME OPTION...: a line in 5 ms, until it is finished
filter() {
	running=$1
	shift
	begin h1 "$running" sh -c 'out=$1; shift; i=0
	    while [ ! -e "$out.stop" ]; do i=$((i + 1))
		echo $i; sleep 0.005; done | lambda-call "$@" -L m0 >"$out.out"
	    echo "status $?"' sh "$tmp/$running" "$@"
	until_true 10 test -s "$tmp/$running.out" ||
	    fail "the filter does not run"
}
sure() { # WHAT: the filter goes on, and has not failed
	was=$(wc -l <"$tmp/$running.out")
	until_true 20 sh -c 'test "$(wc -l <"$0")" -gt "$1"' \
	    "$tmp/$running.out" "$was" || fail "$1: the filter stands"
	if grep 'line [0-9]' "$tmp/$running.log"; then
		fail "$1: lines of the filter failed"
	fi
}
finish() { # every line is answered, and rightly
	touch "$tmp/$running.stop"
	logged "$running" status 20
	grep -q 'status 0' "$tmp/$running.log" || fail "the filter failed"
	awk '$1 != NR * 2 { exit 1 }' "$tmp/$running.out" ||
	    fail "wrong answers"
	echo "$running: $(wc -l <"$tmp/$running.out") lines, all right"
}
call() { # M HOST: one call answers
	[ "$(echo 21 | on "$2" lambda-call -T 20 -L "m$1")" = 42 ] ||
	    fail "m$1 from $2"
}
rest "started"

# With no retry: no line fails while parts of the control plane are killed. An
# authority is, then another.
filter killed -R 0
sold() {
	! conserved
}
until_true 10 sold || fail "what is sold to the filter shows nowhere"
for i in 4 2; do
	victim=
	eval "victim=\$a$i"
	began=$(stamp)
	kill -9 "$victim"
	live=$(echo " $live " | sed "s/ $i / /")
	until_true 20 whole || fail "not whole without authority $i"
	echo "whole without authority $i after $(since "$began") ms"
	sure "authority $i killed"
	call 3 h2
done
# Both come back, on other ports.
port=4400
for i in 4 2; do
	echo "$port" >"$tmp/port$i"
	authority "$i"
	live="$live $i"
done
began=$(stamp)
until_true 20 whole || fail "not whole with both back"
until_true 20 linked || fail "brokers miss the restarted authorities"
echo "whole and linked with both back after $(since "$began") ms"
sure "authorities restarted"
rest "authorities restarted" m0

# An exchange is killed: another is started in its place, and has its orders.
exchange_of() { # MODULE: the process of one; in $victim
	for i in $live; do
		eval "victim=\$(children \"\$a$i\" ' $1')"
		[ -z "$victim" ] || return 0
	done
	return 1
}
instances() { # MODULE
	ask 1 exchanges | awk -v m="$1" '$4 == m { print $6 }' | sort
}
replaced() { # R exchanges, of which R - 1 are as before
	instances m3 >"$tmp/after"
	[ "$(wc -l <"$tmp/after")" -eq "$R" ] &&
	    [ "$(comm -12 "$tmp/before" "$tmp/after" | wc -l)" -eq $((R - 1)) ]
}
instances m3 >"$tmp/before"
exchange_of m3 || fail "no process is an exchange of m3"
began=$(stamp)
kill -9 "$victim" || fail "the exchange was gone"
until_true 20 replaced || fail "the exchange is not started again"
echo "an exchange started again after $(since "$began") ms"
rest "exchange killed" m0
sure "exchange killed"

# A listener is killed: it is gone from every exchange at once. It comes back.
gone() { # the module's exchanges show one seller, of two
	for at in $(ask 1 exchanges | awk '$4 == "m7" { print $2 }'); do
		[ "$(shown "$at" m7 | wc -l)" -eq 1 ] || return 1
	done
}
began=$(stamp)
kill -9 "$seller" || fail "the listener was gone"
until_true 5 gone || fail "exchanges show a listener that is dead"
echo "a dead listener is gone after $(since "$began") ms"
listen 7 2
rest "listener restarted" m0
finish

# Split: packets vanish. Both sides go on, each with exchanges of its own. What
# is in flight across it is lost with it, so lines are retried.
filter split -R 3
both=$live
began=$(stamp)
ip -n "$n" link set cable0 down
call 1 h2 && call 2 h6 || fail "calls early in the split"
for live in "1 2" "3 4 5"; do
	until_true 40 whole || fail "side $live of the split is not whole"
	echo "authorities $live, silence about them: whole after" \
	    "$(since "$began") ms"
done
over() {
	[ "$(since "$began")" -ge $((silent * 1000)) ]
}
until_true $((silent + 10)) over
for live in "1 2" "3 4 5"; do
	until_true 5 whole || fail "side $live of the split is whole no more"
done
call 4 h1
call 4 h6
sure "split"
live=$both
began=$(stamp)
ip -n "$n" link set cable0 up
until_true 40 whole || fail "not whole after the split healed"
until_true 20 linked || fail "brokers not linked after the split healed"
echo "whole after the split healed: $(since "$began") ms"
sure "healed"
rest "healed" m0
finish

# Every authority is killed; calls go on; then they return.
filter without -R 0
for i in 1 2 3 4 5; do
	eval "kill -9 \$a$i; wait \$a$i 2>/dev/null"
done
sure "no authority"
port=4370
for i in 3 1 2 5 4; do
	echo "$port" >"$tmp/port$i"
	authority "$i"
done
began=$(stamp)
until_true 40 whole || fail "not whole after all authorities returned"
until_true 20 linked || fail "brokers not linked after all returned"
echo "whole after all authorities returned: $(since "$began") ms"
call 5 h3
# A broker is killed and restarted: its orders come back on their own.
# shellcheck disable=SC2154
kill -9 "$b4"
# shellcheck disable=SC2154
wait "$b4" 2>/dev/null
begin h4 broker4b sh -c 'exec lambda-broker -q -l 10.77.0.14:4371 <"$0"' \
    "$tmp/known"
until_true 20 linked || fail "the broker that was restarted is not linked"
rest "broker restarted" m0
call 0 h4
sure "broker restarted"
finish
rest "in the end"
echo passed
