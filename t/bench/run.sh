#!/bin/sh
# Measures, and prints a table: figure, value, aim, and whether it is met. What
# is compared is measured in the same run. Figures are the medians of several
# rounds; nothing is asserted of them: the exit status is 0 whatever they are,
# and 1 where there is none.
#
#	sh t/bench/run.sh [part ...]
#
# $BENCH_PLAIN	where a build of a commit before links were sealed stands, with its
#		benches, for part m: the last one is the first parent of `Every TCP
#		link is sealed with Noise'
#
# The first figures, and the last, are what this machine needs for a fork, an
# exec and a round trip: a slow machine is seen as slow, and so is one that
# became busy meanwhile.

# The parts, all of which are run where none is given: each is a function
# part_LETTER below.
parts='
a	codec
b	exchange
c	sampler
d	echo, whole path
e	busy connections beside silent ones
f	memory
g	first answers, and a death of a seller
h	exec protocol
i	PLB core
j	discovery beside epmd
k	mesh: to full redundancy, after the last start and after a death
l	sealed links: records and handshakes
m	the same echo beside a build that seals nothing ($BENCH_PLAIN)
n	calls beside a thousand connections a second of strangers
o	ten thousand diallers at once
p	streams
q	buyers that share a tier
r	filters, beside xargs, GNU parallel and awk
'

# shellcheck disable=SC2317 # parts are called by name
top=$(cd "$(dirname "$0")/../.." && pwd)
bench=$top/t/bench
PATH=$top:$PATH
export PATH
sh "$top/t/setup.sh" ps || exit 77
true=$(command -v /usr/bin/true || echo /bin/true)

# row FIGURE VALUE UNIT [OPERATOR AIM]: OPERATOR is what the value is to be, as
# awk writes it
row() {
	[ -n "$2" ] || echo "$1" >>"$tmp/missing"
	awk -v figure="$1" -v value="$2" -v unit="$3" -v op="${4:-}" \
	    -v aim="${5:-}" '
	function show(v) {
		if (v !~ /^[-+.0-9e]+$/) return v == "" ? "?" : v
		if (v >= 1e6) return sprintf("%.2f M", v / 1e6)
		if (v >= 1e4) return sprintf("%.1f k", v / 1e3)
		return sprintf(v >= 100 ? "%.0f" : v >= 10 ? "%.1f" : "%.3g", v)
	}
	BEGIN {
		met = ""
		if (op == "<") met = value + 0 < aim + 0 ? "met" : "NOT MET"
		if (op == ">") met = value + 0 > aim + 0 ? "met" : "NOT MET"
		if (value == "") met = op == "" ? "" : "NOT MEASURED"
		printf "%-50s %10s %-7s %-10s %s\n", figure, show(value), unit,
		    op == "" ? "" : op " " show(aim), met
	}'
}

title() {
	printf '\n%s\n' "$*"
}

# get OUTPUT NAME: what a program printed under that name
get() {
	printf '%s\n' "$1" | awk -v name="$2" '$1 == name { print $2; exit }'
}

# median NAME: of all lines of that name on standard input (an odd number)
median() {
	awk -v name="$1" '$1 == name { printf "%.3f\n", $2 }' | sort -n | awk '
		{ v[NR] = $1 }
		END { if (NR) print v[int((NR + 1) / 2)] }'
}

# ratio A B
ratio() {
	awk -v a="$1" -v b="$2" 'BEGIN { if (b > 0) print a / b }'
}

# inside PART: run it with an authority and a broker
inside() {
	"$top/lambda-solo" sh "$0" "in-$1" || echo "($1)" >>"$tmp/missing"
}

# until_true COMMAND ...: tried again and again, for 10 seconds
until_true() {
	tries=200
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		if [ "$tries" -eq 0 ]; then
			echo "bench: in vain: $*" >&2
			return 1
		fi
		sleep 0.05
	done
}

# What the machine needs.

machine() {
	title "$*: processes and loopback"
	out=$("$bench/machine.bench" 201 "$true")
	row 'fork(), _exit() and waitpid()' "$(get "$out" fork)" us
	row 'posix_spawn() of true(1) and waitpid()' "$(get "$out" exec)" us
	row 'a byte over TCP to another process and back' \
	    "$(get "$out" trip)" us
}

# rows FILE: what another script measured, a line each: FIGURE VALUE UNIT [AIM].
# The value is to be less than the aim, or more than one that begins with >.
rows() {
	awk '
	function is_number(s) { return s ~ /^>?[0-9]+(\.[0-9]+)?$/ }
	{
		aim = is_number($NF) ? $NF : "-"
		last = NF - (aim != "-")
		figure = $1
		for (i = 2; i < last - 1; i++)
			figure = figure " " $i
		print $(last - 1) "\t" $last "\t" aim "\t" figure
	}' "$1" >"$tmp/rows"
	while IFS='	' read -r value unit aim figure; do
		case $aim in
		-) row "$figure" "$value" "$unit" ;;
		'>'*) row "$figure" "$value" "$unit" '>' "${aim#>}" ;;
		*) row "$figure" "$value" "$unit" '<' "$aim" ;;
		esac
	done <"$tmp/rows"
}

# (a) The codec: a request of an id, a function, two arguments, 20 bytes.

part_a() {
	out=$("$bench/codec.bench")
	size=$(get "$out" size)
	title "(a) codec: a request of $size bytes," \
	    "beside the same as text, and a copy"
	for way in encode decode; do
		ns=$(get "$out" "$way-ns")
		row "$way" "$ns" ns '<' 100
		row "$way, messages" "$(ratio 1e9 "$ns")" /s
		row "$way, bytes" "$(ratio "${size}e9" "$ns")" B/s
	done
	row 'as text: snprintf()' "$(get "$out" print-ns)" ns
	row 'as text: sscanf()' "$(get "$out" scan-ns)" ns
	row 'memcpy() of as many bytes' "$(get "$out" copy-ns)" ns
}

# (b) The exchange core.

part_b() {
	title "(b) exchange: matches, n sells and n buys standing"
	"$bench/exchange.bench" >"$tmp/exchange"
	for n in 1 100 10000 100000; do
		for how in waiting arriving; do
			value=$(sed -n "s,^exchange: *$n sells.* \([0-9]*\) $how.*,\1,p" \
			    "$tmp/exchange")
			row "n = $n, buys $how" "$value" /s '>' 2000000
			eval "${how}_$n=\$value"
		done
	done
	for n in 100 10000 100000; do
		row "n = $n, of the time without, where a zone is preferred" \
		    "$(sed -n "s,^exchange: *$n sells.* \([0-9]*\) zones.* \([0-9]*\) near.*,\1 \2,p" \
		    "$tmp/exchange" | awk '{ print $1 / $2 }')" times '<' 1.1
	done
	for how in waiting arriving; do
		eval "few=\$${how}_100 many=\$${how}_100000"
		# shellcheck disable=SC2154
		row "$how: time at 100,000 over that at 100 (log: 2.5)" \
		    "$(ratio "$few" "$many")" times '<' 2.5
	done
}

# (c) The sampler.

part_c() {
	title "(c) sampler: weighted draws, beside a walk along the weights"
	out=$("$bench/sampler.bench")
	for n in 1 1024 65536; do
		if [ "$n" = 1024 ]; then
			row "$n channels" "$(get "$out" "tree-$n")" /s '>' 20000000
		else
			row "$n channels" "$(get "$out" "tree-$n")" /s
		fi
		row "$n channels, a walk" "$(get "$out" "walk-$n")" /s
	done
}

# (d) An echo through the whole path.

part_d() {
	title "(d) echo of 20 bytes: client - channel - worker and back," \
	    "beside a bare relay"
	inside d
}

in_d() {
	lambda-listener -q -c 256 -w mux echo cat &
	listener=$!
	for n in 1 64 256; do
		: >"$LAMBDA_RUN/load"
		: >"$LAMBDA_RUN/relay"
		for _ in 1 2 3; do
			"$bench/load.bench" echo 'twenty bytes of body' "$n" 3 \
			    250 >>"$LAMBDA_RUN/load"
			"$bench/relay.bench" 32 "$n" 3 250 cat \
			    >>"$LAMBDA_RUN/relay"
		done
		for who in load relay; do
			for what in rate latency-p50 latency-p99; do
				value=$(median "$what" <"$LAMBDA_RUN/$who")
				eval "${who}_${what#*-}=\$value"
			done
		done
		# shellcheck disable=SC2154
		{
			row "$n in flight" "$load_rate" /s
			row "$n in flight, relay" "$relay_rate" /s
			if [ "$n" = 256 ]; then
				row "$n in flight, of the relay's rate" \
				    "$(ratio "$load_rate" "$relay_rate")" \
				    times '>' 0.5
			fi
			row "$n in flight, latency p50" "$load_p50" us
			row "$n in flight, latency p99" "$load_p99" us
			row "$n in flight, relay, latency p50" "$relay_p50" us
			row "$n in flight, relay, latency p99" "$relay_p99" us
			if [ "$n" = 1 ]; then
				row "$n in flight, of the relay's p50" \
				    "$(ratio "$load_p50" "$relay_p50")" \
				    times '<' 1.5
			fi
		}
	done
	kill "$listener"
	wait "$listener"
}

# (e) Busy connections beside silent ones.

# loop_column N KIND COLUMN: of what loop.bench printed
loop_column() {
	awk -v n="$1" -v kind="$2" -v column="$3" '
		$1 == n && $2 == kind { print $column }' "$tmp/loop"
}

part_e() {
	title "(e) 10 busy connections beside n silent ones," \
	    "and on a plain poll() of all"
	"$bench/loop.bench" >"$tmp/loop"
	grep ulimit "$tmp/loop"
	for n in 10 1000 10000; do
		row "n = $n" "$(loop_column "$n" silent 3)" /s
		row "n = $n, latency p50" "$(loop_column "$n" silent 4)" us
		row "n = $n, latency p99" "$(loop_column "$n" silent 5)" us
		row "n = $n, plain poll()" "$(loop_column "$n" plain 3)" /s
		row "n = $n, plain poll(), latency p50" \
		    "$(loop_column "$n" plain 4)" us
	done
	row "10000 that beat every 5 s" "$(loop_column 10000 beating 3)" /s
	row "rate beside 10 over that beside 10000" \
	    "$(ratio "$(loop_column 10 silent 3)" \
	    "$(loop_column 10000 silent 3)")" times '<' 2
	row "p50 beside 10000 over that beside 10" \
	    "$(ratio "$(loop_column 10000 silent 4)" \
	    "$(loop_column 10 silent 4)")" times '<' 2
}

# (f) Memory.

part_f() {
	title "(f) private memory: KiB a program, bytes a connection or an order"
	if [ ! -r /proc/self/smaps_rollup ]; then
		echo "bench: there is no /proc/PID/smaps_rollup to tell it"
		return
	fi
	for what in idle links-broker links-authority links-exchange links-plb \
	    orders; do
		inside "f-$what"
	done
}

# private PID: in KiB
private() {
	awk '/^Private_/ { n += $2 } END { print n }' \
	    "/proc/$1/smaps_rollup"
}

# child_of PPID NAME: the pid of such a program; its command line tells its
# name, as the system cuts names short
child_of() {
	ps -A -o pid= -o ppid= -o args= | awk -v parent="$1" -v name="$2" '
		{ n = split($3, part, "/") }
		$2 == parent && part[n] == name { print $1; exit }'
}

program() {
	row "$1, idle" "$(private "$2")" KiB '<' 1024
}

in_f_idle() {
	authority=$(child_of "$PPID" lambda-authority)
	lambda-listener -q -w line echo cat &
	listener=$!
	lambda-plb -q -c 1 echo &
	plb=$!
	lambda-call -q -T 60 nobody </dev/null 2>/dev/null &
	call=$!
	lambda-bootstrap -q 127.0.0.1:4370 >/dev/null &
	bootstrap=$!
	# shellcheck disable=SC3045
	(ulimit -n 20000 2>/dev/null
	    exec lambda-discovery -q -p 0 </dev/null) &
	discovery=$!
	sleep 60 &
	bare=$!
	until_true sh -c 'lambda-ctl exchanges | grep -q linked'
	until_true lambda-call echo </dev/null
	program lambda-authority "$authority"
	program lambda-broker "$(child_of "$PPID" lambda-broker)"
	program lambda-exchange "$(child_of "$authority" lambda-exchange)"
	program lambda-listener "$listener"
	program "lambda-channel (a connection)" \
	    "$(child_of "$listener" lambda-channel)"
	program lambda-plb "$plb"
	program "lambda-call, waiting" "$call"
	program lambda-bootstrap "$bootstrap"
	program "lambda-discovery, ulimit -n 20000" "$discovery"
	program lambda-solo "$PPID"
	row "sleep(1)" "$(private "$bare")" KiB
	# shellcheck disable=SC2086
	{
		kill $plb $call $bootstrap $discovery $bare $listener
		wait $plb $call $bootstrap $discovery $bare $listener \
		    2>/dev/null
	}
}

# grown FIGURE PID COUNT [OPERATOR AIM] -- ARGUMENTS: of links, while it holds
# COUNT of something
grown() {
	figure=$1 of=$2 count=$3
	shift 3
	aim=
	while [ "$1" != -- ]; do
		aim="$aim $1"
		shift
	done
	shift
	before=$(private "$of")
	mkfifo "$LAMBDA_RUN/hold"
	"$bench/links.bench" "$@" <"$LAMBDA_RUN/hold" >"$LAMBDA_RUN/out" &
	holder=$!
	exec 9>"$LAMBDA_RUN/hold"
	until_true grep -q ready "$LAMBDA_RUN/out"
	sleep 0.3 # until what was sent is taken in
	after=$(private "$of")
	exec 9>&-
	wait "$holder"
	# shellcheck disable=SC2086
	row "$figure" $(((after - before) * 1024 / count)) B $aim
}

in_f_links_broker() {
	grown "lambda-broker, a listener's link" \
	    "$(child_of "$PPID" lambda-broker)" 1000 -- \
	    listener 1000 "$LAMBDA_RUN/broker"
}

authority_address() {
	lambda-ctl authorities | awk '/^authority/ { print $2; exit }'
}

in_f_links_authority() {
	grown "lambda-authority, a broker's link" \
	    "$(child_of "$PPID" lambda-authority)" 1000 -- \
	    broker 1000 "$(authority_address)"
}

in_f_links_exchange() {
	lambda-call -q -T 60 nobody </dev/null 2>/dev/null &
	call=$!
	until_true sh -c 'lambda-ctl exchanges | grep -q linked'
	authority=$(child_of "$PPID" lambda-authority)
	grown "lambda-exchange, a broker's link" \
	    "$(child_of "$authority" lambda-exchange)" 1000 -- broker 1000 \
	    "$(lambda-ctl exchanges | awk '/linked/ { print $2; exit }')"
	kill "$call"
	wait "$call" 2>/dev/null
}

in_f_links_plb() {
	lambda-plb -q -s "$LAMBDA_RUN/plb" nobody &
	plb=$!
	until_true test -S "$LAMBDA_RUN/plb"
	grown "lambda-plb, a caller's link" "$plb" 1000 -- \
	    caller 1000 "$LAMBDA_RUN/plb"
	kill "$plb"
	wait "$plb" 2>/dev/null
}

in_f_orders() {
	grown "lambda-broker, a buy order" \
	    "$(child_of "$PPID" lambda-broker)" 20000 '<' 512 -- \
	    orders 20000 "$LAMBDA_RUN/broker"
}

# (g) Times to a first answer.

part_g() {
	title "(g) from an event to its effect; processes that start count"
	inside g
	mkdir -m 700 "$tmp/all"
	row "all programs started at once to the first answer" \
	    "$(get "$(LAMBDA_RUN=$tmp/all "$bench/first.bench" all 9)" all)" \
	    ms '<' 300
}

in_g() {
	row "a program's start to its first byte (echo)" \
	    "$(get "$("$bench/first.bench" exec 15 echo hi)" exec)" ms
	first=$("$bench/first.bench" publish 15)
	row "a listener's start to the first answer of a call" \
	    "$(get "$first" publish)" ms
	row "publishing to the first answer of a waiting call" \
	    "$(get "$first" ready)" ms '<' 5
	row "a seller's SIGKILL to all it sold held elsewhere" \
	    "$(get "$("$bench/regain.bench" 9 2>/dev/null)" regain)" ms '<' 20
}

# (h) The exec protocol.

part_h() {
	title "(h) exec protocol, true(1), 8 in flight, beside posix_spawn()"
	inside h
}

in_h() {
	lambda-listener -q -c 8 true "$true" &
	listener=$!
	for _ in 1 2 3 4 5; do
		"$bench/load.bench" true '' 8 3 250 >>"$LAMBDA_RUN/load"
		"$bench/spawn.bench" 8 3 250 "$true" >>"$LAMBDA_RUN/spawn"
	done
	kill "$listener"
	wait "$listener"
	ours=$(median rate <"$LAMBDA_RUN/load")
	bare=$(median rate <"$LAMBDA_RUN/spawn")
	row "requests" "$ours" /s
	row "posix_spawn() and waitpid()" "$bare" /s
	row "requests of spawns" "$(ratio "$ours" "$bare")" times '>' 0.8
}

# (i) The PLB core.

part_i() {
	title "(i) PLB core: a request and its reply, decoded already," \
	    "by channels and functions"
	"$bench/plb.bench" >"$tmp/plb" || echo '(i) PLB core' >>"$tmp/missing"
	while read -r _ channels _ functions _ ns _; do
		row "$channels channels, $functions functions" "$ns" ns
	done <"$tmp/plb"
}

# (j) Discovery: lookups beside the real epmd's, by nodes registered.

part_j() {
	title "(j) discovery: port lookups beside epmd, by nodes registered"
	sh "$bench/discovery.sh" 10000 >"$tmp/discovery" 2>"$tmp/discovery.err" ||
	    tail -n 1 "$tmp/discovery.err"
	awk '!seen[$1]++ { print $1 }' "$tmp/discovery" >"$tmp/names"
	while read -r name; do
		value=$(median "$name" <"$tmp/discovery")
		case $name in
		*-lookups) row "$name" "$value" "/s" ;;
		*) row "$name" "$value" us ;;
		esac
	done <"$tmp/names"
	few=$(median lambda-10-lookups <"$tmp/discovery")
	row "lambda-10 / epmd-10 lookups" "$(ratio "$few" \
	    "$(median epmd-10-lookups <"$tmp/discovery")")" times ">" 1
	row "lambda-5000 / lambda-10 lookups (flat: 1)" "$(ratio \
	    "$(median lambda-5000-lookups <"$tmp/discovery")" "$few")" \
	    times ">" 0.75
}

# (k) The mesh: processes in network namespaces, which a script of its own sets
# up.

part_k() {
	title "(k) mesh: from a start or a loss until all is whole again"
	sh "$bench/mesh.sh" >"$tmp/mesh" 2>"$tmp/mesh.err" || {
		tail -n 5 "$tmp/mesh.err"
		echo '(k) mesh' >>"$tmp/missing"
	}
	rows "$tmp/mesh"
}

# (l) Sealed links: one end, in processor time.

part_l() {
	title "(l) sealed links, one end: ChaCha20-Poly1305, and the" \
	    "acceptor's part of a handshake"
	out=$("$bench/seal.bench")
	for aim in '64 150e6' '1024 350e6' '16384 400e6'; do
		for way in seal open; do
			row "$way, records of ${aim% *} bytes" \
			    "$(get "$out" "$way-${aim% *}")" B/s '>' "${aim#* }"
		done
	done
	row 'handshakes' "$(get "$out" handshakes)" /s '>' 1500
}

# (m) Beside a build that seals nothing: the same transport, in turn.

part_m() {
	title "(m) echo of 20 bytes, beside a build that seals nothing"
	plain=${BENCH_PLAIN:-}
	[ -x "$plain/t/bench/load.bench" ] || {
		echo "bench: left out: \$BENCH_PLAIN names no such build"
		return
	}
	"$plain/lambda-solo" sh "$0" in-m-plain
}

in_m_plain() {
	plain_run=$LAMBDA_RUN
	export plain_run
	"$BENCH_PLAIN/lambda-listener" -q -c 256 -w mux echo cat &
	inside m
	kill "$!"
	wait
}

in_m() {
	lambda-listener -q -c 256 -w mux echo cat &
	for n in 1 256; do
		for _ in 1 2 3 4 5; do
			LAMBDA_RUN=$plain_run \
			    "$BENCH_PLAIN/t/bench/load.bench" echo \
			    'twenty bytes of body' "$n" 3 250 \
			    >>"$LAMBDA_RUN/plain.$n"
			"$bench/load.bench" echo 'twenty bytes of body' "$n" \
			    3 250 >>"$LAMBDA_RUN/sealed.$n"
		done
		for who in plain sealed; do
			for what in rate latency-p50; do
				value=$(median "$what" <"$LAMBDA_RUN/$who.$n")
				eval "${who}_${what#*-}=\$value"
			done
		done
		# shellcheck disable=SC2154
		{
			row "$n in flight" "$sealed_rate" /s
			row "$n in flight, plain" "$plain_rate" /s
			[ "$n" = 1 ] ||
			    row "$n in flight, of the plain rate" \
			    "$(ratio "$sealed_rate" "$plain_rate")" times '>' 0.7
			row "$n in flight, latency p50" "$sealed_p50" us
			row "$n in flight, plain, latency p50" "$plain_p50" us
			[ "$n" != 1 ] ||
			    row "$n in flight, p50 above the plain one" \
			    "$(awk -v a="$sealed_p50" -v b="$plain_p50" \
			    'BEGIN { print a - b }')" us '<' 10
		}
	done
	kill "$!"
	wait
}

# (n) Strangers: each call is a program of its own, and a connection.

part_n() {
	title "(n) a call, and the same beside 1,000 connections a second" \
	    "without the key"
	(cd "$top" && make -s t/stranger t/relay)
	inside n
}

one_call() { # HOW: ms
	get "$("$bench/first.bench" exec 63 lambda-call -x "$at" hello)" exec
}

in_n() {
	lambda-listener -q -c 4 hello echo hi &
	listener=$!
	until_true lambda-call hello
	at=$(lambda-ctl orders | sed -n 's/.* address \([^ ]*\) .*/\1/p')
	"$top/t/relay" pass 127.0.0.1:0 "$(authority_address)" \
	    "$LAMBDA_RUN/seen" 2>"$LAMBDA_RUN/relay" &
	relay=$!
	until_true grep -q 'listening on' "$LAMBDA_RUN/relay"
	lambda-ctl -A "$(sed 's/.* //' "$LAMBDA_RUN/relay")" keys >/dev/null
	head -c "$(od -An -tu1 -N2 "$LAMBDA_RUN/seen.0.0" |
	    awk '{ print 2 + 256 * $1 + $2 }')" "$LAMBDA_RUN/seen.0.0" \
	    >"$LAMBDA_RUN/first"
	kill "$relay"
	calm=$(one_call)
	row 'undisturbed' "$calm" ms
	for how in 'one:hellos of one address' 'many:hellos of many' \
	    "one $LAMBDA_RUN/first:repeated handshakes of one address" \
	    "many $LAMBDA_RUN/first:repeated handshakes of many"; do
		# shellcheck disable=SC2086
		"$top/t/stranger" flood 1000000 "$at" 1 ${how%%:*} &
		flood=$!
		slow=$(one_call)
		kill "$flood"
		wait "$flood" 2>/dev/null
		row "beside ${how#*:}" "$slow" ms
		row "beside ${how#*:}, of the undisturbed" \
		    "$(ratio "$slow" "$calm")" times '<' 2
	done
	kill "$listener"
	wait "$listener"
}

# (o) Diallers: a dial is a connection that was accepted.

part_o() {
	title "(o) brokers that dial an authority at once, each of its own address"
	(cd "$top" && make -s t/diallers)
	for n in 1000 10000; do
		mkdir -m 700 "$tmp/o$n"
		LAMBDA_RUN=$tmp/o$n sh "$0" in-o "$n"
	done
	mkdir -m 700 "$tmp/oidle"
	LAMBDA_RUN=$tmp/oidle sh "$0" in-o-idle 15000
}

# herd_authority N [ADDRESS]: one that has descriptors for so many links; its
# address is in $where
herd_authority() {
	# shellcheck disable=SC3045
	(ulimit -n $((1000 + $1)) 2>/dev/null
	    exec lambda-authority -l "${2:-127.0.0.1:0}" </dev/null) \
	    2>"$LAMBDA_RUN/log" &
	authority=$!
	until_true grep -q 'listening on' "$LAMBDA_RUN/log"
	where=$(sed -n 's/.*listening on //p' "$LAMBDA_RUN/log")
}

# herd_row N WHEN TIME: of what t/diallers printed the TIMEth time
herd_row() {
	out=$(awk -v time="$3" '$1 == "diallers" { n++ } n == time' \
	    "$LAMBDA_RUN/herd")
	row "$1 diallers, $2: until all are linked" "$(get "$out" ms)" ms \
	    '<' 10000
	row "$1 diallers, $2: dials of each" \
	    "$(ratio "$(get "$out" dials)" "$1")" dials '<' 1.1
}

# herd_says LINE N: it has printed such a line so often; it ends itself if it
# hangs
herd_says() {
	until [ "$(grep -c "^$1" "$LAMBDA_RUN/herd")" -ge "$2" ]; do
		kill -0 "$herd" || return 1
		sleep 0.1
	done
}

# ticks PID: processor time that it has used
ticks() {
	awk '{ print $14 + $15 }' "/proc/$1/stat"
}

in_o() {
	herd_authority "$1"
	: >"$LAMBDA_RUN/herd"
	"$top/t/diallers" "$1" "$where" 2 >"$LAMBDA_RUN/herd" &
	herd=$!
	herd_says ms 1
	cold=$(ticks "$authority")
	kill -9 "$authority"
	wait "$authority" 2>/dev/null
	herd_authority "$1" "$where"
	wait "$herd"
	herd_row "$1" cold 1
	row "$1 diallers, cold: processor of the authority" \
	    "$(ratio "$cold" "$(getconf CLK_TCK)")" s
	herd_row "$1" 'it was killed' 2
	row "$1 diallers, it was killed: processor" \
	    "$(ratio "$(ticks "$authority")" "$(getconf CLK_TCK)")" s
	kill "$authority"
	wait "$authority"
}

# There are descriptors for so many on most machines: twice that is reckoned.
in_o_idle() {
	seconds=90
	herd_authority "$1"
	before=$(private "$authority")
	: >"$LAMBDA_RUN/herd"
	"$top/t/diallers" "$1" "$where" 1 $((seconds + 10)) \
	    >"$LAMBDA_RUN/herd" &
	herd=$!
	herd_says idle 1
	sleep 1
	used=$(ticks "$authority")
	sleep "$seconds"
	used=$(($(ticks "$authority") - used))
	row "$1 links: memory of one" \
	    $((($(private "$authority") - before) * 1024 / $1)) B
	wait "$herd"
	row "$1 links: lost while they were idle" \
	    "$(sed -n 's/^lost //p' "$LAMBDA_RUN/herd")" links '<' 1
	cores=$(ratio "$used" $((seconds * $(getconf CLK_TCK))))
	row "$1 links, idle: of a core" "$cores" cores
	row "30000 links, idle: of a core (reckoned)" \
	    "$(awk -v n="$1" -v c="$cores" 'BEGIN { print c * 30000 / n }')" \
	    cores '<' 0.2
	kill "$authority"
	wait "$authority"
}

# (p) Streams.

part_p() {
	title "(p) streams: the same bytes through cat(1), one way after the other"
	sh "$bench/streams.sh" >"$tmp/streams" 2>"$tmp/streams.err" || {
		tail -n 5 "$tmp/streams.err"
		echo '(p) streams' >>"$tmp/missing"
	}
	rows "$tmp/streams"
}

# (q) Buyers that share a tier: real processes, and jobs that sleep.

part_q() {
	title "(q) buyers that want more than there is: jobs that sleep for 0.3 s"
	sh "$bench/shares.sh" >"$tmp/shares" 2>"$tmp/shares.err" || {
		tail -n 5 "$tmp/shares.err"
		echo '(q) shares' >>"$tmp/missing"
	}
	rows "$tmp/shares"
}

# (r) Filters.

part_r() {
	title "(r) filters, beside xargs(1), GNU parallel and one awk(1)"
	lambda-solo sh "$bench/filters.sh" >"$tmp/filters" \
	    2>"$tmp/filters.err" || {
		tail -n 5 "$tmp/filters.err"
		echo '(r) filters' >>"$tmp/missing"
	}
	rows "$tmp/filters"
}

case ${1:-} in
in-*)
	name=$(printf '%s' "$1" | tr - _)
	shift
	"$name" "$@"
	exit 0 ;;
esac
tmp=$(mktemp -d "${TMPDIR:-/tmp}/lambda-b.XXXXXX") || exit 1
export tmp
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' HUP INT TERM
# shellcheck disable=SC2046
[ $# -gt 0 ] || set -- $(echo "$parts" | cut -f 1)
for part do
	echo "$parts" | cut -f 1 | grep -qx "$part" && continue
	echo "bench: no part $part; there are:$parts" >&2
	exit 100
done
printf '%-50s %10s %-7s %-10s %s\n' FIGURE VALUE UNIT AIM ''
machine 'This machine'
for part do
	"part_$part"
done
machine 'The machine afterwards'
[ ! -e "$tmp/missing" ] || {
	echo "bench: not measured:"
	cat "$tmp/missing"
	exit 1
}
