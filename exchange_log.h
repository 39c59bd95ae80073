#ifndef EXCHANGE_LOG_H
#define EXCHANGE_LOG_H

/*
 * An order log: all that the core of an exchange gets and answers; and a
 * replay, in which another core does the same again. A record stands between
 * the hub and the core: to the hub it is a core, which writes each call down
 * and passes it on.
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

/* Begin the part of this process: its core, and what the core was made of. Give
 * the hub record_ops, the record and its outbox in place of the core's. */
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

/* Read the log of this module from the file and have a core do the same again;
 * print a row for each seller of a fill. path is the file's name in messages. A
 * difference, or a line that is not of an order log, ends the program. */
void replay_init(struct replay *, FILE *, const char *path,
    const char *module);
void replay_read(struct replay *);
/* The file is closed. */
void replay_free(struct replay *);

/* All of this for the file of that name. The exit status: 0. */
int replay_run(const char *path, const char *module);

#endif
