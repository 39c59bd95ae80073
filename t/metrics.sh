#!/bin/sh
# What is counted, on real processes under load: lambda-ctl counts and metrics. Each
# request counts once, by its end, also when the channel that ran it has gone; what
# is printed is what Prometheus reads.
. "$(dirname "$0")/lib.sh"

start authority lambda-authority -l 127.0.0.1:0
address authority >"$tmp/authorities" || exit 1
start broker sh -c 'exec lambda-broker -l 127.0.0.1:0 <"$0"' "$tmp/authorities"
cat >"$tmp/work" <<'END'
#!/bin/sh
case $1 in
ok) echo done ;;
bad) exit 3 ;;
die) kill -9 $$ ;;
wait) : >"$0.$2"; until [ -e "$0.go" ]; do sleep 0.1; done ;;
esac
END
chmod +x "$tmp/work"
start listener lambda-listener -v -c 4 -w exec work "$tmp/work"
listener=$pid
logged listener 'publishing work'
at=$(sed -n 's/.*publishing work at \([^,]*\).*/\1/p' "$tmp/listener.log")

# counted KEY VALUE ...: what the listener says
counted() {
	lambda-ctl -A "$at" counts >"$tmp/rows" || return 1
	row=$(grep '^requests ' "$tmp/rows")
	while [ $# -gt 0 ]; do
		case "$row " in
		*" $1 $2 "*) shift 2 ;;
		*) return 1 ;;
		esac
	done
}
counts() {
	until_true counted "$@" || fail "not $*: $(cat "$tmp/rows")"
}

tops() { # NAME PATTERN ARGUMENT...
	name=$1 pattern=$2
	shift 2
	rm -f "$tmp/$name.out" # of one before it
	start "$name" sh -c 'exec lambda-ctl "$@" >"$0"' "$tmp/$name.out" "$@"
	until_true grep -q -e "$pattern" "$tmp/$name.out" ||
	    fail "$name shows no load: $(cat "$tmp/$name.out")"
	stop "$pid" INT
}

counts running 0 begun 0
for i in 1 2 3 4 5; do
	lambda-call work ok >"$tmp/out" || fail "ok: $?"
done
lambda-call work bad >"$tmp/out"
same "$?" 3
tells 111 'signal 9' lambda-call work die
counts running 0 begun 7 'done' 5 status 1 failed 1 bytes_out 25 started 7 died 1
same "$(awk "$of"'$1 == "times" && of("kind") == "run" {
	n += of("count") } END { print n }' \
    "$tmp/rows")" 7

# What runs is in flight; one whose time is up, one whose caller has gone.
for n in 1 2 3; do
	start "call.$n" lambda-call work wait "$n"
	until_true test -e "$tmp/work.$n" || fail "$n does not run"
	caller=$pid
done
counts running 3 begun 10
stop "$caller" KILL
counts running 2 abandoned 1
tells_late 99 'its time was up' lambda-call -T 1 work wait 4
counts running 2 begun 11 late 1
: >"$tmp/work.go"
counts running 0 begun 11 'done' 7 status 1 failed 1 late 1 abandoned 1

# A channel that says nothing is silent, and holds up nobody for long; what it had
# when it is killed is lost.
rm "$tmp/work.go"
start call.5 lambda-call work wait 5
until_true test -e "$tmp/work.5" || fail "5 does not run"
counts running 1 begun 12
channel=$(children "$listener" lambda-channel)
# shellcheck disable=SC2086
kill -STOP $channel
counts silent "$(echo "$channel" | wc -w | tr -d ' ')" running 1
tops top.silent '"name":"work","ms":[0-9]*,"calls":0,' -J -A "$at" top
# shellcheck disable=SC2086
kill -KILL $channel
counts silent 0 running 0 lost 1
: >"$tmp/work.go"

# With -v, a line for each of them, as logfmt has it: words without spaces, each with
# a value. What was lost with its channel has none.
sed -n 's/^lambda-channel: .*: \(request id=.*\)/\1/p' "$tmp/listener.log" >"$tmp/lines"
same "$(sed 's/.* function=\([^ ]*\) .* result=\([^ ]*\) status=\([^ ]*\) .*/\1 \2 \3/' \
    "$tmp/lines" | sort | uniq -c | sed 's/^ *//')" "1 bad status 3
1 die failed -
5 ok done 0
1 wait abandoned -
2 wait done 0
1 wait late -"
same "$(tr ' ' '\n' <"$tmp/lines" | sed 's/=.\{1,\}/=/' | sort -u | xargs)" \
    'client= function= id= module= queue_us= request result= run_us= status='
same "$(grep -c 'client=127.0.0.1:[0-9]* ' "$tmp/lines")" 11

# Many at once, by a PLB, for several callers: both count the same.
start lines lambda-listener -c 4 -w line -V 1 calc cat
lines=$pid
logged lines 'publishing calc'
start plb lambda-plb -v -c 4 calc
plb=$pid
until_true test -S "$LAMBDA_RUN/calc.plb" || fail "no PLB"
for n in 1 2 3; do
	start "load.$n" sh -c 'seq 1 400 |
	    lambda-call -s "$0/calc.plb" -c 4 -L calc >"$1"' "$LAMBDA_RUN" \
	    "$tmp/load.$n"
	eval "load$n=\$pid"
done
# shellcheck disable=SC2154
wait "$load1" "$load2" "$load3" || fail "a call of many has failed"
at=$(sed -n 's/.*publishing calc at \([^,]*\).*/\1/p' "$tmp/lines.log")
where_lines=$at
counts running 0 begun 1200 'done' 1200 bytes_in 3276 bytes_out 3276 died 0
lambda-ctl -A "$at" clients >"$tmp/clients"
grep -q '^client .* state up requests 1200 version 1$' "$tmp/clients" ||
    fail "no client with 1200 requests: $(cat "$tmp/clients")"
at=$LAMBDA_RUN/calc.plb
counts running 0 begun 1200 'done' 1200 bytes_in 3276 bytes_out 3276
for kind in queue run; do
	same "$(awk -v kind="$kind" "$of"'$1 == "times" && of("kind") == kind {
	    n += of("count") } END { print n }' "$tmp/rows")" 1200
done

# With -v, the PLB has the same words for each, and says where it ran.
lines() { # FILE: of requests; their words are in $tmp/words
	sed -n 's/^lambda-[a-z]*: .*\(request id=.*\)/\1/p' "$1" >"$tmp/lines"
	tr ' ' '\n' <"$tmp/lines" | sed 's/=.\{1,\}/=/' | sort -u | xargs >"$tmp/words"
	wc -l <"$tmp/lines" | tr -d ' '
}
words='channel= client= function= id= module= queue_us= request result= run_us= status='
all_lines() {
	[ "$(lines "$tmp/plb.log")" -eq 1200 ]
}
until_true all_lines || fail "no 1200 lines, but $(wc -l <"$tmp/lines")"
same "$(cat "$tmp/words")" "$words"
same "$(grep -c "module=calc .* client=[1-9][0-9]* channel=$where_lines result=done status=0 " \
    "$tmp/lines")" 1200

# What Prometheus reads. Buckets add up, whoever checks the rest.
at=$(sed -n 's/.*publishing calc at \([^,]*\).*/\1/p' "$tmp/lines.log")
lambda-ctl -A "$at" metrics >"$tmp/metrics" || fail "metrics: $?"
grep -q '^lambda_requests_total{module="calc",role="listener",process="[0-9a-f]*",result="done"} 1200$' \
    "$tmp/metrics" || fail "no 1200 done: $(cat "$tmp/metrics")"
awk '
/^# TYPE / { if (type[$3] != "") bad("twice: " $0); type[$3] = $4; next }
/^# HELP / { next }
{
	name = $1
	sub(/{.*/, "", name)
	if ($1 in seen) bad("twice: " $0)
	seen[$1] = 1
	base = name
	if (sub(/_(bucket|sum|count)$/, "", base) && type[base] == "histogram") {
		if (name == base "_bucket" && $1 ~ /le="0.000064"/) last = 0
		if (name == base "_bucket" && $2 + 0 < last) bad("less: " $0)
		if (name == base "_count" && $2 != last) bad("count: " $0)
		if (name == base "_bucket") last = $2 + 0
	} else if (type[name] == "")
		bad("no type: " $0)
	else if ((type[name] == "counter") != (name ~ /_total$/))
		bad("its name: " $0)
	lines++
}
function bad(why) { print why; failed = 1 }
END { exit failed || lines < 40 }' "$tmp/metrics" >"$tmp/bad" ||
    fail "no metrics: $(cat "$tmp/bad" "$tmp/metrics")"
if sh "$top/t/setup.sh" promtool; then
	lambda-ctl -A "$LAMBDA_RUN/calc.plb" metrics >"$tmp/plb.metrics"
	lambda-ctl metrics >"$tmp/broker.metrics"
	lambda-ctl -A "$(cat "$tmp/authorities")" metrics >"$tmp/authority.metrics"
	lambda-ctl -A "$(lambda-ctl exchanges | awk "$of"'of("module") == "calc" {
	    print $2 }')" \
	    metrics >"$tmp/exchange.metrics"
	for file in metrics plb.metrics broker.metrics authority.metrics \
	    exchange.metrics; do
		promtool check metrics <"$tmp/$file" >"$tmp/said" 2>&1 ||
		    fail "promtool: $file: $(cat "$tmp/said")"
		same "$(cat "$tmp/said")" ''
	done
fi
tells 100 'metrics are no rows' lambda-ctl -J metrics

# All of a host, by its broker: the listeners and PLBs that it asks.
all_answer() { # in time
	lambda-ctl metrics >"$tmp/all" || return
	for role in listener plb; do
		grep "^lambda_requests_total{module=\"calc\",role=\"$role\",process=\"[0-9a-f]*\",result=\"done\"} 1200\$" \
		    "$tmp/all" || return
	done
}
until_true all_answer || fail "no $role: $(cat "$tmp/all")"

# Links, of everybody. What one end sends the other end gets: the PLB's calls of calc
# are 1200 messages each way at least. Who has another key, and an address where
# nobody is, are counted; what the broker was filled with it passed on.
for role in broker listener plb; do
	grep -q "^lambda_messages_sent_total{role=\"$role\",process=\"[0-9a-f]*\"} [1-9]" \
	    "$tmp/all" || fail "no links of the $role: $(cat "$tmp/all")"
done
! grep -q 'role="channel"' "$tmp/all" || fail "a channel is no process there"
value() { # COMMAND ADDRESS WORD KEY
	lambda-ctl -A "$2" "$1" | awk -v word="$3" -v key="$4" "$of"'$1 == word { print of(key) }'
}
for key in messages_in messages_out; do
	[ "$(value counts "$LAMBDA_RUN/calc.plb" links "$key")" -ge 1200 ] ||
	    fail "not 1200 $key: $(lambda-ctl -A "$LAMBDA_RUN/calc.plb" counts)"
done
[ "$(value counts "$LAMBDA_RUN/calc.plb" links bytes_out)" -gt 3276 ] ||
    fail "fewer bytes than those of bodies"
(umask 77 && head -c 32 /dev/urandom >"$tmp/other")
refused() {
	[ "$(value counts "$door" links refused)" -gt "$before" ]
}
for door in "$(cat "$tmp/authorities")" "$at"; do
	before=$(value counts "$door" links refused)
	tells 100 'it refused our key' lambda-ctl -k "$tmp/other" -A "$door" counts
	until_true refused || fail "no stranger: $(lambda-ctl -A "$door" counts)"
done
start lost sh -c 'echo 127.0.0.1:1 | exec lambda-broker -b "$0/lost" -l 127.0.0.1:0' \
    "$tmp"
failed() {
	[ "$(value counts "$tmp/lost" links failed)" -ge 1 ]
}
until_true failed || fail "no dial failed: $(lambda-ctl -b "$tmp/lost" counts)"
lambda-ctl counts >"$tmp/rows"
same "$(awk "$of"'$1 == "fills" { print of("sells"), of("buys"), of("lacking"),
    (of("passed") > 0), (of("filled") >= of("passed")), of("refused") }' \
    "$tmp/rows")" '2 1 0 1 1 0'
at=$(lambda-ctl exchanges | awk "$of"'of("module") == "calc" { print $2 }')
lambda-ctl -A "$at" counts | grep -q '^exchange - module calc .* matches [1-9]' ||
    fail "an exchange counts nothing"
lambda-ctl -A "$at" metrics | grep -q '^lambda_exchange_matches_total{.*} [1-9]' ||
    fail "an exchange has no metrics"
at=$(sed -n 's/.*publishing calc at \([^,]*\).*/\1/p' "$tmp/lines.log")

# What goes on now: by module, by host, and in rows; until SIGINT.
start load sh -c 'until [ -e "$0" ]; do
	echo 1 | lambda-call -L -s "$1/calc.plb" calc >"$0.out"
done' "$tmp/enough" "$LAMBDA_RUN"
tops top.module '^module  *calls/s  *fail/s  *status/s  *running  *queued ' top
tops top.module '^calc  *[1-9][0-9]*\.[0-9]  *0\.0 ' top
grep -q '^work  *0\.0 ' "$tmp/top.module.out" || fail "no module of no load"
tops top.host '^127\.0\.0\.1  *[1-9][0-9]*\.[0-9]  *0\.0 ' top host
tops top.rows '"name":"calc","ms":[0-9]*,"calls":[1-9][0-9]*,"failures":0,' -J top
: >"$tmp/enough"
# One that ends with a status has not failed, and is shown.
start bad sh -c 'until [ -e "$0" ]; do lambda-call work bad; done' "$tmp/good"
tops top.status '^work  *[1-9][0-9]*\.[0-9]  *0\.0  *[1-9][0-9]*\.[0-9] ' top
: >"$tmp/good"
tells 100 'top cows: give host or module' lambda-ctl top cows
tells 111 'no answer from 127.0.0.1:1: ' lambda-ctl -A 127.0.0.1:1 top

# New code: the old channel drains and ends, and nothing is set back.
kill -HUP "$lines"
until_true sh -c 'lambda-ctl -A "$0" clients | grep -v draining |
    grep -q "state up"' "$at" || fail "no new channel"
counts lost 0

# Who does not answer its broker is named, and a gauge says so.
silent() { # 0|1 HOW-MANY
	lambda-ctl metrics >"$tmp/all" 2>"$tmp/told" &&
	    [ "$(grep -c "^lambda_process_silent{role=\"listener\",.*} $1\$" \
		"$tmp/all")" -eq "$2" ]
}
until_true silent 1 0 || fail "silent: $(cat "$tmp/all")"
[ ! -s "$tmp/told" ] || fail "who is silent? $(cat "$tmp/told")"
all=$(grep -c '^lambda_process_silent{role="listener",.*} 0$' "$tmp/all")
kill -STOP "$lines"
until_true silent 1 1 || fail "nobody is silent: $(cat "$tmp/all")"
grep -q 'no answer from the listener .* on the host of' "$tmp/told" ||
    fail "nobody is named: $(cat "$tmp/told")"
kill -CONT "$lines"
until_true silent 0 "$all" || fail "one stays silent: $(cat "$tmp/all")"

# A line of a call without another PLB; that one may hold all capacity.
stop "$plb"
echo 7 | lambda-call -v -x "$at" -L calc >"$tmp/out" 2>"$tmp/call.log" || fail "-v: $?"
same "$(lines "$tmp/call.log")" 1
same "$(cat "$tmp/words")" "$words"
grep -q " client=- channel=$at result=done " "$tmp/lines" ||
    fail "a line without its channel: $(cat "$tmp/lines")"
echo passed
