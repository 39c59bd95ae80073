#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "ctl_walk.h"
#include "fail.h"

/* Rows. */

struct slice
row_cut(struct slice *rest)
{
	const unsigned char *space = rest->len == 0 ? NULL :
	    memchr(rest->p, ' ', rest->len);
	struct slice word = *rest;

	if (space != NULL)
		word.len = (size_t)(space - rest->p);
	*rest = slice_of(rest->p + word.len + (space != NULL),
	    rest->len - word.len - (space != NULL));
	return word;
}

int
row_next(struct slice *text, struct row *r)
{
	if (text->len == 0)
		return 0;
	r->rest = slice_line(text);
	r->word = row_cut(&r->rest);
	r->name = row_cut(&r->rest);
	return 1;
}

int
row_is_last(struct slice key)
{
	return slice_is(key, "attributes") || slice_is(key, "constraints") ||
	    slice_is(key, "reason") || slice_is(key, "version");
}

struct slice
row_get(const struct row *r, const char *key)
{
	struct slice rest = r->rest, word, value;

	while (rest.len > 0) {
		word = row_cut(&rest);
		value = row_is_last(word) ? rest : row_cut(&rest);
		if (slice_is(word, key))
			return value;
		if (row_is_last(word))
			break;
	}
	return slice_of("", 0);
}

uint64_t
row_number(const struct row *r, const char *key)
{
	struct slice value = row_get(r, key);
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < value.len && i < 18; i++) {
		if (value.p[i] < '0' || value.p[i] > '9')
			return 0;
		n = n * 10 + (uint64_t)(value.p[i] - '0');
	}
	return n;
}

int
row_is(const struct row *r, const char *key, const char *value)
{
	return slice_is(row_get(r, key), value);
}

/* Who is there to ask. */

/* Another one is named; what is no address of TCP cannot be dialled. */
static void
walk_add(struct walk *w, struct slice address, unsigned role)
{
	struct slice key = address;
	struct walk_node *n;
	struct addr a;

	if (w->n > 0 && (addr_parse_ip(&a, (const char *)address.p,
	    address.len, 0, NULL) == -1 || addr_port(&a) == 0))
		return;
	if (map_get(&w->nodes, address) != NULL)
		return;
	if (w->n == WALK_NODES_MAX || (n = map_alloc(&w->nodes, sizeof(*n),
	    &key)) == NULL) {
		w->left_out++;
		return;
	}
	n->address = key;
	n->role = role;
	buf_init(&n->rows, WALK_ROWS_MAX);
	w->at[w->n++] = n;
	n->tag = (uint32_t)w->n;
}

int
walk_begin(struct walk *w, int64_t now, uint64_t seed, struct slice first,
    int listeners)
{
	memset(w, 0, sizeof(*w));
	outbox_init(&w->out);
	map_init(&w->nodes, seed);
	w->listeners = listeners;
	w->until = now + WALK_MS;
	walk_add(w, first, 0);
	if (w->n == 0)
		return fail(ENOMEM);
	w->at[0]->state = WALK_DIALLED;
	w->at[0]->late = now + WALK_NODE_MS;
	w->next = w->active = 1;
	return 0;
}

void
walk_free(struct walk *w)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		buf_free(&w->at[i]->rows);
	map_free_values(&w->nodes);
	outbox_free(&w->out);
}

/* Whom a row names that is to be asked, too. */
static void
walk_follow(struct walk *w, unsigned role, struct slice line)
{
	struct row r;

	if (!row_next(&line, &r))
		return;
	if (slice_is(r.word, "authority") && !row_is(&r, "self", "1"))
		walk_add(w, r.name, ROLE_AUTHORITY);
	else if (slice_is(r.word, "exchange"))
		walk_add(w, r.name, ROLE_EXCHANGE);
	else if (slice_is(r.word, "broker") && role == ROLE_BROKER &&
	    row_is(&r, "dialled", "1"))
		walk_add(w, r.name, ROLE_BROKER);
	else if (w->listeners && (slice_is(r.word, "sell") ||
	    (slice_is(r.word, "order") && row_is(&r, "kind", "sell"))))
		walk_add(w, row_get(&r, "address"), ROLE_LISTENER);
}

/* Asking. */

static void
walk_end(struct walk *w, struct walk_node *n, enum walk_state state,
    const char *why)
{
	n->state = state;
	snprintf(n->why, sizeof(n->why), "%s", why);
	if (n->peer != 0)
		outbox_act(&w->out, ACT_CLOSE, n->peer, 0, slice_of(NULL, 0));
	w->active--;
}

static struct walk_node *
walk_by_peer(struct walk *w, uint32_t peer)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		if (w->at[i]->peer == peer && w->at[i]->state == WALK_ASKED)
			return w->at[i];
	return NULL;
}

/* Has it been asked at another address? */
static int
walk_is_known(const struct walk *w, const struct id *instance)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		if ((w->at[i]->state == WALK_ASKED ||
		    w->at[i]->state == WALK_DONE) &&
		    id_equal(&w->at[i]->instance, instance))
			return 1;
	return 0;
}

static void
walk_up(void *core, int64_t now, uint32_t peer, const struct peer_info *info)
{
	struct walk *w = core;
	struct msg m = { .type = MSG_INSPECT };
	struct walk_node *n;

	(void)now;
	if (info->tag == 0 || info->tag > w->n)
		return;
	n = w->at[info->tag - 1];
	n->peer = peer;
	n->role = info->role;
	n->instance = info->instance;
	if (n->state != WALK_DIALLED) {
		outbox_act(&w->out, ACT_CLOSE, peer, 0, slice_of(NULL, 0));
	} else if (walk_is_known(w, &info->instance)) {
		walk_end(w, n, WALK_SAME, "");
	} else {
		n->state = WALK_ASKED;
		outbox_send(&w->out, peer, &m);
	}
}

static void
walk_down(void *core, int64_t now, uint32_t peer)
{
	struct walk *w = core;
	struct walk_node *n = walk_by_peer(w, peer);

	(void)now;
	if (n == NULL)
		return;
	n->peer = 0;
	walk_end(w, n, WALK_FAILED, "it has gone without an answer");
}

static void
walk_failed(void *core, int64_t now, uint32_t tag, struct slice reason,
    int final)
{
	struct walk *w = core;
	char why[256];

	(void)now;
	(void)final;
	if (tag == 0 || tag > w->n || w->at[tag - 1]->state != WALK_DIALLED)
		return;
	snprintf(why, sizeof(why), "%.*s", SLICE_ARG(reason));
	walk_end(w, w->at[tag - 1], WALK_FAILED, why);
}

int
row_keep(struct buf *rows, struct slice row)
{
	char line[REPORT_ROW_MAX], *text = (char *)slice_dup(row);
	const char *rest = text;
	size_t len;

	if (text == NULL)
		return -1;
	len = escape(line, sizeof(line) - 1, &rest, ESCAPE_UTF8);
	free(text);
	line[len] = '\n';
	return buf_append(rows, line, len + 1);
}

static int
walk_message(void *core, int64_t now, uint32_t peer, const struct msg *m)
{
	struct walk *w = core;
	struct walk_node *n = walk_by_peer(w, peer);
	struct slice rows = m->u.report.rows, row;

	(void)now;
	if (m->type != MSG_REPORT || n == NULL)
		return 0;
	while (list_next(&rows, &row) == 1) {
		if (row_keep(&n->rows, row) == -1) {
			walk_end(w, n, WALK_FAILED, "it has too many rows");
			return 0;
		}
		walk_follow(w, n->role, row);
	}
	if (!m->u.report.more)
		walk_end(w, n, WALK_DONE, "");
	return 0;
}

static void
walk_tick(void *core, int64_t now)
{
	struct walk *w = core;
	struct walk_node *n;
	size_t i;

	for (i = 0; i < w->n; i++) {
		n = w->at[i];
		if ((n->state == WALK_DIALLED || n->state == WALK_ASKED) &&
		    (now >= n->late || now >= w->until))
			walk_end(w, n, WALK_FAILED, "no answer in time");
	}
	for (; w->next < w->n && w->active < WALK_AT_ONCE; w->next++) {
		n = w->at[w->next];
		w->active++;
		n->state = WALK_DIALLED;
		n->late = now + WALK_NODE_MS;
		if (now >= w->until)
			walk_end(w, n, WALK_FAILED, "no time was left for it");
		else
			outbox_act(&w->out, ACT_DIAL, n->tag, DIAL_ONCE,
			    n->address);
	}
	if (w->active == 0 && w->next == w->n && !w->done) {
		w->done = 1;
		outbox_act(&w->out, ACT_STOP, 0, 0, slice_of(NULL, 0));
	}
}

static int64_t
walk_deadline(const void *core)
{
	const struct walk *w = core;
	int64_t at = INT64_MAX;
	size_t i;

	for (i = 0; i < w->n; i++)
		if ((w->at[i]->state == WALK_DIALLED ||
		    w->at[i]->state == WALK_ASKED) && w->at[i]->late < at)
			at = w->at[i]->late;
	return at < w->until || w->done ? at : w->until;
}

const struct core_ops walk_ops = {
	ROLE_CTL, walk_up, walk_down, walk_message, walk_failed, walk_tick,
	walk_deadline
};
