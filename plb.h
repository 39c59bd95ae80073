#ifndef PLB_H
#define PLB_H

/*
 * The PLB core: a probabilistic load balancer for one module, the client side.
 * It buys capacity through the broker (or uses given channels), connects to
 * the sellers that fills name, holds their tokens, and spends one on each
 * request, drawn among the channels in proportion to the tokens it holds of
 * them. To its own clients it is what a channel is to it: they connect, get
 * demand, send requests, and get one answer to each.
 *
 * How much it buys: `wanted` is between 0 and the capacity. Requests that find
 * no token raise it; tokens given back because they lay idle while others
 * waited lower it. What is missing is wanted less what is held (tokens and
 * requests in flight).
 *
 * What it cannot serve at once waits in a queue, first come first served among
 * what the tokens at hand can serve. A client has about twice as many requests
 * with us as we hold tokens, and PLB_WINDOW at most: its demand says so. Where
 * nothing is held it waits, and its input with it.
 */

#include "core.h"

#define PLB_WINDOW	 256	/* tokens a client gets at most */
#define PLB_CONNECT_MS	 5000	/* a connect with no answer is a refusal */
#define PLB_REFUSALS	 8	/* in a row, by one seller: it is avoided */
#define PLB_AVOID_MS	 1000	/* a seller that cannot be reached, does not
				   answer or always refuses is tried again
				   after */
#define PLB_REFRESH_MS	 2000	/* an unmet buy is sent again */
#define PLB_IDLE_MS	 1000	/* tokens that lie idle as long are given back
				   while others wait */
#define PLB_EMPTY_MS	 10000	/* a channel without tokens is left after */
#define PLB_ROUND_MS	 60000	/* the same, while tokens go round: it is soon
				   of use again, and a new one costs a process
				   and a handshake */
#define PLB_LEAVE_MS	 5000	/* stopping: a client with nothing open is left
				   after; its tokens are void by then */
#define PLB_SWITCH_MS	 5000	/* to acquire by new constraints what is held by
				   old ones, before these are left */
#define PLB_STAY_MS	 250	/* to the next try, when there was no other */
#define PLB_ELSEWHERE_MS 1000	/* what is run again waits as long for another
				   host than the one where it failed */
#define PLB_CHANNELS_MAX 16384

struct plb;

extern const struct core_ops plb_ops;

enum plb_act {
	/* The exports in use changed (-D): bytes: encoded attributes of the
	 * newest version at hand. */
	PLB_EXPORTS = ACT_OWN,
	/* Tokens came by demand: plb_room() may have grown. */
	PLB_ROOM,
	/* The program's own request of id value was sent to a channel, where it
	 * asked for that. */
	PLB_SENT
};

struct plb_config {
	struct slice module;
	uint64_t capacity;	  /* wanted at most; UINT32_MAX at most */
	uint64_t wanted;	  /* at the start */
	struct slice constraints; /* encoded */
	size_t fixed;		  /* that many given channels; 0: the broker */
	const struct slice *address; /* of each, to be dialled; empty: the
					program brings the link, with tag
					PLB_FIXED_TAG, the next with one more,
					and so on */
	int fallback;		  /* the broker, while none of them answers */
	int tells;		  /* the program is told when one is sent */
	int caller;		  /* it is of a lambda-call, for rows */
};
#define PLB_FIXED_TAG 1u
#define PLB_FIXED_MAX 256

/* Copies what it is given. NULL with ENOMEM. */
struct plb *plb_new(uint64_t seed, const struct plb_config *);
void plb_free(struct plb *);
/* From now on the log has a line for each request that ends. */
void plb_log_requests(struct plb *);
struct outbox *plb_out(struct plb *);

/*
 * The program's own requests. It calls plb_ops.message() with peer 0 and a
 * request, abandon, data, end or window; it gets ACT_SEND to peer 0 with reply,
 * fail, data, end, window, offers or refuse (an order was refused; or, final, a
 * given channel turns us away). It chooses the ids: they are not 0, and each is
 * in use once at a time.
 */

/* How many requests would be sent at once: the tokens less what is queued. */
uint64_t plb_room(const struct plb *);

/* Want at least n in all, or the capacity if that is less. This and the next
 * function cannot fail: tick() does the buying. */
void plb_want(struct plb *, uint64_t n);

/* Want at most n in all from now on: the input has ended. */
void plb_want_only(struct plb *, uint64_t n);

/* Have another capacity from now on, and want all of it. What is held beyond it
 * goes back, as requests finish. */
void plb_capacity(struct plb *, uint64_t capacity);

/*
 * Buy by other constraints from now on (SIGHUP). Sellers that do not satisfy
 * them serve on until as much is held of others, or, after PLB_SWITCH_MS, until
 * anything is. Then their tokens go back, and what is in flight there finishes.
 * 0; or -1 with ENOMEM, and nothing has changed.
 */
int plb_constrain(struct plb *, int64_t now, struct slice constraints);

/* The peer that has the program's request of that id; 0: it waits. */
uint32_t plb_channel_of(const struct plb *, uint64_t id);

/* For reports and progress. */
struct plb_view {
	uint64_t wanted, tokens, queued, connecting;
	uint64_t in_flight; /* on channels that drain, too */
	size_t channels; /* that hold something */
	size_t linked;	 /* channels that may be sent requests */
	int broker;	 /* linked to one */
	int fixed;	 /* it uses given channels, and not the broker */
	int64_t asked_at; /* a seller, which has not answered: when; or 0 */
	const char *asked; /* its address, good until the core is called */
};
void plb_look(const struct plb *, struct plb_view *);

/* SIGTERM, or another PLB has taken over. Clients are told to drain; those that
 * have nothing open are left after PLB_LEAVE_MS. It holds no more than it needs
 * for what is left to do. ACT_STOP when the last answer is out and the last
 * client has gone. */
void plb_stop(struct plb *, int64_t now);

/* The time for that is over: what is not answered fails, but for requests that
 * may be run again, whose clients will see that we are gone; then ACT_STOP. */
void plb_expire(struct plb *);

#endif
