#ifndef HARNESS_H
#define HARNESS_H

/*
 * A core with peers around it and a clock, driven by lines of text: what comes
 * in is a line, and so is each act that comes out. t/script.c reads the lines
 * of a script and compares. The core is on its own: nothing is sent, dialled or
 * started, and no time passes but in a wait.
 *
 * What comes in:
 *
 *	core plb module calc wanted 8	another core, of that kind
 *	up one channel tag 2 address 10.0.0.1:7
 *					a peer, by a name, its role and what
 *					struct peer_info says of it
 *	down one			it is gone
 *	> one demand tokens 5		a message of a peer
 *	>! one cancel order 1		one that the driver would not let pass:
 *					of a role that must not send it, or of
 *					a peer that is not up
 *	fail tag 2 reason "wrong key" final 1
 *					a dial that did not come up
 *	wait 5000			milliseconds, with a tick at each
 *					deadline; it is cut short by what comes
 *					out before
 *	tick				nothing but a tick
 *	want tokens 5			what the core's own adapter knows
 *
 * Each is a batch of its own, so a tick follows, unless it is one of several
 * that come together. A peer's name is its instance, too (text.h), unless `up'
 * says another one; the core's own is `us'. What the core's program says itself
 * it says as `program'.
 *
 * What comes out:
 *
 *	< one connect quantity 5 module calc	a message to a peer
 *	< close one because "why"		ACT_CLOSE
 *	< close one once written		ACT_DRAIN
 *	< dial 10.0.0.1:7 tag 2 once		or: hour, forever
 *	< undial 10.0.0.1:7
 *	< log info text				or: error, debug, trace
 *	< stop 0
 *	< error EPROTO		what the core returned: the driver would close
 *
 * What can be asked, each line of the answer being `= ' and text:
 *
 *	? deadline		milliseconds from now, or never
 *	? inspect orders	the rows of a report; ids that are names as such
 *	? rows orders		how many there are, in how many reports
 *	? counts plb		of rows that begin with that word, the numbers
 *				that are not 0, each after its name
 *	? tokens		what the core's own adapter knows
 */

#include <stddef.h>

#include "core.h"
#include "t/text.h"

/* What an adapter takes of a line, for an input of the core's own: a struct of
 * its own, all of whose members are in its schema. */
#define HARNESS_ARG(T, kind, m, of) { 0, kind, 0, offsetof(struct T, m), 0, \
	    of, #m }
#define HARNESS_UINT(T, m)  HARNESS_ARG(T, FIELD_UINT, m, NULL)
#define HARNESS_BYTES(T, m) HARNESS_ARG(T, FIELD_BYTES, m, NULL)
#define HARNESS_GROUP(T, m, of) HARNESS_ARG(T, FIELD_GROUP, m, of)
#define HARNESS_ARGS(T, fields) \
	{ #T, fields, sizeof(fields) / sizeof((fields)[0]), sizeof(struct T) }

/* An input of the core's own: 0, or -1 with errno. */
struct harness_input {
	const char *name; /* NULL ends a table */
	int (*feed)(void *core, int64_t now, const void *args);
};

/* The feed() of one that is the call of a function of the core alone. */
#define HARNESS_CALL(feed, call) \
	static int \
	feed(void *core, int64_t now, const void *args) \
	{ \
		(void)now; \
		(void)args; \
		call(core); \
		return 0; \
	}

/* The same where the function is told the time. */
#define HARNESS_CALL_NOW(feed, call) \
	static int \
	feed(void *core, int64_t now, const void *args) \
	{ \
		(void)args; \
		call(core, now); \
		return 0; \
	}

/* The end() and the out() of a core whose functions have that prefix. */
#define HARNESS_CORE(adapter, prefix) \
	static void \
	adapter##_end(void *core) \
	{ \
		prefix##_free(core); \
	} \
	static struct outbox * \
	adapter##_out(void *core) \
	{ \
		return prefix##_out(core); \
	}

/* A kind of core: all that the harness knows of it. */
struct harness_core {
	const char *name;
	unsigned program; /* the role that its program speaks as; 0: it has
			     nothing to say */
	const struct core_ops *ops;
	const struct schema *args;
	void *(*begin)(const struct id *own, uint64_t seed, const void *args);
	void (*end)(void *core);
	struct outbox *(*out)(void *core);
	const struct harness_input *inputs;
	/* Append what an act says, for those that the core has of its own, or
	 * nothing where it is the adapter's alone; 0 when it is none of them.
	 * May be NULL. */
	int (*print)(void *core, const struct act *, struct buf *);
	/* Append the answer, with a newline after each line; 0 when it cannot
	 * be asked this. arg: the next word, or empty. May be NULL. */
	int (*ask)(void *core, struct slice what, struct slice arg,
	    struct buf *);
	/* What the driver's functions are of, where begin() made something that
	 * holds it; the time is now. NULL: there is no such thing. */
	void *(*inner)(void *core, int64_t now);
};

extern const struct harness_core core_authority, core_bootstrap, core_broker,
    core_call, core_channel, core_discovery, core_exchange, core_listener,
    core_plb;

#define HARNESS_START_MS 1000000 /* the clock, when a core begins */

struct harness;

struct harness *harness_new(void);
void harness_free(struct harness *);
/* No core, no peers. */
void harness_clear(struct harness *);

/* What is wrong with the line that was fed last. */
const char *harness_error(const struct harness *);

/* A line comes in: 0, or -1 when it means nothing. more: others come with it,
 * so there is no tick yet; harness_tick() is, in the end. */
int harness_feed(struct harness *, struct slice line, int more);
int harness_tick(struct harness *);

/* The same for a message that comes as bytes: 1; or 0 when no driver would hand
 * it on: it does not decode, or that peer is not up or may not send it. */
int harness_bytes(struct harness *, const char *peer, unsigned type,
    struct slice value);

/* From now on messages to peers and lines of log do not come out. Of a message
 * it is asserted that it decodes, and that the peer may be sent it. */
void harness_quiet(struct harness *);

/* What is left of the wait that was fed last. */
int64_t harness_left(const struct harness *);

/* The oldest line that came out, NULL when there is none; drop it. */
const char *harness_next(const struct harness *);
void harness_drop(struct harness *);

#endif
