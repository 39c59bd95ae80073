#!/bin/sh
# The simulator: the worlds of all seeds that failed once, and as many more as
# $SIM_WORLDS says (150), from $SIM_SEED on (1). They are the same each time, so
# that what is checked fails for what was changed; .ci/run and `make soak' go to
# worlds that nobody has seen. In $SIM_SEALED more (30) links are sealed in earnest
# and not by stand-ins.
cd "$(dirname "$0")/.." || exit 1
make -s t/sim t/sim_sealed || exit 1

status=0
while read -r seed why; do
	case $seed in
	'' | '#'*) continue ;;
	esac
	case $seed in
	*:*) set -- -s "${seed%:*}" -a "${seed#*:}" ;;
	*) set -- -s "$seed" ;;
	esac
	${CHECK_UNDER:-} t/sim "$@" || { status=1; echo "seed $seed: $why"; }
done <t/sim.seeds
${CHECK_UNDER:-} t/sim -s "${SIM_SEED:-1}" -n "${SIM_WORLDS:-150}" || status=1
${CHECK_UNDER:-} t/sim_sealed -s "${SIM_SEED:-1}" -n "${SIM_SEALED:-30}" || status=1
exit "$status"
