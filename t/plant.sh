#!/bin/sh
# Does the simulator find bugs? In a copy of the tree, one at a time: each of
# these must be found within $PLANT_SEEDS worlds (500).
cd "$(dirname "$0")/.." || exit 1
tmp=$(mktemp -d "${TMPDIR:-/tmp}/lambda-plant.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

cp ./*.c ./*.h Makefile "$tmp" && mkdir "$tmp/t" && cp t/*.c t/*.h "$tmp/t" &&
    cp -R t/virtual "$tmp/t" && cd "$tmp" || exit 1
find . -name '*.o' -exec rm -f {} +
make -s t/sim || exit 1
seed=${SIM_SEED:-1}
status=0

# plant NAME FILE SED...: the bug, and what finds it
plant() {
	name=$1 file=$2
	shift 2
	cp "$file" sound && sed "$@" sound >"$file"
	if cmp -s sound "$file"; then
		echo "$name: there is no place for it in $file any more"
		status=1
	elif ! make -s t/sim 2>log; then
		cat log
		status=1
	elif t/sim -s "$seed" -n "${PLANT_SEEDS:-500}" >found 2>&1; then
		echo "$name: NOT found"
		status=1
	else
		echo "$name: found: $(tail -n 1 found)"
	fi
	cp sound "$file" && touch "$file"
}

plant 'capacity of a channel that is gone is not released' listener.c \
    '/^listener_gone/,/^}/s/set_held(l, c, 0)/(void)c/'
plant 'an order is not sent again to a new exchange' broker_order.c \
    '/^broker_stand_clear/,/^}/s/memset(s, 0, sizeof(\*s))/s->buyers = 0/'
plant 'a channel retires before its requests have finished' channel.c \
    '/^is_drained/,/^}/s/c->running.used == 0 &&/c->void_at > 0 \&\&/'
plant 'a reservation never ends' exchange_order.c \
    '/^settle/,/^}/s/reserve_less(m, r, r->quantity)/r->until = INT64_MAX/'
plant 'the loss of an older link cancels the newer' peers.c \
    '/^peers_down/,/^}/s/ || k->handle != handle//'
exit "$status"
