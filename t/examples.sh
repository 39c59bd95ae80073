#!/bin/sh
# What stands under EXAMPLES in the manual pages, and in the README, works as it
# is written there. Each block is taken out of its page by words that are in it,
# run, and its promise checked; one that nothing takes is a failure. Changed are
# only: /etc/lambda, /run/addresses, /run/nodes, /run/lambda and /usr/local/bin,
# which are the test's own, the user `lambda', whose part the one takes that runs the
# test, a name of the DNS that there is none for, and how long the canary's calls
# take.
. "$(dirname "$0")/lib.sh"

need bc ps
PATH=$PATH:/usr/sbin:/sbin
# Hosts are made at once, since the test may begin again for them. Where there can
# be none, what needs none is run all the same.
can_hosts() {
	case $(id -u) in
	0) (trap - EXIT; namespaces && ip netns del "$net") ;;
	*) unshare -Urmn true ;;
	esac >/dev/null 2>&1
}
hosts=no
network=192.0.2
if can_hosts; then
	hosts one two three
	hosts=yes
fi
etc=$tmp/etc
dir=$tmp/dir
mkdir "$etc" "$dir" "$tmp/sv"
cd "$dir" || exit 1
left_out=
missing=
lines=0

for page in "$top"/man/*.[1-9]; do
	literals '^.Sh (EXAMPLES|SECURITY|FIRST STEPS)$' "$page"
done
# The README's: what is indented by four, one after another.
awk -v out="$blocks/README" '
	/^    ./ { if (!on) n++; on = 1; sub(/^    /, "")
		print >(out "." n); next }
	{ on = 0 }' "$top/README"

changed="s,/etc/lambda,$etc,g; s,/run/addresses,$tmp/addresses,g
    s,/run/nodes,$tmp/nodes,g; s,/usr/local/bin,$bin,g
    s, lambda $bin, $(id -un) $bin,"

# leave_out PAGE WORDS WHY: what cannot be run here
leave_out() {
	take "$1" "$2"
	left_out="$left_out
not run: $1: '$2': $3"
}

# partner NAME: it is here, or what needs it is not run
partner() {
	sh "$top/t/setup.sh" "$1" && return
	missing="$missing $1"
	return 1
}

# runs COMMAND...: it ends well, and says nothing on standard error, but where the
# machine is slow that it waits, or that truth ends with 1; its output is in $out
runs() {
	"$@" >"$tmp/out" 2>"$tmp/err" </dev/null &
	pid=$!
	guard "$pid"
	wait "$pid"
	ended=$?
	kill "$guard" 2>/dev/null
	out=$(cat "$tmp/out")
	err=$(grep -v -e ': no capacity yet: ' -e ': truth: exit status 1 on ' \
	    "$tmp/err")
	[ "$ended" -eq 0 ] && [ -z "$err" ] ||
	    fail "$(cat "$block"): status $ended, $out, $err"
}

# gives OUTPUT COMMAND...: likewise, with this output
gives() {
	wanted=$1
	shift
	runs "$@"
	same "$out" "$wanted"
}

# solo PAGE WORDS OUTPUT: a script for lambda-solo
solo() {
	take "$1" "$2"
	gives "$3" lambda-solo sh "$block"
}

# line N: of the block, with what it exports, in $line
line() {
	lines=$((lines + 1))
	line=$tmp/line.$lines
	sed -n '/^export /p' "$block" >"$line"
	sed '/^export /d' "$block" | sed -n "$1p" >>"$line"
}

# Scripts.

solo lambda-call.1 world 'hello world'
solo lambda-call.1 'tail -n 1' 1000000
solo lambda-call.1 'ls a b' "$(printf 'one\n' >a; printf 'two\n' >b
	cksum a b | sort)"
solo lambda-call.1 'gzip' 100000
solo lambda-call.1 'item {}' 'item 1
item 2
item 3'
solo lambda-call.1 'cut -f 1,8' 'number	status
1	0
2	0
3	0
4	0'
take lambda-call.1 truth
runs lambda-solo sh "$block"
same "$out" 'status 1'
take lambda-call.1 '-L -x'
gives 42 sh "$block"
take lambda-call.1 '-LS -x'
gives '1 0 1
2 0 2
3 0 3
4 0 4' sh "$block"
take lambda-channel.8 "'|lambda-channel"
gives 42 sh "$block"
solo lambda-ctl.1 'left' 'calc left 4'
if partner jq; then
	solo lambda-ctl.1 'jq -r' 'calc has 4'
fi
solo lambda-ctl.1 'users slow' 'slow 2 1 1
slow held 1'
take lambda-ctl.1 node-exporter
sed "s/^\* \* \* \* \* //; s,/var/lib/node-exporter,$dir," "$block" >"$tmp/minute"
runs lambda-solo sh "$tmp/minute"
grep -q '^lambda_key_links{' lambda.prom || fail "no metrics: $(cat lambda.prom)"
take lambda-ctl.1 '200 OK'
cp "$block" "$tmp/lambda-metrics"
chmod +x "$tmp/lambda-metrics"
printf 'GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n' >"$tmp/get"
runs lambda-solo sh -c '"$0" <"$1"' "$tmp/lambda-metrics" "$tmp/get"
echo "$out" | head -n 1 | grep -q '^HTTP/1.0 200 OK' || fail "no HTTP: $out"
echo "$out" | grep -q '^lambda_key_links{' || fail "no metrics: $out"
LAMBDA_RUN=$tmp/none "$tmp/lambda-metrics" <"$tmp/get" >"$tmp/no"
head -n 1 "$tmp/no" | grep -q '^HTTP/1.0 503 ' ||
    fail "there is no broker: $(cat "$tmp/no")"
if partner dot; then
	solo lambda-ctl.1 tier.svg '127.0.0.1 linked sells calc
exchanges are right'
	grep -q '<title>module calc</title>' tier.svg ||
	    fail "no picture: $(cat "$block")"
fi
take lambda-exchange.8 'orders.log'
start recorded lambda-exchange -o orders.log -l 127.0.0.1:0 calc
recorded=$pid
tier -x "calc=$(address recorded)"
start seller.1 lambda-listener -w line calc bc
seller=$pid
linked() {
	lambda-ctl -A "$(address recorded)" exchanges | grep ' sells 1 '
}
until_true linked || fail "the seller is not at the exchange: $(cat "$block")"
same "$(echo 6*7 | lambda-call -L calc)" 42
for pid in "$seller" "$broker" "$authority" "$recorded"; do
	stop "$pid"
done
runs sh "$block"
echo "$out" | grep -q '^[0-9a-f]\{32\} [1-9][0-9]*$' || fail "orders.log: $out"
solo lambda-listener.8 greet 'good day
hello'
solo lambda-module.7 '2^64' '18446744073709551616
3.14159265358979323844'
if mawk=$(command -v mawk); then
	mkdir "$tmp/mawk"
	ln -s "$mawk" "$tmp/mawk/awk"
	take lambda-module.7 toupper
	gives 'ONE
TWO' env PATH="$tmp/mawk:$PATH" lambda-solo sh "$block"
else
	leave_out lambda-module.7 toupper 'there is no mawk'
fi
solo lambda-module.7 'cut 2' 'b
d'
solo lambda-module.7 repeat hahaha
if partner escript; then
	solo lambda-module.7 lists:reverse 'regal
level'
	solo lambda-module.7 spawn_executable '2
6'
fi
solo lambda-plb.8 proxies '144
9'
take lambda-solo.1 'calc bc'
gives 42 sh "$block"
take lambda.7 'calc bc & echo'
gives 42 sh "$block"
# Upgrades.

solo lambda.7 'good evening' 'good day
good evening'
solo lambda.7 '1.1+ shape area' 'area of 1.0
area of 1.1
edge of 1.1
area of 1.1'
solo lambda.7 '-D call shape' 'edge of 1.1
area of 2.0
area of 2.0'
# The canary has a tenth of what is in flight. So that this tenth can be counted,
# the 200 calls of the first filter come in rounds: a call is answered when ten
# run, which are all that there is capacity for, nine of 1.0 and one of 1.1.
take lambda.7 'canary=$!'
cat >"$tmp/together" <<EOF
#!/bin/sh
[ -e "$tmp/ten" ] || exit 0
echo \$\$ >>"$tmp/rounds"
mine=\$(grep -nx \$\$ "$tmp/rounds" | tail -n 1)
until [ "\$(wc -l <"$tmp/rounds")" -ge \$(((\${mine%%:*} + 9) / 10 * 10)) ]; do
	sleep 0.05
done
EOF
chmod +x "$tmp/together"
sed "s,sleep 0\.1,$tmp/together,; s,^seq 1 200,touch $tmp/ten; &,
	s,^seq 1 50,rm $tmp/ten; &," "$block" >"$block.rounds"
same "$(grep -c "$tmp/together\|$tmp/ten" "$block.rounds")" 3
runs lambda-solo sh "$block.rounds"
same "$(echo "$out" | sed 's/^ *//')" '1.1
180 1.0
20 1.1
50 1.0'
solo lambda.7 'mv back shape' '1.1
1.0
1.0'

take lambda-solo.1 'lambda-solo sh'
runs sh -c 'echo "lambda-call -T 0.2 none || echo \$?" | sh "$0" 2>"$1"' \
    "$block" "$tmp/told"
same "$out" 99
# One that is killed cannot clean up, and this test does it.
start killed lambda-solo sh -c 'echo ready; exec sleep 1000'
logged killed '^ready$'
kill -9 "$pid"
left=$(strays | while read -r p; do name_of "$p"; done)
case $left in
*lambda-broker*) ;;
*) fail "this test does not find what lambda-solo left: $left" ;;
esac
for p in $(strays); do
	kill -9 "$p" 2>/dev/null
done
take lambda-bootstrap.1 '-1 192.0.2.1'
printed=$(sh "$block")
take lambda-bootstrap.1 '[2001:db8::1]:4370'
same "$printed" "$(cat "$block")"
take lambda.7 '(umask 077'
sh "$block"
[ -n "$(find "$etc/key" -perm 600 -size 32c)" ] || fail "no key is made"
for page in lambda.7 lambda-channel.8; do
	leave_out "$page" '|ssh host' 'it needs another host'
done
cd "$top" || exit 1
take README t/demo.sh
line 1
runs sh "$line"
cd "$dir" || exit 1
for words in 3.14159 'of all 10000 answers is 100010000' 'as it should be'; do
	echo "$out" | grep -q "$words" || fail "the demo: $out"
done
take README 'man man/lambda.7'
grep -o '[a-z]*/[a-z-]*\.[1-9]' "$block" >"$tmp/files"
[ "$(grep -c . "$tmp/files")" -gt 2 ] || fail "README: $(cat "$block")"
while read -r file; do
	[ -f "$top/$file" ] || fail "README: there is no $file"
done <"$tmp/files"

# The README's recipes, with the module run; t/ssh.sh has a real ssh.
mkdir "$tmp/stand-ins"
printf '%s\n' '#!/bin/sh' 'shift' 'exec sh -c "$*"' >"$tmp/stand-ins/ssh"
chmod +x "$tmp/stand-ins/ssh"
with_run='lambda-listener -q -c 2 run env & trap "kill $!" EXIT; . "$0"'
mkdir "$dir/readme"
cd "$dir/readme" || exit 1
seq 200000 >big
take README 'gzip <big'
gives '' lambda-solo sh -c "$with_run" "$block"
gzip -dc big.gz | cmp - big || fail 'README: what was compressed'
printf '%s\n' big.gz none big >names
take README 'names >>sums'
lambda-solo sh -c "$with_run" "$block" >"$tmp/out" 2>&1 &&
    fail 'README: a file is missing, and the status is 0'
same "$(cat sums)" "$(cksum big.gz big)"
echo >none
gives '' lambda-solo sh -c "$with_run" "$block"
same "$(cat sums)" "$(cksum big.gz big none)"
take README '|ssh one'
gives "$(seq 7 7 63)" env PATH="$tmp/stand-ins:$PATH" sh "$block"
cd "$dir" || exit 1

# The protocol's bytes, taken and given by a channel: a hello and a connect of
# our own, then the page's request, and its reply comes back.

bytes() { # of a block with hexadecimal numbers in front
	awk '{ for (i = 1; i <= NF && $i ~ /^[0-9a-f][0-9a-f]$/; i++) {
		h = "0123456789abcdef"
		n = 16 * index(h, substr($i, 1, 1)) - 16
		n += index(h, substr($i, 2, 1)) - 1
		printf "\\%03o", n } }' "$1"
}
take lambda-protocol.7 'function = "add"'
request=$(bytes "$block")
take lambda-protocol.7 'demand = 1'
reply=$(bytes "$block")
hello='\002\033\002\001\002\004\001\002\006\001\006\012\020AAAAAAAAAAAAAAAA'
ask='\034\011\002\001\001\004\004calc'
# shellcheck disable=SC2059
printf "$reply" >"$tmp/reply"
same "$(wc -c <"$tmp/reply" | tr -d ' ')" 12
mkfifo in
start channel sh -c 'exec lambda-channel -c 1 calc "$0" <in >out' \
    "$top/t/calc.sh"
exec 8>in
# shellcheck disable=SC2059
printf "$hello$ask$request" >&8
answered() {
	tail -c 12 out | cmp -s - "$tmp/reply"
}
until_true answered || fail "the channel answers: $(od -An -tx1 out)"
exec 8>&-

# Hosts: the addresses are those of the pages.

[ "$hosts" = yes ] ||
    skip "network namespaces are not to be had; what needs none passed"
ip -n "${net}three" addr add 10.0.0.2/24 dev eth0
echo 192.0.2.1:4370 >"$etc/authorities"

# stays NAME HOST N: line N of the block, which is a daemon
stays() {
	line "$3"
	start "$1" on "$2" sh "$line"
}

pi=3.14159265358979323844
# called HOST N: line N of the block gives pi
called() {
	line "$2"
	on "$1" sh "$line" >"$tmp/out" 2>"$tmp/err" </dev/null &
	pid=$!
	guard "$pid"
	wait "$pid"
	kill "$guard" 2>/dev/null
	[ "$(cat "$tmp/out")" = "$pi" ] ||
	    fail "$(cat "$line"): $(cat "$tmp/out" "$tmp/err")"
}

# A tier by hand, twice: lambda(7) and the README.
for page in lambda.7 README; do
	take "$page" 'lambda-authority </dev/null'
	stays "$page.1" one 1
	stays "$page.2" one 2
	stays "$page.3" one 3
	called one 4
	idle one
done

# The first lines of lambda-authority(8) and lambda-broker(8).
take lambda-authority.8 'lambda-authority </dev/null'
stays alone one 1
take lambda-broker.8 'echo 127.0.0.1:4370'
stays beside one 1
logged beside 'linked to authority 127.0.0.1:4370'
idle one

# Several hosts, as the README has it: the authority on the first.
take README '-k key -l 192.0.2.1:4370'
line 1
sh "$line"
stays README.4 one 2
for host in one two; do
	stays "README.$host" "$host" 3
done
stays README.5 one 4
called two 5
idle one two

# Several hosts, as lambda(7) has it, and a second authority.
take lambda.7 'lambda-authority -l 192.0.2.1:4370'
stays lambda.1 one 1
take lambda.7 'lambda-listener -l 0.0.0.0:0'
stays lambda.2 two 1
stays lambda.3 two 2
take lambda.7 'lambda-call -L calc'
stays lambda.4 three 1
called three 2
take lambda.7 'lambda-authority -l 192.0.2.2:4370'
stays lambda.5 two 1
logged lambda.5 'linked to authority 192.0.2.1:4370'
logged lambda.4 'linked to authority 192.0.2.2:4370'
idle one two three

# Services: each `run' script under a runsv of its own.

# service NAME HOST: the block is its run script
service() {
	mkdir -p "$tmp/sv/$1"
	sed "s,/run/lambda,$tmp/run.$2," "$block" >"$tmp/sv/$1/run"
	chmod +x "$tmp/sv/$1/run"
	supervised "$1" on "$2" runsv "$tmp/sv/$1"
}

# orders HOST KIND: an order of this kind stands at its broker
orders() {
	until_true sh -c 'on "$0" lambda-ctl orders | grep "kind $1"' \
	    "$1" "$2" || fail "$1: no order to $2"
}

key=$etc/key
if partner runsv; then
	take lambda-authority.8 'exec 2>&1'
	service authority one
	take lambda-broker.8 'exec 2>&1'
	service broker two
	take lambda-listener.8 'exec 2>&1'
	service listener two
	take lambda.7 svlogd
	mkdir -p "$tmp/sv/plb/log"
	cp "$block" "$tmp/sv/plb/log/run"
	chmod +x "$tmp/sv/plb/log/run"
	take lambda-plb.8 'exec 2>&1'
	service plb two
	logged authority 'listening on 192.0.2.1:4370'
	logged broker 'linked to authority 192.0.2.1:4370'
	until_true grep '^[-0-9]*_[:.0-9]* lambda-plb: serving on' \
	    "$tmp/sv/plb/log/main/current" || fail "svlogd keeps no log"
	orders two sell
	take lambda-bootstrap.1 '1<>'
	service bootstrap three
	take lambda-bootstrap.1 '0<>'
	service fifo three
	fifo=$pid
	logged fifo 'linked to authority 192.0.2.1:4370'
	# The one is started again, and the other one stays.
	killed=$(cat "$tmp/sv/bootstrap/supervise/pid")
	was=$(cat "$tmp/sv/fifo/supervise/pid")
	kill -9 "$killed"
	again() {
		now=$(cat "$tmp/sv/bootstrap/supervise/pid")
		[ -n "$now" ] && [ "$now" != "$killed" ]
	}
	until_true again || fail "bootstrap is not started again"
	same "$(on three sh -c "echo 6*7 | lambda-call -Lk $key calc")" 42
	same "$(cat "$tmp/sv/fifo/supervise/pid")" "$was"
	# A broker and a discovery joined likewise, in place of that broker.
	stop "$fifo"
	take lambda-discovery.8 '0<>/run/addresses'
	service broker.fifo three
	take lambda-discovery.8 '0<>/run/nodes'
	service discovery three
	logged broker.fifo 'linked to authority 192.0.2.1:4370'
	logged discovery 'listening on 10.0.0.2:4369'
	until_true grep '^127.0.0.1.*localhost' "$tmp/run.three/hosts" ||
	    fail "no hosts file of the service"
	rm -f "$tmp/run.three/hosts"
	take lambda-exchange.8 'exec 2>&1'
	service exchange one
	logged exchange 'listening on 192.0.2.1:4400 for calc'
	take lambda-ctl.1 'why calc'
	runs on three sh "$block"
	take lambda-ctl.1 '4370 exchanges'
	gives 1 on three sh -c '. "$0" |
	    grep -c "^exchange 192.0.2.1:[0-9]* module calc .* state linked"' \
	    "$block"
	take lambda.7 'exec sv down'
	mkdir "$tmp/sv/wrong"
	cp "$block" "$tmp/sv/wrong/finish"
	chmod +x "$tmp/sv/wrong/finish"
	printf '#!/bin/sh\nexec 2>&1\nexec lambda-plb -c 0 calc\n' >"$block"
	service wrong two
	until_true sh -c 'sv status "$0" | grep "^down:.*normally up$"' \
	    "$tmp/sv/wrong" || fail "finish: $(sv status "$tmp/sv/wrong")"
	same "$(grep -c . "$tmp/wrong.log")" 1
	idle one two three
else
	# Its other block has these words too.
	leave_out lambda-authority.8 'exec 2>&1' 'it needs runsv'
fi

# The authority of the next ones.
take lambda-authority.8 '-l 192.0.2.1:4370'
start authority.1 on one sh "$block"
logged authority.1 'listening on 192.0.2.1:4370'

# One host has the listeners of another one drain.
# shellcheck disable=SC2016
start broker.drain on two sh -c \
    'exec lambda-broker -k "$0/key" -l 192.0.2.2:4371 <"$0/authorities"' "$etc"
start drains on two lambda-listener -k "$etc/key" -l 0.0.0.0:0 -w line calc bc
drains=$pid
orders two sell
take lambda-ctl.1 'drain calc'
runs on three sh "$block"
case $out in
'drain calc address 192.0.2.2:'*) ;;
*) fail "$(cat "$block"): $out" ;;
esac
logged drains 'drained: staying until SIGTERM'
stop "$drains"
idle two

# A broker with each of the other inputs.
take lambda-broker.8 'lambda-bootstrap file:'
start broker.1 on three sh "$block"
logged broker.1 'linked to authority 192.0.2.1:4370'
idle three
take lambda-broker.8 'key </etc'
start broker.2 on three sh "$block"
logged broker.2 'linked to authority 192.0.2.1:4370'
idle three
take lambda-bootstrap.1 'file:/etc/lambda/authorities |'
start broker.3 on three sh "$block"
logged broker.3 'linked to authority 192.0.2.1:4370'
idle three
# The names do not resolve here, which holds up nothing.
mkdir "$etc/authorities.d"
echo 192.0.2.2:4370 >"$etc/authorities.d/other"
take lambda-bootstrap.1 dns:example.org
start broker.4 on three sh "$block"
logged broker.4 'linked to authority 192.0.2.1:4370'
logged broker.4 'unable to link to 192.0.2.2:4370'
logged broker.4 'epmd:lambda@host.example.org: '
idle three

# Discovery: of all three in a pipe, where a node of another host is known, and
# of what the lines say.
if partner erl; then
	HOME=$tmp
	export HOME
	take lambda-discovery.8 'dns:lambda.example.org'
	n=1
	for host in two three; do
		n=$((n + 1))
		sed "s,dns:lambda.example.org,192.0.2.1:4370,
			s,10\.0\.0\.2,192.0.2.$n,
			s,/run/lambda,$tmp/run.$host," "$block" >"$tmp/pipe"
		start "pipe.$host" on "$host" sh "$tmp/pipe"
		logged "pipe.$host" 'linked to authority 192.0.2.1:4370'
		logged "pipe.$host" "listening on 192.0.2.$n:4369"
		until_true grep '^127.0.0.1.*localhost' \
		    "$tmp/run.$host/hosts" || fail "no hosts file"
	done
	# A node on the one, and nodes on the other that find it: as the module's
	# page has it, and as the two ways of the other page.
	take lambda-module.7 'server@b -l'
	start node on two sh "$block"
	until_true on two sh -c 'lambda-ctl contacts | grep server@b' ||
	    fail "the node is not known"
	take lambda-discovery.8 'lambda_epmd.erl'
	module=$block
	sh -c 'sed /^erl\ /d "$0" | sh' "$module" || fail "no lambda_epmd"
	take lambda-module.7 'net_adm:ping'
	gives 'hello
pong' on three sh "$block"
	take lambda-discovery.8 inetrc
	for way in "$module" "$block"; do
		sed "s,/run/lambda,$tmp/run.three," "$way" >"$tmp/way"
		echo 'io:format("~p~n", [net_adm:ping(server@b)]), halt().' |
		    on three timeout "$hang" sh "$tmp/way" >"$tmp/told" 2>&1
		grep -q pong "$tmp/told" || fail "$(cat "$way" "$tmp/told")"
	done
	idle two three
fi
if partner nc; then
	take lambda-discovery.8 'lambda-discovery </dev/null'
	start epmd on three sh "$block"
	logged epmd 'listening on 127.0.0.1:4369'
	idle three
	take lambda-discovery.8 '<nodes'
	start nodes on three sh "$block"
	logged nodes 'listening on 127.0.0.1:4369'
	where() { # what EPMD answers for server@b: 9100 and 10.0.0.2
		printf '\000\011zserver@b' |
		    on three nc -w 2 127.0.0.1 4369 >"$tmp/answer"
		grep -q 10.0.0.2 "$tmp/answer" &&
		    od -An -tx1 "$tmp/answer" | grep -q '^ 77 00 23 8c'
	}
	until_true where || fail "no answer: $(od -c "$tmp/answer")"
	take lambda-discovery.8 'inet_dist_listen_min'
	if partner erl; then
		start node on three sh -c "exec $(cat "$block") -noinput"
		until_true on three nc -z 127.0.0.1 9100 ||
		    fail "no node at 9100"
		stop "$pid" KILL
	fi
	idle three
fi

idle one

# inetd and tcpserver.
if partner inetd; then
	take lambda-channel.8 '4401 stream'
	cat "$block" >"$tmp/inetd.conf"
	take lambda-exchange.8 '4400 stream'
	cat "$block" >>"$tmp/inetd.conf"
	take lambda-ctl.1 '9469 stream'
	sed "s,$bin/lambda-metrics,$tmp/lambda-metrics," "$block" \
	    >>"$tmp/inetd.conf"
	start inetd on one inetd -d "$tmp/inetd.conf"
	start broker.6 on one lambda-broker </dev/null
	broker=$pid
	until_true on one sh -c 'nc -N 127.0.0.1 9469 <"$0" |
	    grep -q "^HTTP/1.0 200 OK"' "$tmp/get" || fail "no metrics by inetd"
	stop "$broker"
	take lambda-channel.8 '-x 192.0.2.1:4401'
	until_true on three sh -c 'test "$(sh "$0")" = 42' "$block" ||
	    fail "no channel by inetd"
	take lambda-exchange.8 '-x calc='
	start authority.3 on one sh "$block"
	start broker.5 on three sh -c "lambda-broker -k $key <$etc/authorities"
	start seller on three lambda-listener -k "$key" -l 0.0.0.0:0 -w line \
	    calc bc
	until_true on three sh -c 'lambda-ctl exchanges |
	    grep "^exchange 192.0.2.1:4400 module calc .* state linked"' ||
	    fail "no exchange by inetd"
	idle one
fi
if partner tcpserver; then
	take lambda-channel.8 'tcpserver '
	start tcpserver on one sh "$block"
	take lambda-channel.8 '-x 127.0.0.1:4401'
	until_true on one sh -c 'test "$(sh "$0")" = 42' "$block" ||
	    fail "no channel by tcpserver"
fi

# Two files, which t/rekey.sh names in the same way, and replaces step by step.
take lambda.7 'LAMBDA_KEY='
# t/manpages.sh compares it with what t/handshake computes.
take lambda-protocol.7 'key file'

[ -n "$missing" ] || none_left
for block in "$blocks"/*; do
	[ ! -e "$block" ] || cat "$block"
done
[ -z "$missing" ] || echo "not run: what is printed above, for lack of$missing"
echo "$left_out"
echo passed
