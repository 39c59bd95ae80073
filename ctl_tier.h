#ifndef CTL_TIER_H
#define CTL_TIER_H

/*
 * What lambda-ctl makes of the rows of the whole tier (ctl_walk.h). It reads
 * them into tables, once, and each command prints rows of its own from these.
 * It has no I/O: rows and lines go to the caller.
 */

#include "ctl_walk.h"

struct tier {
	uint64_t seed;
	struct map hosts;      /* brokers, by instance */
	struct map authorities; /* by instance */
	struct map exchanges;  /* by instance */
	struct map modules;    /* by name */
	struct map sellers;    /* by instance */
	struct map listeners;  /* by instance */
	struct map buys;       /* by broker and order */
	struct map plbs;       /* by instance */
	struct map keys;       /* by fingerprint */
	struct map closes;     /* who closes links, by instance */
	int keeps;	       /* keyclose: somebody keeps links of the key */
	int failed;	       /* memory ran out: what was printed is not all */
	/* A row, without its newline. */
	void (*row)(void *arg, struct slice);
	void *arg;
};

/* Read what was gathered; the walk must stay. 0, or -1 with ENOMEM. */
int tier_read(struct tier *, const struct walk *, uint64_t seed);
void tier_free(struct tier *);
/* Does anybody publish it, run an exchange of it, or want it? */
int tier_knows(const struct tier *, const char *module);

/* Each prints its rows. module may be NULL: all. */
void tier_hosts(struct tier *, const char *module);
void tier_capacity(struct tier *, const char *module);
void tier_users(struct tier *, const char *module);
void tier_why(struct tier *, const char *module);
void tier_dot(struct tier *, const char *module);
void tier_keyuse(struct tier *, const char *module);
void tier_keyclose(struct tier *, const char *print);
void tier_summary(struct tier *, const char *module);
void tier_audit(struct tier *, const char *module);

#endif
