#!/bin/sh
# Under other people's servers: lambda-exchange by inetd `wait', announced by an
# authority; lambda-channel by inetd `nowait' and tcpserver; what is said on
# standard error is never in the protocol.
. "$(dirname "$0")/lib.sh"

need inetd tcpserver
PATH=$PATH:/usr/sbin:/sbin
hosts one two
key=$tmp/key
(umask 077; head -c 32 /dev/urandom >"$key")

# A worker that says more on standard error than a protocol could bear.
cat >"$tmp/noisy" <<'EOF2'
#!/bin/sh
echo 'in the way' >&2
while read -r n; do
	echo "got $n, $n, $n, $n" >&2
	echo $((n * 2))
done
EOF2
chmod +x "$tmp/noisy"

inetd=$(PATH=$PATH command -v inetd)
cat >"$tmp/inetd.conf" <<EOF2
10.77.0.1:4400 stream tcp wait root $bin/lambda-exchange lambda-exchange -vv -k $key double
10.77.0.1:4401 stream tcp nowait root $bin/lambda-channel lambda-channel -vv -c 2 -k $key -w line double $tmp/noisy
EOF2
start inetd on one "$inetd" -i "$tmp/inetd.conf"
inetd=$pid

# The channel, a process for each connection.
double() { # host address count
	on "$1" sh -c 'seq 1 "$3" |
	    lambda-call -L -T "$4" -k "$2" -x "$1" double' \
	    "$1" "$2" "$key" "$3" "$hang"
}
until_true double two 10.77.0.1:4401 1 || fail "no channel by inetd"
seq 2 2 4000 >"$tmp/expected"
double two 10.77.0.1:4401 2000 >"$tmp/got" 2>"$tmp/err" ||
    fail "by inetd: $(cat "$tmp/err")"
cmp "$tmp/expected" "$tmp/got" || fail "not what it should be, by inetd"
# A slow machine may make it say that it waits.
same "$(grep -v ': no capacity yet: ' "$tmp/err")" ''
# Without the key nothing is run, and nothing said but that.
(umask 077; head -c 32 /dev/urandom >"$tmp/wrong")
right=$key key=$tmp/wrong
tells 100 'it refused our key' \
    on two lambda-call -T "$hang" -k "$key" -x 10.77.0.1:4401 double
key=$right
# Usage and other errors go nowhere, not to the client.
named() { # NAME: the processes of this program
	for p in $(strays); do
		[ "$(name_of "$p")" != "$1" ] || echo "$p"
	done
}
none() {
	[ -z "$(named lambda-channel)" ]
}
until_true none || fail "a channel outlives its client"

# The exchange: one process for all connections, which an authority announces.
start authority on one lambda-authority -k "$key" -l 10.77.0.1:4370 \
    -x double=10.77.0.1:4400
logged authority ready
echo 10.77.0.1:4370 >"$tmp/authorities"
for host in one two; do
	start "broker.$host" on "$host" sh -c \
	    'exec lambda-broker -k "$0" <"$1"' "$key" "$tmp/authorities"
	logged "broker.$host" 'linked to authority'
done
start listener on one lambda-listener -q -c 2 -k "$key" -l 10.77.0.1:0 \
    -w line double "$tmp/noisy"
linked() {
	on two lambda-ctl exchanges |
	    grep 'exchange 10.77.0.1:4400 module double .* state linked'
}
calls() {
	same "$(on two lambda-call -L -T "$hang" -k "$key" double \
	    <"$tmp/one")" 42
}
echo 21 >"$tmp/one"
calls
until_true linked || fail "the exchange of inetd is not used"
# The authority needs none of its own, but while that one is away.
child() {
	for p in $(named lambda-exchange); do
		grep -q "^PPid:[[:space:]]*$inetd\$" "/proc/$p/status" &&
		    echo "$p"
	done
}
first=$(child)
[ -n "$first" ] || fail "inetd started no exchange"
# It may have started one before it had linked to that of inetd.
only_first() {
	[ "$(named lambda-exchange)" = "$first" ]
}
until_true only_first ||
    fail "the authority has an exchange of its own beside that of inetd"
# It dies: started again by the next that connects, and is then as it was.
kill -9 "$first"
another() {
	linked && [ -n "$(child)" ] && [ "$(child)" != "$first" ]
}
until_true another || fail "it does not come again"
calls
# Meanwhile the authority may have had one of its own.
first=$(child)
until_true only_first ||
    fail "the authority keeps its own exchange when that of inetd is back"
calls
# It is told to end: likewise.
first=$(child)
kill "$first"
until_true another || fail "it does not come again after SIGTERM"
calls
stop "$inetd"

# tcpserver: standard error is its own, and the peer has an address.
start tcpserver on one tcpserver -HRl0 10.77.0.1 4402 \
    lambda-channel -v -c 2 -k "$key" -w line double "$tmp/noisy"
until_true double two 10.77.0.1:4402 1 || fail "no channel by tcpserver"
double two 10.77.0.1:4402 2000 >"$tmp/got" 2>"$tmp/err" ||
    fail "by tcpserver: $(cat "$tmp/err")"
cmp "$tmp/expected" "$tmp/got" || fail "not what it should be, by tcpserver"
logged tcpserver 'worker [0-9]* .*got 499, 499'
logged tcpserver 'linked to [a-z]* 10.77.0.2:'
echo passed
