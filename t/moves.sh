#!/bin/sh
# The address of a host changes while its module is in use from another host. The
# broker says where the host is now, and calls go there. A filter with retries
# has an answer to every record, in order. It happens three times: once the new
# address is there before the old one goes, once after it, and once a link from
# another address survives.
. "$(dirname "$0")/lib.sh"

hosts authority seller caller
(umask 077 && head -c 32 /dev/urandom >"$tmp/key")
LAMBDA_KEY=$tmp/key
export LAMBDA_KEY

start authority on authority lambda-authority -l 10.77.0.1:4370
for host in seller caller; do
	start "$host" on "$host" sh -c 'echo 10.77.0.1 | lambda-broker'
	logged "$host" 'linked to authority 10.77.0.1:4370'
done
start listener on seller lambda-listener -l 0.0.0.0:0 -c 2 -w line echo cat
flow filter on caller lambda-call -L -R 100 echo

there() { # ADDRESS: an exchange has the seller there
	on seller lambda-ctl orders | grep -q "address $1:" || return
	on authority lambda-ctl -A 10.77.0.1:4370 exchanges |
	    awk '{ print $2 }' >"$tmp/exchanges"
	while read -r exchange; do
		on authority lambda-ctl -A "$exchange" orders </dev/null |
		    grep -q '^sell ' && return
	done <"$tmp/exchanges"
	return 1
}
moved() { # ADDRESS
	began=$(date +%s)
	until_true there "$1" || fail "nobody says that the host is at $1"
	logged seller "this host is at $1 now"
	flow_goes_on "at $1"
	echo "at $1 after $(($(date +%s) - began)) s"
}
until_true there 10.77.0.2 || fail "the module is not on sale"
until_true test -s "$tmp/filter.out" || fail "no call is answered"

ip -n "${net}seller" addr add 10.77.0.12/24 dev eth0
ip -n "${net}seller" addr del 10.77.0.2/24 dev eth0
# Where the kernel takes the others of the network away with the first one.
ip -n "${net}seller" addr add 10.77.0.12/24 dev eth0 2>/dev/null
moved 10.77.0.12

ip -n "${net}seller" addr del 10.77.0.12/24 dev eth0
sleep 1
ip -n "${net}seller" addr add 10.77.0.22/24 dev eth0
moved 10.77.0.22

# Of two networks, with an authority in each, the one goes.
n=0
for host in authority seller caller; do
	n=$((n + 1))
	ip -n "$net$host" addr add "10.78.0.$n/24" dev eth0
done
# shellcheck disable=SC2016
start second on authority sh -c \
    'echo 10.77.0.1 | lambda-authority -l 10.78.0.1:4370'
for host in seller caller; do
	logged "$host" 'linked to authority 10.78.0.1:4370'
done
until_true there 10.77.0.22 || fail "it moves while its first address stands"
ip -n "${net}seller" addr del 10.77.0.22/24 dev eth0
moved 10.78.0.2

flow_ends
echo passed
