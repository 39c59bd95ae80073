/*
 * Streams keep to their windows, as seen from what is sent. Each end of a link
 * has an account of each stream on it: what it was allowed to send, and has
 * sent; what it has allowed the other end, what of that came, and what its
 * program or its reader took. No core's counter is looked at.
 *
 * Whoever sends more than it was allowed is found at once, relays too. Whoever
 * allows more than a window beyond what was taken is found as well: so what is
 * on its way, and in all memories together, is never more than a window. A
 * window is what was allowed at first, and doubles after STREAM_SAMPLES more
 * messages at the soonest.
 */

#include <assert.h>
#include <stdlib.h>

#include "channel_state.h"
#include "stream.h"
#include "t/virtual/sim.h"

struct account {
	struct account *next;
	uint64_t id;	/* of the request, on this link */
	int64_t call;	/* whose it is; -1: its beginning does not say */
	uint64_t may[STREAM_PARTS], sent[STREAM_PARTS];
	uint64_t let[STREAM_PARTS], came[STREAM_PARTS], took[STREAM_PARTS];
	uint64_t first[STREAM_PARTS];  /* window */
	unsigned grants[STREAM_PARTS]; /* more than that */
};

static struct account **
window_find(struct linked *l, uint64_t id)
{
	struct account **at = &l->accounts;

	while (*at != NULL && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

static void
window_end(struct linked *l, uint64_t id)
{
	struct account **at = window_find(l, id), *a = *at;

	if (a == NULL)
		return;
	*at = a->next;
	free(a);
}

void
window_free(struct linked *l)
{
	while (l->accounts != NULL)
		window_end(l, l->accounts->id);
}

/* Its output may be sent by who has it. */
static void
window_begin(struct linked *l, const struct msg_request *q, int served)
{
	struct account *a;

	window_end(l, q->id);
	if (q->window == 0 && q->errors == 0 && !q->more)
		return;
	a = calloc(1, sizeof(*a));
	assert(a != NULL);
	a->id = q->id;
	a->call = flow_call(l->proc->world, q->body);
	(served ? a->may : a->let)[STREAM_OUTPUT] = q->window;
	(served ? a->may : a->let)[STREAM_ERROR] = q->errors;
	a->first[STREAM_OUTPUT] = q->window;
	/* One that runs again begins with what is left of it. */
	a->first[STREAM_ERROR] = q->errors > 0 ? STREAM_FIRST : 0;
	a->next = l->accounts;
	l->accounts = a;
}

static void
window_sent(const struct linked *l, struct account *a, const struct msg_data *d)
{
	const struct proc *p = l->proc;

	if (a != NULL)
		a->sent[d->part] += d->bytes.len;
	if (a == NULL || a->sent[d->part] > a->may[d->part])
		world_fail(p->world, 10, "%s has sent a %s %llu bytes of a "
		    "stream, and may send %llu", p->name, role_name(l->role),
		    (unsigned long long)(a == NULL ? d->bytes.len :
		    a->sent[d->part]),
		    (unsigned long long)(a == NULL ? 0 : a->may[d->part]));
}

/* It allows the other end more. */
static void
window_let(const struct linked *l, struct account *a,
    const struct msg_window *m)
{
	const struct proc *p = l->proc;
	uint64_t most;

	if (a->first[m->part] == 0)
		a->first[m->part] = m->bytes;
	else
		a->grants[m->part]++;
	a->let[m->part] += m->bytes;
	p->world->windows++;
	most = a->first[m->part] << a->grants[m->part] / STREAM_SAMPLES;
	if (most > STREAM_MAX)
		most = STREAM_MAX;
	if (a->let[m->part] - a->took[m->part] > most)
		world_fail(p->world, 10, "%s lets a %s send %llu bytes of a "
		    "stream beyond what was taken, of a window of %llu",
		    p->name, role_name(l->role),
		    (unsigned long long)(a->let[m->part] - a->took[m->part]),
		    (unsigned long long)most);
}

void
window_says(struct linked *l, const struct act *act)
{
	unsigned type = act->bytes.p[0];
	struct msg m;
	struct account *a;

	if (type != MSG_REQUEST && type != MSG_REPLY && type != MSG_FAIL &&
	    type != MSG_DATA && type != MSG_WINDOW)
		return;
	if (act_message(act, &m) != 1)
		return;
	if (type == MSG_REQUEST)
		window_begin(l, &m.u.request, 0);
	else if (type == MSG_REPLY)
		window_end(l, m.u.reply.id);
	else if (type == MSG_FAIL)
		window_end(l, m.u.fail.id);
	else if (type == MSG_DATA)
		window_sent(l, *window_find(l, m.u.data.id), &m.u.data);
	else if ((a = *window_find(l, m.u.window.id)) != NULL)
		window_let(l, a, &m.u.window);
}

/* Is it for window_took() to say what was taken? A relay hands on what comes,
 * and a worker that is asked in frames has all of a body at its end. */
static int
window_is_kept(const struct proc *p, enum stream_part part)
{
	if (p->kind == PROC_CHANNEL)
		return ((const struct channel *)p->core)->mode == CHANNEL_EXEC;
	return p->kind == PROC_CALLER && part == STREAM_OUTPUT;
}

void
window_hears(struct linked *l, const struct msg *m)
{
	struct account *a;

	if (m->type == MSG_REQUEST)
		window_begin(l, &m->u.request, 1);
	else if (m->type == MSG_REPLY)
		window_end(l, m->u.reply.id);
	else if (m->type == MSG_FAIL)
		window_end(l, m->u.fail.id);
	else if (m->type == MSG_WINDOW &&
	    (a = *window_find(l, m->u.window.id)) != NULL)
		a->may[m->u.window.part] += m->u.window.bytes;
	else if (m->type == MSG_DATA &&
	    (a = *window_find(l, m->u.data.id)) != NULL) {
		a->came[m->u.data.part] += m->u.data.bytes.len;
		if (!window_is_kept(l->proc, m->u.data.part))
			a->took[m->u.data.part] = a->came[m->u.data.part];
	}
}

void
window_took(struct proc *p, uint64_t call, enum stream_part part, size_t n)
{
	struct account *a;
	size_t i;

	for (i = 0; i < p->nslots; i++)
		for (a = p->slots[i] == NULL ? NULL : p->slots[i]->accounts;
		     a != NULL; a = a->next)
			if (a->call == (int64_t)call)
				a->took[part] += n;
}
