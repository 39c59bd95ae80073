#ifndef EXCHANGE_LOG_H
#define EXCHANGE_LOG_H

/*
 * An order log: all that the core of an exchange is told and all that this
 * answers, and the same done again by another core. A record stands between
 * the hub and the core: it is a core to the hub, writes each call down, and
 * passes it on.
 *
 * The log is text, a line for each call of the core and for each message that
 * this sends:
 *
 *	start MODULE INSTANCE SEED
 *	NOW up PEER ROLE INSTANCE ADDRESS
 *	NOW down PEER
 *	NOW in PEER MESSAGE FRAME
 *	NOW tick
 *	NOW out PEER MESSAGE FRAME
 *	end
 *
 * Numbers are decimal, frames and ids hexadecimal, and NOW is in milliseconds.
 * A new process goes on at the end of the file, with another start. What
 * answers lambda-ctl is left out: it is long, and no order.
 */

#include <stdio.h>

#include "exchange.h"
#include "map.h"

#define RECORD_LINE_MAX (1024 * 1024) /* bytes of a line */

struct record {
	FILE *file; /* NULL: nothing is recorded */
	const char *path;
	struct exchange *core; /* what is called here goes on to it */
	struct outbox out;     /* of which this is the outbox */
	struct buf frame;
};

/* Open the file, at its end: nothing that another process has written is lost.
 * What is no regular file, or cannot be opened, ends the program. */
void record_open(struct record *, const char *path);

/* This process's part begins: its core, and what this was made of. The hub is
 * given record_ops, the record and its outbox in place of the core's. */
void record_start(struct record *, struct exchange *, const char *module,
    const struct id *own, uint64_t seed);
extern const struct core_ops record_ops;

/* Close it. Nothing is done with a zeroed one, which was never opened. */
void record_end(struct record *);

struct replay {
	FILE *file;
	const char *path, *module;
	struct exchange *core; /* NULL before the first start */
	struct map peers;      /* roles of those that are up, by handle */
	int64_t now;	       /* of the last line that has a time */
	uint64_t line, runs, messages, fills;
	unsigned char frame[RECORD_LINE_MAX / 2];
	char text[RECORD_LINE_MAX];
};

/* Have a core do again what the log of this module says, which is read from the
 * file: a row on standard output for each seller of a fill. path is its name in
 * messages. What differs or is no order log ends the program. */
void replay_init(struct replay *, FILE *, const char *path,
    const char *module);
void replay_read(struct replay *);
/* The file is closed. */
void replay_free(struct replay *);

/* All of this for the file of that name. The exit status: 0. */
int replay_run(const char *path, const char *module);

#endif
