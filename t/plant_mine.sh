#!/bin/sh
# Does the simulator find bugs? Each of these must be found within $PLANT_SEEDS
# worlds (500), and by the checker that is there for it.
target=t/sim
. "$(dirname "$0")/plantlib.sh"
seed=${SIM_SEED:-1}
look() {
	t/sim -s "$seed" -n "${PLANT_SEEDS:-500}" >log 2>&1
	set -- $?
	tail -n 1 log
	return "$1"
}
# In streams: what comes is what was sent, all of it or its beginning, within the
# windows, and each ends.
plant 'a request that has begun is run again' 'have changed at\|of stream' \
    plb_request.c '/^request_may_run_again/,/^}/s/ \&\& !r->begun//'
plant 'no more of a stream may come than at first' 'has not ended' \
    stream.c '/^stream_consumed/,/^}/s/if (room < s->window \/ 2)/if (1)/'
plant 'a caller sends more of a body than it may' 'does not take' \
    call_stream.c '/^call_stream_room/,/^}/s/s->left < CALL_READ_MAX/s->left == 0/'
plant 'a channel forgets that a body has ended' 'has not ended' \
    channel_stream.c '/^channel_on_end/,/^}/s/channel_tell(c, CHANNEL_MORE, r->worker, 1)/0/'
plant 'a PLB forgets the end of a body that waits for a token' 'has not ended' \
    plb_request.c '/^request_send/,/^}/s/(uint64_t)r->more/m->u.request.more/'
plant 'pieces of output are lost on the way' 'have changed at\|ends well with' \
    plb_request.c '/^plb_on_data/,/^}/s/if (found == 0)/if (found == 0 || r->bytes[d->part] > 200000)/'

