#!/bin/sh
# Does t/credit.c find bugs? Each of these is one in what becomes of tokens, and
# must be found in sequences that are an action shorter than it goes to. Where it
# takes channels of two sellers, a script of the PLB's finds it.
scripts=$(cd "$(dirname "$0")/core" && pwd) || exit 1
target=t/credit.test
. "$(dirname "$0")/plantlib.sh"

look() {
	MODEL_LENGTH=4 t/credit.test >log 2>&1
	set -- $?
	grep -e '^ERROR: ' -e 'Assertion' log | head -n 1
	return "$1"
}

# The listener's.
plant 'a grant is not counted' 'capacity - out()' listener.c \
    '/^listener_on_connect/,/^}/s/c->held + granted/c->held/'
plant 'a return is not counted' 'capacity - out()' listener.c \
    '/^listener_on_return/,/^}/s/listener_set_held(l, c, c->held - m->tokens)/\
l->sell = 1/'
plant 'capacity of a channel that is gone is not sold again' \
    'capacity - out()' listener.c \
    '/^listener_gone/,/^}/s/listener_set_held(l, c, 0)/(void)c/'
plant 'capacity of a lost link is sold while its workers run' \
    'capacity - out()' listener.c \
    '/^listener_down/,/^}/s/memset(.c->told.*;/listener_set_held(l, c, 0);/'
plant 'no connect settles its reservation' 'all_back' listener.c \
    '/^listener_settle(/,/^}/s/l->broker == 0/1/'
plant 'a share is told that is one too many' 'told' listener.c \
    '/^listener_on_waiting/,/^}/s/l->waiting.order = 0;/&l->waiting.share++;/'
plant 'a channel that comes up is not told who waits' 'told' listener.c \
    '/^listener_channel_up/,/^}/s/l->tell = 1/(void)0/'

# The channel's.
plant 'tokens are not returned' 'spare' channel.c \
    '/^channel_give_back/,/^}/s/c->giveback += tokens/(void)c/'
plant 'an answer after the drain grants again' 'demand == 0' channel.c \
    '/^channel_regrant/,/^}/s/ || c->draining)/)/'
plant 'a grant that finds no client is kept' 'spare' channel.c \
    '/^channel_on_demand/,/^}/s/c->giveback += m->tokens;//'
plant 'tokens of a client that is gone are kept' 'spare' channel.c \
    '/^channel_client_down/,/^}/s/channel_give_back(c, c->tokens)/(void)0/'
plant 'tokens that are void come back twice' 'spare' channel.c \
    '/^channel_on_return/,/^}/s/(c, channel_smaller(.*));/(c, m->tokens);/'
plant 'one more than the share is granted again' 'over' channel.c \
    '/^channel_is_over/,/^}/s/c->held <= channel_share(c)/& + 1/'
plant 'who waits is known, and how little they hold is not' 'passed' channel.c \
    '/^channel_on_waiting/,/^}/s/ || w->least != m->least//'
plant 'a request that is abandoned frees its token twice' 'demand' \
    channel.c '/^channel_abandon(/,/^}/s/r->abandoned = 1;/&c->spare++;/'
plant 'a cast that is accepted has its token granted again' 'demand == 0' \
    channel.c '/^channel_accept_cast/,/^}/s/inflight_answered/\
m.u.reply.demand = 1, c->tokens++; &/'
plant "a finished cast's token is lost" 'spare' channel.c \
    '/^channel_drop/,/^}/s/c->spare++/(void)c/'

# The PLB's.
plant 'a token is spent twice' 'at_client\|held' plb_upstream.c \
    '/^upstream_sent/,/^}/s/upstream_spend(p, u, 1)/upstream_spend(p, u, 0)/'
plant 'a token granted with a failure is lost' 'held' plb_request.c \
    '/^plb_on_answer/,/^}/s/m->u.fail.demand)/0)/'
plant 'a cancelled request gives its token back at once' 'at_client\|held' \
    plb_request.c '/^request_abandon(/,/^}/s/request_disown(p, r);/& \
upstream_grant(p, r->upstream, 1);/'
plant 'a cancelled request is answered twice' 'pending' plb_request.c \
    '/^request_disown/,/^}/s/r->client = NULL;//'
plant 'a request is run again and again' 'retries' plb_request.c \
    '/^request_run_again/,/^}/s/r->retries--;//'
plant 'tokens of a channel that drains are kept' 'held' plb_upstream.c \
    '/^upstream_leave/,/^}/s/upstream_give_back(p, u, u->tokens)/(void)0/'
plant 'a late answer is taken for that to another connect' 'message' \
    plb_upstream.c '/^upstream_give_up(/,/^}/s/u->overdue += (unsigned)r;/;/'
plant 'what was asked for is never got' 'all_answered' plb_upstream.c \
    '/^upstream_answered/,/^}/s/p->connecting -= connect->quantity;//'
plant 'idle tokens are kept while others wait' 'idle_at' plb_upstream.c \
    '/^upstream_look_for_idle/,/^}/s/upstream_give_back(p, u, u->idle)/(void)0/'
plant 'one more is kept than was asked' 'k->tokens' plb_upstream.c \
    '/^upstream_share(/,/^}/s/plb_held(p) > p->keep &&/p->keep + 1 < \
plb_held(p) \&\&/'
plant 'a token is kept that would help another' 'k->tokens' plb_upstream.c \
    '/^upstream_is_wished/,/^}/s/> u->least + (p->keep > 0)/> 1 + u->least + 1/'

# Of two sellers.
target=t/script
make -s "$target" || exit 1
look() {
	(cd "$scripts" && cd ../.. &&
	    "$tmp/t/script" t/core/plb/share.script) >log 2>&1
	set -- $?
	grep 'got: ' log | head -n 1
	return "$1"
}
look >/dev/null || exit 1
plant 'a PLB returns to the channel that it holds least of' 'c2 return' \
    plb_upstream.c '/^upstream_is_fuller/,/^}/s/a > b/a < b/'
plant 'a PLB returns to the channel that it holds most of, whatever it had' \
    'c1 return' plb_upstream.c '/^upstream_is_fuller/,/^}/s/) \* .*before/)/'
plant 'a PLB returns to a channel that nobody waits for' 'c1 return' \
    plb_upstream.c '/^upstream_is_wished/,/^}/s/u->waiting &&//'
exit "$status"
