#ifndef CALL_H
#define CALL_H

/*
 * The core of lambda-call: one call, or a filter that makes a call of each
 * record of its input. It owns a PLB core, is that core's program, and stands
 * for it at the driver: call_ops hands peers and messages on to it. It reads
 * and writes nothing itself: its shell gives it the input, writes the results
 * from a queue to standard output, and takes the acts below out of its outbox.
 */

#include "call_filter.h"
#include "plb.h"

#define CALL_NOTICE_MS 3000 /* without a seller: says so */
#define CALL_FIXED_MS  2000 /* without the given channel or PLB: ends */
#define CALL_READ_MAX  (64 * 1024) /* bytes of input at a time */
#define CALL_LATE      99 /* exit status: time is up */

enum call_act {
	CALL_LINE = PLB_ROOM + 1, /* bytes: a line for standard error */
	CALL_PROGRESS, /* bytes: the same, in place of the last such */
	CALL_INPUT,  /* value: 1, wait for input; 0, let it wait */
	CALL_FINISH, /* end with status value, once the results are written */
	CALL_QUIT    /* end with status value */
};

struct call_config {
	struct plb_config plb;
	const char *module;
	const char *function; /* NULL: none */
	struct slice args;    /* list of byte strings */
	size_t nargs;	      /* in it */
	int filter;	      /* a request a record, else one in all */
	enum frame_kind kind; /* of the records */
	int unordered;
	int progress;	      /* show it, each second and at the end */
	int terminal;	      /* results are for a person to read */
	uint64_t retries;
	int64_t limit_ms;  /* -T; 0: none */
	const char *where; /* whom it reaches, for messages */
};

struct call;

extern const struct core_ops call_ops;

/* The configuration is copied, but not what it points at; results go to out.
 * NULL with ENOMEM. */
struct call *call_new(int64_t now, uint64_t seed, const struct call_config *,
    struct buf *out);
void call_free(struct call *);
struct outbox *call_out(struct call *);

/* What the PLB core does to its program: each act that is neither the driver's
 * nor one of the above. Like all calls below it may change what the core wants
 * done: the shell has the driver call tick(). */
void call_take(struct call *, int64_t now, const struct act *);

/* There is input, or its end: 1, to be read now; 0, not before there is a token
 * for it. */
int call_readable(struct call *);
/* Some of it, CALL_READ_MAX bytes at most. */
void call_input(struct call *, struct slice);
/* It has ended: why not as it should, or NULL. */
void call_input_end(struct call *, int64_t now, const char *why);

#endif
