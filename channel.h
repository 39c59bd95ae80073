#ifndef CHANNEL_H
#define CHANNEL_H

/*
 * The channel core: the server side of one PLB connection. It grants tokens to
 * the PLB, as its listener grants them to it, or up to a capacity of its own.
 * It queues nothing. A request without a token closes the connection. A request
 * with a token gets a worker at once, or fails: because workers die at once, or
 * because no worker could read it (a newline in a line). Every request gets one
 * answer: reply or fail. The token is granted again with the answer, unless the
 * channel drains. To give back what is over an equal share is the client's
 * business, which alone knows what it holds of others. Where it does not do so,
 * and this channel alone has held more than that for CHANNEL_HEED_MS while buys
 * stood unmet, what is over it is not granted again.
 *
 * A cast is answered when it is accepted, and some requests are answered while
 * a worker still has them. Their tokens are granted again with the first answer
 * after they have ended, or go back to the listener if no answer is due.
 *
 * Workers: with CHANNEL_EXEC each request is a process of its own. With
 * CHANNEL_POOL there are long-lived workers, each with one request at a time.
 * With CHANNEL_MUX one worker takes all requests. The core never sees a
 * process: it names workers by small numbers, and says start, feed, kill. A
 * number is used again only after channel_reply() (CHANNEL_EXEC),
 * channel_ended() or channel_unable().
 */

#include "core.h"
#include "frame.h"
#include "stream.h"

#define CHANNEL_HEED_MS	   2000 /* for a client to return what is over its
				   share */
#define CHANNEL_ASKS	   16	/* connects without an answer */
#define CHANNEL_VOID_MS	   5000 /* after drain, unspent tokens are void */
#define CHANNEL_ABANDON_MS 5000 /* from the first signal to the second */
#define CHANNEL_LATE_MS	   1000 /* the same, when its time was up */
#define CHANNEL_SILENT_MS  5000 /* a worker that has answered nothing: tell */

/* Tags of the two links, for hub_adopt(): one that fails ends the channel. */
#define CHANNEL_CLIENT_TAG   1
#define CHANNEL_LISTENER_TAG 2

enum channel_mode { CHANNEL_EXEC, CHANNEL_POOL, CHANNEL_MUX };

struct channel;

extern const struct core_ops channel_ops;

enum channel_act {
	CHANNEL_START = ACT_OWN, /* worker peer; CHANNEL_EXEC: bytes is the
				    request's message, value its number, as in
				    channel_request_of() */
	CHANNEL_FEED,	/* worker peer; bytes: the request as the worker reads
			   it (frame.h); value: its name in channel_reply(),
			   which is what a mux frame says */
	CHANNEL_KILL,	/* worker peer: a signal now, and SIGKILL after value
			   ms; channel_ended() follows */
	CHANNEL_RETIRE, /* worker peer: no more requests; end of file */
	CHANNEL_MORE,	/* worker peer: bytes: more of its request's body;
			   value 1: its end, and no bytes */
	CHANNEL_ROOM,	/* worker peer: channel_may_send() may be more */
	CHANNEL_UNWANTED, /* worker peer: nobody wants more of its output:
			     close it, and end the worker if that does not */
	CHANNEL_ORPHAN,	/* the listener is lost: end all workers, and all */
	CHANNEL_EXPIRED /* the time to drain is over: end all workers; when all
			   is answered ACT_STOP follows */
};

struct channel_config {
	struct slice module;
	enum channel_mode mode;
	enum frame_kind kind; /* but for CHANNEL_EXEC */
	uint64_t capacity; /* without a listener; 0: ask the listener */
	struct slice host; /* what it is called in the reason of a failure */
};

struct channel *channel_new(const struct id *own, uint64_t seed,
    const struct channel_config *);
void channel_free(struct channel *);
/* From now on log a line of each request that ends: who calls its client so
 * (CHANNEL_CLIENT bytes are kept). */
#define CHANNEL_CLIENT 128
void channel_log_requests(struct channel *, const char *client);
struct outbox *channel_out(struct channel *);

/*
 * What became of workers: 0, or -1 with ENOBUFS or ENOMEM.
 *
 * channel_reply(): the worker has written this body; with CHANNEL_EXEC it has
 * ended with this status. name is the value of CHANNEL_FEED with CHANNEL_MUX,
 * and means nothing otherwise. A reply that no request waits for is logged;
 * except with CHANNEL_MUX it ends the worker.
 */
int channel_reply(struct channel *, int64_t now, uint32_t worker,
    uint64_t name, unsigned status, struct slice body);
/* The worker has ended; reason says how ("exit 1"): fails what it had. */
int channel_ended(struct channel *, int64_t now, uint32_t worker,
    const char *reason);
/* It could not be started: fails its request, which has not run. */
int channel_unable(struct channel *, int64_t now, uint32_t worker,
    const char *reason);

/* SIGTERM: the same as the listener's drain. ACT_STOP when all is answered. */
int channel_drain(struct channel *, int64_t now);

/* The time for that is over: it takes no request, and what fails from now on
 * fails as CORE_DRAINED says. The same as the listener's drain with over. 0, or
 * -1 as above. */
int channel_expire(struct channel *, int64_t now);

/*
 * The output of a worker of CHANNEL_EXEC in pieces, and its input.
 * channel_streams(): may its output be sent before its end? If it may, this is
 * how: channel_may_send() says how many bytes of a part (stream.h) can be sent
 * now, SIZE_MAX if they would be dropped; channel_output() sends no more than
 * that; channel_reply() brings the last STREAM_HEAD bytes at most. If not,
 * channel_reply() brings all.
 *
 * channel_fed(): the worker has read n bytes that CHANNEL_MORE gave it;
 * channel_deaf(): it will read no more of them, which is no error. All return
 * as channel_reply() does.
 */
int channel_streams(const struct channel *, uint32_t worker);
size_t channel_may_send(const struct channel *, uint32_t worker,
    enum stream_part);
int channel_output(struct channel *, uint32_t worker, enum stream_part,
    struct slice bytes);
int channel_fed(struct channel *, int64_t now, uint32_t worker, size_t n);
int channel_deaf(struct channel *, uint32_t worker);

/* A line that a worker of CHANNEL_EXEC has written to standard error: the last
 * one goes with an answer that has nothing else to say. channel_errors(): the
 * client wants all of it, as STREAM_ERROR. */
void channel_said(struct channel *, uint32_t worker, struct slice line);
int channel_errors(const struct channel *, uint32_t worker);

/* Requests accepted and not answered, or casts not finished. */
size_t channel_running(const struct channel *);

/* The number of the worker's request, for the log: requests count from 1 in the
 * order in which they came. 0 if it has none, or more than one. */
uint64_t channel_request_of(const struct channel *, uint32_t worker);

/* Tokens: all that it holds; those of them that the client may spend; and those
 * that were ever not granted again as they were over its share. */
uint64_t channel_held(const struct channel *);
uint64_t channel_tokens(const struct channel *);
uint64_t channel_cut(const struct channel *);

#endif
