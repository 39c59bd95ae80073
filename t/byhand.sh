#!/bin/sh
# Parts that something else starts: an exchange with its listening socket on
# descriptor 0, announced to an authority; channels with their connection on 0
# and 1, over TCP as inetd has it, and over pipes with nothing else at all.
. "$(dirname "$0")/lib.sh"

need bc ps
listen=$top/t/listen
helper listen

# An exchange under an authority is there as soon as an order is.
tier
start plain lambda-listener -w line plain bc -q
until_true sh -c 'lambda-ctl exchanges | grep -q "module plain.*linked"' ||
    fail "the authority runs no exchange"
same "$(echo 6*7 | lambda-call -L plain)" 42
stop "$broker"
stop "$authority"

# By hand: started first, announced, and used by brokers for that module.
start exchange "$listen" 127.0.0.1:0 lambda-exchange calc
exchange=$pid
at=$(address exchange)
logged exchange ready
row=$(lambda-ctl -A "$at" all)
id=$(echo "$row" | sed -n 's/.* instance \([0-9a-f]*\) .*/\1/p')
[ -n "$id" ] || fail "the exchange shows no instance: $row"
start authority2 lambda-authority -l 127.0.0.1:0 -x "calc=$at"
authority=$pid
address authority2 >"$tmp/authorities"
# It is announced after it has answered, with the instance that it has.
until_true sh -c 'lambda-ctl -A "$0" exchanges |
    grep -q "^exchange $1 module calc instance $2 "' \
    "$(cat "$tmp/authorities")" "$at" "$id" ||
    fail "not announced: $(lambda-ctl -A "$(cat "$tmp/authorities")" all)"
start broker2 sh -c 'exec lambda-broker -l 127.0.0.1:0 <"$0"' \
    "$tmp/authorities"
broker=$pid
start calc lambda-listener -c 3 -w line calc bc -q
same "$(seq 1 1000 | sed 's/$/*2/' | lambda-call -L calc | tail -n 1)" 2000
until_true sh -c 'lambda-ctl -A "$0" all |
    grep -q "^sell .* quantity 3 reserved 0"' "$at" ||
    fail "the sell order is not at the exchange started by hand"

# When it is gone calls go on, and another one at the same port is taken up.
start filter sh -c 'seq 1 200000 | sed "s/$/*2/" | lambda-call -L calc |
    awk "\$1 != 2 * NR { exit 1 } END { exit NR != 200000 }"'
filter=$pid
until_true sh -c 'lambda-ctl -A "$0" all | grep -q "^buy.*held [1-9]"' "$at" ||
    fail "the filter does not run"
stop "$exchange"
same "$ended" 0
start exchange2 "$listen" "$at" lambda-exchange calc
exchange=$pid
logged exchange2 ready
until_true sh -c 'lambda-ctl -A "$0" all | grep -q "^sell .* quantity"' \
    "$at" || fail "the order did not come to the new exchange"
wait "$filter" || fail "the filter failed when the exchange was restarted"
same "$(echo 20+1 | lambda-call -L calc)" 21
# Its authority gone for good, it retires by itself.
stop "$broker"
stop "$authority"
gone() {
	! ps -p "$1" -o stat= | grep -q '^[^Z]'
}
logged exchange2 'neither authority nor broker for 5 s: retiring'
until_true gone "$exchange" || fail "it has retired, and goes on"

# What is not for it, it says.
tells 100 'standard input is no listening TCP socket: lambda-authority starts' \
    lambda-exchange calc
if "$listen" "$tmp/unix.sock" true 2>/dev/null; then
	tells 100 'standard input is no listening TCP socket' \
	    "$listen" "$tmp/unix2.sock" lambda-exchange calc
fi
tells 100 'listens on 0.0.0.0:.*not on loopback, so both sides need a key' \
    "$listen" 0.0.0.0:0 lambda-exchange calc

# A channel for each connection, as inetd or tcpserver has it. The worker notes
# that it was begun.
cat >"$tmp/worker" <<'EOF2'
#!/bin/sh
while read -r n; do
	echo x >>"$0.begun"
	echo $((n * 2))
done
EOF2
chmod +x "$tmp/worker"
start inetd "$listen" -a 127.0.0.1:0 lambda-channel -c 2 -w line double \
    "$tmp/worker"
inetd=$pid
at=$(address inetd)
same "$(echo 21 | lambda-call -L -x "$at" double)" 42
same "$(seq 1 5000 | lambda-call -L -x "$at" double | tail -n 1)" 10000
same "$(seq 1 100000 | lambda-call -L -x "$at" double | head -n 2 |
    tr '\n' ' ')" '2 4 '
# Two at once are two channels, each with a capacity of its own; and a PLB.
start one sh -c 'yes 1 | lambda-call -P -L -x "$0" double >/dev/null' "$at"
until_true grep -q '[1-9][0-9]* done' "$tmp/one.log" || fail "one stands"
start plb lambda-plb -c 2 -x "$at" double
plb=$pid
logged plb 'serving on'
same "$(seq 1 100 | lambda-call -L double | tail -n 1)" 200
same "$(seq 1 100 | lambda-call -L -s "$LAMBDA_RUN/double.plb" double |
    tail -n 1)" 200
stop "$plb"
same "$ended" 0
# No more than -c at once, counted at the worker, over TCP and over a pipe.
helper slot
start counted "$listen" -a 127.0.0.1:0 lambda-channel -c 2 -w line counted \
    "$top/t/slot" -l 5 "$tmp/two" 2 x
counted=$pid
same "$(seq 1 200 | lambda-call -L -x "$(address counted)" counted |
    wc -l | tr -d ' ')" 200
within "$tmp/two"
stop "$counted"
same "$(seq 1 200 | lambda-call -L -x "|lambda-channel -c 2 -w line counted \
    '$top/t/slot' -l 5 '$tmp/pipe2' 2 x" counted | wc -l | tr -d ' ')" 200
within "$tmp/pipe2"
# A stranger who speaks something else is closed, and nothing is run for it.
tells 111 "$at is a channel's: ask" lambda-ctl -A "$at" all
tells 100 'is served here, not triple' \
    lambda-call -T "$hang" -x "$at" triple
for pid in $(strays); do
	[ "$(name_of "$pid")" != yes ] || kill "$pid"
done
stop "$inetd"
tells 111 'unable to reach' lambda-call -x "$at" double
no_channels() {
	for pid in $(strays); do
		[ "$(name_of "$pid")" != lambda-channel ] || return 1
	done
	return 0
}
until_true no_channels || fail "channels outlive their clients: $(strays)"

# Over pipes: no broker, no authority, no TCP, no key.
cp "$tmp/worker" "$tmp/piped"
cd "$tmp" || exit 1
same "$(seq 1 3000 | LAMBDA_RUN=$tmp/pipes lambda-call -L \
    -x '|lambda-channel -c 2 -w line double ./piped' double | tail -n 1)" 6000
same "$(wc -l <"$tmp/piped.begun" | tr -d ' ')" 3000
same "$(lambda-call -x "|lambda-channel -c 1 calc '$top/t/calc.sh'" \
    calc pi 5 </dev/null)" 3.14159
lambda-call -x "|lambda-channel -c 1 calc '$top/t/calc.sh'" calc status 7 \
    </dev/null 2>"$tmp/err"
same $? 7
grep -q 'exiting with 7' "$tmp/err" || fail "its standard error is lost"
# The command may be what brings the bytes, and no more: as ssh does.
same "$(echo 6*7 | lambda-call -L \
    -x '|cat | lambda-channel -w line calc bc -q | cat' calc)" 42
until_true no_channels || fail "a channel outlives its pipe"
tells 100 'standard input is not a connection' lambda-channel calc bc
tells 111 "the command .exit 1. ended with status 1$" \
    lambda-call -x '|exit 1' calc
echo passed
