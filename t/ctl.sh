#!/bin/sh
# lambda-ctl: who can be asked what, which order is whose, and the exit status.
. "$(dirname "$0")/lib.sh"

start authority lambda-authority -l 127.0.0.1:0
authority=$pid
where=$(address authority) || exit 1
echo "$where" >"$tmp/authorities"
start broker sh -c 'exec lambda-broker -n host-seven -l 127.0.0.1:0 <"$0"' \
    "$tmp/authorities"
broker=$pid
logged broker 'broker host-seven'
logged broker 'linked to authority'

# The host's node, and a broker that asks this one.
lambda-ctl peers >"$tmp/peers"
same "$(grep -c . "$tmp/peers")" 1
grep -q '^broker 127.0.0.1 instance [0-9a-f]* self 1 node host-seven$' \
    "$tmp/peers" || fail "not itself: $(cat "$tmp/peers")"
address broker >"$tmp/asked"
start asking sh -c 'exec lambda-broker -b "$0/asking" -l 127.0.0.1:0 <"$0/asked"' \
    "$tmp"
until_true sh -c 'lambda-ctl peers | grep -q "self 0 dialled 0\$"' ||
    fail "the other broker is not shown"
until_true sh -c 'lambda-ctl -b "$0" peers | grep -q "self 0 dialled 1\$"' \
    "$tmp/asking" || fail "the broker that it dialled is not shown"
lambda-ctl -b "$tmp/asking" peers | grep -q ' self 1 node -$' ||
    fail "it has a node's name"

# Two listeners of one module: which order is whose.
start one lambda-listener -V 1.2 calc env
start two lambda-listener calc env
two=$pid
for name in one two; do
	logged "$name" 'publishing calc at'
	sed -n 's/.*publishing calc at \([^,]*\).*/\1/p' "$tmp/$name.log" \
	    >"$tmp/$name.at"
done
shown() { # NAME VERSION
	lambda-ctl orders | grep -q \
	    "kind sell module calc .* address $(cat "$tmp/$1.at") version $2\$"
}
until_true shown one 1.2 || fail "not shown: $(lambda-ctl orders)"
until_true shown two - || fail "not shown: $(lambda-ctl orders)"

# A broker answers for its host. One that is silent is named, and holds up nobody.
of_host() { # ROLES LISTENERS SILENT: who answers, and how many do not
	lambda-ctl listeners >"$tmp/rows"
	[ "$(sed -n 's/^process [0-9a-f]* role \([^ ]*\) pid [0-9]*$/\1/p' \
	    "$tmp/rows" | sort | xargs)" = "$1" ] &&
	    [ "$(grep -c '^listener .* state publishing ' "$tmp/rows")" -eq "$2" ] &&
	    [ "$(grep -c '^process [0-9a-f]* role listener reason no answer$' \
	    "$tmp/rows")" -eq "$3" ]
}
until_true of_host 'broker listener listener' 2 0 || fail "$(cat "$tmp/rows")"
kill -STOP "$two"
until_true of_host 'broker listener' 1 1 || fail "$(cat "$tmp/rows")"
kill -CONT "$two"
mkfifo "$tmp/held"
start caller sh -c 'exec lambda-call -L -c 3 calc <>"$0"' "$tmp/held"
caller=$pid
held() { # the caller's pid and what it holds, of two rows of a listener and a PLB
	lambda-ctl all >"$tmp/rows"
	id=$(sed -n "s/^process \([0-9a-f]*\) role caller pid $caller\$/\1/p" \
	    "$tmp/rows")
	grep -q "^client 127.0.0.1:[0-9]* instance $id held [1-9]" "$tmp/rows" &&
	    grep -q "^plb calc wanted 3 " "$tmp/rows" &&
	    grep -q "^serving calc tokens [0-9]* in_flight [0-9]* " "$tmp/rows"
}
until_true held || fail "nobody holds anything: $(cat "$tmp/rows")"
# Its numbers are of one role, whichever part of it counts them.
lambda-ctl counts >"$tmp/counts"
for row in "^requests - module calc role caller " "^links $id role caller "; do
	grep -q "$row" "$tmp/counts" || fail "not of a caller: $(cat "$tmp/counts")"
done
# No command is a summary: what the host is linked to, sells and buys; nobody else
# is asked. Its links are all of the same key.
summary() { # all have answered in time
	lambda-ctl >"$tmp/rows" && grep -q \
	    '^summary 127.0.0.1 node host-seven authorities 1 exchanges 1 listeners 2 plbs 1$' \
	    "$tmp/rows"
}
until_true summary || fail "no summary: $(cat "$tmp/rows")"
same "$(grep -c '^seller 127.0.0.1:[0-9]* module calc node host-seven total ' \
    "$tmp/rows")" 2
grep -q "^buyer calc pid $caller wanted 3 " "$tmp/rows" ||
    fail "nobody buys: $(cat "$tmp/rows")"
same "$(grep -c . "$tmp/rows")" 4
until_true sh -c 'lambda-ctl keyuse >"$0/rows"' "$tmp" ||
    fail "who uses which key: $(cat "$tmp/rows")"
same "$(grep -c . "$tmp/rows")" 1
grep -q '^keyuse [0-9a-f]* links [1-9][0-9]* dials [1-9][0-9]* accepted 0 dropped 0$' \
    "$tmp/rows" || fail "no key is in use: $(cat "$tmp/rows")"
stop "$caller" KILL
at_rest() { # nobody has a channel
	lambda-ctl channels >"$tmp/rows" && ! grep -q '^serving ' "$tmp/rows"
}
until_true at_rest || fail "channels stay: $(cat "$tmp/rows")"

# An exchange shows itself in the same shape as others show it.
exchange() {
	lambda-ctl exchanges | sed -n 's/^exchange \([^ ]*\) .* state linked .*/\1/p'
}
until_true sh -c 'lambda-ctl exchanges | grep -q "state linked"' ||
    fail "no exchange"
itself() { # with the sells of both
	lambda-ctl -A "$(exchange)" exchanges >"$tmp/rows" && grep \
	    '^exchange - module calc instance [0-9a-f]* state standing sells 2 ' \
	    "$tmp/rows"
}
until_true itself || fail "not itself: $(cat "$tmp/rows")"

# Who never has what is asked for says so; who has none shows nothing.
tells 100 "the broker at .* has no modules: ask an authority" \
    lambda-ctl modules
tells 100 "the authority at $where has no orders: ask a broker or an exchange" \
    lambda-ctl -A "$where" orders
tells 100 "the authority at $where has no contacts: ask a broker" \
    lambda-ctl -A "$where" contacts
tells 100 'the exchange at .* has no peers: ask an authority or a broker' \
    lambda-ctl -A "$(exchange)" peers
tells 100 'usage: lambda-ctl' lambda-ctl orders calc
for command in '' summary; do
	# shellcheck disable=SC2086
	tells 100 "the authority at $where has no summary: ask a broker, or give another command, such as hosts or capacity" \
	    lambda-ctl -A "$where" $command
done
tells 100 'the authority at .* has no plbs: ask a broker or a PLB' \
    lambda-ctl -A "$where" plbs
same "$(lambda-ctl contacts; echo $?)" 0
lambda-ctl all | grep -q '^order ' || fail "all is not all"

# JSON: the same rows, with numbers where numbers are, and null for what is not
# known. A name that looks like a number is none.
json() { # FILTER: of what is shown of the broker and the exchange
	{ lambda-ctl -J all && lambda-ctl -J -A "$(exchange)" all; } |
	    jq -s -r "$1"
}
if sh "$top/t/setup.sh" jq; then
	as_many() { # as those that are not JSON
		rows=$({ lambda-ctl all && lambda-ctl -A "$(exchange)" all; } | grep -c .)
		[ "$(json length)" = "$rows" ]
	}
	until_true as_many || fail "not $rows rows"
	same "$(json '[.[] | has("row") and has("name")] | all')" true
	same "$(json '[.[] | select(.kind == "sell") | .version] | sort | .[]')" \
	    "$(printf 'null\n1.2')"
	same "$(json '.[] | select(.state == "standing") | .name, .sells, .module')" \
	    "$(printf 'null\n2\ncalc')"
	same "$(json '.[] | select(.self == 1) | .node')" host-seven

	# Whatever a peer may say.
	helper puppet
	mkfifo "$tmp/says"
	start puppet sh -c 'exec "$0/t/puppet" broker listen "$1" <>"$2" >"$3"' \
	    "$top" "$tmp/puppet" "$tmp/says" "$tmp/heard"
	until_true test -S "$tmp/puppet" || fail "no puppet"
	start asks sh -c 'exec lambda-ctl -w 60 -J -b "$0" peers >"$1"' "$tmp/puppet" \
	    "$tmp/json"
	until_true grep inspect "$tmp/heard" || fail "the puppet was not asked"
	printf '%s\n' '1 report rows [ "x \"q\" a \\\\ b \x01\n\0 c \xc3\xa9 d \xff\xe2\x80\xa8" "y 7 n 12 m 007 big 12345678901234567890 node 12 version 2 x 3 reason" "z" "" "u 1 key" "v - attributes a=b, \"c\"" "w  x  y" "host - sells 7 buys 8 for_s 9" "exchange - sells 7" "user 4 seller_node 5" ]' \
	    >"$tmp/says"
	until_true test -s "$tmp/json" || fail "it prints nothing"
	cat >"$tmp/expected" <<'END'
["x","\"q\"",["a","b","c","d"],["\\\\","\u0001\n\u0000","é","\\xff\\xe2\\x80\\xa8"]]
["y","7",["n","m","big","node","version"],[12,"007","12345678901234567890","12","2 x 3 reason"]]
["z",null,[],[]]
["",null,[],[]]
["u","1",["key"],[null]]
["v",null,["attributes"],["a=b, \"c\""]]
["w",null,["x","y"],[null,null]]
["host",null,["sells","buys","for_s"],["7","8",9]]
["exchange",null,["sells"],[7]]
["user","4",["seller_node"],["5"]]
END
	jq -c '[.row, .name, (del(.row, .name) | keys_unsorted, [.[]])]' \
	    "$tmp/json" >"$tmp/shown" || fail "no JSON: $(cat "$tmp/json")"
	diff "$tmp/expected" "$tmp/shown" || fail "JSON is something else"
fi

# Audit, of a puppet that is an exchange: it believes something else of listener
# one, sells for nobody, and has not heard of two, whom only an order names. What
# is gone when audit looks again is no difference.
listener() { # NAME KEY: of its own row
	lambda-ctl -A "$(cat "$tmp/$1.at")" listeners |
	    sed -n "s/.* $2 \\([^ ]*\\).*/\\1/p"
}
nobody=00112233445566778899aabbccddeeff
left=$(listener one left)
says() { # QUANTITY ROW...: a report, with a sell of one's, and these rows
	quantity=$1
	shift
	printf ' "%s"' "exchange - module calc instance $nobody state standing" \
	    "sell $(listener one instance) broker $nobody quantity $quantity reserved 0 address $(cat "$tmp/one.at")" \
	    "$@" | sed 's/.*/report rows [&  ]/'
}
puppet() { # NAME ROLE FIRST THEN: at $tmp/NAME, and what it reports, in turn
	mkfifo "$tmp/$1.says"
	printf '%s\n' "$3" "$4" >"$tmp/$1.reports"
	# shellcheck disable=SC2016
	start "$1" sh -c '{ IFS= read -r now; IFS= read -r then; } <"$1.reports"
		"$0/t/puppet" "$2" listen "$1" <>"$1.says" | tee "$1.heard" |
		while read -r peer what rest; do
			[ "$what" = inspect ] || continue
			printf "%s %s\n" "$peer" "$now" >"$1.says"
			now=$then
		done' "$top" "$tmp/$1" "$2"
	until_true test -S "$tmp/$1" || fail "no puppet"
}
helper puppet
right=$(says "$left")
wrong=$(says $((left + 7)) \
    "order 1 kind sell module calc address $(cat "$tmp/two.at")" \
    "sell $nobody broker $nobody quantity 3 reserved 0 address -")
puppet differs exchange "$wrong" "$wrong"
lambda-ctl -w 60 -A "$tmp/differs" audit >"$tmp/rows" 2>"$tmp/why"
same "$?" 1
same "$(cat "$tmp/why")" ""
cat >"$tmp/expected" <<END
differs $(listener one instance) module calc address $(cat "$tmp/one.at") exchange $tmp/differs says $((left + 7)) listener $left
unknown $nobody module calc address - exchange $tmp/differs says 3 listener -
missing $(listener two instance) module calc address $(cat "$tmp/two.at") exchange $tmp/differs says - listener $(listener two left)
END
diff "$tmp/expected" "$tmp/rows" || fail "audit shows something else"
tells 111 'nobody who answers publishes or wants other$' \
    lambda-ctl -w 60 -A "$tmp/differs" audit other
for command in audit capacity users; do
	tells 111 'nobody who answers publishes or wants clac$' lambda-ctl "$command" clac
	same "$(lambda-ctl "$command" calc >"$tmp/rows"; echo $?)" 0
done
puppet passing exchange "$wrong" "$right"
same "$(lambda-ctl -w 60 -A "$tmp/passing" audit; echo $?)" 0
grep -q '^2 inspect' "$tmp/passing.heard" || fail "it did not look again"

# A puppet that is an authority, and has too much to ask its broker: that is no word
# of the broker's.
puppet busy authority \
    "report rows [ \"broker 192.0.2.9:1 instance $nobody state linked for_s 7\" ]" \
    'report serial 2 rows [ "process - role - reason too many ask at once, so ask again" ]'
tells 111 'no answer from the broker at 192.0.2.9:1: too many ask at once' \
    lambda-ctl -w 60 -A "$tmp/busy" hosts

# A host with more listeners of a module than a walk asks processes.
awk 'BEGIN {
	for (i = 0; i < 5000; i += 5) {
		printf "1 report more 1 rows [ \"process b role broker pid 1\""
		for (k = i; k < i + 5; k++)
			printf " \"process l%d role listener\" \"listener 10.0.0.1:%d module calc instance l%d state publishing capacity 2 held 1 left 1 channels 1 attributes -\"", k, k + 1, k
		print " ]"
	}
	print "1 report rows [ ]"
}' >"$tmp/many.rows"
mkfifo "$tmp/many.says"
start many sh -c '"$0/t/puppet" broker listen "$1" <>"$1.says" |
	while read -r peer what rest; do
		[ "$what" != inspect ] || cat "$1.rows" >"$1.says"
	done' "$top" "$tmp/many"
until_true test -S "$tmp/many" || fail "no puppet"
tells 111 '^capacity calc total 10000 used 5000 free 5000 waiting 0 exchanges 0 sellers 5000 answers 5000 ' \
    lambda-ctl -w 60 -A "$tmp/many" capacity

# A process whose rows come in parts is one to metrics, and silent if its last does
# not come.
puppet parts broker 'report rows [ "process l role listener pid 2" "process m role plb pid 3" "process l role listener pid 2" "process l role listener reason no answer" ]' ''
same "$(lambda-ctl -w 60 -A "$tmp/parts" metrics 2>"$tmp/why" |
    grep '^lambda_process_silent{role="[lp]')" 'lambda_process_silent{role="listener",process="l"} 1
lambda_process_silent{role="plb",process="m"} 0'

# To top, what a process has counted that was silent is not new when it answers.
mkfifo "$tmp/silent.says"
start silent sh -c '"$0/t/puppet" broker listen "$1" <>"$1.says" |
	while read -r peer what rest; do
		[ "$what" = inspect ] || continue
		rows="\"process l role listener reason no answer\""
		[ "$peer" -eq 1 ] ||
		    rows="\"process l role listener\" \"requests 10.0.0.1:1 module calc role listener instance l silent 0 running 0 begun $((998 + peer)) done $((998 + peer)) status 0 failed 0\""
		echo "$peer report rows [ $rows ]" >"$1.says"
	done' "$top" "$tmp/silent"
until_true test -S "$tmp/silent" || fail "no puppet"
start top sh -c 'exec lambda-ctl -J -w 60 -A "$0/silent" top >"$0/loads"' "$tmp"
until_true grep '"name":"calc","ms":[0-9]*,"calls":1,' "$tmp/loads" ||
    fail "no load: $(cat "$tmp/loads" "$tmp/top.log")"
grep -q '"calls":1000' "$tmp/loads" && fail "what is old is new: $(cat "$tmp/loads")"
stop "$pid" INT

# A broker that moves from one authority to the other meanwhile: the first names it,
# and is not linked to it when it is to ask it; the second names it after that.
moved=ffeeddccbbaa99887766554433221100
mkfifo "$tmp/second.says"
named="broker 127.0.0.9:1 instance $moved state linked for_s 7"
start second sh -c '"$0/t/puppet" authority listen 127.0.0.1:0 <>"$1.says" |
	while read -r peer what rest; do
		case $what.$rest in
		inspect.*"to "*) said=$3 ;;
		inspect.*)
			until [ -e "$1.go" ]; do sleep 0.05; done
			said=$2 ;;
		*) continue ;;
		esac
		echo "$peer $said" >"$1.says"
	done' "$top" "$tmp/second" "report rows [ \"$named\" ]" \
    "report serial 2 rows [ \"process $moved role broker pid 1\" \"broker 127.0.0.9:1 instance $moved self 1 node host-nine\" ]"
at=$(address second)
puppet leaves authority \
    "report rows [ \"$named\" \"authority $at instance $nobody self 0\" ]" \
    'report serial 2 rows [ "process - role - reason it is not linked here" ]'
start walks sh -c 'exec lambda-ctl -w 60 -A "$0/leaves" hosts >"$0/walked"' "$tmp"
until_true grep '^1 inspect .*to ' "$tmp/leaves.heard" ||
    fail "the first is not to ask the broker"
sleep 0.2 # it is more of a test after the answer
: >"$tmp/second.go"
wait "$pid" || fail "one that moves is lost: $(cat "$tmp/walks.log")"
grep -q "^host 127.0.0.9 broker $moved node host-nine " "$tmp/walked" ||
    fail "one that moves is not shown: $(cat "$tmp/walked")"

# A broker that was started again is not gone: one of its host and name is there, and
# was linked when it had gone, or not long before. Others are.
gone() { # LAST-DIGIT-OF-ID IP NODE SECONDS
	echo "\"broker $2:99 instance ${nobody%?}$1 state gone for_s $4 modules - node $3\""
}
puppet again authority "report rows [ \"broker 127.0.0.9:1 instance $moved state linked for_s 100 modules - node nine\" \
    $(gone 1 127.0.0.9 nine 120) $(gone 2 127.0.0.9 nine 50) $(gone 3 127.0.0.9 nine 20) \
    $(gone 4 127.0.0.9 ten 120) $(gone 5 127.0.0.8 nine 120) $(gone 6 127.0.0.9 - 120) ]" \
    'report serial 2 rows [ "process - role - reason it is not linked here" ]'
lambda-ctl -w 60 -A "$tmp/again" hosts >"$tmp/hosts" 2>&1
same "$(sed -n 's/^host .* broker .*\(.\) node .* state gone .*/\1/p' \
    "$tmp/hosts" | sort | tr '\n' ' ')" '3 4 5 6 '

# Another key; nobody (port 1 is no program's that is not asked for); one that is
# stopped.
(umask 77 && head -c 32 /dev/urandom >"$tmp/other")
tells 100 'no answer from .*: it refused our key (or is no lambda): give both' \
    lambda-ctl -k "$tmp/other" -A "$where" all
tells 111 'no answer from 127.0.0.1:1: Connection refused: is it' \
    lambda-ctl -A 127.0.0.1:1 all
for command in all hosts 'capacity calc' 'audit calc' summary top; do
	# shellcheck disable=SC2086
	tells 111 'no answer from .*/nobody: No such file or directory: start lambda-broker, or name another with -b or -A$' \
	    lambda-ctl -b "$tmp/nobody" $command
	same "$(wc -l <"$tmp/told")" 1
done
tells 111 'no answer from 127.77.0.1:4370: Connection refused: is it' \
    lambda-ctl -A 127.77.0.1 all
# A command of the tier says it likewise, and so does one with a wrong key.
tells 111 'no answer from 127.0.0.1:1: Connection refused: is it' \
    lambda-ctl -A 127.0.0.1:1 hosts
for command in hosts 'capacity calc' keyuse; do
	# shellcheck disable=SC2086
	tells 100 'no answer from .*: it refused our key (or is no lambda): give both' \
	    lambda-ctl -k "$tmp/other" -A "$where" $command
done
tells 100 "no answer from the authority at $where: it refused our key" \
    lambda-ctl -k "$tmp/other" hosts
kill -STOP "$authority"
tells 111 'no answer from .* in 5 s' \
    lambda-ctl -A "$where" all
tells 111 'no answer from .* in 1 s' \
    lambda-ctl -w 1 -A "$where" all
kill -CONT "$authority"

# Whoever ends does not complain that it loses what it leaves.
stop "$broker"
same "$ended" 0
! grep -q 'lost authority' "$tmp/broker.log" || fail "it lost an authority"
logged asking 'linked to authority'
stop "$authority"
logged asking 'lost authority'
echo passed
