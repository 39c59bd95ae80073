#ifndef GATHER_H
#define GATHER_H

/*
 * Passes an inspect on to peers, and their rows back to the peer that asked. It
 * is a part of the cores of brokers, listeners and authorities, and like them
 * it has no descriptor, clock or log.
 *
 * Rows are passed on as they come, and none are kept. One row names the process
 * that the following rows are of:
 *
 *	process INSTANCE role ROLE pid PID
 *
 * A process makes that row itself (hub_keys.c); otherwise one without pid is
 * put in front. A peer that does not answer in wait_ms is named once, and does
 * not delay the others:
 *
 *	process INSTANCE role ROLE reason no answer
 */

#include "chain.h"
#include "core.h"
#include "map.h"

#define GATHER_QUESTIONS 256   /* at a time */
#define GATHER_ASKED	 16384 /* peers, for all of these */
#define GATHER_BYTES	 (16u * 1024 * 1024) /* of rows, for one of them, */
#define GATHER_PEER	 (4u * 1024 * 1024)  /* and of one peer */
#define GATHER_HOST_MS	 1000 /* that a broker waits for its host */
#define GATHER_INNER_MS	 400  /* and a listener for its channels */
#define GATHER_OUTER_MS	 2000 /* and an authority for a broker */

struct gather {
	struct outbox *out;
	int64_t wait_ms;
	uint64_t seed;
	struct chain questions; /* each a struct gather_question */
	size_t n;		/* of them */
	size_t asked;		/* peers that have not answered one of them */
	uint64_t serial;	/* of the last one */
};

struct gather_question;

void gather_init(struct gather *, struct outbox *, uint64_t seed,
    int64_t wait_ms);
void gather_free(struct gather *);

/*
 * Go on with a report to the peer that sent the inspect or the ask. Its rows so
 * far are the core's own, and it is paused: the core asks the peers that it
 * wants, and calls gather_go(). NULL: GATHER_QUESTIONS are open, or memory ran
 * out; then the report says so and has ended, or the link of the peer that
 * asked is closed.
 */
struct gather_question *gather_open(struct gather *, int64_t now,
    struct report *, const struct msg *);
/* Ask this peer too. Beyond GATHER_ASKED, or without memory, it is counted. */
void gather_ask(struct gather *, struct gather_question *, uint32_t peer,
    unsigned role, const struct id *instance, const struct msg *);
/* The row of one that does not answer, by its id and role in text. */
void gather_silent(struct report *, const char *id, const char *role,
    const char *why);
/* All are asked; where nobody was, the answer ends. */
void gather_go(struct gather *, struct gather_question *);

/* The peer answers; what comes too late is dropped. Returns 0. */
int gather_answer(struct gather *, uint32_t peer, const struct msg_report *);
/* A peer is gone, which may have asked or been asked. */
void gather_down(struct gather *, uint32_t peer);

void gather_tick(struct gather *, int64_t now);
int64_t gather_deadline(const struct gather *);

#endif
