#ifndef CTL_STATE_H
#define CTL_STATE_H

/*
 * The tables of struct tier: ctl_tier.c reads rows into them, and
 * ctl_commands.c prints rows of them.
 */

#include "attrs.h"
#include "ctl_tier.h"

#define NAMES_MAX    256 /* bytes of a list of modules */
#define CLASSES	     OFFERS_MAX
#define TIER_EXPORTS 256 /* of a text, which is no longer */

/* What the tables hold. Each begins with its key (tier_entry()). */

/* A broker. */
struct tier_host {
	struct slice id, address, node; /* empty: not known */
	const char *state;
	int self; /* it was asked itself */
	int replaced; /* gone, and another broker of its host is linked */
	unsigned homes; /* that it is linked to, as it or they say */
	uint64_t for_s;
	char sells[NAMES_MAX], buys[NAMES_MAX];
	struct slice modules; /* as an authority knows them */
};

struct tier_authority {
	struct slice id, address;
};

struct tier_exchange {
	struct slice id, module, address, authority;
	const struct walk_node *from; /* its own rows; NULL: no answer */
	int standing;
};

/* A seller as exchanges know it. */
struct tier_seller {
	struct slice id, module, address, node, attrs, broker;
	uint64_t quantity, reserved;
};

/* And as it says itself. */
struct tier_listener {
	struct slice id, module, address, attrs;
	uint64_t capacity, held, left;
	struct slice state, broker; /* that it answered through; or empty */
	struct slice rows; /* what stood after its own */
	char filled[ADDRESS_MAX + 1]; /* its address, where its host had to be
					 filled in */
};

/* A PLB, or a caller that has one. */
struct tier_plb {
	struct slice id, pid, broker, module;
	uint64_t wanted, tokens, in_flight, queued;
};

/* A key that links are made with. */
struct tier_key {
	struct slice print;
	uint64_t links, dials, accepted, dropped; /* processes in each state */
};

/* A process that closes links of a key, or says why it does not. */
struct tier_closes {
	struct slice id, state, broker;
	uint64_t links;
	unsigned role;
	const struct walk_node *node;
};

struct tier_buy {
	struct slice key, module, broker, order, constraints;
	struct slice owner; /* whose it is, as its broker says */
	uint64_t missing, held, age_ms;
};

struct tier_module {
	struct slice name;
	uint64_t total, used, free, waiting;
	size_t exchanges, sellers, answers;
	unsigned char *use; /* of each seller that answered, in percent */
	size_t cap;
};

struct slice tier_known(struct slice); /* "-" is empty */
/* The next client of the listener. Before the first, *rows are its rows, and
 * *whose its id. 1, or 0 at the end. */
int tier_next_client(const struct tier_listener *, struct slice *rows,
    struct slice *whose, struct row *);

#endif
