# For t/mesh.sh and t/split.sh: sourced, after lib.sh, with $R set. A mesh of 5
# authorities and 6 hosts in network namespaces on two switches, 20 modules with
# two listeners each, one on either side; what is to hold of it; and those who
# call.
# shellcheck shell=sh disable=SC2016,SC2154

modules=20 # those that somebody has an order of
idle=20    # those of them that have two listeners, with nothing sold
moving=	   # a module that is in use all the time, so what is left of it changes

need ip ps
namespaces
helper slot
head -c 32 /dev/urandom >"$tmp/key"
chmod 600 "$tmp/key"
LAMBDA_KEY=$tmp/key
export LAMBDA_KEY

# A switch of two bridges, left and right, joined by a cable.
ip -n "$net" link add left type bridge
ip -n "$net" link add right type bridge
ip -n "$net" link add cable0 type veth peer name cable1
ip -n "$net" link set cable0 master left
ip -n "$net" link set cable1 master right
for dev in left right cable0 cable1; do
	ip -n "$net" link set "$dev" up
done

member() { # NAME SIDE ADDRESS
	space "$1" "$2" "$1" "$3/24"
	mkdir -m 700 "$tmp/$1"
}
live="1 2 3 4 5" # authorities
for i in 1 2; do member "a$i" left "10.77.0.$i"; done
for i in 3 4 5; do member "a$i" right "10.77.0.$i"; done
for i in 1 2 3; do member "h$i" left "10.77.0.1$i"; done
for i in 4 5 6; do member "h$i" right "10.77.0.1$i"; done

on() { # NAME COMMAND...: run there
	there=$1
	shift
	LAMBDA_RUN=$tmp/$there ip netns exec "$net$there" "$@"
}

# begin NAME LOG COMMAND...: start it there, in the background
begin() {
	there=$1 log=$2
	shift 2
	LAMBDA_RUN=$tmp/$there start "$log" ip netns exec "$net$there" "$@"
}

stamp() { date +%s%N; }
since() { echo $((($(stamp) - $1) / 1000000)); }
# took WHAT: it came to that; the time since $began is told, with that of the look
# itself, and t/bench/mesh.sh measures it
took() {
	echo "$1 after $(since "$began") ms"
}

# Who is there.

port=4370
echo "10.77.0.1:4370" >"$tmp/known"
# What an authority that was killed had just forked listens for it until its exec.
vacant() { # I
	on "a$1" "$top/t/listen" "10.77.0.$1:$port" true
}
authority() { # I: start it; all know the first one's address and no other
	until_true vacant "$1" || fail "authority $1: its address is taken"
	echo "$port" >"$tmp/port$1"
	begin "a$1" "a$1" sh -c 'exec lambda-authority "$@" <"$0"' \
	    "$tmp/known" -q -r "$R" -l "10.77.0.$1:$port"
	eval "a$1=$pid"
}
broker() { # I: its log is told from those of earlier ones by $2
	begin "h$1" "broker$1${2:-}" sh -c 'exec lambda-broker -q -l "$1" <"$0"' \
	    "$tmp/known" "10.77.0.1$1:4371"
	eval "b$1=$pid"
}
# A listener of module M on host I; its workers double a number and name the
# module, and count themselves.
listen() { # M I [CAPACITY]
	begin "h$2" "l$1.$2" lambda-listener -q -c "${3:-2}" -w line \
	    -l "10.77.0.1$2:0" "m$1" "$top/t/slot" -l 20 \
	    "$tmp/m$1.h$2.slots" "${3:-2}" "m$1"
}
begin_all() {
	for i in 5 4 3 2 1; do authority "$i"; done
	for i in 1 2 3 4 5 6; do broker "$i"; done
	for i in 1 2 3 4 5 6; do
		until_true test -S "$tmp/h$i/broker" || fail "broker $i"
	done
	m=0
	while [ "$m" -lt 20 ]; do
		listen "$m" $((m % 3 + 1))
		eval "l$m=$pid"
		listen "$m" $((m % 3 + 4))
		m=$((m + 1))
	done
	began=$(stamp)
	until_true whole || fail "the mesh is not whole"
	until_true linked ||
	    fail "not every broker is linked to its homes"
	took "whole and linked"
	rest "started"
}

# The mesh.

ask() { # I WHAT: of authority I
	on "a$1" lambda-ctl -A "10.77.0.$1:$(cat "$tmp/port$1")" "$2" 2>/dev/null
}

# placed I: the modules that authority I is to run an exchange for, by the hash,
# are those that it runs one for
placed() {
	self=$(awk "$of"'of("self") == 1 { print of("instance") }' \
	    "$tmp/linked$1")
	ask "$1" modules | awk "$of"'of("responsible") == 1 { print $2 }' |
	    sort >"$tmp/named"
	awk -v self="$self" "$of"'of("authority") == self {
		print of("module") }' "$tmp/rows$1" | sort |
	    cmp -s - "$tmp/named"
}

# whole: every live authority is linked to all others, and each module has R
# exchanges, where they are to be. All of these are in $tmp/rows.
whole() {
	# shellcheck disable=SC2086
	set -- $live
	count=$#
	want=$R
	[ "$count" -lt "$R" ] && want=$count
	: >"$tmp/gathered"
	for a; do
		ask "$a" authorities >"$tmp/linked$a"
		[ "$(wc -l <"$tmp/linked$a")" -eq "$count" ] || return 1
		ask "$a" exchanges >"$tmp/rows$a"
		grep -v announced "$tmp/rows$a" >>"$tmp/gathered"
		placed "$a" || return 1
	done
	mv "$tmp/gathered" "$tmp/rows"
	[ "$(awk "$of"'{ print of("module") }' "$tmp/rows" | sort | uniq -c |
	    awk -v r="$want" '$1 == r { n++ } END { print n + 0 }')" -eq \
	    "$modules" ]
}

# linked: every broker is linked to three live authorities, or to all
linked() {
	# shellcheck disable=SC2086
	set -- $live
	ask "$1" authorities | awk "$of"'{ print of("instance") }' |
	    sort >"$tmp/alive"
	homes=3
	[ $# -ge "$homes" ] || homes=$#
	for h in 1 2 3 4 5 6; do
		on "h$h" lambda-ctl authorities |
		    awk "$of"'{ print of("instance") }' | sort >"$tmp/homes"
		[ "$(wc -l <"$tmp/homes")" -eq "$homes" ] || return 1
		[ -z "$(comm -23 "$tmp/homes" "$tmp/alive")" ] || return 1
	done
}

# Orders: a line each, "module broker number sell left" or "module broker number
# buy lacking". A buy stands while it lacks or holds something.

# orders: what the brokers have of their listeners and PLBs
orders() {
	for h in 1 2 3 4 5 6; do
		id=$(on "h$h" lambda-ctl peers |
		    awk "$of"'of("self") == 1 { print of("instance") }')
		on "h$h" lambda-ctl orders | awk -v id="$id" "$of"'
			{ kind = of("kind") }
			kind == "sell" {
				print of("module"), id, $2, kind, of("quantity")
			}
			kind == "buy" && (of("held") > 0 || of("lacking") > 0) {
				print of("module"), id, $2, kind, of("lacking")
			}'
	done | sort
}

# shown ADDRESS MODULE: what an exchange shows; what is reserved, too
shown() {
	on a1 lambda-ctl -A "$1" orders 2>/dev/null | awk -v m="$2" "$of"'
		$1 == "sell" {
			print m, of("broker"), of("order"), $1, of("quantity")
		}
		$1 == "sell" && of("reserved") != 0 {
			print m, "reserved", of("reserved")
		}
		$1 == "buy" { print m, of("broker"), $2, $1, of("lacking") }' |
	    sort
}

# run MODULE: the rows of its exchanges, of those who run them
run() {
	for a in $live; do
		ask "$a" exchanges
	done | awk -v m="$1" "$of"'of("module") == m && of("state") != "announced"'
}
# each MODULE: the addresses of its exchanges
each() {
	run "$1" | awk '{ print $2 }'
}

# shows MODULE PATTERN N: each of its exchanges shows so many orders like it, and
# there is one
shows() {
	each "$1" >"$tmp/each"
	[ -s "$tmp/each" ] || return 1
	while read -r at; do
		[ "$(shown "$at" "$1" | grep -c "$2")" -eq "$3" ] || return 1
	done <"$tmp/each"
}

# conserved: what brokers have is what each exchange of the module shows, of all
# modules but the one that moves, and what is idle is all for sale
conserved() {
	whole || return 1
	orders | grep -v "^${moving:-none} " >"$tmp/orders"
	[ "$(awk '$4 == "buy" { n[$1] = -1 } $4 == "sell" && $5 == 2 { n[$1]++ }
	    END { for (m in n) all += n[m] == 2
	    print all + 0 }' "$tmp/orders")" -eq "$idle" ] || {
		echo "$idle modules should be all for sale" >"$tmp/shown"
		return 1
	}
	awk -v m="$moving" "$of"'of("module") != m { print $2, of("module") }' \
	    "$tmp/rows" \
	    >"$tmp/exchanges"
	while read -r at m; do
		shown "$at" "$m" >"$tmp/shown"
		grep "^$m " "$tmp/orders" | cmp -s - "$tmp/shown" || return 1
	done <"$tmp/exchanges"
}

# rest WHAT: it comes to that
rest() {
	began=$(stamp)
	until_true conserved || fail "$1: of these orders:
$(cat "$tmp/orders")
shown of ${m:-some}:
$(cat "$tmp/shown")"
	echo "$1: every exchange shows what every host has after" \
	    "$(since "$began") ms"
}

# Those who call.

# filter NAME HOST OPTION...: a line of m0 in 20 ms, until it is finished
filter() {
	name=$1 host=$2
	shift 2
	begin "$host" "$name" sh -c 'out=$1; shift; i=0
	    while [ ! -e "$out.stop" ]; do i=$((i + 1))
		echo $i; sleep 0.02; done | lambda-call "$@" -L m0 >"$out.out"
	    echo "status $?"' sh "$tmp/$name" "$@"
	until_true test -s "$tmp/$name.out" || fail "$name does not run"
}
sure() { # NAME WHAT: the filter goes on, and has not failed
	was=$(wc -l <"$tmp/$1.out")
	until_true sh -c 'test "$(wc -l <"$0")" -gt "$1"' \
	    "$tmp/$1.out" "$was" || fail "$2: the filter $1 stands"
	if grep 'line [0-9]' "$tmp/$1.log"; then
		fail "$2: lines of the filter $1 failed"
	fi
}
finish() { # NAME: every line is answered, and rightly
	touch "$tmp/$1.stop"
	logged "$1" status
	grep -q 'status 0' "$tmp/$1.log" || fail "the filter $1 failed"
	awk '$1 != NR * 2 || $2 != "m0" { exit 1 }' "$tmp/$1.out" ||
	    fail "wrong answers in $1"
	echo "$1: $(wc -l <"$tmp/$1.out") lines, all right"
}

# busy NAME HOST OPTION... MODULE: a filter whose input never ends, so that it
# uses all that it has, and wants more; in $pid
busy() {
	busy=$1 host=$2
	shift 2
	mkfifo "$tmp/$busy.in"
	start "$busy.in" sh -c 'exec yes 21 >"$0"' "$tmp/$busy.in"
	begin "$host" "$busy" sh -c 'exec lambda-call -q -L "$@" <"$0.in" \
	    >"$0.out"' "$tmp/$busy" "$@"
	until_true test -s "$tmp/$busy.out" || fail "$busy does not run"
}

# callers NAME "HOST..." RETRIES MODULE...: one call after another on each of
# these hosts, each with a buy of its own, until they are finished
callers() {
	calls=$1 hosts=$2
	shift 2
	for h in $hosts; do
		begin "$h" "$calls.$h" sh -c 'out=$1 limit=$2 retries=$3; shift 3
		    while :; do for m; do
			began=$(date +%s%N)
			answer=$(echo 21 |
			    lambda-call -T "$limit" -R "$retries" "$m")
			status=$?
			ms=$((($(date +%s%N) - began) / 1000000))
			echo "$ms $m $status $answer"
			[ ! -e "${out%.*}.stop" ] || break 2
		    done; done >"$out.calls"
		    echo "status 0"' sh "$tmp/$calls.$h" "$hang" "$@"
	done
	for h in $hosts; do
		until_true test -s "$tmp/$calls.$h.calls" ||
		    fail "no call from $h is answered"
	done
}
called() { # each call of theirs was answered, and rightly
	touch "$tmp/$calls.stop"
	for h in $hosts; do
		logged "$calls.$h" status
	done
	cat "$tmp/$calls".*.calls >"$tmp/$calls"
	awk '$3 != 0 || $4 != 42 || $5 != $2' "$tmp/$calls" >"$tmp/wrong"
	[ ! -s "$tmp/wrong" ] ||
	    fail "$calls: wrong calls, as ms, module, status, answer:
$(cat "$tmp/wrong")"
	echo "$calls: $(wc -l <"$tmp/$calls") calls from $hosts, all right," \
	    "the longest $(sort -rn "$tmp/$calls" | sed 's/ .*//;q') ms"
}
