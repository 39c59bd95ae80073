#!/bin/sh
# The mesh: 5 authorities and 6 hosts in network namespaces on two switches, 20
# modules, a filter running throughout. Authorities are killed, the network is
# split and healed, exchanges and all authorities are killed; calls go on, and
# the mesh is whole again afterwards. R is 2, or what $1 says.
. "$(dirname "$0")/lib.sh"

R=${1:-2}
modules=20
silent=${MESH_SPLIT:-20} # seconds of the split; a silent peer is dead after 15

need ip
[ "$(id -u)" = 0 ] || skip "network namespaces need root"
n=lm$$
head -c 32 /dev/urandom >"$tmp/key"
chmod 600 "$tmp/key"
LAMBDA_KEY=$tmp/key
export LAMBDA_KEY

# A switch of two bridges, left and right, joined by a cable.
ip netns add "$n" || skip "network namespaces are not to be had here"
spaces=$n
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

exchanges() { # I: the live list as authority I has it
	on "a$1" lambda-ctl -A "10.77.0.$1:$(cat "$tmp/port$1")" exchanges
}

# whole: every live authority is linked to all others, all have the same list,
# and each module has R exchanges
whole() {
	# shellcheck disable=SC2086
	set -- $live
	count=$#
	want=$R
	[ "$count" -lt "$R" ] && want=$count
	for a; do
		[ "$(on "a$a" lambda-ctl -A "10.77.0.$a:$(cat "$tmp/port$a")" \
		    authorities 2>/dev/null | wc -l)" -eq "$count" ] || return 1
		exchanges "$a" | awk '{ print $2, $4, $6 }' | sort \
		    >"$tmp/list$a"
		cmp -s "$tmp/list$1" "$tmp/list$a" || return 1
	done
	[ "$(awk '{ print $2 }' "$tmp/list$1" | sort | uniq -c |
	    awk -v r="$want" '$1 == r { n++ } END { print n + 0 }')" -eq \
	    "$modules" ]
}

# linked: every broker is linked to every live authority, and its orders stand
linked() {
	# shellcheck disable=SC2086
	set -- $live
	for h in 1 2 3 4 5 6; do
		[ "$(on "h$h" lambda-ctl authorities | wc -l)" -eq $# ] ||
		    return 1
	done
}

# conserved: what each exchange shows of the sellers is what they have; nothing
# is reserved (asked of module m0's exchanges)
conserved() {
	# shellcheck disable=SC2086
	set -- $live
	for x in $(exchanges "$1" | awk '$4 == "m0" { print $2 }'); do
		[ "$(on h1 lambda-ctl -A "$x" exchanges |
		    sed -n 's/.*reserved \([0-9]*\).*/\1/p')" = 0 ] || return 1
	done
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
m=0
while [ "$m" -lt "$modules" ]; do
	for i in $((m % 3 + 1)) $((m % 3 + 4)); do
		begin "h$i" "l$m.$i" lambda-listener -q -c 2 -w line \
		    -l "10.77.0.1$i:0" "m$m" "$tmp/work"
	done
	m=$((m + 1))
done
began=$(stamp)
until_true 30 whole || fail "the mesh is not whole"
until_true 10 linked || fail "not every broker is linked to every authority"
echo "whole and linked after $(since "$began") ms"

# The filter, throughout: a line in 5 ms. What is in flight across a split is
# lost with it, so lines are retried; t/joins.sh shows that none needs to be
# when only the control plane is killed.
begin h1 filter sh -c 'i=0; while [ ! -e "$0/stop" ]; do i=$((i + 1))
	echo $i; sleep 0.005; done | lambda-call -R 3 -L m0 >"$0/filter.out"
	echo "status $?"' "$tmp"
sure() { # WHAT: the filter goes on, and has not failed
	was=$(wc -l <"$tmp/filter.out")
	until_true 20 sh -c 'test "$(wc -l <"$0")" -gt "$1"' \
	    "$tmp/filter.out" "$was" || fail "$1: the filter stands"
	if grep -q 'line [0-9]' "$tmp/filter.log"; then
		fail "$1: $(grep 'line [0-9]' "$tmp/filter.log" | head -n 3)"
	fi
}
call() { # M HOST: one call answers
	[ "$(echo 21 | on "$2" lambda-call -T 20 -L "m$1")" = 42 ] ||
	    fail "m$1 from $2"
}
until_true 10 test -s "$tmp/filter.out" || fail "the filter does not run"

# An authority is killed, then another.
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
until_true 20 whole || fail "not whole with both back"
until_true 20 linked || fail "brokers miss the restarted authorities"
sure "authorities restarted"

# Split: packets vanish. Both sides go on, each with exchanges of its own.
both=$live
ip -n "$n" link set cable0 down
call 1 h2 && call 2 h6 || fail "calls early in the split"
sleep_until=$(($(date +%s) + silent))
until_true $((silent + 10)) sh -c 'test "$(date +%s)" -ge "$0"' "$sleep_until"
live="1 2" && until_true 20 whole || fail "the left side is not whole"
live="3 4 5" && until_true 20 whole || fail "the right side is not whole"
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

# Every authority is killed; calls go on; then they return.
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
until_true 20 sh -c 'test "$(LAMBDA_RUN=$1 ip netns exec "$0" lambda-ctl orders |
    grep -c "kind sell")" -ge 6' "${n}h4" "$tmp/h4" || fail "orders of h4"
call 0 h4
sure "broker restarted"
touch "$tmp/stop"
logged filter status 20
grep -q 'status 0' "$tmp/filter.log" || fail "the filter failed"
awk '$1 != NR * 2 { exit 1 }' "$tmp/filter.out" || fail "wrong answers"
until_true 20 conserved || fail "reservations are left behind"
echo "passed: $(wc -l <"$tmp/filter.out") lines"
