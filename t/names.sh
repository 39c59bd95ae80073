#!/bin/sh
# lambda-bootstrap and lambda-authority with names: those of the DNS, against
# dnsmasq, and those of EPMD, against epmd and an Erlang node.
. "$(dirname "$0")/lib.sh"

need ip dnsmasq epmd erl socat
PATH=$PATH:/usr/sbin:/sbin
# A host that has but its loopback, with a resolv.conf of its own.
namespaces
ip -n "$net" link set lo up
ERL_EPMD_PORT=24369
export ERL_EPMD_PORT
conf=$tmp/etc
mkdir "$conf"
: >"$conf/resolv.conf"
{
	echo 127.0.0.1 localhost
	echo ::1 localhost
	echo 10.9.0.66 in-hosts.example.org
	for i in 1 2 3; do
		echo "127.0.0.3$i slow"
	done
} >"$conf/hosts"
# there COMMAND...: run there in place of this shell; here: and go on. What
# /etc/resolv.conf leads to may not be there, in a /run that others made for the
# test: then there is another one.
there() {
	exec ip netns exec "$net" sh -c '
		real=$(readlink -f /etc/resolv.conf)
		[ -e "$real" ] || { mount -t tmpfs none /run &&
		    mkdir -p "${real%/*}" && : >"$real"; } || exit
		mount --bind "$0/resolv.conf" "$real" &&
		    mount --bind "$0/hosts" /etc/hosts && exec "$@"' \
	    "$conf" "$@"
}
here() {
	(there "$@")
}
start_there() { # NAME COMMAND...
	name=$1
	shift
	start "$name" there "$@"
}

# boot NAME ARGUMENT...: started; its output in $tmp/NAME.out
boot() {
	name=$1
	shift
	there lambda-bootstrap "$@" >"$tmp/$name.out" 2>>"$tmp/$name.log" \
	    </dev/null &
	pid=$!
	pids="$pids $pid"
}

# printed NAME LINE: wait for the line
printed() {
	until_true grep -qxF -e "$2" "$tmp/$1.out" ||
	    fail "$1 did not print $2: $(cat "$tmp/$1.out")"
}

# counted NAME LINE N: wait until it has been printed N times
counted() {
	# shellcheck disable=SC2016
	until_true sh -c '[ "$(grep -cxF -e "$0" "$1")" -ge "$2" ]' \
	    "$2" "$tmp/$1.out" "$3" || fail "$1: not $3 times $2"
}

# once STATUS ARGUMENT...: with -1; what it prints, sorted, is in $got
once() {
	want=$1
	shift
	here lambda-bootstrap -1 "$@" >"$tmp/once" 2>"$tmp/once.log" </dev/null
	status=$?
	got=$(sort "$tmp/once" | tr '\n' ' ')
	[ "$status" -eq "$want" ] || fail "-1 $*: exit $status, not $want"
}

said() {
	grep -q -e "$1" "$tmp/once.log" || fail "said '$(cat "$tmp/once.log")'"
}

# Names.

# asked SECONDS: how long a server has to answer, twice
asked() {
	{
		echo nameserver 127.0.0.1
		echo search example.org
		echo "options timeout:$1 attempts:2"
	} >"$conf/resolv.conf"
}
asked 20
{
	echo no-resolv
	echo no-hosts
	echo local=/org/
	echo host-record=a.example.org,10.9.0.1,fd99::1
	echo host-record=b.example.org,10.9.0.2
	echo host-record=b.example.org,10.9.0.3
	echo host-record=c.example.org,fd99::4
	echo host-record=d.example.org,10.9.0.7
	echo srv-host=_lambda._tcp.example.org,a.example.org,4370,10,0
	echo srv-host=_lambda._tcp.example.org,c.example.org,4374,20,0
	echo srv-host=_other._udp.example.org,b.example.org,5000
	echo srv-host=_fresh._udp.example.org,b.example.org,5001
	echo srv-host=_lambda._tcp.closed.org
	echo server=/silent.test/127.0.0.9
	echo srv-host=_lambda._tcp.half.org,d.example.org,7
	echo srv-host=_lambda._tcp.half.org,nobody.example.org,7
	echo local=/evil.test/
	echo host-record=a.example.org.evil.test,10.66.0.1
	echo host-record=nobody.example.org.evil.test,10.66.0.2
	echo srv-host=_lambda._tcp.static.org,in-hosts.example.org,9
	echo local-ttl=2
	i=1
	while [ "$i" -le 40 ]; do
		echo "host-record=long-name-of-a-host-$i.example.org,10.8.0.$i"
		echo "srv-host=_lambda._tcp.many.org,long-name-of-a-host-$i.example.org,$i"
		echo "srv-host=_lambda._tcp.slow.org,h$i.silent.test,$i"
		i=$((i + 1))
	done
} >"$tmp/dnsmasq.conf"
serve() {
	start_there dnsmasq dnsmasq -d -C "$tmp/dnsmasq.conf" \
	    --log-queries --log-facility=- --bind-interfaces \
	    --listen-address=127.0.0.1 --pid-file=
	server=$pid
}
answers() {
	until_true here lambda-bootstrap -q -1 dns:b.example.org:1 ||
	    fail "dnsmasq does not answer"
}
serve
answers

once 0 dns:a.example.org:4370
same "$got" '10.9.0.1:4370 [fd99::1]:4370 '
once 0 dns:b.example.org:99
same "$got" '10.9.0.2:99 10.9.0.3:99 '
once 0 dns:b:99
same "$got" '10.9.0.2:99 10.9.0.3:99 '
once 0 dns:example.org
same "$got" '10.9.0.1:4370 [fd99::1]:4370 [fd99::4]:4374 '
# By priority.
same "$(tail -n 1 "$tmp/once")" '[fd99::4]:4374'
once 0 dns:_other._udp.example.org
same "$got" '10.9.0.2:5000 10.9.0.3:5000 '
once 0 dns:_other._udp
same "$got" '10.9.0.2:5000 10.9.0.3:5000 '

# A name is the same in any letters, and is written in one.
once 0 dns:A.Example.ORG:4370
same "$got" '10.9.0.1:4370 [fd99::1]:4370 '
once 0 dns:EXAMPLE.org
same "$got" '10.9.0.1:4370 [fd99::1]:4370 [fd99::4]:4374 '
once 111 dns:NoBody.ORG
said ': _lambda._tcp.nobody.org: there is no such name'

# More than a datagram holds: over TCP.
once 0 dns:many.org
same "$(wc -l <"$tmp/once" | tr -d ' ')" 40
grep -qx '10.8.0.40:40' "$tmp/once" || fail "not all of a long answer"

# One target of two is unknown: the other is good.
once 0 dns:half.org
same "$got" '10.9.0.7:7 '
said 'nobody.example.org'

# A target is absolute: nothing of the search list is added to it, also where few
# dots would have that first; the hosts file is looked at all the same, where the
# C library can be told so.
sed 's/^search.*/search evil.test/; s/^options/& ndots:5/' \
    "$conf/resolv.conf" >"$tmp/resolv.conf"
cat "$tmp/resolv.conf" >"$conf/resolv.conf"
once 0 dns:a.example.org:1
same "$got" '10.66.0.1:1 '
once 0 dns:example.org.
same "$got" '10.9.0.1:4370 [fd99::1]:4370 [fd99::4]:4374 '
once 0 dns:half.org
same "$got" '10.9.0.7:7 '
if getconf GNU_LIBC_VERSION >/dev/null 2>&1; then
	once 0 dns:static.org
	same "$got" '10.9.0.66:9 '
fi
asked 20

# What there is not.
once 111 dns:nobody.example.org:1
said 'dns:nobody.example.org:1: nobody.example.org: '
once 111 dns:nobody.org
said '_lambda._tcp.nobody.org: there is no such name'
once 111 dns:b.example.org
said '_lambda._tcp.b.example.org: there is no such name'
once 111 dns:closed.org
said ': _lambda._tcp.closed.org: the service is not offered there'
# The server refuses what it is not told to serve.
once 111 dns:x.refused
said ': server 127.0.0.1:53: about .*tcp.x.refused: it refuses to answer (REFUSED)$'
once 111 dns:x.refused:1
said ': server 127.0.0.1:53: about x.refused: it refuses to answer (REFUSED)$'
once 111 dns:_lambda._tcp.many.org:1
once 0 dns:nobody.org 10.9.0.9
same "$got" '10.9.0.9:4370 '

# The answer's time to live is less than the interval: asked again.
queries() {
	grep -c 'query\[SRV\] _other._udp.example.org' "$tmp/dnsmasq.log"
}
again() { # N: it is asked so often
	before=$(queries)
	boot ttl -i 3600 dns:_other._udp.example.org
	printed ttl 10.9.0.2:5000
	until_true sh -c '[ "$(grep -c "query.SRV. _other._udp.example.org" \
	    "$0")" -ge "$1" ]' "$tmp/dnsmasq.log" $((before + $1)) ||
	    fail "not asked again when its time to live was over"
	stop "$pid"
	same "$ended" 0
}
again 2
# A time of 0 is the least that there is, and not none that is known.
sed '/^local-ttl/d' "$tmp/dnsmasq.conf" >"$tmp/dnsmasq.conf.new"
mv "$tmp/dnsmasq.conf.new" "$tmp/dnsmasq.conf"
stop "$server"
serve
answers
again 4

# A server that goes silent: said once, and what it gave stays; nothing else
# waits for it.
boot silent -i 0.3 dns:b.example.org:99 dns:example.org \
    'exec:echo 10.7.0.1:1' 10.7.0.2:1
silent=$pid
printed silent 10.9.0.3:99
printed silent '[fd99::4]:4374'
asked 1
kill -STOP "$server"
logged silent 'dns:example.org: .*127.0.0.1:53'
lines=$(wc -l <"$tmp/silent.out")
counted silent 10.7.0.2:1 $(($(grep -cxF 10.7.0.2:1 "$tmp/silent.out") + 10))
counted silent '[fd99::4]:4374' 5
[ "$(wc -l <"$tmp/silent.out")" -gt "$lines" ] || fail "it waits"
same "$(grep 'dns:example.org: ' "$tmp/silent.log" | uniq -d)" ''
asked 20
kill -CONT "$server"
logged silent 'dns:example.org: good again'
stop "$silent"
same "$ended" 0

# With a second server, after one that never answers, which is remembered: though
# each of six names is asked about, and each question may take 5 seconds.
start_there deaf socat -d -d -u UDP4-RECV:53,bind=127.0.0.9 "CREATE:$tmp/deaf"
logged deaf 'starting data transfer'
{
	echo nameserver 127.0.0.9
	echo nameserver 127.0.0.1
	echo search s1.org s2.org s3.org s4.org s5.org
	echo options ndots:5
} >"$conf/resolv.conf"
once 0 dns:_fresh._udp.example.org
same "$got" '10.9.0.2:5001 10.9.0.3:5001 '
said 'server 127.0.0.9:53: it does not answer about _fresh._udp.example.org.s1'
n=$(grep -ao _fresh "$tmp/deaf" | wc -l)
[ "$n" -ge 1 ] && [ "$n" -le 3 ] || fail "the silent server was asked $n times"
once 0 dns:b.example.org:99
same "$got" '10.9.0.2:99 10.9.0.3:99 '

# A name of the search list about which nobody says anything does not end it.
{
	echo nameserver 127.0.0.1
	echo search silent.test example.org
	echo options timeout:1 attempts:1 ndots:5
} >"$conf/resolv.conf"
once 0 dns:_other._udp
same "$got" '10.9.0.2:5000 10.9.0.3:5000 '
said 'server 127.0.0.1:53: it does not answer about _other._udp.silent.test$'
once 0 dns:b:99
same "$got" '10.9.0.2:99 10.9.0.3:99 '
once 111 dns:x.silent.test:1
said 'server 127.0.0.1:53: it does not answer about x.silent.test$'

# A line that is of no use is told, also where another one is.
{
	echo nameserver ns.example.org
	echo nameserver 127.0.0.1
} >"$conf/resolv.conf"
once 0 dns:b.example.org:99
same "$got" '10.9.0.2:99 10.9.0.3:99 '
said 'dns:b.example.org:99: /etc/resolv.conf line 1: ns.example.org: '
once 111 dns:nobody.org
said 'there is no such name; /etc/resolv.conf line 1: ns.example.org: '
asked 20

# What is new appears at once.
boot new -i 0.5 dns:new.example.org:1
logged new 'dns:new.example.org:1: '
same "$(cat "$tmp/new.out")" ''
echo host-record=new.example.org,10.9.0.200 >>"$tmp/dnsmasq.conf"
stop "$server"
serve
until_true grep -qx 10.9.0.200:1 "$tmp/new.out" || fail "not new"
# Meanwhile: of many hosts each has a second at least, and then there is none.
boot slow -1 dns:slow.org
slow=$pid

# EPMD: an Erlang node, an authority, and nobody.

once 111 epmd:anybody
said 'EPMD at 127.0.0.1:24369: Connection refused'
start_there epmd epmd
epmd=$pid
until_true here epmd -names || fail "epmd does not answer"
start_there erl erl -sname "lt$$" -noinput
node=$pid
registered() {
	here epmd -names | grep "name lt$$ "
}
until_true registered || fail "the node did not register"
port=$(here epmd -names | sed -n "s/^name lt$$ at port //p")
once 0 "epmd:lt$$"
same "$got" "127.0.0.1:$port [::1]:$port "
once 0 "epmd:lt$$@LocalHost"
same "$got" "127.0.0.1:$port [::1]:$port "
once 111 epmd:nobody
said 'it knows no such node'
once 111 epmd:nobody@nowhere.example.org
said 'nowhere.example.org: '
stop "$node"

start_there boss lambda-authority -l 127.0.0.1:0 -n boss
boss=$pid
logged boss 'registered as boss with EPMD'
port=$(address boss)
# It listens on one address of this host, which has two, and EPMD on both.
once 0 epmd:boss
same "$got" "$port [::1]:${port#*:} "
[ ! -s "$tmp/once.log" ] || fail "said: $(cat "$tmp/once.log")"
# A hidden node: EPMD lists it, and another of its name is refused and told so.
start_there boss2 lambda-authority -l 127.0.0.1:0 -n boss
boss2=$pid
logged boss2 'unable to register as boss with EPMD: '
# The second takes the name when the first is gone.
stop "$boss"
same "$ended" 0
logged boss2 'registered as boss with EPMD'
same "$(grep -c 'unable to register' "$tmp/boss2.log")" 1
# An EPMD that starts anew.
stop "$epmd"
logged boss2 'EPMD: it closed the connection'
start_there epmd epmd
until_true sh -c '[ "$(grep -c "registered as boss" "$0")" -ge 2 ]' \
    "$tmp/boss2.log" || fail "not registered again"
port=$(address boss2)
once 0 epmd:boss
same "$got" "$port [::1]:${port#*:} "
stop "$boss2"
tells 100 'without @host' lambda-authority -l 127.0.0.1:0 -n a@b
# One of a host's three addresses has an EPMD, two are silent.
ERL_EPMD_PORT=24371
for i in 1 2; do
	start_there "mute$i" socat -d -d "TCP4-LISTEN:24371,bind=127.0.0.3$i,fork" \
	    SYSTEM:'sleep 1000'
	logged "mute$i" 'listening on'
done
start_there epmd3 epmd -port 24371 -address 127.0.0.33
start_there boss3 lambda-authority -l 127.0.0.1:0 -n boss
logged boss3 'registered as boss with EPMD'
port=$(address boss3)
port=${port##*:}
once 0 epmd:boss@slow
same "$got" "127.0.0.31:$port 127.0.0.32:$port 127.0.0.33:$port "
# Something else listens there.
ERL_EPMD_PORT=24370
start_there http socat TCP4-LISTEN:24370,bind=127.0.0.1,fork \
    SYSTEM:'echo HTTP/1.0 400 no'
until_true here socat /dev/null TCP4:127.0.0.1:24370 || fail "no socat"
once 111 epmd:boss
said 'it does not answer as an EPMD'

wait "$slow"
same $? 111
logged slow 'dns:slow.org: .*no time was left for the last [0-9]* of 40 hosts'
# And now nobody serves names.
stop "$server"
once 111 dns:b.example.org:99
said 'dns:b.example.org:99: .*server 127.0.0.1:53: about b.example.org: Connection refused$'

echo passed
