#!/bin/sh
# Unmodified Erlang nodes find each other through lambda-discovery: its answers
# beside those of the real epmd; everything on one host that works with epmd;
# two hosts (network namespaces) without DNS and without epmd, by a hosts file
# and by the epmd module.
. "$(dirname "$0")/lib.sh"

need erl epmd
unset ERL_EPMD_PORT ERL_EPMD_ADDRESS ERL_EPMD_RELAXED_COMMAND_CHECK
HOME=$tmp
export HOME
# shellcheck disable=SC3045 # 1000 nodes; where it cannot, it stays
ulimit -n "$(ulimit -H -n)" 2>/dev/null
epmdtalk=$top/t/epmdtalk
activate=$top/t/activate

# 0. Who says nothing is closed after a minute: compared at the end.

start idle lambda-discovery -p 0
port=$(address idle)
start idle.ours "$epmdtalk" -i "$port"
idle_ours=$pid
start spare lambda-discovery -p 0
port=$(address spare)
port=${port##*:}
stop "$pid"
start idlepmd epmd -port "$port"
until_true 10 epmd -port "$port" -names || fail "epmd does not start"
start idle.epmds "$epmdtalk" -i "127.0.0.1:$port"
idle_epmds=$pid

# 1. Answers beside epmd's.

start free lambda-discovery -p 0
port=$(address free)
port=${port##*:}
"$epmdtalk" "127.0.0.1:$port" >"$tmp/ours" || fail "exchanges with ours"
wait "$pid" || fail "killed, but its exit is $?"
start relaxed env ERL_EPMD_RELAXED_COMMAND_CHECK=1 \
    lambda-discovery -p "$port"
logged relaxed listening
"$epmdtalk" -x "127.0.0.1:$port" >>"$tmp/ours" || fail "relaxed: ours"
wait "$pid" || fail "killed, but its exit is $?"

start epmd epmd -port "$port"
until_true 10 epmd -port "$port" -names || fail "epmd does not start"
"$epmdtalk" "127.0.0.1:$port" >"$tmp/epmds" || fail "exchanges with epmd"
wait "$pid"
start epmdx epmd -port "$port" -relaxed_command_check
until_true 10 epmd -port "$port" -names || fail "epmd does not start"
"$epmdtalk" -x "127.0.0.1:$port" >>"$tmp/epmds" || fail "relaxed: epmd"
wait "$pid"
diff "$tmp/epmds" "$tmp/ours" | cut -c 1-200 >"$tmp/diff.log"
[ -s "$tmp/diff.log" ] && fail "answers differ: < epmd > ours"
n=$(wc -l <"$tmp/ours")
[ "$n" -ge 80 ] || fail "only $n exchanges"
echo "$n exchanges like epmd's"
rm -f "$tmp"/epmd.log "$tmp"/epmdx.log "$tmp"/free.log

# 2. What works with epmd.

mkdir -p "$tmp/bin"
PATH=$tmp/bin:$PATH
printf '#!/bin/sh\nexec erl -noshell -noinput -setcookie c "$@"\n' \
    >"$tmp/bin/node"
chmod +x "$tmp/bin/node"
start here lambda-discovery -p "$port"
here=$pid
logged here listening
ERL_EPMD_PORT=$port
export ERL_EPMD_PORT
epmd -names >"$tmp/told" || fail "epmd -names"
same "$(cat "$tmp/told")" \
    "epmd: up and running on port $port with data:"

eval_there='process_flag(trap_exit, true), receive never -> ok end.'
start one node -sname one@localhost -eval "$eval_there"
one=$pid
until_true 20 sh -c 'epmd -names | grep -q "name one at port"' ||
    fail "the node does not register"
tell() { # PATTERN OPTIONS EXPRESSION [HOST]: a node says something of that kind
	# shellcheck disable=SC2086
	tells 0 "$1" node $2 "asker$$@${4:-localhost}" -eval \
	    "io:format(\"~p~n\", [$3]), halt()."
}
tell '^pong$' -sname "net_adm:ping('one@localhost')"
tell '^one@localhost$' -sname \
    "rpc:call('one@localhost', erlang, node, [])"
tell '"one"' -sname 'net_adm:names(localhost)'
tell '"one"' -sname 'begin {ok, N} = net_adm:names({127,0,0,1}), N end'
tell '^pong$' '-hidden -sname' "net_adm:ping('one@localhost')"

# Restarted at once under the same name, however it ended.
for signal in TERM KILL; do
	stop "$one" "$signal"
	start one node -sname one@localhost -eval "$eval_there"
	one=$pid
	until_true 20 sh -c 'epmd -names | grep -q "name one at port"' ||
	    fail "the node does not register after SIG$signal"
	kill -0 "$one" || fail "refused after SIG$signal"
done
tell '^pong$' -sname "net_adm:ping('one@localhost')"
tells 1 'in use\|duplicate\|already' node -sname one@localhost -eval 'halt(0).'
stop "$one"

# Long names, and IPv6.
start long node -name long@127.0.0.1 -eval "$eval_there"
long=$pid
until_true 20 sh -c 'epmd -names | grep -q "name long at port"' || fail "-name"
tell '^pong$' -name "net_adm:ping('long@127.0.0.1')" 127.0.0.1
stop "$long"
six=", IPv6"
if grep -q 'listening on \[::1\]' "$tmp/here.log"; then
	start six node -proto_dist inet6_tcp -name six@::1 \
	    -eval "$eval_there"
	six=$pid
	until_true 20 sh -c 'epmd -names | grep -q "name six at port"' ||
	    fail "IPv6"
	tells 0 '^pong$' node -proto_dist inet6_tcp -name "ask$$@::1" -eval \
	    "io:format(\"~p~n\", [net_adm:ping('six@::1')]), halt()."
	stop "$six"
	six=", IPv6"
else
	six=
	echo "not run for want of ::1: IPv6"
fi

# A release: no module is loaded but those of its applications.
mkdir "$tmp/rel"
lambda-discovery -E >"$tmp/rel/lambda_epmd.erl"
(cd "$tmp/rel" && erlc -Werror lambda_epmd.erl) || fail "-E does not compile"
cat >"$tmp/rel/finder.app" <<'END'
{application, finder, [{description, ""}, {vsn, "1"}, {registered, []},
    {modules, [lambda_epmd]}, {applications, [kernel, stdlib]}]}.
END
cat >"$tmp/rel/vm.args" <<'END'
-sname release@localhost
-setcookie c
-epmd_module lambda_epmd
END
cat >"$tmp/rel/make.escript" <<'END'
#!/usr/bin/env escript
main(_) ->
    V = fun(A) -> application:load(A),
	{ok, Vsn} = application:get_key(A, vsn), {A, Vsn} end,
    ok = file:write_file("start.rel", io_lib:format("~p.~n",
	[{release, {"finder", "1"}, {erts, erlang:system_info(version)},
	    [V(kernel), V(stdlib), {finder, "1"}]}])),
    ok = systools:make_script("start", [local, no_warn_sasl,
	{path, ["."]}]).
END
(cd "$tmp/rel" && escript make.escript) || fail "no release"
start one node -sname one@localhost -eval "$eval_there"
one=$pid
start release erl -noinput -boot "$tmp/rel/start" -mode embedded \
    -args_file "$tmp/rel/vm.args"
release=$pid
until_true 20 sh -c 'epmd -names | grep -q "name release at port"' ||
    fail "the release does not start"
until_true 20 sh -c 'epmd -names | grep -q "name one at port"' || fail "no node"
tell '^pong$' -sname "net_adm:ping('release@localhost')"
tell '^pong$' -sname \
    "rpc:call('release@localhost', net_adm, ping, ['one@localhost'])"
tell 'lambda_epmd.beam' -sname \
    "rpc:call('release@localhost', code, is_loaded, [lambda_epmd])"
stop "$release"
stop "$one"
until_true 10 sh -c '[ "$(epmd -names | wc -l)" -eq 1 ]' ||
    fail "names of nodes that ended: $(epmd -names)"
epmd -kill >"$tmp/told" || fail "epmd -kill"
wait "$here" || fail "killed, but its exit is $?"
unset ERL_EPMD_PORT
echo "on one host: names, ping, rpc, restart, hidden, long names, a release$six"

# Sockets that a supervisor passes: all are served, and each has to listen.
start passed "$activate" listen:=127.0.0.1:0 listen:=127.0.0.5:0 \
    lambda-discovery
passed=$pid
for one in 127.0.0.1 127.0.0.5; do
	logged passed "lambda-discovery: listening on $one"
	at=$(sed -n "s/.*discovery: listening on \($one:.*\)/\1/p" \
	    "$tmp/passed.log")
	printf '\000\002zx' >"$tmp/request"
	same "$("$epmdtalk" -1 "$at" <"$tmp/request")" 'w\01'
done
stop "$passed"
tells 0 '^exit 100$' "$activate" listen:=127.0.0.1:0 "listen:=$tmp/unix" \
    lambda-discovery
grep -q 'descriptor 4 is not a listening TCP socket' "$tmp/told" ||
    fail "$(cat "$tmp/told")"

# A port that is none, a descriptor that is not for this, two ports.
for command in 'lambda-authority -l 127.0.0.1:0 -n x' lambda-discovery \
    'lambda-bootstrap -1 epmd:x' 'lambda-listener -n x@y m cat'; do
	for bad in 4369x 0 65536 http; do
		# shellcheck disable=SC2086
		ERL_EPMD_PORT=$bad tells 100 "ERL_EPMD_PORT=$bad: give a port" \
		    env $command
	done
done
for command in 'lambda-authority -l 127.0.0.1:0' lambda-broker \
    'lambda-exchange m' 'lambda-listener m cat' 'lambda-plb m' \
    lambda-discovery; do
	# shellcheck disable=SC2086
	tells 100 '-d 1: give a whole number from 3 to 65535' \
	    env ${command%% *} -d 1
done
tells 100 'its port is not that of -p, 14503' \
    lambda-discovery -l 127.0.0.1:14502 -p 14503

# What is gone from a file of contacts is gone once it is read again.
port_of() { # NODE: what is answered for it, in hexadecimal
	# shellcheck disable=SC2059
	printf "\\000\\$(printf %03o $((${#1} + 1)))z$1" >"$tmp/request"
	"$epmdtalk" -1 "$at" <"$tmp/request"
}
echo 'x@y 10.0.0.2 258
z@y 10.0.0.3 259' >"$tmp/nodes"
# shellcheck disable=SC2016
start again sh -c 'exec lambda-discovery -p 0 -H "$0/hosts" <"$0/nodes"' "$tmp"
again=$pid
at=$(address again)
until_true 10 sh -c 'grep -q "^10.0.0.3 y" "$0"' "$tmp/hosts" || fail "no hosts"
same "$(port_of z@y)" 'w\00\01\03'
echo 'x@y 10.0.0.2 258' >"$tmp/nodes"
kill -HUP "$again"
until_true 10 sh -c 'grep -q "^10.0.0.2 y" "$0"' "$tmp/hosts" ||
    fail "SIGHUP: $(cat "$tmp/hosts")"
same "$(port_of z@y)" 'w\01'
same "$(port_of x@y)" 'w\00\01\02'
stop "$again"

# 3. Two hosts, and a third from which one is not local.

hosts a b c

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
	    -eval "$eval_there"
	until_true 20 on a sh -c 'epmd -names | grep -q "name own at port"' ||
	    fail "$way: the node does not register"
	tells 0 '^pong$' stock "$tmp/etc.hosts" node -sname "ask$$" "$@" -eval \
	    "io:format(\"~p~n\", [net_adm:ping('own@stockhost')]), halt()."
}
own debian 127.0.1.1
tells 0 '"own"' stock "$tmp/etc.hosts" node -sname "ask$$" -eval \
    'io:format("~p~n", [net_adm:names()]), halt().'
ends_own() {
	for pid in $(ip netns pids "${net}a"); do
		kill "$pid"
	done
	until_true 10 sh -c 'test -z "$(ip netns pids "$0")"' "${net}a" ||
	    fail "$(ip netns pids "${net}a" | xargs ps -o args= -p) stays"
}
ends_own
own elsewhere 10.77.0.1 -pa "$tmp/rel" -epmd_module lambda_epmd \
    -kernel inet_dist_use_interface '{10,77,0,1}'
ends_own
own six fd77::1 -pa "$tmp/rel" -epmd_module lambda_epmd -proto_dist inet6_tcp
ends_own
echo "on its own host: by its name on 127.0.1.1, on another interface, IPv6"
head -c 32 /dev/urandom >"$tmp/key"
chmod 600 "$tmp/key"
LAMBDA_KEY=$tmp/key
export LAMBDA_KEY
echo 10.77.0.1:4370 >"$tmp/authorities"
start authority on a lambda-authority -l 10.77.0.1:4370
logged authority listening

# What clients on other hosts may not do; epmd listens everywhere.
start far on b lambda-discovery -p "$port" -l 10.77.0.2
far=$pid
logged far 'listening on 10.77.0.2'
on c "$epmdtalk" -r "10.77.0.2:$port" >"$tmp/far.ours" || fail "from c"
stop "$far"
start farepmd on b epmd -port "$port"
far=$pid
until_true 10 on c "$epmdtalk" -r "10.77.0.2:$port"
on c "$epmdtalk" -r "10.77.0.2:$port" >"$tmp/far.epmds" || fail "from c"
stop "$far"
diff "$tmp/far.epmds" "$tmp/far.ours" >"$tmp/diff.log" ||
    fail "answers from elsewhere differ"
echo "$(wc -l <"$tmp/far.ours") more from another host"

discover() { # HOST IP OPTION...: a broker, and lambda-discovery behind it
	host=$1 ip=$2
	shift 2
	# shellcheck disable=SC2016
	# tee shows in the log what the broker prints.
	start "discovery.$host" on "$host" sh -c '
		in=$0; ip=$1; shift
		lambda-broker -l "$ip:4371" <"$in" | tee -a /dev/stderr |
		    lambda-discovery "$@"' "$tmp/authorities" "$ip" "$@"
	eval "pipe_$host=\$pid"
	until_true 10 test -S "$tmp/run.$host/broker" || fail "broker on $host"
	logged "discovery.$host" 'discovery: listening'
}

server() { # PORT: the node on b, at that port
	# shellcheck disable=SC2086
	start server on b node $b_args -sname server@b \
	    -kernel inet_dist_listen_min "$1" inet_dist_listen_max "$1" \
	    -eval "$eval_there"
	server=$pid
}

# ask EXPRESSION: what it is on a node of a
asker=0
ask() {
	asker=$((asker + 1))
	# shellcheck disable=SC2086
	on a timeout 20 node $a_args -sname "ask$asker@a" -eval \
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
	logged listener 'server@b is at port 9105' 20
	start plb on a sh -c 'while sleep 0.2; do echo 21; done |
	    lambda-call -L twice'
	plb=$pid
	logged plb 42
	logged discovery.a 'server@b 10.77.0.2 9105'
	until_true 20 pong || fail "$1: no pong"
	same "$(ask "rpc:call('server@b', erlang, node, [])")" server@b
	[ "$1" = module ] || grep -q '^10\.77\.0\.2 b$' "$tmp/hosts.a" ||
	    fail "no b in the hosts file"
	watcher
	logged watcher 'now pong'
	began=$(date +%s%N)
	kill -9 "$server"
	logged watcher 'now pang'
	server 9106
	until_true 20 sh -c \
	    'sed 1,/pang/d "$0" | grep -q pong' "$tmp/watcher.log" ||
	    fail "$1: not found again after it restarted on another port"
	echo "$1: pong, rpc; restarted on another port, found again" \
	    "after $((($(date +%s%N) - began) / 1000000)) ms"
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

# A hosts file that changes, once and then again at once: nodes see it in time.
mkfifo "$tmp/lines"
cat >"$tmp/inetrc" <<END
{hosts_file, "$tmp/hosts.late"}.
{lookup, [file]}.
END
# shellcheck disable=SC2016
start late sh -c 'exec lambda-discovery -p 0 -H "$0/hosts.late" <"$0/lines"' \
    "$tmp"
exec 8>"$tmp/lines"
logged late 'listening on'
start looker erl -noinput -kernel inetrc "\"$tmp/inetrc\"" -eval '
	F = fun F(N) ->
	    case inet:getaddr("h" ++ integer_to_list(N), inet) of
		{ok, _} -> io:format("sees h~b~n", [N]), F(N + 1);
		_ -> timer:sleep(50), F(N)
	    end
	end, io:format("looks~n"), F(1).'
logged looker looks
for n in 1 3; do
	began=$(date +%s%N)
	echo "x@h$n 10.0.0.$n 9100" >&8
	until_true 5 grep -q "h$n\$" "$tmp/hosts.late" || fail "h$n: not written"
	echo "x@h$((n + 1)) 10.0.0.$((n + 1)) 9100" >&8
	logged looker "sees h$((n + 1))"
	ms=$((($(date +%s%N) - began) / 1000000))
	echo "changes of the hosts file show after $ms ms"
	[ "$ms" -le "$(bound 5700)" ] || fail "the hosts file is late: $ms ms"
done
exec 8>&-

# 0, again.
wait "$idle_ours" "$idle_epmds"
same "$(cat "$tmp/idle.ours.log")" "$(cat "$tmp/idle.epmds.log")"
same "$(grep -c 'closed after a minute' "$tmp/idle.ours.log")" 2
echo "who says nothing is closed like epmd does it"
