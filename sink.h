#ifndef SINK_H
#define SINK_H

/*
 * Standard output (or another descriptor that is shared with other programs) as
 * a queue in the loop. It is not made non-blocking, since that would change it
 * for whoever shares it: it is written when poll() says so, as much as then
 * cannot block a pipe.
 */

#include "buf.h"
#include "loop.h"

#define SINK_KEEP (64 * 1024) /* of the queue, from one use to the next */

struct sink {
	struct loop *loop;
	struct watch watch;
	struct later flush;
	struct buf queue;
	size_t chunk; /* bytes a write */
	int error;    /* errno of what ended it, or 0 */
	size_t lost;  /* bytes that were queued then */
	/* The queue ran empty, or an error did away with it. */
	void (*drained)(void *arg);
	void *arg;
};

void sink_init(struct sink *, struct loop *, int fd, size_t max,
    void (*drained)(void *arg), void *arg);
void sink_free(struct sink *); /* leaves the descriptor open */

/* After something was put into the queue: it will be written. */
void sink_filled(struct sink *);

#endif
