#ifndef LISTENER_EDITION_H
#define LISTENER_EDITION_H

/*
 * Which edition of a listener's program is published. A new one is tried first,
 * where it can be (listener_preflight.h), and is published only when it has passed; until
 * then, and when it has not, the one before stays. The first one is published
 * at once, for there is none before it, and ends the listener when it fails.
 */

#include "loop.h"
#include "listener_publish.h"
#include "listener_preflight.h"

#define EDITION_LOOK_MS 1000 /* how often a watched file is looked at */

struct edition {
	struct loop *loop;
	const struct offer *offer; /* set before, as are these: */
	struct program_start launch;	   /* for a trial: as a worker is started */
	int tries;		   /* it can be tried */
	/* There is a new one, in now. */
	void (*publish)(void *arg);
	/* The first one has failed, and this is why. */
	void (*failed)(void *arg, const char *why);
	void *arg;

	struct made now;  /* published */
	struct made next; /* on trial */
	struct trial *trial; /* NULL: none */
	int first;	  /* that is of now */
	struct timer look;
	struct stamp seen;  /* at the last look */
	struct stamp known; /* as published, or found wanting */
};

/* Make the first one, and begin its trial. Dies (100, 111) with what is wrong
 * with it. */
void edition_start(struct edition *);

/* Look at the program's file from now on, and publish what changes. */
void edition_watch(struct edition *);

/* Publish it anew, changed or not. */
void edition_renew(struct edition *);

/* Publish nothing more. */
void edition_stop(struct edition *);
void edition_free(struct edition *);

#endif
