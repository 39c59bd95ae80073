#!/bin/sh
# Somebody without the key between all who speak over TCP: broker and authority,
# two authorities, authority, broker and exchange, PLB and listener. It changes
# what passes, in every way, and learns and causes nothing but a closed link; what
# it has recorded is of no use later, to dial with or to answer with.
. "$(dirname "$0")/lib.sh"

helper relay
helper listen
helper activate
relay=$top/t/relay
listen=$top/t/listen
activate=$top/t/activate

# It notes each of its runs, and answers.
cat >"$tmp/worker" <<EOF2
#!/bin/sh
read -r body
echo "\$body" >>"\$RUNS"
echo "answer to \$body"
EOF2
chmod +x "$tmp/worker"

# between NAME: a relay in front of what will be at \$dir/NAME.at
between() {
	start "$mode-r$1" "$relay" "$mode" 127.0.0.1:0 "@$dir/$1.at" \
	    "$dir/seen-$1"
	address "$mode-r$1" >"$dir/r$1.at"
}

# tier_between: all that there is, with relays in between
tier_between() {
	dir=$tmp/$mode
	mkdir -m 700 "$dir"
	LAMBDA_RUN=$dir
	RUNS=$dir/runs
	export LAMBDA_RUN RUNS
	for name in exchange one two listener; do
		between "$name"
	done
	start "$mode-exchange" "$listen" 127.0.0.1:0 lambda-exchange secretly
	address "$mode-exchange" >"$dir/exchange.at"
	start "$mode-one" lambda-authority -l 127.0.0.1:0 \
	    -a "$(cat "$dir/rone.at")" -x "secretly=$(cat "$dir/rexchange.at")"
	address "$mode-one" >"$dir/one.at"
	start "$mode-two" sh -c 'exec lambda-authority -l 127.0.0.1:0 \
	    -a "$0" <"$1"' "$(cat "$dir/rtwo.at")" "$dir/rone.at"
	address "$mode-two" >"$dir/two.at"
	start "$mode-broker" sh -c 'exec lambda-broker -n hidden@node \
	    -l 127.0.0.1:0 <"$0"' "$dir/rone.at"
	until_true test -S "$LAMBDA_RUN/broker" || fail "no broker"
	# What it says is where the relay is.
	start "$mode-listener" "$activate" listen:=127.0.0.1:0 lambda-listener \
	    -c 4 -a "$(cat "$dir/rlistener.at")" -t zone=buried -n hidden@node \
	    secretly "$tmp/worker"
	logged "$mode-listener" '^listening *127'
	sed -n 's/^listening *//p' "$tmp/$mode-listener.log" >"$dir/listener.at"
	start "$mode-plb" lambda-plb -c 2 secretly
	logged "$mode-plb" 'serving on'
}

# ask N: so many lines, each of them once; what is answered is right
asked=0
ask() {
	n=$1
	while [ "$n" -gt 0 ]; do
		n=$((n - 1))
		asked=$((asked + 1))
		echo "$mode-body-$asked"
	done >"$dir/ask"
	cat "$dir/ask" >>"$dir/asked"
	lambda-call -T "$hang" -s "$dir/secretly.plb" -L secretly whisper \
	    <"$dir/ask" >"$dir/answers" 2>"$dir/errors"
	status=$?
	grep -v '^answer to ' "$dir/answers" && fail "$mode: not an answer"
	cat "$dir/answers" >>"$dir/answered"
	return "$status"
}

# It has changed what the dialler and what the acceptor says, and both times the
# link was closed.
acted() {
	for name in exchange one two listener; do
		[ "$(grep -c '^closed' "$tmp/$mode-r$name.log")" -ge 2 ] ||
		    return 1
	done
}
act() {
	ask 10
	acted
}

modes='flip drop reorder repeat insert truncate short'
for mode in $modes; do
	tier_between
done
for mode in $modes; do
	dir=$tmp/$mode
	until_true act || fail "$mode: not all of it closes a link"
done

# All heals, and nothing has run that was not asked for, or twice.
whole() {
	ask 40 && [ "$(wc -l <"$dir/answers")" -eq 40 ]
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

# What a client said is not said again: it is answered, as it may be new, and no
# more; no channel is started.
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
echo passed
