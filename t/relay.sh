#!/bin/sh
# Somebody without the key between all who speak over TCP: broker and authority,
# two authorities, authority, broker and exchange, PLB and listener. It changes
# what passes, in every way, and learns and causes nothing but a closed link; what
# it has recorded is of no use later, to dial with or to answer with.
. "$(dirname "$0")/lib.sh"

helper relay
helper rows
helper listen
helper activate
relay=$top/t/relay
listen=$top/t/listen
activate=$top/t/activate

# It notes each of its runs, and answers; what is to be held, when it may go.
cat >"$tmp/worker" <<EOF2
#!/bin/sh
read -r body
echo "\$body" >>"\$RUNS"
case \$body in
hold*) until [ -e "\$RUNS.go" ]; do sleep 0.1; done ;;
esac
echo "answer to \$body"
EOF2
chmod +x "$tmp/worker"

# between NAME: a relay in front of what will be at \$dir/NAME.at
between() {
	start "$mode-r$1" "$relay" "$mode" 127.0.0.1:0 "@$dir/$1.at" \
	    "$dir/seen-$1" "$dir/enough-$1"
	address "$mode-r$1" >"$dir/r$1.at"
}

# tier_between: all that there is, with relays in between
tier_between() {
	dir=$tmp/$mode
	mkdir -m 700 "$dir"
	LAMBDA_RUN=$dir
	RUNS=$dir/runs
	export LAMBDA_RUN RUNS
	for name in exchange broker one two listener; do
		between "$name"
	done
	ln -s one.at "$dir/broker.at" # what is in front of it for the broker
	start "$mode-exchange" "$listen" 127.0.0.1:0 lambda-exchange -v -v secretly
	address "$mode-exchange" >"$dir/exchange.at"
	start "$mode-one" lambda-authority -v -v -l 127.0.0.1:0 \
	    -a "$(cat "$dir/rone.at")" -x "secretly=$(cat "$dir/rexchange.at")"
	address "$mode-one" >"$dir/one.at"
	start "$mode-two" sh -c 'exec lambda-authority -v -v -l 127.0.0.1:0 \
	    -a "$0" <"$1"' "$(cat "$dir/rtwo.at")" "$dir/rone.at"
	address "$mode-two" >"$dir/two.at"
	start "$mode-broker" sh -c 'exec lambda-broker -v -v -n hidden@node \
	    -l 127.0.0.1:0 <"$0"' "$dir/rbroker.at"
	until_true test -S "$LAMBDA_RUN/broker" || fail "no broker"
	# What it says is where the relay is.
	start "$mode-listener" "$activate" listen:=127.0.0.1:0 lambda-listener \
	    -v -v -c 4 -a "$(cat "$dir/rlistener.at")" -t zone=buried -n hidden@node \
	    secretly "$tmp/worker"
	echo "$pid" >"$dir/listener.pid"
	logged "$mode-listener" '^listening *127'
	sed -n 's/^listening *//p' "$tmp/$mode-listener.log" >"$dir/listener.at"
	start "$mode-plb" lambda-plb -v -v -c 2 secretly
	echo "$pid" >"$dir/plb.pid"
	logged "$mode-plb" 'serving on'
}

# ask N OPTION...: so many lines, each of them once; what is answered is right
asked=0
ask() {
	n=$1
	shift
	while [ "$n" -gt 0 ]; do
		n=$((n - 1))
		asked=$((asked + 1))
		echo "$mode-body-$asked"
	done >"$dir/ask"
	cat "$dir/ask" >>"$dir/asked"
	lambda-call "$@" -L secretly whisper \
	    <"$dir/ask" >"$dir/answers" 2>"$dir/errors"
	status=$?
	grep -v '^answer to ' "$dir/answers" && fail "$mode: not an answer"
	cat "$dir/answers" >>"$dir/answered"
	return "$status"
}

# Between each two that speak with each other it has changed what the one and what
# the other says, and both have closed such a link: then it is enough there. A broker
# dials the authorities where the one that it was told of says that they are, too.
closed() { # WHO ROLE WHO ROLE: each has closed its link to that role
	grep -q "closed $2 .*:.*: " "$tmp/$mode-$1.log" &&
	    grep -q "closed $4 .*:.*: " "$tmp/$mode-$3.log"
}
enough() { # RELAY...
	for name; do
		: >"$dir/enough-$name"
	done
}
# The PLB keeps what it holds, and then nothing passes the exchange. So a caller
# without a PLB buys, too. Its link may be one of those that are closed: then it
# gets no answer, and that is no failure.
act() {
	closed one authority two authority &&
	    closed broker authority one broker && enough one two broker
	closed broker exchange exchange broker && enough exchange
	closed plb channel listener plb && enough listener
	missing=
	for name in one broker exchange listener; do
		[ -e "$dir/enough-$name" ] || missing=$name
	done
	[ -n "$missing" ] || return 0
	ask 10 -T "$hang" -s "$dir/secretly.plb"
	ask 1 -T 2 -b "$dir/broker"
	return 1
}

modes=${*:-flip drop reorder repeat insert truncate short}
for mode in $modes; do
	tier_between
done
for mode in $modes; do
	dir=$tmp/$mode
	until_true act || fail "$mode: not all of it closes a link:" \
	    "$(grep -h ' closed ' "$tmp/$mode"-*.log | cut -d ' ' -f 1-4 | sort)"
done

# All heals, and nothing has run that was not asked for, or twice.
whole() {
	ask 40 -T "$hang" -s "$dir/secretly.plb" && [ "$(wc -l <"$dir/answers")" -eq 40 ]
}
for mode in $modes; do
	dir=$tmp/$mode
	until_true whole || fail "$mode: $(head -n 3 "$dir/errors")"
	sort "$dir/runs" >"$dir/ran"
	same "$(uniq -d "$dir/ran")" ''
	same "$(sort "$dir/asked" | comm -23 "$dir/ran" -)" ''
	same "$(sed 's/^answer to //' "$dir/answered" | sort |
	    comm -23 - "$dir/ran")" ''
	[ "$(wc -l <"$dir/ran")" -ge 40 ] || fail "$mode: too few runs"
	echo "$mode: $(wc -l <"$dir/ran") ran of $(wc -l <"$dir/asked"), \
$(cat "$tmp/$mode"-r*.log | grep -c '^closed') links closed"
done

# It has seen no name, no body and no address.
secrets='secretly|whisper|body-|answer to|127\.0\.0\.1|hidden|buried|zone'
for mode in $modes; do
	cat "$tmp/$mode"/seen-*
done >"$tmp/seen"
[ "$(wc -c <"$tmp/seen")" -ge 10000 ] || fail "it has seen too little"
same "$(grep -a -c -E "$secrets" "$tmp/seen")" 0
# On a Unix socket, which is plain, it sees all that.
start plain "$relay" pass "$tmp/plain.plb" "$tmp/flip/secretly.plb" \
    "$tmp/seen-plain"
logged plain 'listening on'
same "$(echo body-x | RUNS=$tmp/runs lambda-call -s "$tmp/plain.plb" -L \
    secretly whisper)" 'answer to body-x'
grep -a -q whisper "$tmp/seen-plain.0.0" && grep -a -q 'answer to body-x' \
    "$tmp/seen-plain.0.1" || fail "it sees nothing where it might"

# What a client said is not said again: it is known here, and not answered; and no
# channel is started.
LAMBDA_RUN=$tmp/flip
before=$(wc -l <"$tmp/flip/runs")
for number in 0 1 2; do
	file=$tmp/flip/seen-listener.$number.0
	"$relay" dial - "$(cat "$tmp/flip/listener.at")" "$file" >"$tmp/dialled" ||
	    fail "it was not closed"
	[ "$(sed -n 's/^closed //p' "$tmp/dialled")" -le 257 ] ||
	    fail "it was told more than message 2: $(cat "$tmp/dialled")"
done
logged flip-listener 'its handshake is a repeated one'
same "$(wc -l <"$tmp/flip/runs")" "$before"

# Nor is it a peer's answer, where that is dead.
for who in one listener; do
	start "$who-answer" "$relay" answer 127.0.0.1:0 - \
	    "$tmp/flip/seen-$who.0.1"
	address "$who-answer" >"$tmp/answer-$who.at"
done
mkdir -m 700 "$tmp/late"
cp "$tmp/flip/key" "$tmp/late/key"
LAMBDA_RUN=$tmp/late
start late sh -c 'exec lambda-broker -l 127.0.0.1:0 <"$0"' \
    "$tmp/answer-one.at"
logged late 'unable to link to .*: its answer is not made with our key'
tells 111 'its answer is not made with our key' lambda-call -T "$hang" \
    -x "$(cat "$tmp/answer-listener.at")" secretly whisper
# Each type of message passes a relay, as those say who dial one.
mode=flip
dir=$tmp/flip
LAMBDA_RUN=$dir
RUNS=$dir/runs
relays=$(cat "$dir"/r*.at | tr '\n' '|' | sed 's/|$//')
types() {
	cat "$tmp/$mode"-*.log | tr -d '[]' | sed -n -E \
	    "s/.* (to|from) [a-z]+ ($relays): ([a-z]*)\$/\3/p" | sort -u
}
passes() {
	types | grep -qx "$1"
}
call() { # OPTION...
	lambda-call -v -v "$@" >>"$dir/said" \
	    2>>"$tmp/$mode-call.log"
}
until_passes() { # TYPE COMMAND...
	type=$1
	shift
	until_true sh_passes "$@" || fail "no $type passes: $(types)"
}
sh_passes() {
	"$@"
	passes "$type"
}
# For a command of the tier the authority asks the broker.
ctl() { # COMMAND
	lambda-ctl -v -v -A "$(cat "$dir/rone.at")" "$@" >>"$dir/said" \
	    2>>"$tmp/$mode-ctl.log"
}
until_passes report ctl all
until_passes ask ctl hosts
until_passes answer true
# Nobody sells what is asked for.
call -b "$dir/broker" -T 4 -V 9 secretly </dev/null
until_passes offers true
# All is taken, and more is asked for.
printf 'hold1\nhold2\nhold3\nhold4\nhold5\nhold6\n' >"$dir/held"
start "$mode-held" sh -c 'exec lambda-call -v -v -b "$0/broker" -c 6 -L \
    secretly <"$0/held"' "$dir"
held=$pid
until_passes return true
until_passes waiting true
until_passes refuse call -T 1 -x "$(cat "$dir/rlistener.at")" secretly
: >"$RUNS.go"
wait "$held" || fail "what was held: $?"
rm "$RUNS.go"
# More than a message has.
head -c 300000 /dev/zero | tr '\0' x >"$dir/large"
until_passes data call -b "$dir/broker" secretly <"$dir/large"
until_passes end true
until_passes window true
# Who has asked is gone; or its time is up.
echo hold7 >"$dir/held"
start "$mode-gone" sh -c 'exec lambda-call -s "$0/secretly.plb" secretly \
    <"$0/held"' "$dir"
until_true grep -q hold7 "$RUNS" || fail "hold7 does not run"
stop "$pid" KILL
until_passes abandon true
until_passes fail call -b "$dir/broker" -T 1 secretly <"$dir/held"
until_passes release call -b "$dir/broker" secretly </dev/null
# The end of it.
kill "$(cat "$dir/listener.pid")"
until_passes drain true
kill "$(cat "$dir/plb.pid")"
until_passes unsubscribe true
# All but what links begin with, what passes where there is nothing to say, and what
# a listener and its channels say to each other, which is within a host.
"$top/t/rows" | sed -n 's/^message [0-9]* //p' |
    grep -vx 'hello\|alive\|counts' | sort >"$tmp/all"
same "$(types | comm -13 - "$tmp/all" | tr '\n' ' ')" ''
echo passed
