#!/bin/sh
# bootstrap | broker | discovery, and each of them replaced by, or joined
# through, the ordinary tools; and lambda-channel over two pipes, or a Unix socket.
. "$(dirname "$0")/lib.sh"

need ps

start authority lambda-authority -l 127.0.0.1:0
where=$(address authority) || exit 1
echo "$where" >"$tmp/authorities"

linked() { # the broker has the authority
	lambda-ctl authorities | grep -q "$where"
}

broker_through() { # NAME SCRIPT: a pipe that ends in a broker
	start "$1" sh -c "$2" sh "$where" "$tmp"
	until_true linked || fail "$1: no link to the authority"
	kill "$pid"
	strays_end
}

# What the pipe started goes with its first program's end, or by its pid.
strays_end() {
	for process in $(ps -A -o pid= -o args= | awk -v t="$tmp" \
	    '/lambda-(broker|bootstrap)/ && index($0, t) { print $1 }'); do
		kill "$process" 2>/dev/null
	done
	until_true sh -c '! lambda-ctl authorities' || fail "a broker stays"
}

# The input of the broker: bootstrap through filters, a file, cat and awk. (The
# path in -b names the broker for strays_end.)
b="-b \"\$2/run/broker\" -l 127.0.0.1:0"
broker_through plain "lambda-bootstrap -i 1 \"\$1\" | lambda-broker $b"
broker_through filters "lambda-bootstrap -i 1 \"\$1\" \"file:\$2/authorities\" |
    grep --line-buffered . | tee \"\$2/seen\" | lambda-broker $b"
until_true grep "$where" "$tmp/seen" || fail "tee saw nothing"
broker_through file "lambda-broker $b <\"\$2/authorities\""
broker_through cat "cat \"\$2/authorities\" | lambda-broker $b"
broker_through awk "echo \"\$1\" | awk '{ print \"no address\"; print }' | lambda-broker $b"
logged awk 'line 1'

# The output of the broker, and what discovery takes instead of it.
hosts_has() {
	grep -q "$1" "$tmp/hosts"
}
printf 'server@b 10.77.0.2 4711\nclient@c 10.77.0.3 4712\n' >"$tmp/nodes"
start discovery sh -c 'exec lambda-discovery -p 0 -H "$0/hosts" <"$0/nodes"' \
    "$tmp"
until_true hosts_has '^10.77.0.2.*b$' || fail "a file of nodes"
stop "$pid"
same "$ended" 0
rm -f "$tmp/hosts"
start awk2 sh -c 'awk "{ print }" "$0/nodes" |
    lambda-discovery -p 0 -H "$0/hosts"' "$tmp"
until_true hosts_has '^10.77.0.3.*c$' || fail "nodes through awk"

# A broker whose reader ends goes on.
start headed sh -c 'lambda-broker -b "$0/run/broker" -l 127.0.0.1:0 \
    <"$0/authorities" | true' "$tmp"
until_true linked || fail "a broker without a reader"

# The channel. A worker says more on standard error than a protocol could bear.
cat >"$tmp/noisy" <<'EOF2'
#!/bin/sh
echo 'in the way' >&2
while read -r n; do
	echo "got $n, $n, $n, $n" >&2
	echo $((n * 2))
done
EOF2
chmod +x "$tmp/noisy"
seq 2 2 4000 >"$tmp/expected"
echo 21 >"$tmp/one"

# A Unix socket, by whatever there is to serve one.
if sh "$top/t/setup.sh" unixserver 2>/dev/null; then
	start unixserver unixserver -- "$tmp/socket" lambda-channel -v -c 2 \
	    -w line double "$tmp/noisy"
	until_true test -S "$tmp/socket" || fail "no unixserver"
	seq 1 2000 | lambda-call -L -T "$hang" -x "$tmp/socket" double \
	    >"$tmp/got" || fail "over a Unix socket"
	cmp "$tmp/expected" "$tmp/got" || fail "not what it should be"
	logged unixserver "linked to [a-z]* user $(id -u)\$"
fi

# Two pipes, as ssh has them; the channel's standard error is ours.
over_pipes() { # environment...
	seq 1 2000 | env "$@" lambda-call -L -T "$hang" \
	    -x "|lambda-channel -v -c 2 -w line double $tmp/noisy" double \
	    >"$tmp/got" 2>"$tmp/pipes.log" || fail "over pipes: $*"
	cmp "$tmp/expected" "$tmp/got" || fail "not what it should be: $*"
}
over_pipes SSH_CONNECTION='192.0.2.7 1022 192.0.2.8 22'
logged pipes 'linked to [a-z]* 192.0.2.7:1022'
over_pipes PROTO=TCP TCPREMOTEIP=2001:db8::7 TCPREMOTEPORT=1022
logged pipes 'linked to [a-z]* \[2001:db8::7\]:1022'
over_pipes PROTO=SSL SSH_CONNECTION=
logged pipes 'linked to [a-z]*$'
logged pipes 'got 900, 900'

# SIGHUP costs nothing: the call in flight ends as it would have.
cat >"$tmp/slow" <<EOF2
#!/bin/sh
while read -r n; do
	echo "\$PPID" >"$tmp/channel.new"
	mv "$tmp/channel.new" "$tmp/channel"
	until [ -e "$tmp/go" ]; do sleep 0.05; done
	echo \$((n * 2))
done
EOF2
chmod +x "$tmp/slow"
start slow sh -c 'exec lambda-call -L -T "$1" -x "|lambda-channel -c 1 \
    -w line double $0/slow" double <"$0/one"' "$tmp" "$hang"
slow=$pid
until_true test -s "$tmp/channel" || fail "no call to the slow worker"
kill -HUP "$(cat "$tmp/channel")"
touch "$tmp/go"
wait "$slow"
same "$? $(grep -v ': no capacity yet: ' "$tmp/slow.log")" '0 42'
echo passed
