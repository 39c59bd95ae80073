#!/bin/sh
# Containers, as lambda(7) has them: solo, a broker and a listener, each as process
# 1 of a namespace, with the key from a secret that is mounted read-only; when they
# are ready, how they end, and that they leave nothing.
# shellcheck disable=SC2016,SC2034,SC1010,SC2143 # for other shells, or by hand
. "$(dirname "$0")/lib.sh"

need bc ps
network=192.0.2
hosts authority pod caller
unshare -mpf --mount-proc true 2>/dev/null || skip "unshare -mpf is not to be had"
etc=$tmp/etc
mkdir -p "$etc/secrets" "$tmp/pod"
chmod 777 "$tmp/pod"
(umask 077 && head -c 32 /dev/urandom >"$etc/secrets/key")
chmod 400 "$etc/secrets/key"
literals CONTAINERS "$top/man/lambda.7"
changed="s,/etc/lambda,$etc,g; s,/run/pod,$tmp/pod,g"
take lambda.7 'exec unshare'
mv "$block" "$tmp/bin/contained"
chmod +x "$tmp/bin/contained"
in_pod() { # COMMAND...: as process 1, with what the pod exports
	LAMBDA_KEY=/mnt/key ip netns exec "${net}pod" \
	    env "LAMBDA_RUN=$tmp/pod/lambda" contained "$@"
}
ones() { # NAME: the processes 1 of that name
	for p in $(ip netns pids "${net}pod"); do
		[ "$(name_of "$p")" != "$1" ] ||
		    awk '$1 == "NSpid:" && NF > 2 && $NF == 1 { print $2 }' \
			"/proc/$p/status"
	done
}
one() { # NAME: the one that there is, in $one
	until_true has_one "$1" || fail "$1 is not process 1"
}
has_one() {
	one=$(ones "$1")
	[ -n "$one" ]
}

LAMBDA_KEY=$etc/secrets/key
export LAMBDA_KEY
start authority on authority lambda-authority -l 192.0.2.1:4370
logged authority ready
start caller on caller sh -c 'echo 192.0.2.1:4370 | lambda-broker'
logged caller 'linked to authority'

# The pod, which is called.
take lambda.7 'contained lambda-broker'
{
	sed 's/ &$/ \& all="$all $!"/' "$block"
	echo 'for job in $all; do wait "$job"; echo "ended $?"; done'
} >"$tmp/pod.sh"
pod_begins() { # it is ready when the probe says so
	start pod on pod sh "$tmp/pod.sh"
	pod=$pid
	logged pod '^order .* sell module calc owner .* address 192.0.2.2:'
}
pod_begins
same "$(on caller sh -c "echo 6*7 | lambda-call -L calc")" 42
in_pod touch /mnt/key 2>/dev/null && fail "the secret can be written"
same "$(in_pod lambda-ctl authorities | grep -c '^authority 192.0.2.1:4370 ')" 1

# The end: in order; and again, since a filter waits for another pod in its place.
pod_ends() {
	one lambda-listener
	kill -TERM "$one"
	until_true sh -c '! kill -0 "$0"' "$one" ||
	    fail "the listener does not end"
	one lambda-broker
	kill -TERM "$one"
	wait "$pod"
	same "$(grep -c '^ended 0$' "$tmp/pod.log")" 2
}
flow filter on caller lambda-call -L calc
flow_goes_on 'in the first pod'
pod_ends
rm "$tmp/pod.log"
pod_begins
flow_goes_on 'in the second pod'
flow_ends
pod_ends

# A job that does not end has its time, and its caller hears why; what a worker has
# left is waited for while the listener runs, and nothing of it is left at the end.
start broker in_pod sh -c 'echo 192.0.2.1:4370 | exec lambda-broker'
broker=$pid
start hold in_pod lambda-listener -l 0.0.0.0:0 -g 1 hold sh -c '
	(sleep 0.1 &)
	test "$1" = short || sleep 1000
	echo done' sh
hold=$pid
for i in 1 2 3; do
	same "$(on caller lambda-call hold short </dev/null)" done
done
one lambda-listener
no_zombies() {
	! ps -A -o ppid= -o stat= | awk -v p="$one" '$1 == p && $2 ~ /Z/' |
	    grep .
}
gone_sleeps() {
	! ps -A -o ppid= -o args= |
	    awk -v p="$one" '$1 == p && $2 == "sleep"' | grep .
}
until_true gone_sleeps || fail "what lost its parent stays"
until_true no_zombies || fail "process 1 does not wait for others"
start call.long on caller sh -c 'lambda-call hold long; echo "status $?"'
until_true sh -c 'ip netns pids "$0" | xargs ps -o args= -p |
    grep "^sleep 1000"' "${net}pod" || fail "the job does not run"
kill -TERM "$one"
logged call.long 'its host was drained'
logged call.long 'status 111'
wait "$hold" || fail "the listener ends with $?"
[ -z "$(ip netns pids "${net}pod" | xargs -r ps -o args= -p | grep -v broker)" ] ||
    fail "left: $(ip netns pids "${net}pod" | xargs ps -o args= -p)"
# The broker is not process 1 there, and its container ends with its shell.
for p in $(ip netns pids "${net}pod"); do
	[ "$(name_of "$p")" != lambda-broker ] || kill -TERM "$p"
done
wait "$broker" || fail "the broker ends with $?"

# Solo: the command's status is the container's, by itself and at SIGTERM; nothing
# is left of its run directory.
take lambda.7 'contained lambda-solo'
same "$(on pod sh "$block")" 42
start solo in_pod env "TMPDIR=$tmp/pod" lambda-solo sh -c '
	trap "exit 3" TERM
	echo up
	while :; do sleep 0.1; done'
solo=$pid
logged solo '^up$'
one lambda-solo
kill -TERM "$one"
wait "$solo"
same "$?" 3
same "$(echo "$tmp"/pod/lambda-solo.*)" "$tmp/pod/lambda-solo.*"
[ -z "$(ip netns pids "${net}pod")" ] || fail "something is left"

# A secret that others can read, and a run directory that is open to them.
chmod 444 "$etc/secrets/key"
tells 100 'the key /mnt/key can be read by others' in_pod lambda-broker
chmod 400 "$etc/secrets/key"
chmod 777 "$tmp/pod/lambda"
tells 100 'is open to others' in_pod lambda-broker
none_left
echo passed
