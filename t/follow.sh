#!/bin/sh
# A host that calls nothing knows the Erlang nodes of the modules that its broker
# follows: those that are there, those that come, and those that move. And what
# lambda-discovery does beside a real epmd: taking over from one that has nodes,
# restarting without a gap, addresses that are given twice.
# shellcheck disable=SC2016 # for other shells
. "$(dirname "$0")/lib.sh"

need erl epmd
hosts a b c
erlang
helper activate
activate=$top/t/activate
(umask 077 && head -c 32 /dev/urandom >"$tmp/key")
LAMBDA_KEY=$tmp/key
export LAMBDA_KEY
epmds() { # the real ones that run on HOST
	for p in $(ip netns pids "$net$1"); do
		[ "$(name_of "$p")" != epmd ] || echo "$p"
	done
}
named() { # HOST NAME: it is registered there
	on "$1" epmd -names | grep -q "^name $2 at port"
}

# c follows; b has the node, at first one of its listeners, and then another.
echo 10.77.0.1:4370 >"$tmp/authorities"
start authority on a lambda-authority -l 10.77.0.1:4370
logged authority ready
start discovery.c on c sh -c 'lambda-broker -m twice -m none <"$0" |
    tee -a /dev/stderr | lambda-discovery -H "$1"' "$tmp/authorities" \
    "$tmp/hosts.c"
start discovery.b on b sh -c 'lambda-broker <"$0" |
    lambda-discovery -l 10.77.0.2' "$tmp/authorities"
for host in b c; do
	logged "discovery.$host" 'linked to authority'
	logged "discovery.$host" 'lambda-discovery: listening'
done
start listener on b lambda-listener -n server@b -l 10.77.0.2:0 -w line twice cat
server() { # PORT
	start server on b node -sname server@b -kernel inet_dist_listen_min "$1" \
	    inet_dist_listen_max "$1" -eval "$stays"
	server=$pid
	logged discovery.c "server@b 10.77.0.2 $1"
}
cat >"$tmp/inetrc" <<END
{hosts_file, "$tmp/hosts.c"}.
{lookup, [file]}.
END
asked=0
pong() { # from c
	asked=$((asked + 1))
	on c timeout "$hang" node -kernel inetrc "\"$tmp/inetrc\"" \
	    -sname "ask$asked@c" -eval \
	    "io:format(\"~p~n\", [net_adm:ping('server@b')]), halt()." |
	    grep -q '^pong$'
}
server 9105
until_true pong || fail "no pong from a host that calls nothing"
stop "$server" KILL
server 9106
until_true pong || fail "no pong after it moved"
# An exchange in place of one that was killed tells it anew.
killed=0
for p in $(ip netns pids "${net}a"); do
	[ "$(name_of "$p")" = lambda-exchange ] || continue
	kill -KILL "$p"
	killed=$((killed + 1))
done
[ "$killed" -gt 0 ] || fail "there is no exchange"
start other on b lambda-listener -n other@b -l 10.77.0.2:0 -w line twice cat
start node.other on b node -sname other@b -kernel inet_dist_listen_min 9107 \
    inet_dist_listen_max 9107 -eval "$stays"
logged discovery.c 'other@b 10.77.0.2 9107'
on c lambda-ctl orders | grep . && fail "a host that calls nothing has orders"
same "$(on c lambda-ctl contacts | awk "$of"'{ print $2, of("port") }' | sort)" "$(printf \
    'other@b 9107\nserver@b 9106')"
tells 100 "module name 'a b'" lambda-broker -m 'a b'
idle a b c

# From a real epmd that has nodes: epmd -kill is refused; ending it by its process
# id is not, and the nodes register again.
start epmd on a epmd
until_true on a epmd -names || fail "no epmd"
start first on a node -sname first@localhost -eval "$stays"
logged first '^up$'
tells 1 'Killing not allowed' on a epmd -kill
tells 111 'is an epmd running? kill its process: nodes register again' \
    on a lambda-discovery
for p in $(epmds a); do
	kill "$p"
done
no_epmd() {
	[ -z "$(epmds a)" ]
}
until_true no_epmd || fail "epmd stays"
start takes on a lambda-discovery
until_true named a first || fail "the node does not register again"
idle a

# A supervisor that keeps the socket: who comes while lambda-discovery is down
# waits, and no epmd is started in its place.
cat >"$tmp/keeper" <<'END'
while :; do
	sh -c 'LISTEN_PID=$$; export LISTEN_PID; exec lambda-discovery'
	echo ended
	until [ -e "$0.again" ]; do sleep 0.05; done
	rm "$0.again"
done
END
start keeper on a "$activate" listen:=127.0.0.1:4369 sh "$tmp/keeper"
logged keeper 'lambda-discovery: listening on 127.0.0.1:4369'
start early on a node -sname early@localhost -eval "$stays"
logged early '^up$'
discovery() {
	for p in $(ip netns pids "${net}a"); do
		[ "$(name_of "$p")" != lambda-discovery ] || echo "$p"
	done
}
kill "$(discovery)"
logged keeper '^ended$'
start late on a node -sname late@localhost -eval "$stays"
waits() { # somebody, in the backlog
	on a ss -Hltn sport = :4369 | awk '$2 > 0 { some = 1 } END { exit !some }'
}
until_true waits || fail "nobody waits"
no_epmd || fail "there is an epmd"
touch "$tmp/keeper.again"
logged late '^up$'
for name in early late; do
	until_true named a "$name" || fail "$name is not registered"
done
no_epmd || fail "there is an epmd"
idle a

# Without that: -start_epmd false starts none; the node ends, and has to be started
# again.
on a timeout "$hang" node -start_epmd false -sname none@localhost \
    -eval "$stays" >"$tmp/none.log" 2>&1 && fail "it starts without epmd"
no_epmd || fail "there is an epmd"
start sole on a lambda-discovery
logged sole 'listening on 127.0.0.1:4369'
start with on a node -start_epmd false -sname with@localhost -eval "$stays"
logged with '^up$'
idle a

# Addresses that are given twice, or that another one covers.
start covered on a lambda-discovery -l 10.77.0.1 -l 10.77.0.1 -l 0.0.0.0 -l fd77::1
logged covered 'listening on \[fd77::1\]:4369'
same "$(grep -c 'another one covers it' "$tmp/covered.log")" 2
same "$(grep -c 'listening on 0.0.0.0:4369' "$tmp/covered.log")" 1
idle a
start covered2 on a lambda-authority -l 10.77.0.1:4370 -l 10.77.0.1:4370 \
    -l 127.0.0.1:0 -l 127.0.0.1:0
logged covered2 ready
same "$(grep -c 'another one covers it' "$tmp/covered2.log")" 1
same "$(grep -c 'listening on' "$tmp/covered2.log")" 3
echo passed
