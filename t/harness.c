#include "t/harness.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HARNESS_PEERS	 4096
#define HARNESS_LINES	 (1u << 20)
#define HARNESS_ROOM	 (64u << 20) /* bytes that a line of input stands for */
#define HARNESS_LINE_MAX (64u << 20)
#define HARNESS_SEED	 1
#define HARNESS_CTL	 0xffffu    /* the handle of who inspects */
#define HARNESS_NOBODY	 0xfffeu    /* and of a peer that is not there */

struct harness_peer {
	char name[32];
	unsigned role;
	int up;
};

struct harness {
	const struct harness_core *kind; /* NULL: there is no core */
	void *core;
	int64_t now, left; /* of the wait */
	int quiet; /* messages and lines of log are looked at, and no more */
	struct harness_peer peers[HARNESS_PEERS]; /* by handle */
	uint32_t npeers;   /* the highest handle; 0 is the program */
	struct text text;
	char **lines;	   /* what came out and was not dropped */
	size_t first, nlines;
};

static const struct harness_core *const harness_kinds[] = {
	&core_authority, &core_bootstrap, &core_broker, &core_call,
	&core_channel, &core_discovery, &core_exchange, &core_listener,
	&core_plb
};

struct harness *
harness_new(void)
{
	struct harness *h = calloc(1, sizeof(*h));

	assert(h != NULL);
	text_init(&h->text, HARNESS_ROOM);
	h->lines = malloc(HARNESS_LINES * sizeof(*h->lines));
	assert(h->lines != NULL);
	return h;
}

void
harness_free(struct harness *h)
{
	harness_clear(h);
	text_free(&h->text);
	free(h->lines);
	free(h);
}

void
harness_clear(struct harness *h)
{
	if (h->kind != NULL)
		h->kind->end(h->core);
	h->kind = NULL;
	memset(h->peers, 0, (h->npeers + 1) * sizeof(h->peers[0]));
	h->npeers = 0;
	h->left = 0;
	h->now = HARNESS_START_MS;
	while (harness_next(h) != NULL)
		harness_drop(h);
}

const char *
harness_error(const struct harness *h)
{
	return h->text.error;
}

int64_t
harness_left(const struct harness *h)
{
	return h->left;
}

const char *
harness_next(const struct harness *h)
{
	return h->first < h->nlines ? h->lines[h->first] : NULL;
}

void
harness_drop(struct harness *h)
{
	free(h->lines[h->first++]);
	if (h->first == h->nlines)
		h->first = h->nlines = 0;
}

/* What comes out. */

/* The core itself, which is told something, or asked, at this time. */
static void *
harness_inner(const struct harness *h)
{
	return h->kind->inner == NULL ? h->core :
	    h->kind->inner(h->core, h->now);
}

/* A line came out, which is what the buffer has; it is freed. */
static void
harness_line(struct harness *h, struct buf *b)
{
	assert(h->nlines < HARNESS_LINES);
	h->lines[h->nlines] = (char *)slice_dup(buf_slice(b));
	assert(h->lines[h->nlines] != NULL);
	h->nlines++;
	buf_free(b);
}

static const char *
harness_name(const struct harness *h, uint32_t handle)
{
	static char unknown[24];

	if (handle == 0 && h->kind->program != 0)
		return "program";
	if (handle > 0 && handle <= h->npeers)
		return h->peers[handle].name;
	snprintf(unknown, sizeof(unknown), "handle-%u", (unsigned)handle);
	return unknown;
}

static unsigned
harness_role(const struct harness *h, uint32_t handle)
{
	if (handle == 0)
		return h->kind->program;
	return handle <= h->npeers ? h->peers[handle].role : 0;
}

static void
harness_print_send(struct harness *h, const struct act *act, struct buf *b)
{
	struct msg m;

	if (act_message(act, &m) != 1) {
		text_put(b, "%s what is no message",
		    harness_name(h, act->peer));
		return;
	}
	text_put(b, "%s ", harness_name(h, act->peer));
	text_put_message(b, &m);
	if (!msg_allowed(m.type, h->kind->ops->role,
	    harness_role(h, act->peer)))
		text_put(b, " (which its role must not be sent)");
}

static void
harness_print_dial(const struct act *act, struct buf *b)
{
	static const char *const how[] = { "once", "hour", "forever" };

	assert(act->value < sizeof(how) / sizeof(how[0]));
	text_put(b, "dial ");
	text_put_bytes(b, act->bytes);
	text_put(b, " tag %u %s", (unsigned)act->peer, how[act->value]);
}

/* As it stands, but for what is not ASCII. */
static void
harness_print_log(const struct act *act, struct buf *b)
{
	static const char *const level[] = { "error", "info", "debug",
		"trace" };
	size_t i;

	assert(act->value < sizeof(level) / sizeof(level[0]));
	text_put(b, "log %s ", level[act->value]);
	for (i = 0; i < act->bytes.len; i++)
		text_put(b, act->bytes.p[i] < ' ' || act->bytes.p[i] > '~' ?
		    "\\x%02x" : "%c", act->bytes.p[i]);
}

static void
harness_print_act(struct harness *h, const struct act *act, struct buf *b)
{
	const char *name = harness_name(h, act->peer);

	switch (act->kind) {
	case ACT_SEND:
		harness_print_send(h, act, b);
		break;
	case ACT_CLOSE:
		text_put(b, "close %s", name);
		if (act->bytes.len > 0)
			text_put(b, " because ");
		if (act->bytes.len > 0)
			text_put_bytes(b, act->bytes);
		break;
	case ACT_DRAIN:
		text_put(b, "close %s once written", name);
		break;
	case ACT_DIAL:
		harness_print_dial(act, b);
		break;
	case ACT_UNDIAL:
		text_put(b, "undial ");
		text_put_bytes(b, act->bytes);
		break;
	case ACT_LOG:
		harness_print_log(act, b);
		break;
	case ACT_STOP:
		text_put(b, "stop %u", (unsigned)act->value);
		break;
	default:
		text_put(b, "an act of kind %u", act->kind);
	}
}

/* Need it not be printed? What is wrong with a message ends the process. */
static int
harness_passes(const struct harness *h, const struct act *act)
{
	struct msg m;
	int r;

	if (!h->quiet || (act->kind != ACT_LOG && act->kind != ACT_SEND))
		return 0;
	if (act->kind == ACT_LOG)
		return 1;
	if (h->kind->ops->up == NULL || harness_role(h, act->peer) == 0)
		return 0;
	r = act_message(act, &m);
	assert(r == 1);
	assert(msg_allowed(m.type, h->kind->ops->role,
	    harness_role(h, act->peer)));
	return 1;
}

/* Take out all that the core wants done. */
static void
harness_take(struct harness *h)
{
	struct act act;
	struct buf b;

	while (outbox_take(h->kind->out(h->core), &act)) {
		if (harness_passes(h, &act))
			continue;
		buf_init(&b, HARNESS_LINE_MAX);
		text_put(&b, "< ");
		if (h->kind->print == NULL ||
		    !h->kind->print(h->core, &act, &b))
			harness_print_act(h, &act, &b);
		if (buf_len(&b) > strlen("< "))
			harness_line(h, &b);
		else
			buf_free(&b);
	}
}

/* The core returned -1. */
static void
harness_refused(struct harness *h, int error)
{
	static const struct {
		int error;
		const char *name;
	} names[] = {
		{ EPROTO, "EPROTO" }, { EBADMSG, "EBADMSG" },
		{ ERANGE, "ERANGE" }, { ENOBUFS, "ENOBUFS" },
		{ ENOMEM, "ENOMEM" }, { EINVAL, "EINVAL" }
	};
	struct buf b;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].error == error)
			break;
	buf_init(&b, 64);
	if (i < sizeof(names) / sizeof(names[0]))
		text_put(&b, "< error %s", names[i].name);
	else
		text_put(&b, "< error %d", error);
	harness_line(h, &b);
}

int
harness_tick(struct harness *h)
{
	if (h->kind == NULL)
		return text_wrong(&h->text, "there is no core");
	h->kind->ops->tick(harness_inner(h), h->now);
	harness_take(h);
	return 0;
}

/* What comes in. */

static int
harness_begin(struct harness *h)
{
	struct slice name = text_word(&h->text);
	struct id own = text_id("us");
	void *args;
	size_t i;
	int r;

	harness_clear(h);
	for (i = 0; i < sizeof(harness_kinds) / sizeof(harness_kinds[0]); i++)
		if (slice_is(name, harness_kinds[i]->name))
			h->kind = harness_kinds[i];
	if (h->kind == NULL)
		return text_wrong(&h->text, "%.*s: no such core",
		    SLICE_ARG(name));
	args = calloc(1, h->kind->args->size);
	assert(args != NULL);
	r = text_fields(&h->text, h->kind->args, args);
	if (r == 0) {
		h->core = h->kind->begin(&own, HARNESS_SEED, args);
		if (h->core == NULL)
			r = text_wrong(&h->text, "such a core cannot be");
	}
	free(args);
	if (r == 0)
		harness_take(h);
	else
		h->kind = NULL;
	return r;
}

/* The handle of the peer of that name, 0 when there is none. */
static uint32_t
harness_find(const struct harness *h, struct slice name)
{
	uint32_t i;

	for (i = 1; i <= h->npeers; i++)
		if (slice_is(name, h->peers[i].name))
			return i;
	return 0;
}

static unsigned
harness_role_named(struct slice name)
{
	unsigned role;

	for (role = 1; role < 1u << ROLE_COUNT; role <<= 1)
		if (slice_is(name, role_name(role)))
			return role;
	return 0;
}

/* A peer that is not up, and is added where it is new. */
static uint32_t
harness_add(struct harness *h, struct slice name)
{
	uint32_t handle = harness_find(h, name);

	if (handle == 0 && h->npeers + 1 < HARNESS_PEERS && name.len > 0 &&
	    name.len < sizeof(h->peers[0].name)) {
		handle = ++h->npeers;
		memcpy(h->peers[handle].name, name.p, name.len);
	}
	if (handle == 0)
		text_wrong(&h->text, "%.*s cannot be a peer", SLICE_ARG(name));
	else if (h->peers[handle].up)
		text_wrong(&h->text, "%.*s is up already", SLICE_ARG(name));
	else
		return handle;
	return 0;
}

struct up {
	uint64_t tag;
	struct slice address, local;
	struct id instance;
};

static int
harness_up(struct harness *h)
{
	static const struct field fields[] = {
		HARNESS_UINT(up, tag), HARNESS_BYTES(up, address),
		HARNESS_BYTES(up, local),
		HARNESS_ARG(up, FIELD_ID, instance, NULL)
	};
	static const struct schema schema = HARNESS_ARGS(up, fields);
	struct slice name = text_word(&h->text), role = text_word(&h->text);
	uint32_t handle = harness_add(h, name);
	struct peer_info info;
	struct up args;

	if (handle == 0)
		return -1;
	memset(&args, 0, sizeof(args));
	args.instance = text_id(h->peers[handle].name);
	memset(&info, 0, sizeof(info));
	if ((info.role = harness_role_named(role)) == 0)
		return text_wrong(&h->text, "%.*s: no such role",
		    SLICE_ARG(role));
	if (text_fields(&h->text, &schema, &args) == -1)
		return -1;
	info.instance = args.instance;
	info.tag = (uint32_t)args.tag;
	info.address = args.address;
	info.local = args.local;
	h->peers[handle].role = info.role;
	h->peers[handle].up = 1;
	h->kind->ops->up(harness_inner(h), h->now, handle, &info);
	return 0;
}

static int
harness_down(struct harness *h)
{
	struct slice name = text_word(&h->text);
	uint32_t handle = harness_find(h, name);

	if (handle == 0 || !h->peers[handle].up)
		return text_wrong(&h->text, "%.*s is not up",
		    SLICE_ARG(name));
	h->peers[handle].up = 0;
	h->kind->ops->down(harness_inner(h), h->now, handle);
	return 0;
}

static void
harness_hand_over(struct harness *h, uint32_t handle, const struct msg *m)
{
	int error;

	if (h->kind->ops->message(harness_inner(h), h->now, handle, m) == 0)
		return;
	error = errno;
	harness_take(h);
	harness_refused(h, error);
}

/* Encoded and decoded on the way, in memory of its own: as on a wire. */
static int
harness_deliver(struct harness *h, uint32_t handle, const struct msg *m)
{
	size_t len = msg_size(m), value;
	unsigned char *p = malloc(len);
	struct tlv_writer w;
	struct msg decoded;
	unsigned type;
	int head;

	assert(p != NULL);
	tlv_writer_init(&w, p, len);
	if (msg_encode(m, &w) == -1 ||
	    (head = tlv_head(p, len, &type, &value)) <= 0 ||
	    msg_decode(&decoded, type, slice_of(p + head, value)) != 1) {
		free(p);
		return text_wrong(&h->text, "it breaks msg_table's rules");
	}
	harness_hand_over(h, handle, &decoded);
	free(p);
	return 0;
}

void
harness_quiet(struct harness *h)
{
	h->quiet = 1;
}

int
harness_bytes(struct harness *h, const char *name, unsigned type,
    struct slice value)
{
	uint32_t handle = harness_find(h, slice_str(name));
	unsigned char *copy;
	struct msg m;
	int passes;

	if (h->kind == NULL || handle == 0 || !h->peers[handle].up ||
	    !msg_allowed(type, harness_role(h, handle), h->kind->ops->role))
		return 0;
	copy = malloc(value.len + 1);
	assert(copy != NULL);
	if (value.len > 0)
		memcpy(copy, value.p, value.len);
	passes = msg_decode(&m, type, slice_of(copy, value.len)) == 1;
	if (passes) {
		harness_hand_over(h, handle, &m);
		harness_take(h);
		harness_tick(h);
	}
	free(copy);
	return passes;
}

/* past: the driver's checks; who is not up is nobody then. */
static int
harness_message(struct harness *h, int past)
{
	struct slice name = text_word(&h->text);
	uint32_t handle = harness_find(h, name);
	struct msg m;

	if (past && handle == 0)
		handle = HARNESS_NOBODY;
	else if (!past && !(slice_is(name, "program") &&
	    h->kind->program != 0) && (handle == 0 || !h->peers[handle].up))
		return text_wrong(&h->text, "%.*s is not up",
		    SLICE_ARG(name));
	if (text_message(&h->text, &m) == -1)
		return -1;
	if (!past && !msg_allowed(m.type, harness_role(h, handle),
	    h->kind->ops->role))
		return text_wrong(&h->text, "no driver lets %s send %s",
		    role_name(harness_role(h, handle)), msg_name(m.type));
	return harness_deliver(h, handle, &m);
}

struct fail {
	uint64_t tag, final;
	struct slice reason;
};

static int
harness_fail(struct harness *h)
{
	static const struct field fields[] = {
		HARNESS_UINT(fail, tag), HARNESS_BYTES(fail, reason),
		HARNESS_UINT(fail, final)
	};
	static const struct schema schema = HARNESS_ARGS(fail, fields);
	struct fail args;

	memset(&args, 0, sizeof(args));
	if (text_fields(&h->text, &schema, &args) == -1)
		return -1;
	if (h->kind->ops->failed == NULL)
		return text_wrong(&h->text, "this core is told of no dials");
	h->kind->ops->failed(harness_inner(h), h->now, (uint32_t)args.tag,
	    args.reason, (int)args.final);
	return 0;
}

/* The clock moves on until something comes out, or the time is up. */
static int
harness_wait(struct harness *h)
{
	int64_t end, due;
	uint64_t ms;
	int ticks = 0;

	if (text_number(&h->text, text_word(&h->text), &ms) == -1)
		return -1;
	if (ms == 0 || ms > INT64_MAX / 2)
		return text_wrong(&h->text, "it waits for no time");
	end = h->now + (int64_t)ms;
	while (harness_next(h) == NULL &&
	    (due = h->kind->ops->deadline(harness_inner(h))) <= end) {
		ticks = due > h->now ? 0 : ticks + 1;
		if (ticks > 100)
			return text_wrong(&h->text, "the deadline stays past");
		h->now = due > h->now ? due : h->now;
		harness_tick(h);
	}
	if (harness_next(h) == NULL) {
		h->now = end;
		harness_tick(h);
	}
	h->left = end - h->now;
	return 0;
}

static int
harness_own(struct harness *h, struct slice verb)
{
	const struct harness_input *in = h->kind->inputs;
	void *args = calloc(1, h->kind->args->size);
	int r;

	assert(args != NULL);
	while (in->name != NULL && !slice_is(verb, in->name))
		in++;
	if (in->name == NULL)
		r = text_wrong(&h->text, "%.*s: the core of %s knows no such "
		    "thing", SLICE_ARG(verb), h->kind->name);
	else
		r = text_fields(&h->text, h->kind->args, args);
	harness_inner(h);
	if (r == 0 && in->feed(h->core, h->now, args) == -1) {
		r = errno;
		harness_take(h);
		harness_refused(h, r);
		r = 0;
	}
	free(args);
	return r;
}

/* What is asked. */

/* The row without what is only known by its number: each word of it that is an
 * id of a name becomes that. */
static void
harness_print_row(struct buf *b, struct slice row)
{
	struct slice word;
	struct id id;
	char digits[3];
	size_t i;

	while ((word = slice_word(&row)).len > 0) {
		text_put(b, " ");
		memset(&id, 0, sizeof(id));
		for (i = 0; word.len == 2 * ID_SIZE && i < ID_SIZE; i++) {
			snprintf(digits, sizeof(digits), "%.2s",
			    (const char *)word.p + 2 * i);
			id.b[i] = (unsigned char)strtoul(digits, NULL, 16);
		}
		if (text_is_name(&id))
			text_put_id(b, &id);
		else
			text_put(b, "%.*s", SLICE_ARG(word));
	}
}

/* Numbers in the row that are not 0, each after the word before it. */
static void
harness_print_counts(struct buf *b, struct slice row)
{
	struct slice word, before = slice_word(&row);
	size_t i;

	for (; (word = slice_word(&row)).len > 0; before = word) {
		for (i = 0; i < word.len && isdigit(word.p[i]); i++)
			;
		if (i == word.len && i < 2 * ID_SIZE && !slice_is(word, "0"))
			text_put(b, " %.*s %.*s", SLICE_ARG(before),
			    SLICE_ARG(word));
	}
}

/* What is asked of the rows of a report. */
struct harness_look {
	struct slice kind; /* counts: of the rows that begin with that word */
	int counts, print;
	size_t rows, reports;
	int more; /* another report has to follow */
};

static void
harness_row(struct harness *h, struct harness_look *look, struct slice row)
{
	struct slice rest = row;
	struct buf b;

	look->rows++;
	if (!look->print || (look->counts &&
	    !slice_equal(slice_word(&rest), look->kind)))
		return;
	buf_init(&b, HARNESS_LINE_MAX);
	text_put(&b, "=");
	if (look->counts)
		harness_print_counts(&b, row);
	else
		harness_print_row(&b, row);
	harness_line(h, &b);
}

/* An act that answers. -1 when it is no part of one report. */
static int
harness_report(struct harness *h, const struct act *act,
    struct harness_look *look)
{
	struct slice row;
	struct msg m;

	if (act->kind != ACT_SEND || act->peer != HARNESS_CTL || !look->more ||
	    act_message(act, &m) != 1 || m.type != MSG_REPORT)
		return -1;
	look->more = (int)m.u.report.more;
	look->reports++;
	while (list_next(&m.u.report.rows, &row) == 1)
		harness_row(h, look, row);
	return 0;
}

static int
harness_inspect(struct harness *h, struct slice what,
    struct harness_look *look)
{
	struct peer_info info;
	struct act act;
	struct msg m;
	int r = 0;

	if (h->kind->ops->up == NULL)
		return text_wrong(&h->text, "this core has no peers");
	memset(&info, 0, sizeof(info));
	info.role = ROLE_CTL;
	info.instance = text_id("inspector");
	memset(&m, 0, sizeof(m));
	m.type = MSG_INSPECT;
	m.u.inspect.what = what;
	look->more = 1;
	h->kind->ops->up(harness_inner(h), h->now, HARNESS_CTL, &info);
	harness_take(h);
	harness_deliver(h, HARNESS_CTL, &m);
	while (outbox_take(h->kind->out(h->core), &act))
		r |= harness_report(h, &act, look);
	h->kind->ops->down(harness_inner(h), h->now, HARNESS_CTL);
	harness_take(h);
	if (r != 0 || look->more)
		return text_wrong(&h->text, "the answer is no whole report");
	return 0;
}

/* rows, counts, or the rows themselves. */
static int
harness_ask_rows(struct harness *h, struct slice ask)
{
	struct slice what = text_word(&h->text);
	struct harness_look look;
	struct buf b;

	memset(&look, 0, sizeof(look));
	look.print = !slice_is(ask, "rows");
	look.counts = slice_is(ask, "counts");
	look.kind = what;
	if (look.counts)
		what.len = 0;
	if (harness_inspect(h, what, &look) == -1)
		return -1;
	if (!look.print) {
		buf_init(&b, 64);
		text_put(&b, "= %lu in %lu", (unsigned long)look.rows,
		    (unsigned long)look.reports);
		harness_line(h, &b);
	}
	return 0;
}

static int
harness_ask_deadline(struct harness *h)
{
	int64_t due = h->kind->ops->deadline(harness_inner(h));
	struct buf b;

	buf_init(&b, 64);
	if (due == INT64_MAX)
		text_put(&b, "= never");
	else
		text_put(&b, "= %lld", (long long)(due - h->now));
	harness_line(h, &b);
	return 0;
}

static int
harness_ask(struct harness *h)
{
	struct slice what = text_word(&h->text), line;
	struct buf all, b;
	const unsigned char *end;
	int known;

	if (slice_is(what, "deadline"))
		return harness_ask_deadline(h);
	if (slice_is(what, "inspect") || slice_is(what, "rows") ||
	    slice_is(what, "counts"))
		return harness_ask_rows(h, what);
	buf_init(&all, HARNESS_LINE_MAX);
	known = h->kind->ask != NULL && h->kind->ask(h->core, what,
	    text_word(&h->text), &all);
	while (known && (line = buf_slice(&all)).len > 0) {
		end = memchr(line.p, '\n', line.len);
		assert(end != NULL);
		buf_init(&b, HARNESS_LINE_MAX);
		text_put(&b, "= %.*s", (int)(end - line.p),
		    (const char *)line.p);
		harness_line(h, &b);
		buf_consume(&all, (size_t)(end - line.p) + 1);
	}
	buf_free(&all);
	return known ? 0 : text_wrong(&h->text, "%.*s: nothing to ask",
	    SLICE_ARG(what));
}

static int
harness_verb(struct harness *h, struct slice verb)
{
	int peers = slice_is(verb, "up") || slice_is(verb, "down") ||
	    verb.p[0] == '>';

	if (peers && h->kind->ops->up == NULL)
		return text_wrong(&h->text, "this core has no peers");
	if (slice_is(verb, ">") || slice_is(verb, ">!"))
		return harness_message(h, verb.len == 2);
	if (slice_is(verb, "up"))
		return harness_up(h);
	if (slice_is(verb, "down"))
		return harness_down(h);
	if (slice_is(verb, "fail"))
		return harness_fail(h);
	if (slice_is(verb, "tick"))
		return 0;
	return harness_own(h, verb);
}

int
harness_feed(struct harness *h, struct slice line, int more)
{
	struct slice verb;
	int r, tick = 0;

	text_line(&h->text, line);
	h->left = 0;
	verb = text_word(&h->text);
	if (slice_is(verb, "core"))
		r = harness_begin(h);
	else if (h->kind == NULL)
		r = text_wrong(&h->text, "there is no core");
	else if (slice_is(verb, "?"))
		r = harness_ask(h);
	else if (slice_is(verb, "wait"))
		r = harness_wait(h);
	else {
		r = harness_verb(h, verb);
		tick = !more;
	}
	if (r == 0 && text_word(&h->text).len > 0)
		r = text_wrong(&h->text, "there is more than it takes");
	if (r == -1)
		return -1;
	harness_take(h);
	return tick ? harness_tick(h) : 0;
}
