#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "ctl_walk.h"
#include "fail.h"

/* Who is there to ask. */

/* One that is asked if nobody else answers for it. */
struct walk_later {
	struct slice address;
	struct slice instance; /* or empty */
	unsigned role;
};

static struct walk_node *
walk_new(struct walk *w, struct slice key, unsigned role, struct slice shown)
{
	struct walk_node *n;

	if (w->n == WALK_NODES_MAX || (n = map_alloc(&w->nodes, sizeof(*n),
	    &key)) == NULL) {
		w->left_out++;
		return NULL;
	}
	n->address = key;
	n->role = role;
	hostport_copy(n->shown, shown);
	buf_init(&n->rows, WALK_ROWS_MAX);
	w->at[w->n++] = n;
	n->tag = (uint32_t)w->n;
	return n;
}

/* Another one is named; what is no address of TCP cannot be dialled. */
static void
walk_add(struct walk *w, struct slice address, unsigned role)
{
	struct addr a;

	if (w->n > 0 && (addr_parse_ip(&a, (const char *)address.p,
	    address.len, 0, NULL) == -1 || addr_port(&a) == 0))
		return;
	if (map_get(&w->nodes, address) == NULL)
		walk_new(w, address, role, address);
}

static unsigned
walk_digit(unsigned char c)
{
	return (c >= '0' && c <= '9' ? (unsigned)c - '0' :
	    (unsigned)c - 'a' + 10) & 15;
}

static void
walk_read_id(struct slice text, struct id *id)
{
	size_t i;

	for (i = 0; i < ID_SIZE; i++)
		id->b[i] = (unsigned char)(walk_digit(text.p[2 * i]) << 4 |
		    walk_digit(text.p[2 * i + 1]));
}

/* A broker that is linked to this authority. */
static void
walk_add_broker(struct walk *w, struct walk_node *home, const struct row *r)
{
	struct slice id = row_get(r, "instance");
	struct walk_node *n = map_get(&w->nodes, id);

	if (id.len != ID_TEXT - 1)
		return;
	if (n == NULL && (n = walk_new(w, id, ROLE_BROKER, r->name)) == NULL)
		return;
	walk_read_id(id, &n->instance);
	if (n->homes == WALK_HOMES)
		return;
	n->home[n->homes++] = home;
	if (n->stranded)
		n->state = WALK_NEW;
	n->stranded = 0;
}

/* For the second round. */
static void
walk_add_later(struct walk *w, struct slice address, struct slice instance,
    unsigned role)
{
	struct slice key = address;
	struct walk_later *later;

	if (address.len == 0 || map_get(&w->later, address) != NULL ||
	    w->later.n >= WALK_NODES_MAX)
		return;
	if ((later = map_alloc(&w->later, sizeof(*later) + ID_TEXT, &key)) ==
	    NULL)
		return;
	later->address = key;
	later->role = role;
	if (instance.len == ID_TEXT - 1) {
		memcpy(later + 1, instance.p, instance.len);
		later->instance = slice_of(later + 1, instance.len);
	}
}

static void
walk_see(struct walk *w, struct slice instance)
{
	if (map_get(&w->seen, instance) == NULL)
		map_alloc(&w->seen, 1, &instance);
}

int
walk_begin(struct walk *w, int64_t now, int64_t node_ms, uint64_t seed,
    struct slice first, int alone)
{
	memset(w, 0, sizeof(*w));
	outbox_init(&w->out);
	map_init(&w->nodes, seed);
	map_init(&w->seen, seed + 1);
	map_init(&w->later, seed + 2);
	w->alone = alone;
	w->node_ms = node_ms;
	w->until = now + WALK_TIMES * node_ms;
	walk_add(w, first, 0);
	if (w->n == 0)
		return fail(ENOMEM);
	w->at[0]->state = WALK_DIALLED;
	w->at[0]->late = now + node_ms;
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
	map_free_values(&w->seen);
	map_free_values(&w->later);
	outbox_free(&w->out);
}

/* Whom a row names that is to be asked, too. */
static void
walk_follow(struct walk *w, struct walk_node *n, struct slice line)
{
	struct row r;

	if (!row_next(&line, &r))
		return;
	if (slice_is(r.word, "process"))
		walk_see(w, r.name);
	else if (w->alone)
		return;
	else if (slice_is(r.word, "authority") && !row_is(&r, "self", "1"))
		walk_add(w, r.name, ROLE_AUTHORITY);
	else if (slice_is(r.word, "exchange"))
		walk_add(w, r.name, ROLE_EXCHANGE);
	else if (slice_is(r.word, "broker") && n->role == ROLE_AUTHORITY &&
	    row_is(&r, "state", "linked"))
		walk_add_broker(w, n, &r);
	else if (slice_is(r.word, "broker") && n->role == ROLE_BROKER &&
	    row_is(&r, "dialled", "1"))
		walk_add_later(w, r.name, row_get(&r, "instance"),
		    ROLE_BROKER);
	else if (slice_is(r.word, "sell") ||
	    (slice_is(r.word, "order") && n->role != ROLE_BROKER &&
	    row_is(&r, "kind", "sell")))
		walk_add_later(w, row_get(&r, "address"), r.name,
		    ROLE_LISTENER);
}

/* Nobody else is left: those of whom nothing was heard. */
static void
walk_second_round(struct walk *w)
{
	const struct walk_later *later;
	size_t pos = 0;

	while ((later = map_next(&w->later, &pos)) != NULL)
		if (later->instance.len == 0 ||
		    map_get(&w->seen, later->instance) == NULL)
			walk_add(w, later->address, later->role);
}

/* Asking. */

static void
walk_end(struct walk *w, struct walk_node *n, enum walk_state state,
    const char *why)
{
	n->state = state;
	snprintf(n->why, sizeof(n->why), "%s", why);
	/* Brokers are asked through an authority later. */
	if (n->peer != 0 && (state != WALK_DONE || n->role != ROLE_AUTHORITY))
		outbox_act(&w->out, ACT_CLOSE, n->peer, 0, slice_of(NULL, 0));
	w->active--;
}

static struct walk_node *
walk_by_peer(struct walk *w, uint32_t peer)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		if (w->at[i]->peer == peer)
			return w->at[i];
	return NULL;
}

/* Whose rows these are. */
static struct walk_node *
walk_whose(struct walk *w, uint32_t peer, uint64_t serial)
{
	struct walk_node *n = serial == 0 ? walk_by_peer(w, peer) :
	    serial <= w->n ? w->at[serial - 1] : NULL;

	if (n == NULL || n->state != WALK_ASKED || (serial != 0 &&
	    (n->tried == 0 || n->home[n->tried - 1]->peer != peer)))
		return NULL;
	return n;
}

/* Ask the broker through the next of its homes that is linked. What came
 * through the one before it comes again. */
static void
walk_ask_broker(struct walk *w, struct walk_node *n, const char *why)
{
	struct msg m = { .type = MSG_INSPECT, .u.inspect = { .serial = n->tag,
		.to = n->instance, .all = 1, .close = w->close } };
	struct walk_node *home;

	w->bytes -= buf_len(&n->rows);
	buf_consume(&n->rows, buf_len(&n->rows));
	while (n->tried < n->homes) {
		home = n->home[n->tried++];
		if (home->peer == 0)
			continue;
		n->state = WALK_ASKED;
		outbox_send(&w->out, home->peer, &m);
		return;
	}
	n->stranded = 1;
	walk_end(w, n, WALK_FAILED, why);
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
	struct msg m = { .type = MSG_INSPECT, .u.inspect = { .all = 1,
		.close = w->close } };
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
	static const char gone[] = "it has gone without an answer";
	struct walk *w = core;
	struct walk_node *n = walk_by_peer(w, peer), *b;
	size_t i;

	(void)now;
	if (n == NULL)
		return;
	n->peer = 0;
	if (n->state == WALK_ASKED)
		walk_end(w, n, WALK_FAILED, gone);
	for (i = 0; i < w->n; i++) {
		b = w->at[i];
		if (b->state == WALK_ASKED && b->tried > 0 &&
		    b->home[b->tried - 1] == n)
			walk_ask_broker(w, b, gone);
	}
}

static void
walk_failed(void *core, int64_t now, uint32_t tag, struct slice reason,
    int final)
{
	struct walk *w = core;
	char why[256];

	(void)now;
	if (tag == 0 || tag > w->n || w->at[tag - 1]->state != WALK_DIALLED)
		return;
	w->at[tag - 1]->final = final;
	snprintf(why, sizeof(why), "%.*s", SLICE_ARG(reason));
	walk_end(w, w->at[tag - 1], WALK_FAILED, why);
}

static int
walk_keep(struct walk *w, struct walk_node *n, struct slice row)
{
	size_t before = buf_len(&n->rows);

	if (w->bytes + REPORT_ROW_MAX > WALK_ALL_MAX ||
	    row_keep(&n->rows, row) == -1)
		return -1;
	w->bytes += buf_len(&n->rows) - before;
	return 0;
}

/* An authority says that the broker does not answer it, or is not linked any
 * more, or that it could not ask: then another may know it. 1, or 0 where the
 * row says something else. What an authority says of itself has no name, and
 * stands before all that a broker says. */
static int
walk_is_silent(struct walk *w, struct walk_node *n, struct slice line)
{
	char why[sizeof(n->why)];
	struct slice reason;
	struct row r;

	if (n->homes == 0 || !row_next(&line, &r) ||
	    !slice_is(r.word, "process") || !(slice_equal(r.name, n->address) ||
	    (slice_is(r.name, "-") && buf_len(&n->rows) == 0)))
		return 0;
	reason = row_get(&r, "reason");
	if (reason.len == 0)
		return 0;
	snprintf(why, sizeof(why), "%.*s", SLICE_ARG(reason));
	if (slice_is(reason, "no answer"))
		walk_end(w, n, WALK_FAILED, WALK_SILENT);
	else
		walk_ask_broker(w, n, why);
	return 1;
}

static int
walk_message(void *core, int64_t now, uint32_t peer, const struct msg *m)
{
	struct walk *w = core;
	struct walk_node *n = walk_whose(w, peer, m->u.report.serial);
	struct slice rows = m->u.report.rows, row;

	(void)now;
	if (m->type != MSG_REPORT || n == NULL)
		return 0;
	while (list_next(&rows, &row) == 1) {
		if (walk_is_silent(w, n, row))
			return 0;
		if (walk_keep(w, n, row) == -1) {
			walk_end(w, n, WALK_FAILED, "it has too many rows");
			return 0;
		}
		walk_follow(w, n, row);
	}
	if (!m->u.report.more)
		walk_end(w, n, WALK_DONE, "");
	return 0;
}

/* It is its turn. */
static void
walk_start(struct walk *w, int64_t now, struct walk_node *n)
{
	w->active++;
	n->state = WALK_DIALLED;
	n->late = now + w->node_ms;
	if (now >= w->until)
		walk_end(w, n, WALK_FAILED, "no time was left for it");
	else if (n->homes == 0)
		outbox_act(&w->out, ACT_DIAL, n->tag, DIAL_ONCE, n->address);
	else if (n->tried == 0 && map_get(&w->seen, n->address) != NULL)
		walk_end(w, n, WALK_SAME, "");
	else
		walk_ask_broker(w, n, "its authorities do not answer");
}

/* Those whose time is up; and those that were stranded, and have another home
 * now. */
static void
walk_look(struct walk *w, int64_t now)
{
	struct walk_node *n;
	size_t i;

	for (i = 0; i < w->n; i++) {
		n = w->at[i];
		if ((n->state == WALK_DIALLED || n->state == WALK_ASKED) &&
		    (now >= n->late || now >= w->until))
			walk_end(w, n, WALK_FAILED, WALK_SILENT);
	}
	for (i = 0; i < w->next && w->active < WALK_AT_ONCE; i++)
		if (w->at[i]->state == WALK_NEW)
			walk_start(w, now, w->at[i]);
}

static void
walk_tick(void *core, int64_t now)
{
	struct walk *w = core;

	walk_look(w, now);
	if (w->active == 0 && w->next == w->n && !w->second) {
		w->second = 1;
		walk_second_round(w);
	}
	while (w->next < w->n && w->active < WALK_AT_ONCE)
		walk_start(w, now, w->at[w->next++]);
	if (w->active == 0 && w->next == w->n && w->second && !w->done) {
		w->done = 1;
		outbox_act(&w->out, ACT_STOP, 0, 0, slice_of(NULL, 0));
	}
}

/* Something is to do at once where one that was dialled has failed. */
static int64_t
walk_deadline(const void *core)
{
	const struct walk *w = core;
	int64_t at = INT64_MAX;
	size_t i;

	if (!w->done && (w->active == 0 ||
	    (w->next < w->n && w->active < WALK_AT_ONCE)))
		return 0;
	for (i = 0; i < w->n; i++)
		if ((w->at[i]->state == WALK_DIALLED ||
		    w->at[i]->state == WALK_ASKED) && w->at[i]->late < at)
			at = w->at[i]->late;
	return at < w->until || w->done ? at : w->until;
}

int
walk_has_authority(const struct walk *w)
{
	size_t i;

	for (i = 0; i < w->n && w->at[i]->role != ROLE_AUTHORITY; i++)
		;
	return i < w->n;
}

const struct core_ops walk_ops = {
	ROLE_CTL, walk_up, walk_down, walk_message, walk_failed, walk_tick,
	walk_deadline
};
