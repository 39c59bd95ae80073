#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gather.h"

#define GATHER_WHOSE 128 /* of a process row, which is shorter */

struct gather_asked {
	uint32_t peer;
	unsigned role;
	struct id instance;
	size_t bytes; /* of rows passed on */
	char whose[GATHER_WHOSE]; /* its last process row: of what comes next */
};

struct gather_question {
	struct chain chain;
	struct msg asker_says; /* its type and serial */
	uint32_t asker;
	uint64_t serial;       /* ours */
	int64_t until;
	struct map asked;      /* those that have not answered, by peer */
	size_t bytes;	       /* of rows passed on */
	uint32_t last;	       /* of whom rows were passed on last; 0: none */
	size_t left_out;       /* peers that were not asked */
};

void
gather_init(struct gather *g, struct outbox *out, uint64_t seed,
    int64_t wait_ms)
{
	memset(g, 0, sizeof(*g));
	g->out = out;
	g->seed = seed;
	g->wait_ms = wait_ms;
	chain_init(&g->questions);
}

static struct gather_question *
gather_next(const struct gather *g, const struct gather_question *q)
{
	return CHAIN_NEXT(&g->questions, q, struct gather_question, chain);
}

static void
gather_forget(struct gather *g, struct gather_question *q)
{
	chain_remove(&q->chain);
	g->n--;
	g->asked -= q->asked.n;
	map_free_values(&q->asked);
	free(q);
}

void
gather_free(struct gather *g)
{
	struct gather_question *q;

	while ((q = gather_next(g, NULL)) != NULL)
		gather_forget(g, q);
}

static struct slice
gather_key(const uint32_t *peer)
{
	return slice_of(peer, sizeof(*peer));
}

void
gather_silent(struct report *r, const char *id, const char *role,
    const char *why)
{
	report_row(r, "process %s role %s reason %s", id, role, why);
}

/* The asker is told no more: what it has is not all. */
static void
gather_close(struct gather *g, uint32_t asker)
{
	outbox_act(g->out, ACT_CLOSE, asker, 0,
	    slice_str("unable to answer it"));
}

static void
gather_fail(struct gather *g, struct gather_question *q)
{
	gather_close(g, q->asker);
	gather_forget(g, q);
}

/* Asking. */

struct gather_question *
gather_open(struct gather *g, int64_t now, struct report *r,
    const struct msg *m)
{
	struct gather_question *q = NULL;

	if (g->n < GATHER_QUESTIONS)
		q = calloc(1, sizeof(*q));
	if (q == NULL) {
		gather_silent(r, "-", "-", g->n < GATHER_QUESTIONS ?
		    "out of memory" : "too many ask at once, so ask again");
		if (report_end(r) == -1)
			gather_close(g, r->peer);
		return NULL;
	}
	q->asker_says.type = m->type;
	q->asker_says.u.inspect.serial = m->u.inspect.serial;
	q->asker = r->peer;
	q->serial = ++g->serial;
	q->until = now + g->wait_ms;
	map_init(&q->asked, g->seed);
	chain_append(&g->questions, &q->chain);
	g->n++;
	if (report_pause(r) == 0)
		return q;
	gather_fail(g, q);
	return NULL;
}

void
gather_ask(struct gather *g, struct gather_question *q, uint32_t peer,
    unsigned role, const struct id *instance, const struct msg *m)
{
	struct msg ask = { .type = MSG_ASK, .u.inspect = {
		.what = m->u.inspect.what, .serial = q->serial,
		.all = m->u.inspect.all, .close = m->u.inspect.close } };
	struct slice key = gather_key(&peer);
	struct gather_asked *a = NULL;

	if (g->asked < GATHER_ASKED)
		a = map_alloc(&q->asked, sizeof(*a), &key);
	if (a == NULL) {
		q->left_out++;
		return;
	}
	g->asked++;
	a->peer = peer;
	a->role = role;
	a->instance = *instance;
	outbox_send(g->out, peer, &ask);
}

/* Answering. */

static void
gather_row(struct report *r, const struct gather_asked *a, const char *why)
{
	char id[ID_TEXT];

	id_print(&a->instance, id);
	if (why == NULL)
		report_row(r, "process %s role %s", id, role_name(a->role));
	else
		gather_silent(r, id, role_name(a->role), why);
}

static int
gather_is_process(struct slice row)
{
	static const char word[] = "process ";

	return row.len >= sizeof(word) &&
	    memcmp(row.p, word, sizeof(word) - 1) == 0;
}

/* The answer ends, and whoever is missing is named. */
static void
gather_end(struct gather *g, struct gather_question *q, const char *why)
{
	const struct gather_asked *a;
	char text[REASON_MAX];
	struct report r;
	size_t pos = 0;

	report_begin(&r, g->out, q->asker, &q->asker_says);
	while ((a = map_next(&q->asked, &pos)) != NULL)
		gather_row(&r, a, why);
	if (q->left_out > 0)
		snprintf(text, sizeof(text), "%zu more were not asked",
		    q->left_out);
	if (q->left_out > 0)
		gather_silent(&r, "-", "-", text);
	if (report_end(&r) == -1)
		gather_fail(g, q);
	else
		gather_forget(g, q);
}

void
gather_go(struct gather *g, struct gather_question *q)
{
	if (q->asked.n == 0)
		gather_end(g, q, "");
}

/* Whose the rows are is said where that is not the same as before. */
static int
gather_pass(struct gather *g, struct gather_question *q,
    struct gather_asked *a, struct slice rows)
{
	int told = q->last == a->peer;
	struct slice row;
	struct report r;

	report_begin(&r, g->out, q->asker, &q->asker_says);
	for (; list_next(&rows, &row) == 1; told = 1) {
		if (gather_is_process(row))
			snprintf(a->whose, sizeof(a->whose), "%.*s",
			    SLICE_ARG(row));
		else if (!told && a->whose[0] != '\0')
			report_row(&r, "%s", a->whose);
		else if (!told)
			gather_row(&r, a, NULL);
		report_row(&r, "%.*s", SLICE_ARG(row));
	}
	if (told)
		q->last = a->peer;
	return report_pause(&r);
}

/* This one has answered, or is gone. */
static void
gather_done(struct gather *g, struct gather_question *q,
    struct gather_asked *a)
{
	map_del(&q->asked, gather_key(&a->peer));
	g->asked--;
	free(a);
	gather_go(g, q);
}

/* Nothing more of this one is passed on, and that is said. The rows after that
 * are another one's. */
static void
gather_drop(struct gather *g, struct gather_question *q,
    struct gather_asked *a, const char *why)
{
	struct report r;

	report_begin(&r, g->out, q->asker, &q->asker_says);
	gather_row(&r, a, why);
	q->last = 0;
	if (report_pause(&r) == -1)
		gather_fail(g, q);
	else
		gather_done(g, q, a);
}

int
gather_answer(struct gather *g, uint32_t peer, const struct msg_report *m)
{
	struct gather_question *q = NULL;
	struct gather_asked *a;

	while ((q = gather_next(g, q)) != NULL && q->serial != m->serial)
		;
	if (q == NULL || (a = map_get(&q->asked, gather_key(&peer))) == NULL)
		return 0;
	q->bytes += m->rows.len;
	a->bytes += m->rows.len;
	if (q->bytes > GATHER_BYTES)
		gather_end(g, q, "there are too many rows");
	else if (a->bytes > GATHER_PEER)
		gather_drop(g, q, a, "it has too many rows");
	else if (gather_pass(g, q, a, m->rows) == -1)
		gather_fail(g, q);
	else if (!m->more)
		gather_done(g, q, a);
	return 0;
}

void
gather_down(struct gather *g, uint32_t peer)
{
	struct gather_question *q, *next;
	struct gather_asked *a;

	for (q = gather_next(g, NULL); q != NULL; q = next) {
		next = gather_next(g, q);
		if (q->asker == peer) {
			gather_forget(g, q);
			continue;
		}
		if ((a = map_get(&q->asked, gather_key(&peer))) != NULL)
			gather_drop(g, q, a, "it has gone without an answer");
	}
}

/* Time. */

void
gather_tick(struct gather *g, int64_t now)
{
	struct gather_question *q, *next;

	for (q = gather_next(g, NULL); q != NULL; q = next) {
		next = gather_next(g, q);
		if (now >= q->until)
			gather_end(g, q, "no answer");
	}
}

int64_t
gather_deadline(const struct gather *g)
{
	const struct gather_question *q = gather_next(g, NULL);

	return q == NULL ? INT64_MAX : q->until;
}
