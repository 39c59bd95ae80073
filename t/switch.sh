#!/bin/sh
# From one PLB to the next, and from one version to the other: what runs goes on,
# what is free is not kept from others, and who asks for a function gets a seller
# that has it.
. "$(dirname "$0")/lib.sh"

# FUNCTION [FILE]: the answer comes when the file is there
cat >"$tmp/one" <<'END'
#!/bin/sh
until [ -z "${2:-}" ] || [ -e "$2" ]; do sleep 0.05; done
echo one
END
sed 's/echo one/echo two/' "$tmp/one" >"$tmp/two"
chmod +x "$tmp/one" "$tmp/two"
tier

# A function that only the newer version exports, of which there is little.
start old lambda-listener -c 9 -V 1.0 -f w/0 -f wait/1 calc "$tmp/one"
start new lambda-listener -c 1 -V 1.1 -f w/0 -f z/0 calc "$tmp/two"
same "$(lambda-call -V 1.1 -T "$hang" calc w </dev/null)" two
i=0
while [ "$i" -lt 20 ]; do
	i=$((i + 1))
	same "$(lambda-call -T "$hang" calc z </dev/null)" two
	same "$(lambda-call -T "$hang" calc wait / </dev/null)" one
done
same "$(seq 50 | lambda-call -T "$hang" -L calc z | sort | uniq -c |
    tr -d ' ')" 50two

# Of a seller that publishes anew, one call that runs long keeps its own token
# and no other.
cp "$tmp/one" "$tmp/prog"
start long lambda-listener -c 8 long "$tmp/prog"
listener=$pid
start keeper lambda-plb -c 8 long
until_true sh -c 'lambda-ctl orders |
    grep -q "module long .*quantity 0"' || fail "the PLB did not get all"
start slow lambda-call long w "$tmp/never"
slow=$pid
runs() { # SOCKET: a call of the PLB there
	lambda-ctl -A "$1" all | grep -q 'in_flight 1'
}
until_true runs "$LAMBDA_RUN/long.plb" || fail "the call is not seen to run"
kill -HUP "$listener"
logged long 'publishing new code'
tells 0 one lambda-call -b "$LAMBDA_RUN/broker" -T "$hang" long w </dev/null
runs "$LAMBDA_RUN/long.plb" || fail "the long call was ended"
stop "$slow"

# A PLB that was taken over from is told to end: what runs there finishes.
start first lambda-plb -c 2 -s "$tmp/s.plb" -D "$tmp/proxies" calc
first=$pid
logged first 'serving on'
start running sh -c 'test "$(lambda-call -s "$0" calc wait "$1")" = one' \
    "$tmp/s.plb" "$tmp/go"
running=$pid
until_true runs "$tmp/s.plb" || fail "the call is not seen to run"
second() { # it serves, and has the proxies
	start "second$n" lambda-plb -c 2 -V 1.0 -s "$tmp/s.plb" \
	    -D "$tmp/proxies" calc
	second=$pid
	logged "second$n" 'serving on'
	until_true test -x "$tmp/proxies/wait" || fail "no proxies"
}
n=1
second
logged first 'another PLB serves'
kill "$first"
same "$(lambda-call -s "$tmp/s.plb" calc w </dev/null)" one
touch "$tmp/go"
wait "$running" || fail "the call was cut off"
wait "$first"
same $? 0

# One that does not get to serve leaves the proxies, those of its own version, to
# the one that serves. It waits for 5 s for what it wants, and is looked at
# meanwhile: where the machine was too slow for that, all is done again.
third() {
	start "third$n" lambda-plb -c 100 -V 1.1 -s "$tmp/s.plb" \
	    -D "$tmp/proxies" calc
	logged "third$n" 'taking .* over'
	until_true sh -c 'lambda-ctl orders |
	    grep -q "buy .* held 1 lacking 99 "' ||
	    fail "the third has acquired nothing"
	got=$("$tmp/proxies/wait" / </dev/null)
	stop "$pid"
	same "$ended" 0
	! grep -q 'serving on' "$tmp/third$n.log"
}
until third; do
	n=$((n + 1))
	[ "$n" -le 20 ] || fail "the third serves before it is looked at"
	wait "$second"
	second
done
same "$got" one
same "$("$tmp/proxies/wait" / </dev/null)" one
# The trees of one that was killed go with the next.
stop "$second" KILL
start fourth lambda-plb -c 2 -s "$tmp/s.plb" -D "$tmp/proxies" calc
logged fourth 'serving on'
until_true "$tmp/proxies/w" || fail "no proxies after a kill"
one_tree() {
	[ "$(find "$tmp" -maxdepth 1 -type d -name 'proxies.*' | grep -c .)" -eq 1 ]
}
until_true one_tree || fail "trees of proxies: $(ls -d "$tmp"/proxies.*)"
stop "$pid"
echo passed
