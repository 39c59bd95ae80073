#ifndef CREDIT_ACTION_H
#define CREDIT_ACTION_H

/*
 * What can happen between these cores (credit_links.h), one thing at a time,
 * for tests of every sequence.
 *
 * A core does what it does because of what it was told, in which order and
 * when. So a state is known by what each core has taken part in, and two
 * sequences in which that is the same for each are the same for all that can
 * follow: they differ in the order of things that have nothing to do with each
 * other. action_state() is how they are told apart; it looks into no core.
 */

#include "t/credit_links.h"

enum what {
	/* What is there to be done is always done, at one time or another. */
	HEAR,	    /* the end of a link hears what is next */
	HEAR_ALL,   /* and all that has come, in one turn */
	DIAL,	    /* a PLB's dial ends well: there is one channel more */
	REPLY,	    /* a worker of a channel replies */
	END,	    /* a worker ends: it was told to, or its channel is gone */
	/* What happens as often as a scene says. */
	DIAL_FAILS, /* a PLB's dial does not end well */
	FILL,	    /* a PLB is filled all that it lacks, be it there or not */
	FILL_ONE,   /* and a part of that, which is one */
	NEWS,	    /* the listener is told who waits */
	ASK,	    /* a PLB's program has a request */
	CAST,	    /* one that is a cast */
	ASK_AGAIN,  /* one that may be run once more */
	ASK_SOON,   /* one with half a second */
	GIVE_UP,    /* it wants no answer to the last that has none */
	WANT_NONE,  /* it wants no more than it uses */
	SWITCH,	    /* it is to use new code alone, which may be there or not */
	STOP,	    /* a PLB is told to end */
	VANISH,	    /* it is killed */
	DIE,	    /* a worker of a channel dies */
	KILL,	    /* a channel is killed, its workers are not */
	RESET,	    /* its connection is lost, and what was on its way */
	TERM,	    /* it is told to end */
	PUBLISH,    /* the listener has new code: its channels drain */
	RETIRE,	    /* it is told to end; another one follows */
	SELLER_LOST, /* it loses its broker, finds it again */
	SELLER_BACK,
	BUYER_LOST, /* a PLB does */
	BUYER_BACK,
	WAIT	    /* tenths of a second pass: nothing is heard meanwhile */
};

/* on: a PLB; a channel; of REPLY and DIE twice that, and 1 for its second
 * request; of HEAR the link's end; of WAIT, how many. */
struct action {
	unsigned char what, on;
};

#define ACTIONS_MAX 64

struct action action_of(enum what, unsigned on);

/* All are linked to their brokers, and nothing has happened. */
void action_begin(const struct links_config *);
void action_end(void);

/* Can it happen now? Let it; and without changing what the state is known by,
 * where nobody will ask. */
int action_can(struct action);
void action_do(struct action);
void action_happen(struct action);
/* What is there to be done: how many, of ACTIONS_MAX at most. */
size_t action_list(struct action *);

/* What the state will be known by, when it has happened. */
uint64_t action_state(struct action);

/* Returns buf. */
const char *action_name(struct action, char *buf, size_t size);

#endif
