#!/bin/sh
# Fills: who may believe what of capacity that several exchanges sell at once.
# Each part has a module, so exchanges and counters, of its own. Processes are
# stopped so that what is on its way waits in their sockets, and killed then;
# where no program can be made to do what it must not, a puppet does it. Then
# the books must be right: every exchange shows what every listener has left,
# nothing is reserved, no buy lacks anything, and each token that was filled is
# accounted for. There are 2 exchanges for each module, or $1.
. "$(dirname "$0")/lib.sh"

need ps
helper puppet
R=${1:-2}

stamp() { date +%s%N; }
since() { echo $((($(stamp) - $1) / 1000000)); }

# Authorities, the first known to all; brokers, of who sells and who buys.
: >"$tmp/known"
authorities=
while [ "$(wc -l <"$tmp/known")" -lt "$R" ]; do
	i=$(wc -l <"$tmp/known")
	start "authority$i" sh -c 'exec lambda-authority -r "$1" \
	    -l 127.0.0.1:0 <"$0"' "$tmp/known" "$R"
	authorities="$authorities $pid"
	address "authority$i" >>"$tmp/known" || exit 1
done
first=$(head -n 1 "$tmp/known")
broker() { # NAME: its socket is $tmp/NAME
	start "$1" sh -c 'exec lambda-broker -b "$0/$1" -l 127.0.0.1:0 \
	    <"$0/known"' "$tmp" "$1"
	until_true lambda-ctl -b "$tmp/$1" authorities || fail "no broker $1"
}
broker sellers
sellers=$pid
broker buyers
buyers=$pid

# listen MODULE NAME CAPACITY [OPTION...]: a listener; `at NAME' is where
listen() {
	module=$1 name=$2 capacity=$3
	shift 3
	start "$name" lambda-listener -b "$tmp/sellers" -c "$capacity" "$@" \
	    "$module" cat
}
at() {
	logged "$1" 'publishing .* at'
	sed -n 's/.*publishing [^ ]* at \([^,]*\).*/\1/p' "$tmp/$1.log" |
	    head -n 1
}

# buy MODULE NAME CAPACITY OPTION...: a PLB, which is asked at $tmp/NAME
buy() {
	module=$1 name=$2 capacity=$3
	shift 3
	start "$name" lambda-plb -s "$tmp/$name" -c "$capacity" "$@" "$module"
}

# puppet NAME ROLE dial|listen ADDRESS: what it hears is in $tmp/NAME.out, and
# `say NAME' has it say the rest
puppet() {
	mkfifo "$tmp/$1.in"
	start "$1" sh -c 'exec "$0/t/puppet" "$3" "$4" "$5" <>"$1/$2.in" \
	    >"$1/$2.out"' "$top" "$tmp" "$@"
}
say() {
	name=$1
	shift
	echo "$*" >"$tmp/$name.in"
}
offer() { # MODULE NAME: a sell of 4, to be had of a puppet that listens
	where=$(address "$2") || exit 1
	echo "1 sell order 1 module $1 quantity 4 contact ( address $where )"
}
heard() { # NAME PATTERN
	until_true grep -q -e "$2" "$tmp/$1.out" ||
	    fail "the puppet $1 did not hear: $2"
}

# value KEY: of rows of lambda-ctl
value() {
	awk -v k="$1" "$of"'of(k) != "" { print of(k) }'
}
# plb NAME KEY: of a PLB; holds NAME KEY VALUE: it is that
plb() {
	lambda-ctl -A "$tmp/$1" all | sed -n 's/^plb [^ ]* /plb /p' | value "$2"
}
holds() {
	[ "$(plb "$1" "$2")" = "$3" ]
}
# of NAME ADDRESS: the tokens that a PLB holds of a seller
of() {
	lambda-ctl -A "$tmp/$1" all | grep "^channel $2 " | value tokens
}

# exchanges MODULE: where they are, in $tmp/MODULE.at, once there are R
found() {
	lambda-ctl -A "$first" exchanges | awk -v m="$1" \
	    "$of"'$2 != "-" && of("module") == m { print $2 }' >"$tmp/$1.at"
	[ "$(wc -l <"$tmp/$1.at")" -eq "$R" ]
}
exchanges() {
	until_true found "$1" || fail "$1: there are not $R exchanges"
}
# book MODULE KEY: what each says; each MODULE KEY VALUE: all say that; total
# MODULE KEY: of all
book() {
	while read -r exchange; do
		lambda-ctl -A "$exchange" exchanges || echo gone
	done <"$tmp/$1.at" | value "$2"
}
each() {
	[ "$(book "$1" "$2" | grep -cx "$3")" -eq "$R" ]
}
total() {
	book "$1" "$2" | awk '{ n += $1 } END { print n + 0 }'
}
wait_each() { # MODULE KEY VALUE
	until_true each "$1" "$2" "$3" ||
	    fail "$1: not $2 $3: $(book "$1" "$2" | tr '\n' ' ')"
}

# right MODULE LEFT: the books are right, and so much is left
right() {
	lambda-ctl -b "$tmp/sellers" orders | awk -v m="$1" \
	    "$of"'of("kind") == "sell" && of("module") == m {
		print $2, of("quantity") }' | sort >"$tmp/sold"
	[ "$(awk '{ n += $2 } END { print n + 0 }' "$tmp/sold")" -eq "$2" ] ||
	    return 1
	while read -r exchange; do
		lambda-ctl -A "$exchange" all >"$tmp/shown" || return 1
		awk "$of"'$1 == "sell" { print of("order"), of("quantity") }' \
		    "$tmp/shown" | sort | cmp -s - "$tmp/sold" || return 1
		awk "$of"'$1 == "exchange" {
			exit of("reserved") + of("missing") > 0 ||
			    of("filled") != of("settled") + of("released") + \
			    of("lost") + of("expired") }' "$tmp/shown" ||
		    return 1
	done <"$tmp/$1.at"
}
settle() { # MODULE LEFT WHAT: it comes to that
	began=$(stamp)
	until_true right "$1" "$2" ||
	    fail "$3: the books of $1 are wrong: sold $(cat "$tmp/sold")," \
		"an exchange shows $(cat "$tmp/shown")"
	echo "$3: the books are right after $(since "$began") ms"
}

# hush MODULE STOP|CONT: its exchanges
hush() {
	for authority in $authorities; do
		# shellcheck disable=SC2046 # none, or some
		kill "-$2" $(children "$authority" " $1") 2>/dev/null
	done
}
# at_buyers MODULE KEY VALUE: the order at the buyers' broker
at_buyers() {
	[ "$(lambda-ctl -b "$tmp/buyers" orders | grep " module $1 " |
	    value "$2")" = "$3" ]
}
# meet MODULE: the buyers' broker links to its exchanges, by an order that
# nothing fits, and stays linked for 10 seconds
linked() {
	[ "$(lambda-ctl -b "$tmp/buyers" exchanges |
	    grep -c " module $1 .* state linked")" -eq "$R" ]
}
meet() {
	buy "$1" "meet$1" 1 -V 9 -b "$tmp/buyers"
	until_true linked "$1" || fail "not linked to the exchanges of $1"
	stop "$pid"
}
# catch MODULE NAME N: a PLB that is stopped between fill and connect: it wants
# N, and its broker has passed that on to it; in $caught
catch() {
	meet "$1"
	hush "$1" STOP
	buy "$1" "$2" "$3" -b "$tmp/buyers"
	caught=$pid
	until_true at_buyers "$1" lacking "$3" || fail "$2 bought nothing"
	kill -STOP "$caught"
	hush "$1" CONT
	until_true at_buyers "$1" passed "$3" || fail "$2 is passed nothing"
	at_buyers "$1" settled 0 || fail "$2 was not stopped in time"
}

# The buyers' broker is stopped, so that every exchange fills the order before
# it looks: all of them sell the same capacity, and it is bought once.
buy twice p1 4 -b "$tmp/buyers"
p1=$pid
exchanges twice
wait_each twice missing 4
kill -STOP "$buyers"
listen twice l1 4
wait_each twice reserved 4
kill -CONT "$buyers"
settle twice 0 "sold $R times"
same "$(total twice filled) $(total twice settled)" "$((4 * R)) 4"
same "$(total twice released)" $((4 * R - 4))
same "$(plb p1 tokens) $(plb p1 connects) $(plb p1 refused)" '4 1 0'
stop "$p1"

# Eighteen sellers of one token, five in each of three zones and three by
# themselves. A puppet sees the fills: of six tokens, one of each zone; of
# eighteen, 16 sellers at most. It goes, and what it was filled is released.
i=0
while [ "$i" -lt 18 ]; do
	i=$((i + 1))
	listen many "many$i" 1 -q -t "zone=z$((i < 16 ? i % 3 : i))"
done
exchanges many
wait_each many quantity 18
seen() { # N sellers
	[ "$(grep -o 'quantity 1' "$tmp/eye$1.out" | wc -l)" -eq "$1" ]
}
for n in 6 18; do
	puppet "eye$n" plb dial "$tmp/buyers"
	heard "eye$n" 'up broker'
	say "eye$n" "1 buy order 1 module many missing $n"
	until_true seen "$n" || fail "not $n: $(cat "$tmp/eye$n.out")"
	stop "$pid"
	settle many 18 "a buyer of $n has gone"
done
same "$(grep fill "$tmp/eye6.out" | grep -o 'zone=z[0-9]*' | sort -u | wc -l)" 6
awk '$2 == "fill" { n = gsub(/ seller /, ""); if (n > 16) exit 1 }' \
    "$tmp/eye18.out" || fail "more than 16 sellers in a fill"
same "$(total many settled) $(total many lost)" '0 0'

# Each exchange draws one of each zone. What the order does not lack is released
# at once, while nothing is settled: reserved are the six sellers that were
# passed on, and no other. The order stands until they are settled, and lacks
# nothing.
drawn() {
	[ "$(total many filled)" -eq $((filled + 6 * R)) ]
}
six() { # are reserved, at whichever exchange
	[ "$(while read -r exchange; do
		lambda-ctl -A "$exchange" orders
	done <"$tmp/many.at" | awk "$of"'$1 == "sell" && of("reserved") > 0 { print $2 }' |
	    sort -u | wc -l)" -eq 6 ]
}
for draw in 1 2 3; do
	filled=$(total many filled)
	released=$(total many released)
	catch many "draw$draw" 6
	until_true drawn || fail "not every exchange filled all"
	until_true six || fail "other sellers are reserved, too"
	[ "$(total many released)" -eq "$released" ] || break
	kill -9 "$caught" # all drew the same
	settle many 18 "drawn again"
done
[ "$(total many released)" -gt "$released" ] || fail "nothing was released"
wait_each many buys 1
wait_each many missing 0
kill -CONT "$caught"
settle many 12 "what was not used"
same "$(total many settled)" 6
same "$(plb "draw$draw" tokens) $(plb "draw$draw" connects)" '6 6'
stop "$caught"
settle many 18 "all returned"

# A buyer that is killed between fill and connect; then the broker of one, while
# the fills wait in its own socket, and while they wait in the buyer's. Nothing
# is left behind: what they were filled is sold to others at once.
catch many p3 6
wait_each many missing 0
kill -9 "$caught"
settle many 18 "a buyer killed"
same "$(total many settled) $(total many lost)" '6 0'

buy killed p4 4 -b "$tmp/buyers"
p4=$pid
exchanges killed
wait_each killed missing 4
kill -STOP "$buyers"
listen killed l2 4
wait_each killed reserved 4
kill -9 "$buyers"
settle killed 4 "a broker killed with fills unread"
each killed lost 4 || fail "not 4 lost: $(book killed lost)"
buy killed p5 4 -b "$tmp/sellers"
p5=$pid
until_true holds p5 tokens 4 || fail "another buyer did not get them"
stop "$p5"
settle killed 4 "and returned"
broker buyers
buyers=$pid
until_true holds p4 tokens 4 || fail "p4 has $(plb p4 tokens)"
settle killed 0 "bought through the new broker"
stop "$p4"
settle killed 4 "and returned"

catch killed p6 4
lost=$(total killed lost)
wait_each killed reserved 4
kill -9 "$buyers"
settle killed 4 "a broker killed with fills passed on"
same "$(total killed lost)" $((lost + 4 * R))
kill -CONT "$caught"
until_true holds p6 tokens 4 || fail "the buyer did not use its fill"
broker buyers
buyers=$pid
settle killed 0 "its buyer found a new broker"
same "$(plb p6 tokens)" 4
stop "$caught"
settle killed 4 "and returned"

# The seller is: the buyer buys elsewhere.
listen gone l3 4
l3=$pid
exchanges gone
wait_each gone quantity 4
catch gone p7 4
wait_each gone reserved 4
kill -9 "$l3"
wait_each gone lost 4
wait_each gone sells 0
listen gone l4 4
wait_each gone quantity 4
kill -CONT "$caught"
logged p7 'unable to reach the seller'
until_true holds p7 tokens 4 || fail "no other seller was found"
settle gone 0 "bought elsewhere"
same "$(of p7 "$(at l4)")" 4
stop "$caught"
settle gone 4 "and returned"

# take NAME LISTENER N: N tokens of it, past the exchanges. They do not hear of
# it while the sellers' broker is stopped, and sell what is not there any more.
take() {
	buy refused "$1" "$3" -x "$(at "$2")"
	until_true holds "$1" tokens "$3" || fail "$1 has not $3 of $2"
}
# Who is silent for 15 seconds is given up, and on a slow machine that may be
# sooner than what has to happen until then: it is done again.
silences() {
	cat "$tmp"/authority*.log | grep -c 'it is silent'
}
given_up() {
	[ "$(silences)" -gt "$silent" ]
}
listen refused l5 4
listen refused l6 4
exchanges refused
# One is left of l5, and it is granted; the other is refused, and bought of l6.
# Then none is.
past_them() { # N TRY: 1 where the sellers' broker was given up
	silent=$(silences)
	kill -STOP "$sellers"
	take "taker$1.$2" l5 "$1"
	taker=$pid
	late=late$1.$2
	buy refused "$late" 4 -b "$tmp/buyers"
	buyer=$pid
	until_true eval 'holds "$late" tokens 4 || given_up' ||
	    fail "refused, and has $(plb "$late" tokens)"
	if holds "$late" tokens 4 && each refused quantity 8; then
		kill -CONT "$sellers"
		return 0
	fi
	given_up || fail "the exchanges knew better"
	kill -CONT "$sellers"
	stop "$buyer"
	stop "$taker"
	return 1
}
for n in 3 4; do
	try=1
	wait_each refused quantity 8
	until past_them "$n" "$try"; do
		try=$((try + 1))
		wait_each refused quantity 8
	done
	settle refused $((4 - n)) "$n of 4 were gone"
	same "$(of "$late" "$(at l6)")" "$n"
	[ "$(plb "$late" connects)" -le $((2 + 2 * R)) ] ||
	    fail "$(plb "$late" connects) connects for 4 tokens"
	[ "$n" -ne 4 ] || [ "$(plb "$late" refused)" -gt 0 ] ||
	    fail "nothing was refused"
	stop "$buyer"
	stop "$taker"
	settle refused 8 "and returned"
done

# The listener has the last word: it grants what is left, or refuses, and sells
# again after each grant, refusal and return, and every 5 seconds.
puppet desk broker listen "$tmp/desk"
logged desk 'listening on'
start l13 lambda-listener -b "$tmp/desk" -c 4 ask cat
heard desk '1 sell order 1 module ask quantity 4'
puppet asker plb dial "$(at l13)"
heard asker '1 up channel'
exchange=00112233445566778899aabbccddeeff
say asker "1 connect quantity 3 module ask exchange $exchange counter 7"
heard asker '1 demand tokens 3'
heard desk "quantity 1 settled \[ ( exchange $exchange counter 7 ) \]"
say asker "1 connect quantity 3 module ask exchange $exchange counter 8"
heard asker '1 demand tokens 1'
heard desk "module ask settled \[ ( exchange $exchange counter 8 ) \]"
say asker "1 connect quantity 3 module ask exchange $exchange counter 9"
heard asker '1 refuse reason "no capacity left'
heard desk "module ask settled \[ ( exchange $exchange counter 9 ) \]"
say asker '1 return tokens 2'
heard desk 'module ask quantity 2$'
refreshed() {
	[ "$(grep -c 'module ask quantity 2$' "$tmp/desk.out")" -ge 3 ]
}
until_true refreshed || fail "the listener does not sell every 5 seconds"

# A reservation of which nothing is heard ends after 15 seconds: a puppet is
# filled, and lives on. Another buyer waits for it meanwhile; see below. None but
# these ends so.
listen late l7 4
exchanges late
wait_each late quantity 4
meet late
puppet idler plb dial "$tmp/buyers"
heard idler 'up broker'
filled_at=$(stamp)
say idler 1 buy order 1 module late missing 4
heard idler fill
wait_each late reserved 4
buy late p8 4 -b "$tmp/sellers"
(until_true holds p8 tokens 4 && since "$filled_at" >"$tmp/expired") &
pids="$pids $!"

# The only seller has nothing, and the exchanges do not know: each of them
# offers it until it is refused, and then no more. It is had once there is some.
listen loop l8 4
exchanges loop
wait_each loop quantity 4
refused() { # NAME N: it was, at least so often
	[ "$(plb "$1" refused)" -ge "$2" ]
}
over() { # STAMP SECONDS
	[ "$(since "$1")" -ge $(($2 * 1000)) ]
}
nothing_there() { # TRY: as past_them
	silent=$(silences)
	kill -STOP "$sellers"
	buy loop "taker$1" 4 -x "$(at l8)"
	taker=$pid
	until_true holds "taker$1" tokens 4 || fail "l8 is not taken"
	p9=p9.$1
	buy loop "$p9" 4 -b "$tmp/buyers"
	buyer=$pid
	until_true eval 'refused "$p9" 1 || given_up' ||
	    fail "$p9 is not refused"
	began=$(stamp)
	until_true over "$began" 4 # the buy is sent again twice
	if each loop quantity 4; then
		return 0
	fi
	given_up || fail "the exchanges knew better"
	kill -CONT "$sellers"
	stop "$buyer"
	stop "$taker"
	return 1
}
try=1
until nothing_there "$try"; do
	try=$((try + 1))
	wait_each loop quantity 4
done
n=$(plb "$p9" connects)
[ "$n" -le $((2 * R)) ] || fail "$n connects to who has nothing"
wait_each loop missing 4
wait_each loop reserved 0
echo "nothing but refusals: $n connects, $(total loop matches) fills in 4 s"
kill -CONT "$sellers"
wait_each loop quantity 0
stop "$taker"
until_true holds "$p9" tokens 4 || fail "$p9 has $(plb "$p9" tokens)"
settle loop 0 "had in the end"
stop "$buyer"

# A seller that refuses, and says at once, and ten times a second, that it has
# capacity: it is asked seldom, five times a second at most. When it has said so
# for the last time, and gives once, that is found out without another word of it;
# and what another one has is bought.
puppet miser channel listen 127.0.0.1:0
puppet boast listener dial "$tmp/sellers"
heard boast 'up broker'
offer=$(offer always miser) || exit 1
say boast "$offer"
start refusing sh -c 'tail -n +1 -f "$0/miser.out" |
    while read -r peer what rest; do
	[ "$what" = connect ] || continue
	if rm "$0/gives" 2>/dev/null; then
		echo "$peer demand tokens 2" >"$0/miser.in"
	else
		echo "$peer refuse reason never" >"$0/miser.in"
		echo "$1" >"$0/boast.in"
	fi
    done' "$tmp" "$offer"
start boasting sh -c 'while sleep 0.1; do echo "$1" >"$0/boast.in"; done' \
    "$tmp" "$offer"
boasting=$pid
exchanges always
wait_each always quantity 4
buy always p10 4 -b "$tmp/buyers"
until_true refused p10 3 || fail "p10 is not refused: $(plb p10 connects)"
asked() { # N: that often, since
	[ $(($(grep -c connect "$tmp/miser.out") - was)) -ge "$1" ]
}
began=$(stamp)
was=$(grep -c connect "$tmp/miser.out")
until_true over "$began" 4
until_true asked 3 || fail "it is not asked any more"
n=$(($(grep -c connect "$tmp/miser.out") - was))
ms=$(since "$began")
echo "refused again and again: $n connects in $ms ms"
[ "$n" -le $((1 + ms / 200)) ] || fail "$n connects in $ms ms"
stop "$boasting"
: >"$tmp/gives"
began=$(stamp)
until_true holds p10 tokens 2 || fail "p10 has $(plb p10 tokens) of the miser"
echo "not refused any more: bought after $(since "$began") ms"
listen always l9 4
until_true holds p10 tokens 4 || fail "p10 has $(plb p10 tokens)"
same "$(of p10 "$(at l9)")" 2

# A seller that does not answer has refused after 5 seconds, and is left. What
# was to come from it comes from another.
puppet mute channel listen 127.0.0.1:0
puppet front listener dial "$tmp/sellers"
heard front 'up broker'
say front "$(offer mute mute)"
listen mute l10 4
exchanges mute
wait_each mute quantity 8
buy mute p11 4 -b "$tmp/buyers"
heard mute 'connect quantity 2'
until_true holds p11 tokens 2 || fail "p11 has $(plb p11 tokens)"
same "$(plb p11 connecting)" 2
until_true holds p11 tokens 4 || fail "p11 has $(plb p11 tokens) of 4"
same "$(plb p11 refused)" 1
heard mute '1 down'
settle mute 4 "a seller that is mute"

# Who holds 4 and needs 4 more of the same seller gets them on the same channel,
# from another who holds them idle and gives them back after a second.
hold=$tmp/hold
cat >"$hold" <<EOF
#!/bin/sh
until test -e "$tmp/end"; do sleep 0.05; done
EOF
chmod +x "$hold"
start l11 lambda-listener -b "$tmp/sellers" -c 8 more "$hold"
l11=$pid
exchanges more
wait_each more quantity 8
buy more idle 4 -x "$(at l11)"
idle=$pid
wait_each more quantity 4
buy more p12 8 -b "$tmp/buyers"
p12=$pid
seq 8 >"$tmp/eight"
start calls sh -c 'lambda-call -s "$0/p12" -c 8 -L more <"$0/eight"' "$tmp"
calls=$pid
until_true holds p12 in_flight 8 || fail "p12 runs $(plb p12 in_flight) of 8"
same "$(plb idle tokens) $(plb idle wanted)" '0 0'
stop "$idle"
settle more 0 "4 and 4 more"
same "$(lambda-ctl -A "$tmp/p12" all | grep -c '^channel')" 1
same "$(children "$l11" lambda-channel | wc -l)" 1
touch "$tmp/end"
wait "$calls" || fail "calls failed"
stop "$p12"
settle more 8 "and returned"

# First come, first served, by the age of the order, whichever broker it is of
# and though the exchanges have it anew; what nothing fits holds nobody up. The
# brokers of who buys are stopped, or the first exchange's fill could have one
# tell the second that it lacks nothing, before that one hears of the seller.
broker others
others=$pid
wait_here=$tmp/wait
cat >"$wait_here" <<EOF
#!/bin/sh
echo "\$1" >"$tmp/served"
until test -e "$tmp/end\$1"; do sleep 0.05; done
EOF
chmod +x "$wait_here"
call() { # NAME BROKER OPTION...
	name=$1 socket=$tmp/$2
	shift 2
	start "$name" lambda-call -b "$socket" "$@" age "$name"
}
in_line() { # NAME...: these wait at every exchange, the oldest first
	while read -r exchange; do
		line=$(lambda-ctl -A "$exchange" orders | awk "$of"'
			$1 == "buy" && of("lacking") > 0 {
				sub("/0", "")
				print of("age_ms"), $NF
			}' | sort -rn | awk '{ printf " %s", $2 }')
		[ "$line" = " $*" ] || return 1
	done <"$tmp/age.at"
}
old() { # NAME MS: its order is so old at every exchange
	while read -r exchange; do
		lambda-ctl -A "$exchange" orders | awk -v n="$1/0" -v ms="$2" "$of"'
			$1 == "buy" && $NF == n && of("age_ms") >= ms { old = 1 }
			END { exit !old }' || return 1
	done <"$tmp/age.at"
}
call unfit buyers -V 9
exchanges age
until_true in_line unfit || fail "the unfit does not wait"
call one buyers
until_true in_line unfit one || fail "the first does not wait"
began=$(stamp)
call two others
until_true in_line unfit one two || fail "the second does not wait"
call three buyers
until_true in_line unfit one two three || fail "the third does not wait"
until_true over "$began" 3 # it is sent again meanwhile
cp "$tmp/age.at" "$tmp/age.was"
hush age KILL
renewed() {
	found age && ! grep -qxF -f "$tmp/age.was" "$tmp/age.at"
}
until_true renewed || fail "the exchanges are not started again"
until_true in_line unfit one two three || fail "they are not all sent anew"
old one 3000 || fail "the age of an order starts over"
set -- one two three
while [ $# -gt 0 ]; do
	until_true in_line unfit "$@" || fail "not in line: $*"
	kill -STOP "$buyers" "$others"
	if [ $# -eq 3 ]; then
		start l12 lambda-listener -b "$tmp/sellers" -c 1 age \
		    "$wait_here"
	else
		touch "$tmp/end$served"
	fi
	wait_each age reserved 1
	kill -CONT "$buyers" "$others"
	until_true grep -qx "$1" "$tmp/served" ||
	    fail "$(cat "$tmp/served") is served, and not $1"
	wait_each age reserved 0
	served=$1
	shift
done
until_true in_line unfit || fail "the unfit waits no more"

# The reservation of the idle puppet, meanwhile.
until_true test -s "$tmp/expired" || fail "p8 has $(plb p8 tokens)"
echo "nothing heard of a reservation: sold again after $(cat "$tmp/expired") ms"
[ "$(total late expired)" -gt 0 ] || fail "no reservation has expired"
for module in twice many killed gone refused loop more age; do
	same "$module $(total "$module" expired)" "$module 0"
done
same "$(grep -c fill "$tmp/idler.out")" 1
echo passed
