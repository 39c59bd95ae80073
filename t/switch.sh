#!/bin/sh
# From one PLB to the next, and from one version to the other: what runs goes on,
# what is free is not kept from others, and who asks for a function gets a seller
# that has it.
# Alone: a PLB that takes over waits for 5 s for what it wants, and is looked at
# meanwhile.
. "$(dirname "$0")/lib.sh"

cat >"$tmp/one" <<'END'
#!/bin/sh
[ -z "${2:-}" ] || sleep "$2"
echo one
END
sed 's/one/two/' "$tmp/one" >"$tmp/two"
chmod +x "$tmp/one" "$tmp/two"
tier

# A function that only the newer version exports, of which there is little.
start old lambda-listener -c 9 -V 1.0 -f w/0 -f wait/1 calc "$tmp/one"
start new lambda-listener -c 1 -V 1.1 -f w/0 -f z/0 calc "$tmp/two"
until_true 10 lambda-call -V 1.1 -T 2 calc w || fail "1.1 is not there"
i=0
while [ "$i" -lt 20 ]; do
	i=$((i + 1))
	same "$(lambda-call -T 20 calc z </dev/null)" two
	same "$(lambda-call -T 20 calc wait 0 </dev/null)" one
done
same "$(seq 50 | lambda-call -T 20 -L calc z | sort | uniq -c | tr -d ' ')" \
    50two

# Of a seller that publishes anew, one call that runs long keeps its own token
# and no other.
cp "$tmp/one" "$tmp/prog"
start long lambda-listener -c 8 long "$tmp/prog"
listener=$pid
start keeper lambda-plb -c 8 long
until_true 10 sh -c 'lambda-ctl orders |
    grep -q "module long .*quantity 0"' || fail "the PLB did not get all"
start slow lambda-call long w 1000
slow=$pid
until_true 10 sh -c 'lambda-ctl -A "$0" all | grep -q "in_flight 1"' \
    "$LAMBDA_RUN/long.plb" || fail "the call is not seen to run"
kill -HUP "$listener"
logged long 'publishing new code'
tells 0 one lambda-call -b "$LAMBDA_RUN/broker" -T 10 long w </dev/null
kill -0 "$slow" || fail "the long call was ended"
stop "$slow"

# A PLB that was taken over from is told to end: what runs there finishes.
start first lambda-plb -c 2 -s "$tmp/s.plb" -D "$tmp/proxies" calc
first=$pid
logged first 'serving on'
start running sh -c 'test "$(lambda-call -s "$0" calc wait 4)" = one' \
    "$tmp/s.plb"
running=$pid
until_true 10 sh -c 'lambda-ctl -A "$0" all | grep -q "in_flight 1"' \
    "$tmp/s.plb" || fail "the call is not seen to run"
start second lambda-plb -c 2 -V 1.0 -s "$tmp/s.plb" -D "$tmp/proxies" calc
second=$pid
logged first 'another PLB serves'
stop "$first"
same "$ended" 0
wait "$running" || fail "the call was cut off"
same "$(lambda-call -s "$tmp/s.plb" calc w </dev/null | grep -cx 'one\|two')" 1

# One that does not get to serve leaves the proxies, those of its own version, to
# who serves.
until_true 10 test -x "$tmp/proxies/wait" || fail "no proxies"
start third lambda-plb -c 100 -V 1.1 -s "$tmp/s.plb" -D "$tmp/proxies" calc
third=$pid
logged third 'taking .* over'
until_true 10 sh -c 'lambda-ctl orders | grep -q "buy .* held 1 lacking 99 "' ||
    fail "the third has acquired nothing"
same "$("$tmp/proxies/wait" 0 </dev/null)" one
stop "$third"
same "$ended" 0
same "$("$tmp/proxies/wait" 0 </dev/null)" one
# The trees of one that was killed go with the next.
stop "$second" KILL
start fourth lambda-plb -c 2 -s "$tmp/s.plb" -D "$tmp/proxies" calc
logged fourth 'serving on'
until_true 10 "$tmp/proxies/w" || fail "no proxies after a kill"
same "$(find "$tmp" -maxdepth 1 -name 'proxies.[0-9]*' | grep -c .)" 1
stop "$pid"
echo passed
