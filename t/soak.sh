#!/bin/sh
# What takes long: $SOAK_SEEDS new worlds (20,000) on as many processors as
# there are, a few large worlds, those whose size is looked at, t/plant.sh,
# sequences an action longer than `make check' goes through, the cryptography of
# links at length, and make check as another user and as process 1.
# $SOAK_HOSTS is the list of sizes, with ten orders a host. $SOAK_MOST (100,000)
# hosts have one order each: that takes 5.3 GB of memory and two minutes of the
# processor. A million would take ten times that, 52 KB a host, of which half are
# its 19 ends of links and the rest its three processes.
cd "$(dirname "$0")/.." || exit 1
make -s t/sim t/sim_sealed || exit 1

status=0
cpus=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
each=$((${SOAK_SEEDS:-20000} / cpus))
seed=${SIM_SEED:-$(date +%s)000}
pids=
i=0
while [ "$i" -lt "$cpus" ]; do
	t/sim -s "$((seed + i * each))" -n "$each" &
	pids="$pids $!"
	i=$((i + 1))
done
for pid in $pids; do
	wait "$pid" || status=1
done
t/sim_sealed -s "$seed" -n 1000 || status=1
t/sim -s "$seed" -a 10 -b 100 -m 5 || status=1
for hosts in ${SOAK_HOSTS:-1000 10000}; do
	t/sim -s "$seed" -a 100 -b "$hosts" -m 1000 -o "$((hosts * 10))" ||
	    status=1
done
# shellcheck disable=SC3045
(ulimit -v 20971520 2>/dev/null
    t/sim -s "$seed" -a 31 -b "${SOAK_MOST:-100000}" -m 1000 \
	-o "${SOAK_MOST:-100000}") || status=1
sh t/plant.sh || status=1
# A stream of 10 GB, compared by checksum: some minutes.
STREAMS_LONG=10000000000 sh t/streams.sh || status=1
# Filters on real processes: about an hour.
ACCOUNT_ROUNDS=${SOAK_ROUNDS:-4000} sh t/account.sh || status=1
make -s t/credit.test && MODEL_LENGTH=6 t/credit.test || status=1
# The last of RFC 7748, section 5.2, and a million inputs of each kind.
CRYPTO_COUNT=1000000 sh t/crypto.sh || status=1
[ "$(t/crypto_peer -i 1000000)" = "7c3911e0ab2586fd864497297e575e6f3bc601c0\
883c30df5f4dd2d24f665424" ] || {
	echo "X25519 iterated a million times is not what RFC 7748 says"
	status=1
}
if [ "$(id -u)" -eq 0 ]; then
	sh t/as.sh user || status=1
	sh t/as.sh first || status=1
fi
exit "$status"
