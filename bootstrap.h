#ifndef BOOTSTRAP_H
#define BOOTSTRAP_H

/*
 * The bootstrap core: sources of addresses, what each gave last, and which of
 * them to print. The shell resolves: the core asks for it, and takes the result
 * whenever it comes, even unasked (a file that changed). No source waits for
 * another.
 *
 * An address that is new is printed at once; all are printed again each
 * interval. A source that fails keeps what it gave last; the reason is logged
 * when it changes. An answer of the DNS or of a command may be incomplete: an
 * address stays until it is missing from BOOTSTRAP_MISSED_MAX answers in a row.
 * A source that gives addresses and then fails has given such an answer, too.
 */

#include <stdint.h>

#include "core.h"

#define BOOTSTRAP_PORT		4370
#define BOOTSTRAP_SOURCES_MAX	64
#define BOOTSTRAP_ADDRESSES_MAX 4096 /* of a source */
#define BOOTSTRAP_REASON_MAX	256
#define BOOTSTRAP_MISSED_MAX	3
#define BOOTSTRAP_TTL_MIN_MS	1000 /* between questions, whatever the TTL */
#define BOOTSTRAP_NOTHING	111  /* the exit code when no source gave any */

enum bootstrap_kind {
	BOOTSTRAP_STATIC, /* IP:PORT */
	BOOTSTRAP_FILE,	  /* file:PATH */
	BOOTSTRAP_DNS,	  /* dns:NAME[:PORT] */
	BOOTSTRAP_EPMD,	  /* epmd:NODE[@HOST] */
	BOOTSTRAP_EXEC	  /* exec:COMMAND */
};

enum bootstrap_act {
	/* An address, to be printed: bytes. */
	BOOTSTRAP_LINE = ACT_OWN,
	/* Resolve the source of the number in peer; answered by one of
	 * bootstrap_result() and bootstrap_failed(). Not asked again before. */
	BOOTSTRAP_ASK
};

struct bootstrap;

/* once: -1: ACT_STOP comes when every source has answered, with 0, or with
 * BOOTSTRAP_NOTHING. NULL with ENOMEM. */
struct bootstrap *bootstrap_new(uint64_t seed, int64_t interval_ms, int once);
void bootstrap_free(struct bootstrap *);
struct outbox *bootstrap_out(struct bootstrap *);

/* Add a source as written on the command line: its number, from 0; or -1 with
 * EINVAL and *why, a sentence that is good until the next call. */
int bootstrap_add(struct bootstrap *, const char *source, const char **why);
enum bootstrap_kind bootstrap_kind(const struct bootstrap *, int number);
/* What follows the colon: good as long as the core. */
const char *bootstrap_what(const struct bootstrap *, int number);

/* All that the source gives, an address on each line. Empty lines and those
 * that begin with '#' are skipped. A line that is no address is reported, and
 * so is a result without any. but: what else is wrong, or NULL. */
void bootstrap_result(struct bootstrap *, int number, struct slice lines,
    const char *but);
/* lines: what it gave before it failed, or nothing. */
void bootstrap_failed(struct bootstrap *, int number, struct slice lines,
    const char *reason);

/* Addresses that the source has given so far: whole lines of what will come
 * with bootstrap_result(). */
void bootstrap_some(struct bootstrap *, int number, struct slice lines);

/* Before bootstrap_result(): how long the answer is good. If that ends before
 * the interval does, the source is asked again then, but not before
 * BOOTSTRAP_TTL_MIN_MS. Negative: unknown. */
void bootstrap_ttl(struct bootstrap *, int64_t now, int number,
    int64_t ttl_ms);

/* Ask all sources now (SIGHUP). */
void bootstrap_again(struct bootstrap *);

void bootstrap_tick(struct bootstrap *, int64_t now);
int64_t bootstrap_deadline(const struct bootstrap *);

#endif
