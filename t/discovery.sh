#!/bin/sh
# Unmodified Erlang nodes find each other through lambda-discovery on one host: its
# answers beside those of the real epmd, everything that works with epmd, and what
# it makes of files of contacts. Several hosts are in t/nodes.sh.
. "$(dirname "$0")/lib.sh"

need erl epmd
unset ERL_EPMD_PORT ERL_EPMD_ADDRESS ERL_EPMD_RELAXED_COMMAND_CHECK
HOME=$tmp
# One scheduler, which does not spin, is enough for each node.
ERL_FLAGS='+S 1:1 +sbwt none'
export HOME ERL_FLAGS
# shellcheck disable=SC3045 # 1000 nodes; where it cannot, it stays
ulimit -n "$(ulimit -H -n)" 2>/dev/null
helper epmdtalk
helper activate
epmdtalk=$top/t/epmdtalk
activate=$top/t/activate

# epmd_at NAME [OPTION...]: the real one, at a port that nobody else has: $port.
# It chooses none itself, and ends at once where another has it.
epmd_at() {
	as=$1
	shift
	until
		start "$as.port" lambda-discovery -p 0
		port=$(address "$as.port")
		port=${port##*:}
		stop "$pid"
		rm "$tmp/$as.port.log"
		start "$as" epmd -port "$port" "$@"
		until_true serves_or_ended || fail "epmd does not start"
		[ -n "$(name_of "$pid")" ]
	do :; done
}
serves_or_ended() {
	[ -z "$(name_of "$pid")" ] || epmd -port "$port" -names
}

# 0. Who says nothing is closed after a minute: compared at the end.

start idle lambda-discovery -p 0
port=$(address idle)
start idle.ours "$epmdtalk" -i "$port"
idle_ours=$pid
epmd_at idlepmd
start idle.epmds "$epmdtalk" -i "127.0.0.1:$port"
idle_epmds=$pid

# 1. Answers beside epmd's.

talk() { # NAME OPTION...: with the one at $port, until it is killed
	whose=$1
	shift
	"$epmdtalk" "$@" "127.0.0.1:$port" >>"$tmp/$whose" ||
	    fail "exchanges: $whose $*"
	wait "$pid" || fail "$whose was killed, but its exit is $?"
}
start free lambda-discovery -p 0
port=$(address free)
port=${port##*:}
talk ours
start relaxed env ERL_EPMD_RELAXED_COMMAND_CHECK=1 lambda-discovery -p 0
port=$(address relaxed)
port=${port##*:}
talk ours -x
epmd_at epmd
talk epmds
epmd_at epmdx -relaxed_command_check
talk epmds -x
diff "$tmp/epmds" "$tmp/ours" | cut -c 1-200 >"$tmp/diff.log"
[ -s "$tmp/diff.log" ] && fail "answers differ: < epmd > ours"
n=$(wc -l <"$tmp/ours")
[ "$n" -ge 80 ] || fail "only $n exchanges"
echo "$n exchanges like epmd's"
rm -f "$tmp"/epmd.log "$tmp"/epmdx.log "$tmp"/free.log

# More clients than there is room for, and more lists than it keeps; epmd has no
# such bounds.
# shellcheck disable=SC2016,SC3045
start few sh -c 'ulimit -n 100 && exec lambda-discovery -p 0'
"$epmdtalk" -c "$(address few)" >"$tmp/crowd" || fail "crowd: $?"
same "$(cat "$tmp/crowd")" '200 of 200 answered beside the silent
1 of 1 answered in the place of one
16 silent ones closed, the last is not
48 nodes
200 of 200 answered beside nodes'
same "$(grep -c 'connections: closing those that' "$tmp/few.log")" 2
logged few '48 nodes are registered: no more are taken'
stop "$pid"
# shellcheck disable=SC3045
if [ "$(ulimit -n)" -ge 4200 ]; then
	start lists lambda-discovery -p 0
	"$epmdtalk" -u "$(address lists)" >"$tmp/crowd" || fail "lists: $?"
	same "$(cat "$tmp/crowd")" '16 lists wait
one is gone, another gets 4108004 bytes'
	logged lists 'clients do not read their lists: 65728064 bytes wait'
	stop "$pid"
else
	echo "not run, for which 4200 descriptors are too few: unread lists"
fi

# 2. What works with epmd.

mkdir -p "$tmp/bin"
PATH=$tmp/bin:$PATH
cat >"$tmp/bin/node" <<'END'
#!/bin/sh
exec erl -noshell -noinput -setcookie c -kernel net_setuptime 120 "$@"
END
chmod +x "$tmp/bin/node"
start here lambda-discovery -p 0
here=$pid
port=$(address here)
port=${port##*:}
ERL_EPMD_PORT=$port
export ERL_EPMD_PORT
epmd -names >"$tmp/told" || fail "epmd -names"
same "$(cat "$tmp/told")" \
    "epmd: up and running on port $port with data:"

# A node that stays says so when it is registered.
stays='io:format("up~n"), receive never -> ok end.'
up() { # NAME LOG: it is registered
	logged "$2" '^up$'
	epmd -names | grep -q "name $1 at port" || fail "$1: no such name"
}
start one node -sname one@localhost -eval "$stays"
one=$pid
up one one
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
	start "one.$signal" node -sname one@localhost -eval "$stays"
	one=$pid
	up one "one.$signal"
done
tell '^pong$' -sname "net_adm:ping('one@localhost')"
tells 1 'in use\|duplicate\|already' node -sname one@localhost -eval 'halt(0).'
stop "$one"

# Long names, and IPv6.
start long node -name long@127.0.0.1 -eval "$stays"
long=$pid
up long long
tell '^pong$' -name "net_adm:ping('long@127.0.0.1')" 127.0.0.1
stop "$long"
six=", IPv6"
if grep -q 'listening on \[::1\]' "$tmp/here.log"; then
	start six node -proto_dist inet6_tcp -name six@::1 -eval "$stays"
	six=$pid
	up six six
	tells 0 '^pong$' node -proto_dist inet6_tcp -name "ask$$@::1" -eval \
	    "io:format(\"~p~n\", [net_adm:ping('six@::1')]), halt()."
	stop "$six"
	six=", IPv6"
else
	six=
	echo "not run, since there is no ::1: IPv6"
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
-kernel net_setuptime 120
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
start again node -sname one@localhost -eval "$stays"
one=$pid
start release erl -noinput -boot "$tmp/rel/start" -mode embedded \
    -args_file "$tmp/rel/vm.args"
release=$pid
until_true sh -c 'epmd -names | grep -q "name release at port"' ||
    fail "the release does not start"
up one again
tell '^pong$' -sname "net_adm:ping('release@localhost')"
tell '^pong$' -sname \
    "rpc:call('release@localhost', net_adm, ping, ['one@localhost'])"
tell 'lambda_epmd.beam' -sname \
    "rpc:call('release@localhost', code, is_loaded, [lambda_epmd])"
stop "$release"
stop "$one"
until_true sh -c '[ "$(epmd -names | wc -l)" -eq 1 ]' ||
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
until_true sh -c 'grep -q "^10.0.0.3 y" "$0"' "$tmp/hosts" || fail "no hosts"
same "$(port_of z@y)" 'w\00\01\03'
echo 'x@y 10.0.0.2 258' >"$tmp/nodes"
kill -HUP "$again"
until_true sh -c 'grep -q "^10.0.0.2 y" "$0"' "$tmp/hosts" ||
    fail "SIGHUP: $(cat "$tmp/hosts")"
same "$(port_of z@y)" 'w\01'
same "$(port_of x@y)" 'w\00\01\02'
stop "$again"

# 3. A hosts file that changes, once and then again at once: nodes see it, though
# its time may be the same.

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
	began=$(date +%s)
	echo "x@h$n 10.0.0.$n 9100" >&8
	until_true grep -q "h$n\$" "$tmp/hosts.late" || fail "h$n: not written"
	echo "x@h$((n + 1)) 10.0.0.$((n + 1)) 9100" >&8
	logged looker "sees h$((n + 1))"
	echo "changes of the hosts file show after $(($(date +%s) - began)) s"
done
exec 8>&-

# 0, again.
wait "$idle_ours" "$idle_epmds"
same "$(cat "$tmp/idle.ours.log")" "$(cat "$tmp/idle.epmds.log")"
same "$(grep -c 'closed after a minute' "$tmp/idle.ours.log")" 2
echo "who says nothing is closed like epmd does it"
echo passed
