#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "array.h"
#include "bootstrap.h"
#include "fail.h"
#include "map.h"

#define NAME_LEN_MAX 253
#define LETTERS    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define HEX_DIGITS "0123456789abcdefABCDEF"
#define HOST_CHARACTERS LETTERS "0123456789-._"

/* An address, and how many sources give it at present. */
struct bootstrap_entry {
	unsigned refs;
	uint64_t printed; /* in which round of printing all */
	uint64_t stamp;	  /* of the answer that it was last seen in */
	char text[ADDR_TEXT_MAX];
};

/* What a source gives: a reference to each entry. */
struct bootstrap_given {
	struct bootstrap_item {
		struct bootstrap_entry *entry;
		unsigned missed; /* answers in a row without it */
	} *item;
	size_t n, cap;
};

struct bootstrap_source {
	enum bootstrap_kind kind;
	const char *name; /* as written */
	const char *what; /* after the colon */
	struct bootstrap_given given;
	int64_t due_at; /* its TTL ends; or INT64_MAX */
	int asked;	/* and not answered yet */
	int answered; /* at least once */
	char failure[BOOTSTRAP_REASON_MAX]; /* as last logged; or empty */
};

struct bootstrap {
	struct outbox out;
	struct bootstrap_source source[BOOTSTRAP_SOURCES_MAX];
	int n;
	struct map entries; /* by text */
	int64_t interval_ms;
	int64_t next_at; /* ask, and print all */
	uint64_t round;
	uint64_t stamp;
	int once, stopped;
	char why[NAME_LEN_MAX + 64]; /* the last of bootstrap_add() */
};

/* Life. */

struct bootstrap *
bootstrap_new(uint64_t seed, int64_t interval_ms, int once)
{
	struct bootstrap *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	outbox_init(&b->out);
	map_init(&b->entries, seed);
	b->interval_ms = interval_ms;
	b->once = once;
	b->next_at = INT64_MIN;
	return b;
}

void
bootstrap_free(struct bootstrap *b)
{
	struct bootstrap_entry *e;
	size_t pos = 0;
	int i;

	if (b == NULL)
		return;
	while ((e = map_next(&b->entries, &pos)) != NULL)
		free(e);
	for (i = 0; i < b->n; i++)
		free(b->source[i].given.item);
	map_free(&b->entries);
	outbox_free(&b->out);
	free(b);
}

struct outbox *
bootstrap_out(struct bootstrap *b)
{
	return &b->out;
}

/* Sources. */

static const char *
bootstrap_skip_prefix(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

static int
bootstrap_wrong(const char **why, const char *sentence)
{
	*why = sentence;
	return fail(EINVAL);
}

static int
bootstrap_is_printable(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s <= ' ' || *s > '~')
			return 0;
	return 1;
}

static int
bootstrap_is_port(const char *s)
{
	unsigned long n = 0;

	if (*s == '\0' || strlen(s) > 5)
		return 0;
	for (; isdigit((unsigned char)*s); s++)
		n = 10 * n + (unsigned long)(*s - '0');
	return *s == '\0' && n > 0 && n <= 65535;
}

/* What follows the colon; commands and files may be anything. */
static int
bootstrap_check_what(const struct bootstrap_source *s, const char **why)
{
	const char *colon = strchr(s->what, ':'), *at = strchr(s->what, '@');

	if (s->what[0] == '\0')
		return bootstrap_wrong(why, "something must follow the colon");
	if (s->kind == BOOTSTRAP_DNS) {
		if (!bootstrap_is_printable(s->what) || s->what[0] == ':' ||
		    strcspn(s->what, ":") > NAME_LEN_MAX)
			return bootstrap_wrong(why,
			    "write dns:NAME or dns:NAME:PORT");
		if (colon != NULL && !bootstrap_is_port(colon + 1))
			return bootstrap_wrong(why,
			    "the port is a number from 1 to 65535");
	}
	if (s->kind == BOOTSTRAP_EPMD && (!bootstrap_is_printable(s->what) ||
	    at == s->what || strlen(s->what) > NAME_LEN_MAX ||
	    (at != NULL && (at[1] == '\0' || strchr(at + 1, '@') != NULL))))
		return bootstrap_wrong(why,
		    "write epmd:NODE or epmd:NODE@HOST");
	return 0;
}

/* Is it HOST or HOST:PORT, of a host that has a name? */
static int
bootstrap_is_named(const char *s)
{
	size_t n = strspn(s, HOST_CHARACTERS);

	return strspn(s, "0123456789.") < n && n <= NAME_LEN_MAX &&
	    (s[n] == '\0' || (s[n] == ':' && bootstrap_is_port(s + n + 1)));
}

static int
bootstrap_check_address(struct bootstrap *b, const struct bootstrap_source *s,
    const char **why)
{
	struct addr a;

	if (addr_parse_peer(&a, s->what, strlen(s->what), BOOTSTRAP_PORT,
	    why) == 0)
		return 0;
	if (bootstrap_is_named(s->what))
		snprintf(b->why, sizeof(b->why), "host names are not looked up "
		    "here: write dns:%s%s", s->what,
		    strchr(s->what, ':') == NULL ? ":PORT" : "");
	else if (s->what[0] == '/' || s->what[0] == '.')
		snprintf(b->why, sizeof(b->why), "that is a path: write "
		    "file:%.*s", NAME_LEN_MAX, s->what);
	else if (s->what[strspn(s->what, LETTERS)] == ':' &&
	    strspn(s->what, HEX_DIGITS) < strcspn(s->what, ":"))
		return bootstrap_wrong(why, "no source begins so: write dns:, "
		    "epmd:, file: or exec: in small letters, or an IP address");
	else
		return -1;
	return bootstrap_wrong(why, b->why);
}

static int
bootstrap_classify(struct bootstrap *b, struct bootstrap_source *s,
    const char **why)
{
	static const struct {
		const char *prefix;
		enum bootstrap_kind kind;
	} kinds[] = {
		{ "file:", BOOTSTRAP_FILE }, { "dns:", BOOTSTRAP_DNS },
		{ "epmd:", BOOTSTRAP_EPMD }, { "exec:", BOOTSTRAP_EXEC },
	};
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		s->what = bootstrap_skip_prefix(s->name, kinds[i].prefix);
		if (s->what == NULL)
			continue;
		s->kind = kinds[i].kind;
		return bootstrap_check_what(s, why);
	}
	s->kind = BOOTSTRAP_STATIC;
	s->what = s->name;
	return bootstrap_check_address(b, s, why);
}

int
bootstrap_add(struct bootstrap *b, const char *name, const char **why)
{
	struct bootstrap_source *s = &b->source[b->n];

	if (b->n == BOOTSTRAP_SOURCES_MAX)
		return bootstrap_wrong(why, "that is one source too many");
	s->name = name;
	s->due_at = INT64_MAX;
	if (bootstrap_classify(b, s, why) == -1)
		return -1;
	return b->n++;
}

enum bootstrap_kind
bootstrap_kind(const struct bootstrap *b, int number)
{
	return b->source[number].kind;
}

const char *
bootstrap_what(const struct bootstrap *b, int number)
{
	return b->source[number].what;
}

/* What sources give. */

static struct slice
bootstrap_key(const struct bootstrap_entry *e)
{
	return slice_str(e->text);
}

static void
bootstrap_drop(struct bootstrap *b, struct bootstrap_entry *e)
{
	if (--e->refs > 0)
		return;
	map_del(&b->entries, bootstrap_key(e));
	free(e);
}

/* The entry with one more reference; one that is new is printed. */
static struct bootstrap_entry *
bootstrap_take(struct bootstrap *b, const char *text)
{
	struct bootstrap_entry *e = map_get(&b->entries, slice_str(text));

	if (e != NULL) {
		e->refs++;
		return e;
	}
	if ((e = calloc(1, sizeof(*e))) == NULL)
		return NULL;
	strcpy(e->text, text);
	e->refs = 1;
	if (map_put(&b->entries, bootstrap_key(e), e) == -1) {
		free(e);
		return NULL;
	}
	outbox_act(&b->out, BOOTSTRAP_LINE, 0, 0, bootstrap_key(e));
	return e;
}

static void
bootstrap_say(struct bootstrap *b, struct bootstrap_source *s,
    const char *reason)
{
	if (strcmp(s->failure, reason) == 0)
		return;
	snprintf(s->failure, sizeof(s->failure), "%s", reason);
	outbox_log(&b->out, LOG_ERROR, "%s: %s", s->name, s->failure);
}

/* The line's address: 1; 0: there is none; -1: it is wrong, and reason says
 * how. */
static int
bootstrap_read_line(struct slice line, unsigned long number,
    char text[ADDR_TEXT_MAX], char reason[BOOTSTRAP_REASON_MAX])
{
	const char *why;
	struct addr a;

	while (line.len > 0 && isspace(line.p[line.len - 1]))
		line.len--;
	for (; line.len > 0 && isspace(line.p[0]); line.len--)
		line.p++;
	if (line.len == 0 || line.p[0] == '#')
		return 0;
	if (addr_parse_peer(&a, (const char *)line.p, line.len,
	    BOOTSTRAP_PORT, &why) == 0) {
		addr_print(&a, text);
		return 1;
	}
	if (reason[0] == '\0')
		snprintf(reason, BOOTSTRAP_REASON_MAX, "line %lu: %.*s: %s",
		    number, line.len > 100 ? 100 : (int)line.len,
		    (const char *)line.p, why);
	return -1;
}

/* Put the entry, with the caller's reference, on the list: 0, or -1 with ENOMEM
 * or ENOBUFS. */
static int
bootstrap_give(struct bootstrap_given *g, struct bootstrap_entry *e,
    unsigned missed)
{
	struct bootstrap_item *grown = array_grow(g->item, &g->cap, g->n + 1,
	    BOOTSTRAP_ADDRESSES_MAX, sizeof(*grown));

	if (grown == NULL)
		return -1;
	g->item = grown;
	g->item[g->n].entry = e;
	g->item[g->n++].missed = missed;
	return 0;
}

static int
bootstrap_take_address(struct bootstrap *b, struct bootstrap_given *g,
    const char *text)
{
	struct bootstrap_entry *e = map_get(&b->entries, slice_str(text));

	if (e != NULL && e->stamp == b->stamp)
		return 0;
	if (g->n == BOOTSTRAP_ADDRESSES_MAX)
		return fail(ENOBUFS);
	if ((e = bootstrap_take(b, text)) == NULL)
		return -1;
	e->stamp = b->stamp;
	if (bootstrap_give(g, e, 0) == -1) {
		bootstrap_drop(b, e);
		return -1;
	}
	return 0;
}

/* Add the addresses that do not bear the stamp of this answer: 0, or 1 when
 * there is no room for all of them. The first wrong line, or what else is
 * wrong, goes to reason. */
static int
bootstrap_collect(struct bootstrap *b, struct bootstrap_given *g,
    struct slice lines, char reason[BOOTSTRAP_REASON_MAX])
{
	char text[ADDR_TEXT_MAX];
	unsigned long number = 0;

	while (lines.len > 0) {
		if (bootstrap_read_line(slice_line(&lines), ++number, text,
		    reason) != 1 || bootstrap_take_address(b, g, text) == 0)
			continue;
		if (errno == ENOBUFS)
			return 1;
		snprintf(reason, BOOTSTRAP_REASON_MAX, "out of memory");
		break;
	}
	return 0;
}

/* What the last answers had and this one has not: 0, or 1 when there is no room
 * for all of it. */
static int
bootstrap_keep_missed(struct bootstrap *b, const struct bootstrap_source *s,
    struct bootstrap_given *new)
{
	int partial = s->kind == BOOTSTRAP_DNS || s->kind == BOOTSTRAP_EXEC;
	const struct bootstrap_item *i;
	int full = 0;
	size_t n;

	for (n = 0; n < s->given.n; n++) {
		i = &s->given.item[n];
		if (partial && i->entry->stamp != b->stamp &&
		    i->missed + 1 < BOOTSTRAP_MISSED_MAX) {
			if (bootstrap_give(new, i->entry, i->missed + 1) == 0)
				continue;
			full = 1;
		}
		bootstrap_drop(b, i->entry);
	}
	return full;
}

static void
bootstrap_answered(struct bootstrap *b, struct bootstrap_source *s)
{
	int i;

	s->asked = 0;
	s->answered = 1;
	if (!b->once || b->stopped)
		return;
	for (i = 0; i < b->n; i++)
		if (!b->source[i].answered)
			return;
	b->stopped = 1;
	outbox_act(&b->out, ACT_STOP, 0,
	    b->entries.n > 0 ? 0 : BOOTSTRAP_NOTHING, slice_str(""));
}

/* A failure without addresses changes nothing. */
static void
bootstrap_take_answer(struct bootstrap *b, struct bootstrap_source *s,
    struct slice lines, const char *but, int failed)
{
	char reason[BOOTSTRAP_REASON_MAX] = "";
	struct bootstrap_given new;
	int full;

	memset(&new, 0, sizeof(new));
	/* The new ones first, so that what stays keeps a reference
	 * throughout. */
	b->stamp++;
	full = bootstrap_collect(b, &new, lines, reason);
	if (new.n == 0 && but == NULL && reason[0] == '\0')
		but = "it gave no address";
	if (new.n > 0 || !failed) {
		full |= bootstrap_keep_missed(b, s, &new);
		free(s->given.item);
		s->given = new;
	}
	if (full)
		snprintf(reason, sizeof(reason), "more than %d addresses: the "
		    "rest is not used%s%.150s", BOOTSTRAP_ADDRESSES_MAX,
		    but == NULL ? "" : "; ", but == NULL ? "" : but);
	else if (but != NULL)
		snprintf(reason, sizeof(reason), "%s", but);
	if (reason[0] != '\0')
		bootstrap_say(b, s, reason);
	else if (s->failure[0] != '\0') {
		s->failure[0] = '\0';
		outbox_log(&b->out, LOG_INFO, "%s: good again", s->name);
	}
	bootstrap_answered(b, s);
}

void
bootstrap_result(struct bootstrap *b, int number, struct slice lines,
    const char *but)
{
	bootstrap_take_answer(b, &b->source[number], lines, but, 0);
}

void
bootstrap_failed(struct bootstrap *b, int number, struct slice lines,
    const char *reason)
{
	bootstrap_take_answer(b, &b->source[number], lines, reason, 1);
}

/* Faults in these lines are reported when all have come. */
void
bootstrap_some(struct bootstrap *b, int number, struct slice lines)
{
	struct bootstrap_given *g = &b->source[number].given;
	char reason[BOOTSTRAP_REASON_MAX] = "";
	size_t i;

	b->stamp++;
	for (i = 0; i < g->n; i++)
		g->item[i].entry->stamp = b->stamp;
	bootstrap_collect(b, g, lines, reason);
}

/* The clock. */

/* In the order of the sources; what two of them give, once. */
static void
bootstrap_print_all(struct bootstrap *b)
{
	struct bootstrap_source *s;
	struct bootstrap_entry *e;
	size_t i;

	b->round++;
	for (s = b->source; s < b->source + b->n; s++)
		for (i = 0; i < s->given.n; i++) {
			e = s->given.item[i].entry;
			if (e->printed == b->round)
				continue;
			e->printed = b->round;
			outbox_act(&b->out, BOOTSTRAP_LINE, 0, 0,
			    bootstrap_key(e));
		}
}

static void
bootstrap_ask(struct bootstrap *b, int number)
{
	struct bootstrap_source *s = &b->source[number];

	if (s->kind == BOOTSTRAP_STATIC) {
		if (!s->answered)
			bootstrap_result(b, number, slice_str(s->what), NULL);
		return;
	}
	if (s->asked)
		return;
	s->asked = 1;
	s->due_at = INT64_MAX;
	outbox_act(&b->out, BOOTSTRAP_ASK, (uint32_t)number, 0,
	    slice_str(s->what));
}

void
bootstrap_again(struct bootstrap *b)
{
	int i;

	for (i = 0; i < b->n; i++)
		bootstrap_ask(b, i);
}

void
bootstrap_ttl(struct bootstrap *b, int64_t now, int number, int64_t ttl_ms)
{
	if (b->once || ttl_ms < 0)
		return;
	if (ttl_ms < BOOTSTRAP_TTL_MIN_MS)
		ttl_ms = BOOTSTRAP_TTL_MIN_MS;
	b->source[number].due_at = now + ttl_ms;
}

void
bootstrap_tick(struct bootstrap *b, int64_t now)
{
	int i;

	if (b->stopped)
		return;
	for (i = 0; i < b->n; i++)
		if (b->source[i].due_at <= now)
			bootstrap_ask(b, i);
	if (now < b->next_at)
		return;
	if (!b->once)
		bootstrap_print_all(b);
	bootstrap_again(b);
	b->next_at = b->once ? INT64_MAX : now + b->interval_ms;
}

int64_t
bootstrap_deadline(const struct bootstrap *b)
{
	int64_t at = b->next_at;
	int i;

	if (b->stopped)
		return INT64_MAX;
	for (i = 0; i < b->n; i++)
		if (b->source[i].due_at < at)
			at = b->source[i].due_at;
	return at;
}
