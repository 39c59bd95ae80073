/* What is asked of PLBs, and what they answer. */

#include <assert.h>
#include <stdlib.h>

#include "bytes.h"
#include "frame.h"
#include "plb.h"
#include "t/virtual/sim.h"

#define RECENT	  32 /* of them one may be abandoned */
#define HUNGRY_MS 20 /* who is hungry asks as often */

/* Its number, then as much as follows from that: large ones are few. */
struct slice
load_body(struct world *w, uint64_t call)
{
	uint64_t h = call * 0x9e3779b97f4a7c15u >> 20;
	size_t len = 8;

	if (w->plan.body_max > 0)
		len += h % (h % 5 == 0 ? w->plan.body_max : 200);
	put32(put32(w->body, (uint32_t)(call >> 32)), (uint32_t)call);
	memset(w->body + 8, (int)(h & 0xff), len - 8);
	return slice_of(w->body, len);
}

uint64_t
load_call(struct world *w, struct slice body)
{
	uint64_t call;

	assert(body.len >= 8);
	call = (uint64_t)get32(body.p) << 32 | get32(body.p + 4);
	assert(call < w->ncalls);
	if (!slice_equal(body, load_body(w, call)))
		world_fail(w, 4, "the body of %llu has changed on its way",
		    (unsigned long long)call + 1);
	return call;
}

/* Of a block: as many whole records as fit. */
static void
load_check_block(struct world *w, uint64_t first, size_t n, size_t len)
{
	const struct asked *c = &w->calls[first], *last = &c[n - 1];

	if (n > 1 && len > c->block)
		world_fail(w, 4, "a block has %zu bytes, of %zu", len,
		    c->block);
	if (!last->last && len + 4 + load_body(w, first + n).len <= c->block)
		world_fail(w, 4, "a block ends before record %llu, which fits",
		    (unsigned long long)(first + n) + 1);
	w->blocks += n > 1;
}

/* Records that are one request's follow each other. */
uint64_t
load_calls(struct world *w, struct slice body, size_t *n)
{
	struct frame_reader reader = { FRAME_PACKET4, 0 };
	uint64_t first = 0, call;
	size_t at = 0;
	struct frame f;

	*n = 1;
	if (body.len < 8 || get32(body.p) == 0)
		return load_call(w, body);
	for (*n = 0; at < body.len; ++*n) {
		at += (size_t)frame_next(&reader, body.p + at, body.len - at,
		    &f);
		assert(f.body.p + f.body.len == body.p + at);
		call = load_call(w, f.body);
		if (*n == 0)
			first = call;
		if (w->calls[first].block == 0 || call != first + *n)
			world_fail(w, 4, "a block has %llu in place of %llu",
			    (unsigned long long)call + 1,
			    (unsigned long long)(first + *n) + 1);
	}
	load_check_block(w, first, *n, body.len);
	return first;
}

void
load_put(struct world *w, uint64_t call, size_t n, struct buf *b)
{
	const char *why;
	struct slice body;
	int r = 0;

	if (w->calls[call].block == 0) {
		body = load_body(w, call);
		r = buf_append(b, body.p, body.len);
	}
	for (; n > 0 && w->calls[call].block > 0 && r == 0; n--, call++)
		r = frame_put_body(b, FRAME_PACKET4, load_body(w, call), &why);
	assert(r == 0);
}

/* One more call that somebody asks for: its number. */
uint64_t
load_add(struct world *w, const struct post *s)
{
	struct asked *c;

	if (w->ncalls == w->capcalls) {
		w->capcalls = w->capcalls == 0 ? 256 : 2 * w->capcalls;
		w->calls = realloc(w->calls, w->capcalls * sizeof(*c));
		assert(w->calls != NULL);
	}
	c = &w->calls[w->ncalls++];
	memset(c, 0, sizeof(*c));
	c->post = (uint32_t)(s - w->posts);
	c->proc = s->proc;
	c->at = w->clock.now;
	return w->ncalls - 1;
}

static struct asked *
load_new(struct post *s)
{
	struct world *w = s->world;
	uint64_t call = load_add(w, s);
	struct asked *c = &w->calls[call];

	c->retries = chance(w, s->retry_percent) ? 1 + draw(w, 3) : 0;
	c->cast = chance(w, s->cast_percent);
	c->limited = chance(w, s->limit_percent);
	return c;
}

static void
submit(struct post *s, struct proc *p)
{
	struct world *w = s->world;
	struct asked *c = load_new(s);
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_REQUEST;
	m.u.request.id = w->ncalls;
	m.u.request.body = load_body(w, w->ncalls - 1);
	m.u.request.cast = (uint64_t)c->cast;
	m.u.request.retries = c->retries;
	if (c->limited)
		m.u.request.left_ms = between(w, 20, 4000);
	if (s->outstanding++ == 0)
		s->progress = w->clock.now;
	trace(p, "asks %llu", (unsigned long long)m.u.request.id);
	if (p->ops->message(p->core, proc_now(p), 0, &m) == -1)
		world_fail(w, 4, "%s takes no request", p->name);
}

/* One of the recent requests, if it has no answer yet. */
static void
abandon(struct post *s, struct proc *p)
{
	struct world *w = s->world;
	uint64_t id = w->ncalls - draw(w, RECENT);
	struct asked *c;
	struct msg m;

	if (id == 0 || id > w->ncalls)
		return;
	c = &w->calls[id - 1];
	if (c->proc != p->number || c->answers > 0)
		return;
	memset(&m, 0, sizeof(m));
	m.type = MSG_ABANDON;
	m.u.abandon.id = id;
	c->abandoned = 1;
	p->ops->message(p->core, proc_now(p), 0, &m);
}

static void
on_ask(void *arg)
{
	struct post *s = arg;
	struct world *w = s->world;
	struct proc *p = post_proc(s);
	unsigned i;

	if (p == NULL || w->quiet)
		return;
	event_at(&w->clock, &s->ask, w->clock.now + 1 +
	    (s->hungry && w->healed ? HUNGRY_MS : draw(w, 2 * s->pace_ms)));
	if (p->asleep_until > w->clock.now || p->hub.stop)
		return;
	for (i = 0; i < s->burst && s->outstanding < s->at_once; i++)
		submit(s, p);
	if (chance(w, s->abandon_percent))
		abandon(s, p);
	proc_deliver(p);
}

void
load_start(struct post *s)
{
	event_init(&s->ask, on_ask, s);
	event_at(&s->world->clock, &s->ask,
	    s->world->clock.now + draw(s->world, 2 * s->pace_ms));
}

/* The PLB is gone, with what it had not answered. */
void
load_lost(struct proc *p)
{
	struct world *w = p->world;
	struct post *s;
	size_t i;

	for (i = 0; i < w->ncalls; i++) {
		if (w->calls[i].proc != p->number)
			continue;
		w->calls[i].proc = 0;
		if (w->calls[i].answers == 0)
			w->posts[w->calls[i].post].outstanding--;
	}
	for (s = w->posts; s < w->posts + w->nposts; s++)
		if (s->proc == p->number)
			event_off(&w->clock, &s->ask);
}

/* Answers. */

static struct asked *
answered(struct proc *p, uint64_t id)
{
	struct world *w = p->world;
	struct asked *c;
	struct post *s;

	if (id == 0 || id > w->ncalls ||
	    w->calls[id - 1].proc != p->number)
		world_fail(w, 4, "%s answers %llu, which it was not asked",
		    p->name, (unsigned long long)id);
	c = &w->calls[id - 1];
	if (c->answers++ > 0)
		world_fail(w, 4, "%s answers %llu twice", p->name,
		    (unsigned long long)id);
	s = &w->posts[c->post];
	s->outstanding--;
	s->progress = w->answered_at = w->clock.now;
	return c;
}

static void
on_reply(struct proc *p, const struct msg_reply *m)
{
	struct asked *c = answered(p, m->id);
	struct world *w = p->world;

	w->replies++;
	c->accepted = c->cast;
	if (c->cast)
		return;
	if (c->runs == 0 ||
	    !slice_equal(m->body, load_body(w, m->id - 1)))
		world_fail(w, 4, "%s: the reply to %llu is not its own",
		    p->name, (unsigned long long)m->id);
}

static void
on_fail(struct proc *p, const struct msg_fail *m)
{
	struct asked *c = answered(p, m->id);
	struct world *w = p->world;

	w->fails++;
	trace(p, "failed %llu: %.*s", (unsigned long long)m->id,
	    SLICE_ARG(m->reason));
	if (!m->ran) {
		c->certain = 1;
		if (c->runs > 0)
			world_fail(w, 4, "%s: %llu is said not to have run, "
			    "and did", p->name, (unsigned long long)m->id);
	}
	if (plan_is_gentle(w) && !c->limited && !c->abandoned)
		world_fail(w, 5, "%s: %llu failed: %.*s", p->name,
		    (unsigned long long)m->id, SLICE_ARG(m->reason));
}

void
load_check(struct world *w)
{
	size_t i;

	for (i = 0; plan_is_gentle(w) && i < w->ncalls; i++)
		if (w->calls[i].accepted && w->calls[i].runs == 0)
			world_fail(w, 4, "the cast %llu was accepted, and "
			    "never ran", (unsigned long long)i + 1);
}

void
load_act(struct proc *p, const struct act *a)
{
	struct slice bytes = a->bytes;
	struct tlv t;
	struct msg m;

	if (a->kind != ACT_SEND)
		return;
	if (tlv_next(&bytes, &t) != 1 || msg_decode(&m, t.type, t.value) != 1)
		world_fail(p->world, 4, "%s: a malformed answer", p->name);
	if (m.type == MSG_REPLY)
		on_reply(p, &m.u.reply);
	else if (m.type == MSG_FAIL)
		on_fail(p, &m.u.fail);
}

void
load_ran(struct world *w, uint64_t i)
{
	struct asked *c = &w->calls[i];

	if (++c->runs > 1 + c->retries)
		world_fail(w, 4, "%llu runs %u times, with %u retries",
		    (unsigned long long)i + 1, c->runs, c->retries);
	if (c->certain)
		world_fail(w, 4, "%llu runs, after it was said that it surely "
		    "did not", (unsigned long long)i + 1);
}
