/*
 * lambda-ctl: asks a process of the tier what it knows, or to drain, and prints
 * the answer, a row a line.
 */

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl_metrics.h"
#include "ctl_tier.h"
#include "ctl_top.h"
#include "hub.h"
#include "program.h"
#include "log.h"
#include "opt.h"

#define AUTHORITY_PORT 4370
#define ANSWER_MS     5000
#define AUDIT_TIMES   4
#define AUDIT_PAUSE_S 2
#define TOP_MS	      1000 /* from one look to the next */
#define TOP_ANSWER_MS 1250 /* a broker waits for its host for a second */
#define EXIT_DIFFERS  1 /* audit's, and keyclose's where a key is in use */
#define SYNOPSIS \
	"[-Jhqv] [-A address | -b socket] [-k keyfile ...]\n" \
	"[-w seconds] [command [argument]]"

static int64_t answer_ms; /* that a process has to answer; 0: as usual */

/* What can be asked of whom; a PLB shows all that it has, whatever is asked.
 * For those with a function the tier is walked, and without roles it is from
 * whoever is asked. */
static const struct command {
	const char *name;
	unsigned roles;
	const char *whom;
	void (*tier)(struct tier *, const char *module);
	int alone;	 /* nobody else is asked but the host */
	/* Makes lines of all rows, which are not shown themselves. */
	void (*format)(struct slice rows, void (*line)(void *, struct slice),
	    void *arg);
	int top;	 /* the tier is asked again and again */
	int host;	 /* a broker asks its host, a listener its channels */
	int known;	 /* it is an error if nobody has heard of the module */
	int least, most; /* arguments */
} commands[] = {
	{ .name = "all", .roles = ~0u, .whom = "", .host = 1 },
	{ .name = "audit", .tier = tier_audit, .most = 1,
	    .known = 1 },
	{ .name = "authorities", .whom = "an authority or a broker",
	    .roles = ROLE_AUTHORITY | ROLE_BROKER | ROLE_PLB },
	{ .name = "capacity", .tier = tier_capacity, .most = 1,
	    .known = 1 },
	{ .name = "channels", .whom = "a broker or a listener",
	    .roles = ROLE_BROKER | ROLE_LISTENER, .host = 1 },
	{ .name = "clients", .whom = "a broker or a listener",
	    .roles = ROLE_BROKER | ROLE_LISTENER | ROLE_PLB, .host = 1 },
	{ .name = "contacts", .whom = "a broker",
	    .roles = ROLE_BROKER | ROLE_PLB },
	{ .name = "counts", .roles = ~0u, .whom = "", .host = 1 },
	{ .name = "dot", .tier = tier_dot },
	{ .name = "drain", .whom = "a broker or an authority",
	    .roles = ROLE_AUTHORITY | ROLE_BROKER, .most = 1 },
	{ .name = "exchanges", .whom = "an authority, a broker or an exchange",
	    .roles = ROLE_AUTHORITY | ROLE_BROKER | ROLE_EXCHANGE | ROLE_PLB },
	{ .name = "hosts", .tier = tier_hosts },
	{ .name = "keyclose", .tier = tier_keyclose, .least = 1, .most = 1 },
	{ .name = "keys", .roles = ~0u, .whom = "", .host = 1 },
	{ .name = "keyuse", .tier = tier_keyuse },
	{ .name = "listeners", .whom = "a broker or a listener",
	    .roles = ROLE_BROKER | ROLE_LISTENER | ROLE_PLB, .host = 1 },
	{ .name = "metrics", .roles = ~0u, .whom = "",
	    .format = metrics_print, .host = 1 },
	{ .name = "modules", .whom = "an authority",
	    .roles = ROLE_AUTHORITY | ROLE_PLB },
	{ .name = "orders", .whom = "a broker or an exchange",
	    .roles = ROLE_BROKER | ROLE_EXCHANGE | ROLE_PLB },
	{ .name = "peers", .whom = "an authority or a broker",
	    .roles = ROLE_AUTHORITY | ROLE_BROKER | ROLE_PLB },
	{ .name = "plbs", .whom = "a broker or a PLB",
	    .roles = ROLE_BROKER | ROLE_PLB, .host = 1 },
	{ .name = "process", .roles = ~0u, .whom = "", .host = 1 },
	{ .name = "summary", .tier = tier_summary, .alone = 1,
	    .roles = ROLE_BROKER, .whom = "a broker, or give another command, "
	    "such as hosts or capacity" },
	{ .name = "top", .top = 1, .most = 1 },
	{ .name = "users", .tier = tier_users, .most = 1,
	    .known = 1 },
	{ .name = "why", .tier = tier_why, .least = 1, .most = 1 }
};
#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

/* The core: one question, its reports, the end. */
struct ctl {
	struct outbox out;
	const struct command *what;
	const char *argument; /* of drain; or NULL */
	const char *where;
	unsigned role; /* of whoever is asked, once linked */
	int rows; /* it has shown some */
	struct buf kept; /* of a command with a format: all of them */
	int done;
	int json; /* -J */
	const char *hint; /* what to do if nobody listens there */
};

#define HINT_BROKER "start lambda-broker, or name another with -b or -A"
#define HINT_OTHER  "is it running?"

static void
ctl_stop(struct ctl *c, int status)
{
	c->done = 1;
	outbox_act(&c->out, ACT_STOP, 0, (uint64_t)status, slice_of(NULL, 0));
}

static int
ctl_is(const struct ctl *c, const char *command)
{
	return strcmp(c->what->name, command) == 0;
}

/* What must drain: on a broker's host the listeners of a module, or an
 * authority that the broker is linked to; else the process that is asked. 0, or
 * -1 after saying why. */
static int
ctl_make_drain(const struct ctl *c, struct msg *m)
{
	const char *why;
	struct addr a;

	m->type = MSG_DRAIN;
	if (c->role == ROLE_AUTHORITY && c->argument == NULL)
		return 0;
	if (c->role == ROLE_AUTHORITY || c->argument == NULL) {
		log_error(c->role == ROLE_AUTHORITY ? "the %s at %s: give "
		    "drain no argument, since it drains itself" :
		    "the %s at %s: give drain a module, whose listeners drain, "
		    "or the address of an authority", role_name(c->role),
		    c->where);
		return -1;
	}
	if (addr_parse_peer(&a, c->argument, strlen(c->argument), 0, &why) == 0)
		m->u.drain.address = slice_str(c->argument);
	else
		m->u.drain.module = slice_str(opt_name("module", c->argument));
	return 0;
}

static void
ctl_make_inspect(const struct ctl *c, struct msg *m)
{
	m->type = MSG_INSPECT;
	m->u.inspect.what = slice_str(ctl_is(c, "all") ||
	    c->what->format != NULL ? "" : c->what->name);
	m->u.inspect.all = c->what->host &&
	    (c->role & (ROLE_BROKER | ROLE_LISTENER)) != 0;
}

static void
ctl_up(void *core, int64_t now, uint32_t peer, const struct peer_info *info)
{
	struct ctl *c = core;
	struct msg m;

	(void)now;
	c->role = info->role;
	if ((c->what->roles & c->role) == 0) {
		log_error("the %s at %s has no %s: ask %s", role_name(c->role),
		    c->where, c->what->name, c->what->whom);
		ctl_stop(c, EXIT_USAGE);
		return;
	}
	memset(&m, 0, sizeof(m));
	if (!ctl_is(c, "drain")) {
		ctl_make_inspect(c, &m);
	} else if (ctl_make_drain(c, &m) == -1) {
		ctl_stop(c, EXIT_USAGE);
		return;
	}
	outbox_send(&c->out, peer, &m);
}

static void
ctl_down(void *core, int64_t now, uint32_t peer)
{
	struct ctl *c = core;

	(void)now;
	(void)peer;
	if (c->done)
		return;
	log_error(c->role == ROLE_CHANNEL ? "%s is a channel's: "
	    "ask an authority, a broker, an exchange, a listener or a PLB" :
	    "%s has gone without an answer", c->where);
	ctl_stop(c, EXIT_TEMPORARY);
}

/* Rows. */

/* Is the value of this key text, whatever it looks like? */
static int
ctl_is_text(struct slice word, struct slice key)
{
	static const char *const texts[] = { "address", "authority", "broker",
		"exchange", "host", "instance", "kind", "module", "node",
		"owner", "seller", "seller_node", "state" };
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (slice_is(key, texts[i]))
			return 1;
	/* Names of modules, which elsewhere are counted. */
	if (slice_is(word, "host") || slice_is(word, "broker"))
		return slice_is(key, "sells") || slice_is(key, "buys") ||
		    slice_is(key, "modules");
	return row_is_last(key);
}

/* Whatever a peer may call a row, it is one line. */
static void
ctl_print_text(struct slice row)
{
	char line[REPORT_ROW_MAX], *text = (char *)slice_dup(row);
	const char *p = text, *end;
	size_t len;

	if (text == NULL)
		die_errno(EXIT_TEMPORARY, "unable to print the answer");
	for (end = text + row.len; p < end;) {
		len = escape(line, sizeof(line), &p);
		fwrite(line, 1, len, stdout);
		if (*p == '\0' && p < end) {
			fputs("\\x00", stdout);
			p++;
		}
	}
	putchar('\n');
	free(text);
}

/* A string of JSON. A byte that belongs to no character comes out as \xHH, as
 * it does in a row. */
static void
ctl_put_string(struct slice s)
{
	char c[5] = "";
	size_t i, n;

	putchar('"');
	for (i = 0; i < s.len; i += n) {
		n = s.len - i < 4 ? s.len - i : 4;
		memset(c, 0, sizeof(c));
		memcpy(c, s.p + i, n);
		n = (unsigned char)c[0] < 0x80 ? 1 : utf8_len(c);
		if (n == 0)
			printf("\\\\x%02x", s.p[i]);
		else if (n == 1 && (s.p[i] < ' ' || s.p[i] == 0x7f))
			printf("\\u%04x", s.p[i]);
		else if (c[0] == '"' || c[0] == '\\')
			printf("\\%c", c[0]);
		else
			fwrite(s.p + i, 1, n, stdout);
		n = n == 0 ? 1 : n;
	}
	putchar('"');
}

/* Can it be a number of JSON, which every reader has exactly? */
static int
ctl_is_number(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		;
	return i > 0 && i == s.len && i <= 15 && (i == 1 || s.p[0] != '0');
}

static void
ctl_put_value(struct slice value, int is_text)
{
	if (value.len == 0 || slice_is(value, "-"))
		fputs("null", stdout);
	else if (!is_text && ctl_is_number(value))
		printf("%.*s", SLICE_ARG(value));
	else
		ctl_put_string(value);
}

static void
ctl_print_json(struct slice rest)
{
	struct slice word = row_cut(&rest), key, value;

	fputs("{\"row\":", stdout);
	ctl_put_string(word);
	fputs(",\"name\":", stdout);
	ctl_put_value(row_cut(&rest), 1);
	while (rest.len > 0) {
		key = row_cut(&rest);
		putchar(',');
		ctl_put_string(key);
		putchar(':');
		value = row_is_last(key) ? rest : row_cut(&rest);
		ctl_put_value(value, ctl_is_text(word, key));
		if (row_is_last(key))
			break;
	}
	fputs("}\n", stdout);
}

static void
ctl_print(int json, struct slice row)
{
	if (json)
		ctl_print_json(row);
	else
		ctl_print_text(row);
}

static void
ctl_print_line(void *arg, struct slice line)
{
	(void)arg;
	fwrite(line.p, 1, line.len, stdout);
	putchar('\n');
}

static void
ctl_take(struct ctl *c, struct slice row)
{
	c->rows = 1;
	if (c->what->format == NULL)
		ctl_print(c->json, row);
	else if (row_keep(&c->kept, row) == -1)
		die_errno(EXIT_TEMPORARY, "unable to keep the answer");
}

/* Name those of its host that did not answer it: how many. */
static size_t
ctl_tell_silent_of(struct slice rows, const char *where)
{
	struct slice reason, role;
	size_t silent = 0;
	struct row r;

	while (row_next(&rows, &r)) {
		if (!slice_is(r.word, "process"))
			continue;
		reason = row_get(&r, "reason");
		role = row_get(&r, "role");
		if (reason.len == 0)
			continue;
		silent++;
		if (slice_is(reason, "no answer"))
			reason = slice_str(WALK_SILENT);
		log_error("no answer from the %.*s %.*s on the host of %s: "
		    "%.*s", SLICE_ARG(role), SLICE_ARG(r.name), where,
		    SLICE_ARG(reason));
	}
	return silent;
}

static int
ctl_message(void *core, int64_t now, uint32_t peer, const struct msg *m)
{
	struct ctl *c = core;
	struct slice rows = m->u.report.rows, row;

	(void)now;
	(void)peer;
	if (m->type != MSG_REPORT)
		return 0;
	while (list_next(&rows, &row) == 1)
		ctl_take(c, row);
	if (m->u.report.more)
		return 0;
	if (c->what->format != NULL) {
		c->what->format(buf_slice(&c->kept), ctl_print_line, NULL);
		ctl_tell_silent_of(buf_slice(&c->kept), c->where);
	}
	if (ctl_is(c, "drain") && !c->rows)
		log_error("nothing to drain: no listener of the broker at %s "
		    "publishes %s now, and no authority has that address",
		    c->where, c->argument);
	ctl_stop(c, ctl_is(c, "drain") && !c->rows ? EXIT_TEMPORARY : 0);
	return 0;
}

static void
ctl_failed(void *core, int64_t now, uint32_t tag, struct slice reason,
    int final)
{
	struct ctl *c = core;

	(void)now;
	(void)tag;
	log_error("no answer from %s: %.*s%s%s", c->where, SLICE_ARG(reason),
	    final ? "" : ": ", final ? "" : c->hint);
	ctl_stop(c, final ? EXIT_USAGE : EXIT_TEMPORARY);
}

static void
ctl_tick(void *core, int64_t now)
{
	(void)core;
	(void)now;
}

static int64_t
ctl_deadline(const void *core)
{
	(void)core;
	return INT64_MAX;
}

static const struct core_ops ctl_ops = {
	ROLE_CTL, ctl_up, ctl_down, ctl_message, ctl_failed, ctl_tick,
	ctl_deadline
};

static void
ctl_on_late(void *arg)
{
	const char *where = arg;

	die(EXIT_TEMPORARY, "no answer from %s in %g s", where,
	    (double)answer_ms / 1000);
}

/* The tier. */

struct ctl_tier {
	struct walk walk;
	const struct command *what;
	const char *where, *hint; /* as struct ctl has them */
	const struct key *key;
	int json;
	int unknown; /* nobody knows the module */
	int keeps; /* somebody keeps links of the key */
	size_t rows;
	struct buf seen; /* the rows, in lines */
	const struct buf *before; /* those of the audit before; or NULL */
};

static void
ctl_on_tier_row(void *arg, struct slice row)
{
	struct ctl_tier *c = arg;

	c->rows++;
	if (buf_append(&c->seen, row.p, row.len) == -1 ||
	    buf_append(&c->seen, "\n", 1) == -1)
		die_errno(EXIT_TEMPORARY, "unable to keep the rows");
}

static void
ctl_print_row(void *arg, struct slice row)
{
	const struct ctl_tier *c = arg;

	ctl_print(c->json, row);
}

/* Does the text have this line? */
static int
ctl_has_line(struct slice text, struct slice line)
{
	while (text.len > 0)
		if (slice_equal(slice_line(&text), line))
			return 1;
	return 0;
}

/* A difference that was there before too. */
static void
ctl_on_audit_row(void *arg, struct slice row)
{
	struct ctl_tier *c = arg;

	if (c->before == NULL || ctl_has_line(buf_slice(c->before), row))
		ctl_on_tier_row(c, row);
}

static int
ctl_closes(const struct command *what)
{
	return what->tier == tier_keyclose;
}

/* Without an answer of the first one there is nothing to show, and one of
 * another role may have nothing that is asked for. */
static void
ctl_check_first(const struct ctl_tier *c)
{
	const struct walk_node *n = c->walk.at[0];

	if (n->state == WALK_FAILED && n->final)
		die(EXIT_USAGE, "no answer from %s: %s", c->where, n->why);
	if (n->state == WALK_FAILED)
		die(EXIT_TEMPORARY, "no answer from %s: %s: %s", c->where,
		    n->why, c->hint);
	if (c->what->roles != 0 && (c->what->roles & n->role) == 0)
		die(EXIT_USAGE, "the %s at %s has no %s: ask %s",
		    role_name(n->role), c->where, c->what->name,
		    c->what->whom);
}

static void
ctl_walk_once(struct ctl_tier *c, uint64_t seed, struct slice close)
{
	static struct hub hub;

	memset(&hub, 0, sizeof(hub));
	hub_init(&hub, loop_new(), ROLE_CTL, c->key);
	if (walk_begin(&c->walk, loop_now(hub.loop), answer_ms > 0 ?
	    answer_ms : WALK_NODE_MS, seed, slice_str(c->where),
	    c->what->alone) == -1)
		die_errno(EXIT_TEMPORARY, "unable to walk the tier");
	c->walk.close = close;
	hub_dial(&hub, slice_str(c->where), DIAL_ONCE, 1);
	hub_core(&hub, &walk_ops, &c->walk, &c->walk.out);
	loop_run(hub.loop);
	hub_free(&hub);
	loop_free(hub.loop);
}

/* The first one knows no authority, so the others stay unknown: 1. */
static size_t
ctl_tell_cut(const struct walk *w)
{
	unsigned role = w->at[0]->role;

	if (w->alone || role == ROLE_EXCHANGE || walk_has_authority(w))
		return 0;
	if (role == ROLE_BROKER)
		log_error("this broker is linked to no authority: only this "
		    "host is shown");
	else
		log_error("the %s at %s knows no authority: only what it knows "
		    "is shown, so ask a broker or an authority",
		    role_name(role), w->at[0]->shown);
	return 1;
}

/* Who did not answer: the exit status. */
static int
ctl_tell_silent(const struct walk *w)
{
	size_t i, silent = w->left_out + ctl_tell_cut(w);
	int final = 0;

	for (i = 0; i < w->n; i++) {
		silent += ctl_tell_silent_of(buf_slice(&w->at[i]->rows),
		    w->at[i]->shown);
		if (w->at[i]->state != WALK_FAILED)
			continue;
		silent++;
		final |= w->at[i]->final;
		if (w->at[i]->role == 0)
			log_error("no answer from %s: %s", w->at[i]->shown,
			    w->at[i]->why);
		else
			log_error("no answer from the %s at %s: %s",
			    role_name(w->at[i]->role), w->at[i]->shown,
			    w->at[i]->why);
	}
	if (w->left_out > 0)
		log_error("processes not asked: %zu; %d at most "
		    "are", w->left_out, WALK_NODES_MAX);
	return final ? EXIT_USAGE : silent > 0 ? EXIT_TEMPORARY : 0;
}

/* Ask them all, and have the command make its rows of what they answer. */
static void
ctl_tier_once(struct ctl_tier *c, const char *argument)
{
	static struct tier t;
	const struct command *what = c->what;
	uint64_t seed;

	env_random(&seed, sizeof(seed));
	buf_init(&c->seen, WALK_ALL_MAX);
	c->rows = 0;
	ctl_walk_once(c, seed, slice_str(ctl_closes(what) ? argument : ""));
	ctl_check_first(c);
	t.row = what->tier == tier_audit ? ctl_on_audit_row : ctl_on_tier_row;
	t.arg = c;
	if (tier_read(&t, &c->walk, seed) == -1)
		die_errno(EXIT_TEMPORARY, "unable to read the answers");
	what->tier(&t, argument);
	if (t.failed)
		die(EXIT_TEMPORARY, "unable to compare the answers: out of "
		    "memory");
	c->unknown = what->known && argument != NULL &&
	    !tier_knows(&t, argument);
	c->keeps = t.keeps;
	tier_free(&t);
}

/* What of the argument is known to nobody. */
static int
ctl_tell_unknown(const struct ctl_tier *c, const char *argument)
{
	int closes = ctl_closes(c->what) && c->rows == 0;

	if (closes)
		log_error("nobody who answers has a key %s: keyuse shows "
		    "which there are", argument);
	if (c->unknown)
		log_error("nobody who answers publishes or wants %s", argument);
	return closes || c->unknown ? EXIT_TEMPORARY : 0;
}

/* The rows of the command. Differences are looked at again, up to
 * AUDIT_TIMES, since what is on its way makes some that are none. */
static int
ctl_walk_tier(struct ctl_tier *c, const char *argument)
{
	static const struct timespec pause = { AUDIT_PAUSE_S, 0 };
	struct buf before;
	int audit = c->what->tier == tier_audit, times = 1, status, unknown;

	buf_init(&before, WALK_ALL_MAX);
	for (;; times++) {
		ctl_tier_once(c, argument);
		if (!audit || c->rows == 0 || times == AUDIT_TIMES)
			break;
		walk_free(&c->walk);
		buf_free(&before);
		before = c->seen;
		c->before = &before;
		nanosleep(&pause, NULL);
	}
	status = ctl_tell_silent(&c->walk);
	unknown = ctl_tell_unknown(c, argument);
	walk_free(&c->walk);
	if (row_sort(buf_slice(&c->seen), ctl_print_row, c) == -1)
		die_errno(EXIT_TEMPORARY, "unable to sort the rows");
	buf_free(&c->seen);
	buf_free(&before);
	return (audit && c->rows > 0) || c->keeps ? EXIT_DIFFERS :
	    status != 0 ? status : unknown;
}

/* A terminal is wiped; elsewhere an empty line ends the block. */
static void
ctl_top_screen(const struct top *t)
{
	int screen = isatty(STDOUT_FILENO);

	if (screen)
		fputs("\033[H\033[J", stdout);
	top_lines(t, ctl_print_line, NULL);
	if (!screen)
		putchar('\n');
}

/* What is left of the second since it began. */
static void
ctl_top_pause(const struct timespec *began)
{
	struct timespec now, pause = { 0, 0 };
	int64_t ms;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = TOP_MS - (int64_t)(now.tv_sec - began->tv_sec) * 1000 -
	    (now.tv_nsec - began->tv_nsec) / 1000000;
	if (ms <= 0)
		return;
	pause.tv_sec = (time_t)(ms / 1000);
	pause.tv_nsec = (long)(ms % 1000) * 1000000;
	nanosleep(&pause, NULL);
}

/* Once a second, until it is ended. Who does not answer is told after the first
 * walk alone, and not waited for after that as long as other commands do. */
static void
ctl_top(struct ctl_tier *c, const char *by)
{
	static struct top t;
	struct timespec now = { 0, 0 }, began;
	uint64_t seed;
	int first = 1;

	if (by != NULL && strcmp(by, "host") != 0 && strcmp(by, "module") != 0)
		die(EXIT_USAGE, "top %s: give host or module", by);
	signal(SIGINT, SIG_DFL); /* a shell's background ignores it */
	env_random(&seed, sizeof(seed));
	top_init(&t, seed, by != NULL && strcmp(by, "host") == 0);
	for (;; ctl_top_pause(&began)) {
		clock_gettime(CLOCK_MONOTONIC, &began);
		ctl_walk_once(c, seed, slice_str(""));
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (first) {
			ctl_check_first(c);
			ctl_tell_silent(&c->walk);
		}
		if (top_read(&t, &c->walk, (int64_t)now.tv_sec * 1000 +
		    now.tv_nsec / 1000000) == -1)
			die_errno(EXIT_TEMPORARY, "unable to read the answers");
		walk_free(&c->walk);
		if (c->json)
			top_rows(&t, ctl_print_row, c);
		else if (!first)
			ctl_top_screen(&t);
		die_unless_printed();
		if (answer_ms == 0)
			answer_ms = TOP_ANSWER_MS;
		first = 0;
	}
}

/* What a command of the tier is given: a module, or a fingerprint. */
static const char *
ctl_argument(const struct command *what, const char *text)
{
	if (text == NULL || !ctl_closes(what))
		return text == NULL ? NULL : opt_name("module", text);
	if (strlen(text) != 2 * LINK_PRINT ||
	    strspn(text, "0123456789abcdef") != 2 * LINK_PRINT)
		die(EXIT_USAGE, "keyclose %s: it is no fingerprint of a key: "
		    "keyuse shows them", text);
	return text;
}

/* There is none of that name: say which there are. */
static void
ctl_no_command(const char *name)
{
	char all[512];
	size_t i, n = 0;

	for (i = 0; i < NCOMMANDS; i++) {
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s",
		    i == 0 ? "" : i < NCOMMANDS - 1 ? ", " : " or ",
		    commands[i].name);
		assert(n < sizeof(all));
	}
	die(EXIT_USAGE, "%s: no such command: give %s", name, all);
}

static const struct command *
ctl_command(char **argv, int argc)
{
	static char *const summary[] = { "summary" };
	const struct command *c;

	if (argc < 1) {
		argv = (char **)(uintptr_t)summary;
		argc = 1;
	}
	for (c = commands; c < commands + NCOMMANDS; c++) {
		if (strcmp(c->name, argv[0]) != 0)
			continue;
		if (argc - 1 < c->least || argc - 1 > c->most)
			die_usage(SYNOPSIS);
		return c;
	}
	ctl_no_command(argv[0]);
	return NULL;
}

static int
ctl_end(int status)
{
	die_unless_printed();
	return status;
}

/* One process: the exit status. */
static int
ctl_ask(struct ctl *c, const struct key *key)
{
	static struct hub hub;
	static struct timer late;

	hub_init(&hub, loop_new(), ROLE_CTL, key);
	outbox_init(&c->out);
	buf_init(&c->kept, WALK_ROWS_MAX);
	hub_dial(&hub, slice_str(c->where), DIAL_ONCE, 1);
	hub_core(&hub, &ctl_ops, c, &c->out);
	late.fn = ctl_on_late;
	late.arg = (void *)(uintptr_t)c->where;
	if (answer_ms == 0)
		answer_ms = ANSWER_MS;
	if (loop_timer(hub.loop, &late, loop_now(hub.loop) + answer_ms) == -1)
		die_errno(EXIT_TEMPORARY, "unable to ask %s", c->where);
	loop_run(hub.loop);
	return hub.status;
}

int
main(int argc, char **argv)
{
	static struct ctl core;
	static struct ctl_tier tier;
	static struct key_names keys;
	const char *address = NULL, *broker = NULL;
	const struct opt options[] = {
		{ 'A', OPT_TEXT, &address, 0, 0 },
		{ 'J', OPT_FLAG, &core.json, 0, 0 },
		{ 'b', OPT_TEXT, &broker, 0, 0 },
		{ 'k', OPT_KEY, &keys, 0, 0 },
		{ 'w', OPT_SECONDS, &answer_ms, 1000, 3600 * 1000 },
		{ 0, OPT_END, NULL, 0, 0 }
	};
	char text[ADDR_TEXT_MAX];
	struct addr a;
	static struct key key;
	int letter;

	program_begin(argv, PROGRAM_PRINTS);
	while ((letter = getopt(argc, argv, "JhqvA:b:k:w:")) != -1)
		opt_take(options, letter, optarg, SYNOPSIS);
	if (address != NULL && broker != NULL)
		die(EXIT_USAGE, "-A and -b: give one of them");
	core.what = ctl_command(argv + optind, argc - optind);
	core.argument = optind < argc ? argv[optind + 1] : NULL;
	if (core.json && core.what->format != NULL)
		die(EXIT_USAGE, "-J and metrics: metrics are no rows, so give "
		    "one of them");
	if (core.json && core.what->tier == tier_dot)
		die(EXIT_USAGE, "-J and dot: a graph is no rows, so give one "
		    "of them");
	if (address != NULL)
		opt_address('A', address, AUTHORITY_PORT, &a);
	else
		env_broker_socket(&a, broker);
	core.where = addr_print(&a, text);
	env_key(&key, &keys);
	if (address != NULL)
		env_key_need(&key, 'A', &a);
	core.hint = address == NULL ? HINT_BROKER : HINT_OTHER;
	tier.what = core.what;
	tier.where = core.where;
	tier.hint = core.hint;
	tier.key = &key;
	tier.json = core.json;
	if (core.what->top)
		ctl_top(&tier, core.argument);
	if (core.what->tier != NULL)
		return ctl_end(ctl_walk_tier(&tier,
		    ctl_argument(core.what, core.argument)));
	return ctl_end(ctl_ask(&core, &key));
}
