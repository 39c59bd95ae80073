#!/bin/sh
# Unmodified Erlang nodes find each other on two hosts without DNS and without epmd:
# by a hosts file and by the epmd module; and a third host, from which one is not
# local. What one host has to do is in t/discovery.sh.
. "$(dirname "$0")/lib.sh"

need erl epmd
hosts a b c
erlang
helper epmdtalk
epmdtalk=$top/t/epmdtalk
mkdir "$tmp/rel"
lambda-discovery -E >"$tmp/rel/lambda_epmd.erl"
(cd "$tmp/rel" && erlc -Werror lambda_epmd.erl) || fail "-E does not compile"

# stock HOSTSFILE COMMAND ...: on a host that is called stockhost
stock() {
	file=$1
	shift
	# shellcheck disable=SC2016
	on a unshare -mu sh -c 'mount --bind "$0" /etc/hosts &&
	    hostname stockhost && exec "$@"' "$file" "$@"
}

# As Debian sets it up; by plain names, and with a node on another address, which
# only the module's way to ask needs to know.
own() { # WAY IP OPTION...: a node finds another one of its own host
	way=$1 ip=$2
	shift 2
	printf '127.0.0.1 localhost\n%s stockhost\n' "$ip" >"$tmp/etc.hosts"
	start "own.$way" stock "$tmp/etc.hosts" lambda-discovery
	logged "own.$way" 'listening on 127.0.1.1:4369'
	start "own.node.$way" stock "$tmp/etc.hosts" node -sname own "$@" \
	    -eval "$stays"
	logged "own.node.$way" '^up$'
	on a epmd -names | grep -q "name own at port" ||
	    fail "$way: the node is not registered"
	tells 0 '^pong$' stock "$tmp/etc.hosts" node -sname "ask$$" "$@" -eval \
	    "io:format(\"~p~n\", [net_adm:ping('own@stockhost')]), halt()."
}
own debian 127.0.1.1
tells 0 '"own"' stock "$tmp/etc.hosts" node -sname "ask$$" -eval \
    'io:format("~p~n", [net_adm:names()]), halt().'
idle a
own elsewhere 10.77.0.1 -pa "$tmp/rel" -epmd_module lambda_epmd \
    -kernel inet_dist_use_interface '{10,77,0,1}'
idle a
own six fd77::1 -pa "$tmp/rel" -epmd_module lambda_epmd -proto_dist inet6_tcp
idle a
echo "on its own host: by its name on 127.0.1.1, on another interface, IPv6"
head -c 32 /dev/urandom >"$tmp/key"
chmod 600 "$tmp/key"
LAMBDA_KEY=$tmp/key
export LAMBDA_KEY
echo 10.77.0.1:4370 >"$tmp/authorities"
start authority on a lambda-authority -l 10.77.0.1:4370
logged authority listening

# What clients on other hosts may not do; epmd listens everywhere.
port=24369
start far on b lambda-discovery -p "$port" -l 10.77.0.2
far=$pid
logged far 'listening on 10.77.0.2'
on c "$epmdtalk" -r "10.77.0.2:$port" >"$tmp/far.ours" || fail "from c"
stop "$far"
start farepmd on b epmd -port "$port"
far=$pid
until_true on c "$epmdtalk" -r "10.77.0.2:$port"
on c "$epmdtalk" -r "10.77.0.2:$port" >"$tmp/far.epmds" || fail "from c"
stop "$far"
diff "$tmp/far.epmds" "$tmp/far.ours" >"$tmp/diff.log" ||
    fail "answers from elsewhere differ"
echo "$(wc -l <"$tmp/far.ours") more from another host"

discover() { # HOST IP OPTION...: a broker, and lambda-discovery after it
	host=$1 ip=$2
	shift 2
	# shellcheck disable=SC2016
	# tee shows in the log what the broker prints.
	start "discovery.$host" on "$host" sh -c '
		in=$0; ip=$1; shift
		lambda-broker -m twice -l "$ip:4371" <"$in" | tee -a /dev/stderr |
		    lambda-discovery "$@"' "$tmp/authorities" "$ip" "$@"
	eval "pipe_$host=\$pid"
	until_true test -S "$tmp/run.$host/broker" || fail "broker on $host"
	logged "discovery.$host" 'discovery: listening'
}

server() { # PORT: the node on b, at that port
	# shellcheck disable=SC2086
	start server on b node $b_args -sname server@b \
	    -kernel inet_dist_listen_min "$1" inet_dist_listen_max "$1" \
	    -eval "$stays"
	server=$pid
}

# ask EXPRESSION: what it is on a node of a
asker=0
ask() {
	asker=$((asker + 1))
	# shellcheck disable=SC2086
	on a timeout "$hang" node $a_args -sname "ask$asker@a" -eval \
	    "io:format(\"~p~n\", [$1]), halt()."
}
pong() { [ "$(ask "net_adm:ping('server@b')")" = pong ]; }

# The node of a that stays, and asks again and again.
watcher() {
	# shellcheck disable=SC2086
	start watcher on a node $a_args -sname watcher@a -eval '
		F = fun F(Last) ->
		    Now = net_adm:ping(list_to_atom("server@b")),
		    case Now of
			Last -> ok;
			_ -> io:format("now ~p~n", [Now])
		    end,
		    timer:sleep(100), F(Now)
		end, F(none).'
	watcher=$pid
}

both_ways() { # WAY
	start listener on b lambda-listener -n server@b -l 10.77.0.2:0 \
	    -w line twice sh -c 'while read -r n; do echo $((2 * n)); done'
	listener=$pid
	server 9105
	logged listener 'server@b is at port 9105'
	start plb on a sh -c 'while sleep 0.2; do echo 21; done |
	    lambda-call -L twice'
	plb=$pid
	logged plb 42
	logged discovery.a 'server@b 10.77.0.2 9105'
	until_true pong || fail "$1: no pong"
	same "$(ask "rpc:call('server@b', erlang, node, [])")" server@b
	[ "$1" = module ] || grep -q '^10\.77\.0\.2 b$' "$tmp/hosts.a" ||
	    fail "no b in the hosts file"
	watcher
	logged watcher 'now pong'
	began=$(date +%s)
	kill -9 "$server"
	logged watcher 'now pang'
	logged listener 'node server@b is gone'
	server 9106
	until_true sh -c \
	    'sed 1,/pang/d "$0" | grep -q pong' "$tmp/watcher.log" ||
	    fail "$1: not found again after it restarted on another port"
	echo "$1: pong, rpc; restarted on another port, found again" \
	    "after $(($(date +%s) - began)) s"
	stop "$watcher" KILL
	stop "$server" KILL
	stop "$plb" KILL
	stop "$listener"
}

none_started() {
	for pid in $(ip netns pids "${net}a") $(ip netns pids "${net}b"); do
		[ "$(name_of "$pid")" != epmd ] || fail "there is an epmd"
	done
	return 0
}

# (a) a hosts file; lambda-discovery listens where others reach it.
cat >"$tmp/inetrc" <<END
{hosts_file, "$tmp/hosts.a"}.
{lookup, [file]}.
END
discover a 10.77.0.1 -H "$tmp/hosts.a" -l 10.77.0.1
discover b 10.77.0.2 -l 10.77.0.2
a_args="-kernel inetrc \"$tmp/inetrc\"" b_args=
both_ways "hosts file"
none_started
for host in a b; do
	for pid in $(ip netns pids "$net$host"); do
		case $(name_of "$pid") in
		lambda-broker | lambda-discovery) kill "$pid" ;;
		esac
	done
	eval "wait \$pipe_$host"
done

# (b) the module; neither listens but on loopback.
rm "$tmp"/discovery.?.log "$tmp"/listener.log "$tmp"/plb.log \
    "$tmp"/watcher.log
discover a 10.77.0.1
discover b 10.77.0.2
a_args="-pa $tmp/rel -epmd_module lambda_epmd" b_args=$a_args
both_ways "module"
none_started
echo passed
