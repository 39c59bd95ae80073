#!/bin/sh
# A host's life, as lambda(7) tells it: each step is the command that stands there,
# run as it is written, under runsv, while a filter on another host goes on. No
# call fails, and no record is lost; jobs are as long as the test wants them to be.
. "$(dirname "$0")/lib.sh"

need runsv
for program in runsvdir sv; do
	command -v "$program" >/dev/null || skip "runit without $program"
done
network=192.0.2
hosts authority host caller
PATH=$PATH:/usr/sbin:/sbin
etc=$tmp/etc
sv=$tmp/sv
SVDIR=$tmp/service
SVWAIT=$hang
export SVDIR SVWAIT
mkdir "$etc" "$sv" "$SVDIR" "$tmp/lib" "$tmp/up" "$tmp/go"
(umask 077 && head -c 32 /dev/urandom >"$etc/key")
LAMBDA_KEY=$etc/key
export LAMBDA_KEY
echo 192.0.2.1:4370 >"$etc/authorities"

logs_too() {
	status=$?
	cat "$sv"/*/log >"$tmp/services.log" 2>/dev/null
	return "$status"
}
trap 'logs_too; clean_up' EXIT

literals "HOST'S LIFE" "$top/man/lambda.7"
changed="s,/etc/lambda,$etc,g; s,/etc/sv,$sv,g; s,/etc/service,$SVDIR,g
    s,/usr/local/libexec,$tmp/lib,g"
# does WORDS: the block is done on the host, and ends well
does() {
	take lambda.7 "$1"
	(cd "$tmp" && on host timeout "$hang" sh -e "$block") >"$tmp/did" 2>&1 ||
	    fail "$(cat "$block"): status $?: $(cat "$tmp/did")"
}
# begins WORDS: the same, in the background, as $pid
begins() {
	take lambda.7 "$1"
	start did on host timeout "$hang" sh -e "$block"
}

# The module answers at once, or where it is told to hold waits for a file; it says
# which of the twins has run it, and its version.
program() { # VERSION
	cat >"$tmp/calc.new" <<E2
#!/bin/sh
read -r n
case \$n in
hold*)	: >"$tmp/up/\$n"
	until [ -e "$tmp/go/\$n" ]; do sleep 0.05; done ;;
esac
echo "\$n \${PWD##*/} $1"
E2
	chmod +x "$tmp/calc.new"
}
answers() { # NAME PATTERN: an answer of that kind comes
	until_true grep -q -e "$2" "$tmp/$1" || fail "no answer: $2"
}
call() { # NAME: one call, in the background
	# shellcheck disable=SC2016
	start "call.$1" on caller sh -c 'echo "$0" | lambda-call -L calc
	    echo "status $?"' "$1"
}

start authority on authority lambda-authority -l 192.0.2.1:4370
logged authority ready
# shellcheck disable=SC2016
start caller on caller sh -c 'exec lambda-broker <"$0"' "$etc/authorities"
logged caller 'linked to authority'

# Start.
mkdir "$sv/broker" "$sv/calc.a"
printf '#!/bin/sh\nexec 2>>log\nexec lambda-broker -k %s <%s >/dev/null\n' \
    "$etc/key" "$etc/authorities" >"$sv/broker/run"
take lambda.7 'exec lambda-listener'
sed 's,^exec 2>&1,exec 2>>log >\&2,' "$block" >"$sv/calc.a/run"
chmod +x "$sv"/*/run
echo 2 >"$etc/calc.capacity"
echo 1.0 >"$etc/calc.version"
program 1.0
mv "$tmp/calc.new" "$tmp/lib/calc"
supervised runsvdir on host runsvdir "$SVDIR"
runsvdir=$pid
does 'ln -s'
flow first on caller lambda-call -L calc
answers first.out 'calc.a 1.0'

# Change.
does 'calc.capacity; sv hup'
until_true grep -q 'the capacity is 8 now' "$sv/calc.a/log" ||
    fail "the capacity is not 8"
flow_goes_on 'with another capacity'
program 1.1
does 'mv calc.new'
answers first.out 'calc.a 1.1'
flow_goes_on 'after the change'

# Upgrade, with a job that runs.
call hold1
until_true test -e "$tmp/up/hold1" || fail "hold1 does not run"
begins 'sv up calc.b'
upgrade=$pid
answers first.out 'calc.b 1.1'
until_true grep -q 'draining: ' "$sv/calc.a/log" || fail "calc.a does not drain"
flow_goes_on 'while the old one drains'
grep '^hold1 \|^status' "$tmp/call.hold1.log" && fail "hold1 has ended"
touch "$tmp/go/hold1"
logged call.hold1 'hold1 calc.a 1.1'
logged call.hold1 'status 0'
wait "$upgrade" || fail "the upgrade ends with $?: $(cat "$tmp/did.log")"
sv status calc.a | grep -q '^down: ' || fail "calc.a is not down"
does 'sv restart broker'
flow_goes_on 'after the broker was restarted'
flow_ends

# A PLB, on the host of the caller, whose filter is the next one.
plbs=$tmp/plbs
for name in plb.a plb.b; do
	mkdir -p "$plbs/$name"
	printf '#!/bin/sh\nexec 2>>log\nexec lambda-plb -k %s -g 0 calc\n' \
	    "$etc/key" >"$plbs/$name/run"
	chmod +x "$plbs/$name/run"
done
touch "$plbs/plb.b/down"
supervised plbs on caller runsvdir "$plbs"
until_true test -S "$tmp/run.caller/calc.plb" || fail "no PLB"
flow second on caller lambda-call -L -R 100 calc
answers second.out 'calc.b 1.1'
call hold2
until_true test -e "$tmp/up/hold2" || fail "hold2 does not run"
take lambda.7 'sv once plb.a'
SVDIR=$plbs on caller timeout "$hang" sh -e "$block" >"$tmp/did" 2>&1 ||
    fail "$(cat "$block" "$tmp/did")"
until_true grep -q 'another PLB serves' "$plbs/plb.a/log" ||
    fail "no PLB takes over"
flow_goes_on 'by another PLB'
touch "$tmp/go/hold2"
logged call.hold2 'hold2 calc.b'
plb_is_down() {
	SVDIR=$plbs sv status plb.a | grep -q '^down: '
}
until_true plb_is_down || fail "plb.a is there again"
same "$(grep -c serving "$plbs/plb.a/log" "$plbs/plb.b/log" |
    sed 's/.*://' | tr '\n' ' ')" '1 1 '

# Move.
does 'ip addr add'
flow_goes_on 'at the other address'

# Drain, and back again.
call hold3
until_true test -e "$tmp/up/hold3" || fail "hold3 does not run"
does 'lambda-ctl drain calc'
touch "$tmp/go/hold3"
logged call.hold3 'hold3 calc.b 1.1'
until_true grep -q 'drained: staying' "$sv/calc.b/log" || fail "not drained"
does 'restart calc.b'
flow_goes_on 'back again'

# End: there is another host.
start other on caller lambda-listener -l 192.0.2.3:0 -c 2 calc "$tmp/lib/calc"
call hold4
until_true test -e "$tmp/up/hold4" || fail "hold4 does not run"
begins '/etc/service/calc.b /etc'
end=$pid
told_to_end() {
	sv status "$SVDIR/calc.b" | grep -q 'want down'
}
until_true told_to_end || fail "calc.b is not told to end"
touch "$tmp/go/hold4"
logged call.hold4 'status 0'
wait "$end" || fail "the end: $?: $(cat "$tmp/did.log")"
flow_goes_on 'elsewhere'
flow_ends
stop "$runsvdir" HUP
until_true deserted host ||
    fail "left: $(ip netns pids "${net}host" | xargs ps -o args= -p)"

# The units of systemd are whole where it is there to say so.
mkdir "$tmp/units"
changed="$changed; s,=lambda-broker,=$bin/lambda-broker,"
take lambda.7 '[Socket]'
cp "$block" "$tmp/units/lambda-broker.socket"
take lambda.7 '[Service]'
cp "$block" "$tmp/units/lambda-broker.service"
if command -v systemd-analyze >/dev/null; then
	systemd-analyze verify "$tmp/units"/* >"$tmp/did" 2>&1
	! grep lambda-broker "$tmp/did" || fail "a unit is wrong"
fi
none_left
echo passed
