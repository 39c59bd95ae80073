#!/bin/sh
# Does the simulator find bugs? Each of these must be found within $PLANT_SEEDS
# worlds (500), and by the checker that is there for it; the last, by scripts.
target=t/sim
. "$(dirname "$0")/plantlib.sh"
seed=${SIM_SEED:-1}

# What another checker finds is passed over: these worlds are no test of it.
look() {
	at=$seed
	end=$((seed + ${PLANT_SEEDS:-500}))
	until t/sim -s "$at" -n $((end - at)) >log 2>&1; do
		at=$(sed -n '$s/^seed \([0-9]*\).*/\1/p' log)
		at=$((${at:-$end} + 1))
		if grep -q "$says" log || [ "$at" -ge "$end" ]; then
			tail -n 1 log
			return 1
		fi
	done
	tail -n 1 log
}

plant 'an exchange retires before its successor is up' 'runs none yet' \
    authority_exchange.c '/^authority_exchange_may_retire/,/^}/s/'\
'authority_module_succeeded(a, x->module)/1/'
plant 'a PLB never releases' 'was settled by nobody\|has reserved' plb_order.c \
    '/^plb_send_release/,/^}/s/outbox_send(&p->out, p->broker, &m)/(void)m/'
plant 'the rest of a seller that is taken in part is not released' \
    'passes on .* and gives back' broker_order.c \
    '/^fill_divide/,/^}/s/if (taken < s->quantity)/if (taken == 0)/'
plant 'the age of an order is lost when it is sent again' \
    'has its place behind all' broker_order.c \
    's/now > o->since ? now - o->since : 0/0/'
plant 'an order is not sent again to a new exchange' \
    'has waited\|has it\|lacks the sell\|wait for what is on offer' \
    broker_order.c \
    '/^broker_copy_clear/,/^}/s/memset(c, 0, sizeof(\*c))/c->buyers = 0/'
plant 'capacity that comes back is not offered to who waits' \
    'wait for what is on offer' exchange_book.c \
    '/^book_unreserve/,/^}/s/sell_freshen(x, s)/(void)x/'
plant 'capacity of a channel that is gone is not released' 'the sum of PLBs\|has waited' \
    listener.c '/^listener_gone/,/^}/s/listener_set_held(l, c, 0)/(void)c/'
plant 'a reservation that is settled does not end' 'has waited\|settled by nobody' \
    exchange.c \
    '/^exchange_settle/,/^}/s/book_unreserve(x, r, r->quantity)/(void)r/'
plant 'a channel retires before its requests have finished' 'was lost' \
    channel.c '/^channel_is_drained/,/^}/s/c->inflight.used == 0 \&\&/c->void_at > 0 \&\&/'
plant 'a broker leaves an exchange with no other there' 'with no other there' \
    broker.c '/^broker_module_leave/,/^}/s/if (!other)/if (0)/'
plant 'of two links each end keeps its own' 'keeps one and its' peers.c \
    '/^peers_present_stays/,/^}/s/return k->ours ==.*/return k->ours;/'
plant 'the loss of an older link cancels the newer' 'has two links' peers.c \
    '/^peers_down/,/^}/s/ || k->handle != handle//'
plant 'an exchange that nobody uses is never retired' 'exchanges of m' \
    authority.c '/^subscription_end/,/^}/s/now + AUTHORITY_IDLE_MS/INT64_MAX/'
plant 'a broker leaves no authority' 'is linked to' broker_home.c \
    '/^home_leave_others/,/^}/s/home_leave(b, now, a)/(void)b/'
plant 'an authority that starts anew is taken for the one that it was' \
    'is not linked to' broker_home.c \
    '/^place_is_at/,/^}/s/p->weight = /if (p->weight == 0) &/'
plant 'an authority does not ask who runs an exchange' \
    'has not heard of' authority.c \
    '/^authority_module_ask/,/^}/s/authority_ask(a, m, p, MSG_SUBSCRIBE)/(void)p/'
plant 'what another authority announces is not told to brokers' \
    'has not heard of' authority.c \
    '/^authority_module_pass_on/,/^}/s/m->nbrokers > 0/0/'
plant 'two authorities keep the exchanges of nobody' 'exchanges of m' authority.c \
    '/^authority_module_must_ask/,/^}/s/!responsible/responsible | 1/'
plant 'a seller is passed on twice, of two exchanges' 'on twice' \
    broker_order.c '/^pending_elsewhere/,/^}/s/return 1/continue/'
plant 'an exchange that dies at once is started again at once' \
    'has started the exchange' authority_exchange.c \
    '/^authority_exchange_back_off/,/^}/s/now + m->backoff_ms/now/'
plant 'a peer that is silent is never given up' 'silent since' link.c \
    '/^link_judge_silence/,/^}/s/if (!late)/if (!late \&\& l->phase != LINK_UP)/'
plant 'of a slow beat one end knows nothing' 'that beats' link.c \
    '/^link_hear_beat/,/^}/s/l->dialler ? l->self->role == ROLE_BROKER/l->dialler ? 0/'
plant 'an address is handed on without its port' 'does not take what' gossip.c \
    '/^gossip_resolve/,/^}/s/return hostport_fill.*/return host;/'
plant 'a buy is never cancelled' 'a buy of nobody' broker_order.c \
    '/^broker_order_close/,/^}/s/x != NULL &&/o->sell \&\& x != NULL \&\&/'
plant 'a cast is accepted and not run' 'and never ran' channel.c \
    '/^channel_begin/,/^}/s/if (channel_assign(/if (r->cast \&\& '\
'channel_accept_cast(c, r) == 0) return channel_drop(c, r); &/'

# Among buyers that compete.
plant 'a share is never returned' 'and its share is\|has waited' plb_upstream.c \
    '/^upstream_share/,/^}/s/now < p->keep_at/1/'
plant 'a channel hears of no buyer that holds less than the first' \
    'and its share is\|has waited' plb_upstream.c \
    '/^plb_on_waiting/,/^}/s/u->least = w->least/if (u->least < w->least) &/'
plant 'a newcomer is passed over' \
    'and its share is\|has waited\|is granted less' \
    exchange_class.c '/^queue_before/,/^}/s/a->held < b->held/a->held > b->held/'
plant 'who holds its share is granted less' 'is granted less' channel.c \
    '/^channel_share/,/^}/s/return 1 + (.*/return 1;/'
plant 'half is kept of what may be kept, whoever holds less' \
    'had to be\|was settled' plb_upstream.c \
    -e '/^upstream_keep/,/^}/s/= keep;/= keep < KEEP_ALL ? keep \/ 2 : keep;/' \
    -e '/^upstream_is_wished/,/^}/s/u->least + (p->keep > 0)/p->keep/'
plant 'a PLB returns to the channel that it holds least of' 'has kept' \
    plb_upstream.c '/^upstream_is_fuller/,/^}/s/a > b/a < b/'
plant 'a PLB that does not heed is granted all again' 'does not heed' \
    channel.c '/^channel_is_over/,/^}/s/return now - c->over.*/return 0;/'

# In the caller: each record has a result or a line, and runs as often as it may.
plant 'a filter that is told to end forgets what is in flight' \
    'has 0 results and 0 lines' call.c \
    '/^call_end_record/,/^}/s/c->filter.running > 0/0/'
plant 'what standard output lost counts as written' \
    'has 0 results and 0 lines' call_filter.c \
    '/^filter_forget_written/,/^}/s/ - f->lost//'
plant 'a record whose time is up is not told' 'has 0 results and 0 lines' \
    call.c '/^call_expire/,/^}/s/call_fail_record(c, c->filter.oldest, why)/'\
'filter_fail(\&c->filter, c->filter.oldest, 1, why)/'
plant 'a request that is run again has as many retries as before' \
    'runs [0-9]* times, with' plb_request.c \
    '/^request_run_again/,/^}/s/r->retries--;//'
plant 'a block takes one record more than fits' 'a block has' call_input.c \
    '/^call_next_block/,/^}/s/c->config.block - u->taken/c->config.block/'
plant 'of a block that fails one record is told' 'has 0 results and 0 lines' \
    call.c '/^call_say_record/,/^}/s/first, last, why/first, first, why/'
plant 'a command that has ended is taken for one that runs' 'has not ended' \
    call.c '/^call_command_ended/,/^}/s/way_ended(/if (how == NULL) &/'

# In streams: what comes is what was sent, all of it or its beginning, within the
# windows, and each ends.
plant 'no more of a stream may come than at first' 'has not ended' \
    stream.c '/^stream_consumed/,/^}/s/if (room < s->window \/ 2)/if (1)/'
plant 'a part of what may come is never said' 'has not ended' \
    stream.c '/^stream_consumed/,/^}/s/return room;/return room \/ 8;/'
plant 'a channel sends more than it may' 'and may send' channel_stream.c \
    -e '/^channel_may_send/,/^}/s/(size_t)r->left\[part\]/SIZE_MAX \/ 2/' \
    -e '/^channel_output/,/^}/s/stream_spend(&r->left\[part\], bytes.len) == -1/0/'
plant 'a window is not heeded' 'and may send' stream.c \
    '/^stream_allow/,/^}/s/\*left += n/*left += 2 * n/'
plant 'more is allowed than a window has room for' 'of a window of' stream.c \
    '/^stream_consumed/,/^}/s/held = s->limit - s->done/held = 0/'
plant 'what came counts as read' 'of a window of' channel_stream.c \
    '/^channel_on_data/,/^}/s/return outbox_act/'\
'channel_fed(c, now, r->worker, m->bytes.len); &/'
plant 'an abandoned stream keeps capacity' \
    'its client is gone\|of which .* are tokens' channel.c \
    '/^channel_abandon(/,/^}/s/r->late ||/r->streams || &/'
plant 'a PLB does not hand on that a body has ended' 'has not ended' plb_request.c \
    '/^plb_on_end/,/^}/s/return request_pass_on(p, r, m, up)/return 0/'
plant 'the last standard error of a program is lost' \
    'of standard error' channel_stream.c \
    '/^channel_output/,/^}/s/if (stream_spend/'\
'if (part == STREAM_ERROR \&\& bytes.len < 8) return 0; &/'
plant 'a channel forgets that a body has ended' 'has not ended' \
    channel_stream.c '/^channel_on_end/,/^}/s/channel_tell(c, CHANNEL_MORE, r->worker, 1)/0/'

# In the driver: the hub and its connections.
PLANT_SEEDS=${PLANT_SEEDS:-200}
plant 'a connection whose window was full is not written to again' \
    'takes them, and does not write' \
    conn.c '/^conn_writes/,/^}/s/conn_arm(c)/(void)c/'
plant 'what a core answers is not carried out' 'with acts in its outbox' \
    hub.c '/^hub_link_on_input/,/^}/s/hub_deliver(l->hub)/(void)l/'
plant 'the hub sets no timer for its core' 'its core is due' hub.c \
    '/^hub_on_deliver/,/^}/s/loop_timer(h->loop, &h->timer, due)/(void)h/'
plant "a link's timer is not set again" 'silent since' hub.c \
    '/^hub_link_on_timer/,/^}/s/hub_link_arm(l)/(void)l/'
plant 'a core hears twice that a link is lost' 'that is not there' hub.c \
    '/^hub_link_tell_down/,/^}/s/l->up = 0/(void)l/'
plant 'the older of two links is not dropped' 'has two links' hub.c \
    '/^hub_link_authenticated/,/^}/s/hub_link_tell_down(old)/(void)old/'
plant 'a handle is used again at once' 'names a second peer' hub.c \
    '/^hub_take_slot/,/^}/s/++h->generation == 0/h->generation == 0/'
plant 'a connection is written to after it is closed' 'which it has closed' \
    conn.c '/^conn_on_sweep/,/^}/s/if (!c->connecting/net_close(c->in.fd);&/'
plant 'a throttle is never lifted' 'does not read from' hub.c \
    '/^hub_link_on_drained/,/^}/s/hub_link_hold(l, 0/hub_link_hold(l, 1/'

# In what a filter is given beside its records. The scripts of the cores find
# these.
target=t/script
look() {
	t/script t/core/call/*.script t/core/plb/again.script >log 2>&1
	set -- $?
	head -n 1 log
	return "$1"
}

plant 'a line of the job log does not wait for the output' \
    'A line waits\|what is not written in time' \
    call_filter.c '/^filter_forget_written/,/^}/s/q.end > written/0/'
plant 'what the job log shows as done runs again' 'What is done' call_input.c \
    '/^call_skip_record/,/^}/s/!call_is_done(c)/1/'
plant 'a block ends where the input pauses' 'A block holds' call_input.c \
    '/^call_next_block/,/^}/s/in.len <= c->config.block/u->records == 0/'
plant 'what failed runs again where it failed' 'on another host' \
    plb_request.c '/^request_shuns/,/^}/s/return r->shun != 0/return 0/'

# In its job log: the program itself is killed, and resumes.
target=all
look() {
	sh t/jobs.sh >log 2>&1
	set -- $?
	sed -n 's/^FAILED: //p' log | head -n 1
	return "$1"
}

plant 'a line is written before its output' '1	200000	0' \
    call_filter.c '/^filter_forget_written/,/^}/s/q.end > written/0/'
plant 'a torn last line stays' 'a line is torn' call_joblog.c \
    '/^joblog_cut/,/^}/s/ftruncate(j->fd, j->size)/0/'
plant 'a torn last line is taken for whole' 'is torn after its status' \
    call_joblog.c '/^joblog_read(/,/^}/s/joblog_cut(/if (r.lines > 1 \&\& '\
'buf_len(\&j->rest) > 0) joblog_line(\&r, buf_slice(\&j->rest)); &/'
plant 'a record of status 0 runs again' '1 1 2 2 3 3' call_joblog.c \
    '/^joblog_number/,/^}/s/tab - p == 1 && \*p == .0./0/'
plant 'a record of another status does not' 'is not run again' call_joblog.c \
    '/^joblog_number/,/^}/s/tab - p == 1 && \*p == .0./tab - p == 1/'
plant 'the log of another command is taken' 'it is the log of another' \
    call_joblog.c '/^joblog_header/,/^}/s/memcmp(line.p, r->log->header, '\
'line.len) != 0/0/'
plant 'two write one log' 'another lambda-call writes it' call_joblog.c \
    's/joblog_lock(j);/(void)joblog_lock;/'
plant 'a log that takes no more ends in a torn line' 'a torn line' \
    call_joblog.c '/^joblog_write/,/^}/s/ftruncate(j->fd, j->size)/0/'
exit "$status"
