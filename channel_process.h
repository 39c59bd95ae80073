#ifndef CHANNEL_PROCESS_H
#define CHANNEL_PROCESS_H

/*
 * The workers of a channel, as processes. This starts, feeds and ends them, as
 * the channel core asks, and tells the core what became of them.
 *
 * While more than WORKERS_OUT_MARK bytes wait to be sent to the client, no
 * replies are passed on. While the workers still have more than WORKERS_IN_MARK
 * bytes to read, the client is not read from.
 */

#include "channel.h"
#include "hub.h"
#include "program.h"

#define WORKERS_OUT_MARK (16u * 1024 * 1024)
#define WORKERS_IN_MARK	 (32u * 1024 * 1024)

struct workers;

struct workers_config {
	enum channel_mode mode;
	enum frame_kind kind; /* but for CHANNEL_EXEC */
	char **argv;	      /* program and arguments, ended by NULL */
	char **env;
	const struct program_file *file; /* the program's; fd -1: run argv[0] */
	int groups; /* the listener's file of what runs (channel_tether.h),
		       which is closed with the workers; or -1 */
};

/* The pointers in the configuration stay the caller's. Dies (111) without
 * memory. */
struct workers *workers_new(struct hub *, struct channel *,
    const struct workers_config *);
void workers_free(struct workers *);

/* The client's connection. */
void workers_client(struct workers *, uint32_t peer);

/* Less is queued for the client than before (hub.room). */
void workers_on_room(struct workers *);

/* Carry out an act of the channel core. */
void workers_act(struct workers *, const struct act *);

/* Does a worker run, or anything that one has started? */
int workers_any(const struct workers *);

/* Signal all of these. */
void workers_signal(const struct workers *, int signo);

#endif
