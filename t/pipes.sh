#!/bin/sh
# bootstrap | broker | discovery, and each of them replaced by, or joined
# through, the ordinary tools.
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
echo passed
