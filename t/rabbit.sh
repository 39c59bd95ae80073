#!/bin/sh
# RabbitMQ as it is packaged, in a cluster of two hosts without DNS and without
# epmd: lambda-discovery answers its nodes, and a hosts file has the addresses that
# brokers have followed. One node ends, and is found again when it is back.
# shellcheck disable=SC2016 # for other shells
. "$(dirname "$0")/lib.sh"

need erl epmd rabbitmq-server
rabbit=/usr/lib/rabbitmq/bin
[ -x "$rabbit/rabbitmq-server" ] || skip "rabbitmq-server is not at $rabbit"
hosts a b
unset ERL_EPMD_PORT ERL_EPMD_ADDRESS ERL_EPMD_RELAXED_COMMAND_CHECK
(umask 077 && head -c 32 /dev/urandom >"$tmp/key")
LAMBDA_KEY=$tmp/key
export LAMBDA_KEY
echo 10.77.0.1:4370 >"$tmp/authorities"
start authority on a lambda-authority -l 10.77.0.1:4370
logged authority ready

for host in a b; do
	n=1
	[ "$host" = a ] || n=2
	mkdir -p "$tmp/$host"
	(umask 077; echo secret >"$tmp/$host/.erlang.cookie")
	printf '{hosts_file, "%s"}.\n{lookup, [file]}.\n' "$tmp/hosts.$host" \
	    >"$tmp/$host/inetrc"
	# What runs on a host of that name.
	cat >"$tmp/bin/at_$host" <<END
#!/bin/sh
HOME=$tmp/$host
ERL_INETRC=$tmp/$host/inetrc
RABBITMQ_NODENAME=rabbit@$host
RABBITMQ_CONF_ENV_FILE=/dev/null
RABBITMQ_CONFIG_FILE=$tmp/$host/rabbitmq
RABBITMQ_MNESIA_BASE=$tmp/$host/mnesia
RABBITMQ_LOG_BASE=$tmp/$host
RABBITMQ_ENABLED_PLUGINS_FILE=$tmp/$host/plugins
RABBITMQ_PID_FILE=$tmp/$host/pid
RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='+S 1:1'
export HOME ERL_INETRC RABBITMQ_NODENAME RABBITMQ_CONF_ENV_FILE \\
    RABBITMQ_CONFIG_FILE RABBITMQ_MNESIA_BASE RABBITMQ_LOG_BASE \\
    RABBITMQ_ENABLED_PLUGINS_FILE RABBITMQ_PID_FILE \\
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS
exec on $host unshare -u sh -c 'hostname $host; exec "\$@"' sh "\$@"
END
	chmod +x "$tmp/bin/at_$host"
	start "discovery.$host" "at_$host" sh -c '
		lambda-broker -m rabbit <"$0" | tee -a /dev/stderr |
		    lambda-discovery -H "$1" -l "$2"' "$tmp/authorities" \
	    "$tmp/hosts.$host" "10.77.0.$n"
	logged "discovery.$host" 'linked to authority'
	logged "discovery.$host" "listening on 10.77.0.$n:4369"
	start "listener.$host" on "$host" lambda-listener -n "rabbit@$host" \
	    -l "10.77.0.$n:0" -w line rabbit cat
done
ctl() { # HOST COMMAND...
	host=$1
	shift
	timeout "$hang" "at_$host" "$rabbit/rabbitmqctl" -q "$@" >"$tmp/ctl" 2>&1
}
up() { # HOST: its node
	start "rabbit.$1" "at_$1" "$rabbit/rabbitmq-server"
	eval "rabbit_$1=\$pid"
	until_true ctl "$1" await_startup ||
	    fail "rabbit@$1 does not start: $(cat "$tmp/ctl")"
	for other in a b; do
		logged "discovery.$other" "^rabbit@$1 10.77.0"
	done
}
up a
up b
ctl b stop_app || fail "$(cat "$tmp/ctl")"
ctl b join_cluster rabbit@a || fail "$(cat "$tmp/ctl")"
ctl b start_app || fail "$(cat "$tmp/ctl")"
both() { # what HOST says of nodes that run
	ctl "$1" cluster_status --formatter json &&
	    tr -d ' \n' <"$tmp/ctl" |
	    grep -q '"running_nodes":\["rabbit@[ab]","rabbit@[ab]"\]'
}
for host in a b; do
	until_true both "$host" || fail "$host: $(cat "$tmp/ctl")"
done
# What is made by the one is seen by the other.
ctl a add_vhost shared || fail "$(cat "$tmp/ctl")"
sees() {
	ctl b list_vhosts && grep -qx shared "$tmp/ctl"
}
until_true sees || fail "b does not see it: $(cat "$tmp/ctl")"

# Back again, at the same port or another one.
ctl b stop || fail "$(cat "$tmp/ctl")"
# shellcheck disable=SC2154
wait "$rabbit_b"
up b
for host in a b; do
	until_true both "$host" || fail "$host: $(cat "$tmp/ctl")"
done
for p in $(ip netns pids "${net}a") $(ip netns pids "${net}b"); do
	[ "$(name_of "$p")" != epmd ] || fail "there is an epmd"
done
for host in a b; do
	ctl "$host" stop
done
# shellcheck disable=SC2154
wait "$rabbit_a" "$rabbit_b"
echo passed
