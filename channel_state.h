#ifndef CHANNEL_STATE_H
#define CHANNEL_STATE_H

/*
 * The channel core's state, shared by the files that make it up and by nobody
 * else: channel.c (grants, requests, answers), channel_count.c (what is
 * counted), channel_stream.c (bodies and output in pieces) and channel_worker.c
 * (which worker has what).
 */

#include <stdio.h>

#include "channel.h"
#include "channel_pool.h"
#include "stats.h"

/* held = tokens + spare + requests in flight. */
struct channel {
	struct outbox out;
	struct id own;
	struct slice module, host; /* on the heap */
	char says[CHANNEL_CLIENT]; /* a line of each request: what its client is
				      called; or empty */
	int told; /* that no worker's standard error is sent */
	enum channel_mode mode;
	enum frame_kind kind;
	uint64_t capacity; /* alone: the grant; 0 under a listener */

	uint32_t listener, client; /* peers; 0: not linked */
	int served; /* there is or was a client */
	int failed; /* there will be none */

	struct buf early; /* connects before the listener's link: frames */
	size_t asks;	  /* how many */
	size_t asked;	  /* of the listener, without an answer */

	uint64_t held;	   /* granted to us and not returned */
	uint64_t tokens;   /* the client's, unspent */
	uint64_t spare;	   /* nobody's: they go with the next answer */
	uint64_t giveback; /* returned at the end of the turn */

	struct msg_waiting waiting; /* as the listener said last */
	int64_t over; /* holds more than its share since; INT64_MAX: does not */
	uint64_t cut; /* tokens that were not granted again as they were over */

	uint64_t count; /* requests that came */
	struct stats stats; /* since the listener was told last */
	struct inflight_table inflight;
	struct pool pool; /* of CHANNEL_POOL and CHANNEL_MUX */
	char died[128];	  /* how the last worker did */
	int64_t silent_at; /* look for workers that have answered nothing;
			      0: no worker was started yet */

	int draining;
	int64_t void_at; /* unspent tokens are void then ... */
	int voided;	 /* ... and are now */
	int expired;	 /* it has drained for as long as it may */
	int closing;	 /* the client's connection is ending */
	int stopped;
};

/* channel.c */

int channel_tell(struct channel *, unsigned act, uint32_t worker,
    uint64_t value);
/* Give the request to a worker, or fail it: 0, or -1 as message(). */
int channel_begin(struct channel *, int64_t now, struct inflight *,
    const struct msg_request *);
/* The request is over. */
int channel_answer_fail(struct channel *, int64_t now, struct inflight *,
    int ran, const char *reason);
int channel_answer_reply(struct channel *, int64_t now, struct inflight *,
    unsigned status, struct slice body);
/* Its time is up: the client has its answer; the worker still has the request,
 * and the token with it. */
int channel_answer_late(struct channel *, int64_t now, struct inflight *);
/* There is no answer for its token to go with. */
int channel_drop(struct channel *, struct inflight *);
/* Nobody wants its answer. One that a worker has begun goes on, unless it has a
 * process of its own. A process whose output nobody wants is ending already. */
int channel_abandon(struct channel *, int64_t now, struct inflight *);

/* channel_count.c */

/* The request came; its body is whole, which it waited for; it has ended with
 * that status, and has not been late. */
static inline void
channel_count_begun(struct channel *c, int64_t now, struct inflight *r,
    const struct msg_request *q)
{
	r->at = outbox_ns(&c->out, now);
	c->stats.n[STAT_BEGUN]++;
	c->stats.n[STAT_IN] += q->function.len + q->args.len + q->body.len;
	if (c->says[0] != '\0')
		snprintf(r->function, sizeof(r->function), "%.*s",
		    SLICE_ARG(q->function));
}

/* The line of one that has ended so; status: -1 where it has none. */
void channel_count_say(struct channel *, const struct inflight *,
    enum counter how, int status, int64_t run_ns);
void channel_count_whole(struct channel *, int64_t now, struct inflight *);

static inline void
channel_count_status(struct channel *c, int64_t now, const struct inflight *r,
    enum counter how, int status)
{
	int64_t ns = outbox_ns(&c->out, now) - r->at;

	c->stats.n[how]++;
	stats_time(&c->stats.run, ns);
	if (c->says[0] != '\0')
		channel_count_say(c, r, how, status, ns);
}

/* It has ended without one: once, though what is late may be told of twice. */
static inline void
channel_count_end(struct channel *c, int64_t now, struct inflight *r,
    enum counter how)
{
	if (!r->ended)
		channel_count_status(c, now, r, how, -1);
	r->ended = 1;
}

/* The same, by a failure. Returns the reason that its client is told. */
const char *channel_count_failed(struct channel *, int64_t now,
    struct inflight *, const char *reason);
/* A worker is about to be forgotten: has it died? */
void channel_count_died(struct channel *, uint32_t worker);
/* The last word to the listener. */
void channel_count_tell(struct channel *);

/* channel_stream.c */

/* The request came: note what of it and of its answer goes in pieces. 0, or -1
 * with ENOMEM. */
int channel_stream_begin(struct channel *, struct inflight *,
    const struct msg_request *);
/* The client may send its body. */
int channel_stream_invite(struct channel *, struct inflight *);
/* Has it sent no output, and nothing else that says why it fails? */
int channel_stream_is_silent(const struct channel *, const struct inflight *);
/* Requests whose bodies are not whole fail. */
void channel_stream_expire(struct channel *, int64_t now);
int channel_on_data(struct channel *, int64_t now, const struct msg_data *);
int channel_on_end(struct channel *, int64_t now, const struct msg_end *);
int channel_on_window(struct channel *, const struct msg_window *);

/* channel_worker.c */

/* Give it to a worker: 0, or -1 with EAGAIN if none may be started now, or
 * EINVAL if none could read it. */
int channel_assign(struct channel *, int64_t now, struct inflight *,
    const struct msg_request *, const char **why);
/* The request of that name that the worker has, or NULL. */
struct inflight *channel_request(const struct channel *, uint32_t worker,
    uint64_t name);
/* The client is gone: abandon everything except casts. */
void channel_abandon_all(struct channel *, int64_t now);
/* Look for requests whose time is up, for workers that answer nothing, and for
 * idle workers beyond what is held. */
void channel_tick_workers(struct channel *, int64_t now);

#endif
