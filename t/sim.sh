#!/bin/sh
# The simulator: the worlds of all seeds that failed once, and as many new ones
# as $SIM_FRESH says, from $SIM_SEED on (by default the time, which is printed).
cd "$(dirname "$0")/.." || exit 1
make -s t/sim || exit 1

status=0
while read -r seed why; do
	case $seed in
	'' | '#'*) continue ;;
	esac
	t/sim -s "$seed" || { status=1; echo "seed $seed: $why"; }
done <t/sim.seeds
t/sim -s "${SIM_SEED:-$(date +%s)}" -n "${SIM_FRESH:-150}" || status=1
exit "$status"
