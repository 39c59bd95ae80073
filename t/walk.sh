#!/bin/sh
# lambda-ctl walks the tier: five hosts, three authorities and four modules, under
# load; then an authority is stopped, a host is cut off, a listener is killed, and
# one says something else than what an exchange believes.
. "$(dirname "$0")/lib.sh"

hosts a b c d e
key=$tmp/key
(umask 77 && head -c 32 /dev/urandom >"$key")
LAMBDA_KEY=$key
export LAMBDA_KEY
for n in 1 2 3; do
	echo "10.77.0.$n:4370"
done >"$tmp/authorities"
n=0
for host in a b c d e; do
	n=$((n + 1))
	[ "$n" -gt 3 ] || start "authority.$host" on "$host" sh -c \
	    'exec lambda-authority -l "$0" <"$1"' "10.77.0.$n:4370" \
	    "$tmp/authorities"
	[ "$host" != b ] || stopped=$pid
	start "broker.$host" on "$host" sh -c \
	    'exec lambda-broker -n "host-$0" -l "$1" <"$2"' "$host" \
	    "10.77.0.$n:4371" "$tmp/authorities"
	[ "$host" != d ] || broker_d=$pid
	until_true test -S "$tmp/run.$host/broker" || fail "no broker at $host"
done
cat >"$tmp/slow" <<'END'
#!/bin/sh
while read -r line; do
	until [ -e "$0.go" ]; do sleep 0.1; done
	echo "$line"
done
END
chmod +x "$tmp/slow"
listener() { # MODULE HOST
	start "$1.$2" on "$2" lambda-listener -l 0.0.0.0:0 -c 4 -V 1.2 \
	    -t "zone=$2" -w line "$1" "$tmp/slow"
	logged "$1.$2" "publishing $1"
}
for module in calc sum conv draw; do
	listener "$module" a
	[ "$module" != sum ] || one=$pid
	listener "$module" b
done
listener calc c
killed=$pid
calls() { # NAME HOST CAPACITY ARGUMENT...
	name=$1 host=$2 capacity=$3
	shift 3
	start "$name" on "$host" sh -c 'seq 1 30 | lambda-call -L -c "$@"' sh \
	    "$capacity" "$@"
}

# ask [-A ADDRESS] COMMAND...: of host d; its rows are in $tmp/rows
ask() {
	on d lambda-ctl "$@" >"$tmp/rows" 2>"$tmp/why"
	asked=$?
}
# answered COMMAND...: until nobody is silent
answered() {
	asks() {
		ask "$@"
		[ "$asked" -eq 0 ]
	}
	until_true asks "$@" || fail "$*: status $asked: $(cat "$tmp/why")"
}
shows() { # STATUS PATTERN COMMAND...: until it does
	status=$1
	pattern=$2
	shift 2
	shown_once() {
		ask "$@"
		[ "$asked" -eq "$status" ] && grep -q -e "$pattern" "$tmp/rows"
	}
	until_true shown_once "$@" ||
	    fail "$*: status $asked, no '$pattern': $(cat "$tmp/rows" "$tmp/why")"
}

# What runs does not end before the test wants it to, so that whoever comes first
# keeps what it has.
calls one d 6 calc
shows 0 '^capacity calc total 12 used 6 ' capacity calc
calls two e 20 calc
calls three e 2 -V 9+ conv
calls four c 3 sum

# What is there and how much of it, from any broker or authority.
shows 0 '^capacity calc total 12 used 12 free 0 waiting 14 .* sellers 3 answers 3 least_pct 100 median_pct 100 most_pct 100$' \
    capacity
shows 0 '^capacity sum total 8 used 3 free 5 waiting 0 ' capacity sum
same "$(grep -c '^seller 10.77.0.[12]:[0-9]* module sum node host-[ab] total 4 used ' \
    "$tmp/rows")" 2
same "$(grep -c . "$tmp/rows")" 3
shows 0 '^capacity conv total 8 used 0 free 8 waiting 2 ' \
    -A 10.77.0.3:4370 capacity conv
answered -J capacity calc
same "$(head -n 1 "$tmp/rows" | jq -c \
    '[.row, .name, .total, .waiting]')" '["capacity","calc",12,14]'

# Whose it is: 12 of calc by d and e, 3 of sum by c.
answered users
holds() { # IP MODULE
	awk -v ip="$1:" -v m="$2" "$of"'
		index($2, ip) == 1 && of("module") == m { n += of("held") }
		END { print n + 0 }' "$tmp/rows"
}
same "$(holds 10.77.0.3 sum)" 3
same $(($(holds 10.77.0.4 calc) + $(holds 10.77.0.5 calc))) 12
same "$(holds 10.77.0.5 conv)" 0
# Who that is: its process, its host, and whose code it runs.
user=$(sed -n "s/^user 10.77.0.3:.* module sum seller 10.77.0.[12]:[0-9]* .* pid \\([0-9]*\\) node host-c seller_node host-[ab] version 1.2\$/\\1/p" \
    "$tmp/rows" | sort -u)
same "$(echo "$user" | wc -w)" 1
[ "$(cat "/proc/$user/comm")" = lambda-call ] || fail "$user is no lambda-call"
answered users sum
! grep -q 'module calc' "$tmp/rows" || fail "not only sum: $(cat "$tmp/rows")"

# Why a buy waits.
shows 0 '^why calc host 10.77.0.5 .* reason all capacity is taken$' why calc
same "$(grep -c '^offer calc sellers 1 free 0 attributes version 1.2, zone=' \
    "$tmp/rows")" 3
shows 0 '^why conv host 10.77.0.5 .* missing 2 held 0 .* reason nothing on offer satisfies what is asked for: version 9+$' \
    why conv
shows 0 '^why sum reason no buy waits$' why sum
shows 0 '^why nosuch reason no buy waits, and nobody publishes it$' why nosuch

# Hosts, each once, though three authorities know each of them.
shows 0 '^host 10.77.0.4 .* node host-d state linked for_s [0-9]* sells - buys calc modules calc$' \
    hosts
same "$(grep -c '^host ' "$tmp/rows")" 5
same "$(sed -n 's/^host 10.77.0.\([0-9]*\) .*/\1/p' "$tmp/rows" | xargs)" '1 2 3 4 5'
grep -q ' sells calc,conv,draw,sum buys ' "$tmp/rows" ||
    fail "what is sold is not sorted: $(cat "$tmp/rows")"
grep -q '^host 10.77.0.3 .* sells calc buys sum modules [a-z,]*$' "$tmp/rows" ||
    fail "c sells calc and buys sum: $(cat "$tmp/rows")"

# Operating a tier, as lambda(7) has it: each question's command, on a host of it.
literals 'OPERATING A TIER' "$top/man/lambda.7"
answers() { # WORDS PATTERN [STATUS]: the block with these words shows that
	take lambda.7 "$1"
	shown_so() {
		(cd "$tmp" && on d sh "$block") >"$tmp/rows" 2>"$tmp/why"
		[ "$?" -eq "$2" ] &&
		    { [ -z "$1" ] || grep -q -e "$1" "$tmp/rows"; }
	}
	until_true shown_so "$2" "${3:-0}" ||
	    fail "$(cat "$block"): no '$2': $(cat "$tmp/rows" "$tmp/why")"
}
answers 'users calc' '^host-[de] [0-9]* holds [1-9][0-9]* of host-[abc]$'
answers 'capacity |' '^calc 12 free 0 wanted [1-9][0-9]* use 100 100 100$'
answers 'capacity calc' '^10.77.0.1:[0-9]* host-a publishing zone=a$'
answers 'print $2, $8' '^10.77.0.3 linked [0-9]* sells calc buys sum orders of [a-z,]*$'
answers 'hosts >' ''
answers 'why calc' '^why calc host 10.77.0.5 .* reason all capacity is taken$'
answers counts '^calc begun [1-9][0-9]* done [0-9]* status 0 failed 0 late 0 lost 0 drained 0 abandoned 0$'
answers keyuse '^keyuse [0-9a-f]* links [0-9]* dials [0-9]* accepted 0 dropped 0$'
answers keyclose '' 111
answers drain '' 111
answers audit ''
if sh "$top/t/setup.sh" dot; then
	answers tier.svg ''
	grep -q '<svg' "$tmp/tier.svg" || fail "no picture"
fi
answers lambda-ctl '^summary 10.77.0.4 node host-d authorities 3 '
none_left

# A graph has them all, and is one to Graphviz.
answered dot
same "$(grep -c 'label="authority.n10' "$tmp/rows")" 3
same "$(grep -c 'shape=ellipse' "$tmp/rows")" 4
same "$(grep -c 'label="10.77.0.[1-5]' "$tmp/rows")" 5
if sh "$top/t/setup.sh" dot; then
	dot -Tsvg "$tmp/rows" >"$tmp/svg" || fail "dot does not read it"
fi
tells 100 'a graph is no rows' on d lambda-ctl -J dot
tells 100 'usage: lambda-ctl' on d lambda-ctl why
tells 100 'usage: lambda-ctl' on d lambda-ctl hosts calc
tells 111 'no answer from 10.77.0.4:1: Connection refused' \
    on d lambda-ctl -A 10.77.0.4:1 hosts

# The same rows in JSON, which jq reads: names are text, and what is counted is not.
if sh "$top/t/setup.sh" jq; then
	for command in hosts capacity users 'why calc' keyuse summary; do
		# shellcheck disable=SC2086
		answered -J $command
		cp "$tmp/rows" "$tmp/json"
		# shellcheck disable=SC2086
		answered $command
		jq -r '"\(.row) \([.[] | type] | unique | join(","))"' "$tmp/json" \
		    >"$tmp/types" || fail "$command: no JSON: $(cat "$tmp/json")"
		same "$(cut -d ' ' -f 1 "$tmp/types" | sort | uniq -c)" \
		    "$(cut -d ' ' -f 1 "$tmp/rows" | sort | uniq -c)"
		! grep -q 'array\|object\|boolean' "$tmp/types" ||
		    fail "$command: $(cat "$tmp/types")"
	done
	answered -J hosts
	same "$(jq -r 'select(.node == "host-c") |
	    [.host // .name, .state, .sells, .buys, (.for_s | type)] | join(" ")' \
	    "$tmp/rows")" '10.77.0.3 linked calc sum number'
fi

# Exchanges are right about the listeners.
right() {
	ask audit
	[ "$asked" -eq 0 ] && [ ! -s "$tmp/rows" ]
}
until_true right || fail "audit: $asked: $(cat "$tmp/rows" "$tmp/why")"

# An exchange that is stopped does not answer.
stray=$(running 'lambda-exchange.* draw')
[ -n "$stray" ] || fail "no exchange of draw"
# shellcheck disable=SC2086
kill -STOP $stray
ask audit draw
same "$asked" 111
grep -q 'no answer from the exchange at .*: it is stopped, too busy or cut off' "$tmp/why" ||
    fail "silence is not told: $(cat "$tmp/why")"
# shellcheck disable=SC2086
kill -CONT $stray

# A listener that was killed is forgotten, and its capacity with it.
stop "$killed" KILL
shows 0 '^capacity calc total 8 ' capacity calc

# An authority that is stopped is named, and all the rest is there.
# shellcheck disable=SC2046
kill -STOP $(children "$stopped" lambda-authority) "$stopped"
ask hosts
same "$asked" 111
grep -q 'no answer from the authority at 10.77.0.2:4370: it is stopped, too busy or cut off' \
    "$tmp/why" || fail "silence is not told: $(cat "$tmp/why")"
same "$(grep -c '^host .* state linked' "$tmp/rows")" 5
despite() { # STATUS PATTERN COMMAND...: it shows that, and names who is silent
	shows "$@"
	[ "$1" -eq 0 ] || grep -q 'no answer from the authority at 10.77.0.2:4370: ' \
	    "$tmp/why" || fail "silence is not told: $(cat "$tmp/why")"
}
despite 111 '^capacity calc total 8 used 8 ' capacity calc
despite 111 '^user 10.77.0.3:.* module sum ' users
despite 111 '^why calc host ' why calc
despite 111 '^keyuse [0-9a-f]* links ' keyuse
despite 111 'label="10.77.0.5.nhost-e"' dot
despite 0 '^lambda_links{' metrics
ask audit
same "$asked" 111
same "$(cat "$tmp/rows")" ''
start top on d sh -c 'exec lambda-ctl -J top host >"$0"' "$tmp/top"
until_true grep -q '"row":"load","name":"10.77.0.4"' "$tmp/top" ||
    fail "top shows nothing"
stop "$pid" INT
# shellcheck disable=SC2046
kill -CONT $(children "$stopped" lambda-authority) "$stopped"

# A broker that is stopped, and a listener of another host.
kill -STOP "$broker_d"
ask -A 10.77.0.1:4370 users
same "$asked" 111
grep -q 'no answer from the broker at 10.77.0.4:[0-9]*: it is stopped, too busy or cut off$' "$tmp/why" ||
    fail "silence is not told: $(cat "$tmp/why")"
kill -CONT "$broker_d"
kill -STOP "$one"
shows 111 '^capacity sum total 4 .* sellers 2 answers 1 ' capacity sum
grep -q 'no answer from the listener [0-9a-f]* on the host of 10.77.0.1:[0-9]*: it is stopped, too busy or cut off$' \
    "$tmp/why" || fail "silence is not told: $(cat "$tmp/why")"
kill -CONT "$one"

# Of a buy that waits the process is named. A seller that only its own host reaches is
# no use to it.
start lonely on c lambda-listener -c 1 -w line lonely cat
logged lonely 'publishing lonely'
start wants on e lambda-call -T 3600 lonely
waits=$pid
shows 0 '^why lonely host 10.77.0.5 .* pid [0-9]* missing 1 .* reason only the hosts of its sellers reach them: give lambda-listener -l 0.0.0.0:0$' \
    why lonely
wants=$(sed -n 's/^why lonely .* pid \([0-9]*\) .*/\1/p' "$tmp/rows")
same "$(cat "/proc/$wants/comm")" lambda-call
stop "$waits"

# A host that is cut off is gone, and remembered.
ip -n "$net" link set v5 down
gone() { # every other command goes on without it
	shows 0 '^capacity calc total 8 used [1-8] ' capacity calc
	shows 0 '^user 10.77.0.4:.* module calc ' users
	shows 0 '^why conv reason no buy waits$' why conv
	shows 0 '^keyuse [0-9a-f]* links ' keyuse
	shows 0 'label="10.77.0.5.nhost-e.ngone"' dot
	grep -q '"module calc" -> .*color=gray' "$tmp/rows" ||
	    fail "what it had is not drawn: $(cat "$tmp/rows")"
	shows 0 '^lambda_links{' metrics
	until_true right || fail "audit: $asked: $(cat "$tmp/rows" "$tmp/why")"
}
shows 0 '^host 10.77.0.5 .* node host-e state gone for_s [0-9]* .* modules [a-z,]*calc[a-z,]*$' hosts
gone
: >"$tmp/slow.go"
echo passed
