#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "msg.h"
#include "t/harness.h"
#include "fuzz.h"

/*
 * The first byte chooses a core, and the bytes after it are what happens to it:
 * peers come and go, time passes, dials fail, peers say messages whose values
 * are the input's bytes, and the core's shell tells it what it tells it.
 * Whatever a core sends must decode, and must be what the peer's role may be
 * sent. As with the driver, a peer that a core has refused or closed is gone.
 */

const char *const fuzz_corpus[] = { "t/fuzz/corpus/core", NULL };

#define PEERS	 6
#define TAGS	 8
#define LINE_MAX_BYTES 4096
#define STEPS_MAX 200 /* things that happen */
#define FEW	 24
#define ALIVE	 64   /* numbers of what lives: workers, clients, exchanges */

/*
 * What a core's shell tells it, as a line for the harness: `%' is the number of
 * something that lives, `#' a byte of the input, `&' one below FEW, `@' one of
 * up to 65535, and `*' bytes, as many as the byte in front of them says.
 */
enum life {
	ANY,  /* it has no `%' */
	LIVE, /* that stays */
	ENDS, /* that is gone afterwards */
	NEW   /* that lives from now on */
};

struct verb {
	enum life life;
	const char *text; /* NULL ends a list */
};

static const struct verb authority_verbs[] = {
	{ LIVE, "started tag % address 127.0.0.1:@" }, { ENDS, "ended tag %" },
	{ ANY, "bootstrap address 10.0.1.#:4370" },
	{ ANY, "announce module calc address 10.0.2.#:7" }, { ANY, "stop" },
	{ ANY, NULL }
};
static const struct verb broker_verbs[] = {
	{ ANY, "bootstrap address 10.0.1.#:4370" }, { ANY, "contacts" },
	{ ANY, "stop" }, { ANY, NULL }
};
static const struct verb no_verbs[] = { { ANY, NULL } };
static const struct verb listener_verbs[] = {
	{ NEW, "spawned tag %" }, { ENDS, "gone tag %" },
	{ ANY, "publish attrs ( version * )" },
	{ ANY, "moved dist 0.0.0.0:@" }, { ANY, "stop" }, { ANY, NULL }
};
static const struct verb exec_verbs[] = {
	{ ENDS, "answers worker % status # body *" },
	{ ENDS, "ended worker % reason killed" },
	{ ENDS, "unable worker % reason busy" }, { ANY, "drain" },
	{ ANY, NULL }
};
static const struct verb pool_verbs[] = {
	{ LIVE, "answers worker % name # body *" },
	{ ENDS, "ended worker % reason killed" },
	{ ENDS, "unable worker % reason busy" }, { ANY, "drain" },
	{ ANY, NULL }
};
static const struct verb plb_verbs[] = {
	{ ANY, "> program request id # function f body *" },
	{ ANY, "> program abandon id #" }, { ANY, "want tokens #" },
	{ ANY, "want_only tokens #" },
	{ ANY, "constrain constraints ( version * )" }, { ANY, "stop" },
	{ ANY, NULL }
};
static const struct verb bootstrap_verbs[] = {
	{ ANY, "add name file:a" }, { ANY, "add name *" },
	{ ANY, "lines lines *" }, { ANY, "result source &" },
	{ ANY, "result source & lines * reason cut" },
	{ ANY, "failed source & lines * reason gone" },
	{ ANY, "some source & lines *" }, { ANY, "ttl source & ttl_ms @" },
	{ ANY, "again" }, { ANY, NULL }
};
static const struct verb discovery_verbs[] = {
	{ ANY, "open local #" }, { ANY, "said client & bytes *" },
	{ ANY, "closed client &" }, { ANY, "contact line * number #" },
	{ ANY, "contacts_end" }, { ANY, "contacts_again" }, { ANY, NULL }
};
static const struct verb call_verbs[] = {
	{ ANY, "input bytes *" }, { ANY, "input_end" },
	{ ANY, "input_end reason gone" }, { ANY, "written value #" },
	{ ENDS, "ended tag % reason killed" },
	{ ENDS, "unable tag % reason busy" },
	{ ANY, "interrupt reason SIGTERM" }, { ANY, "broken reason full" },
	{ ANY, NULL }
};

static const struct config {
	const char *core;
	const struct verb *verbs;
} cores[] = {
	{ "core authority address 10.0.0.100:4370 redundancy 2",
	    authority_verbs },
	{ "core authority address 0.0.0.0:4370 redundancy 1",
	    authority_verbs },
	{ "core broker", broker_verbs },
	{ "core exchange module calc", no_verbs },
	{ "core listener module calc capacity 8 node n address 10.0.0.1:9",
	    listener_verbs },
	{ "core channel module calc mode exec capacity 3", exec_verbs },
	{ "core channel module calc mode exec", exec_verbs },
	{ "core plb module calc wanted 9 capacity 100", plb_verbs },
	{ "core plb module calc wanted 3 capacity 9 fixed 1 "
	    "address 10.0.0.9:7", plb_verbs },
	{ "core channel module calc mode pool capacity 3", pool_verbs },
	{ "core channel module calc mode mux capacity 3", pool_verbs },
	{ "core bootstrap interval_ms 60000", bootstrap_verbs },
	{ "core bootstrap interval_ms 60000 once 1", bootstrap_verbs },
	{ "core discovery clients 20 host h", discovery_verbs },
	{ "core call module calc capacity 1 address 10.0.0.9:7 limit_ms 5000",
	    call_verbs },
	{ "core call module calc capacity 4 filter 1 ordered 1",
	    call_verbs },
	{ "core call module calc capacity 4 filter 1 kind 2 status 1 "
	    "address ssh command 1", call_verbs },
};

static const char *const roles[] = { "authority", "broker", "exchange",
	"listener", "channel", "plb", "caller", "ctl" };

static struct harness *harness;
static unsigned long tags[TAGS];
static size_t ntags;
static unsigned char alive[ALIVE];

struct input {
	const uint8_t *p;
	size_t n;
};

static unsigned
take(struct input *in)
{
	if (in->n == 0)
		return 0;
	in->n--;
	return *in->p++;
}

/* Two bytes, the higher one first. */
static unsigned
take_two(struct input *in)
{
	unsigned high = take(in);

	return 256 * high + take(in);
}

static int
feed(const char *line)
{
	return harness_feed(harness, slice_str(line), 0);
}

static void
down(const char *name, size_t len)
{
	char line[64];

	snprintf(line, sizeof(line), "down %.*s", (int)len, name);
	(void)feed(line);
}

/* What the core has had started lives. A client that it closes is gone, and one
 * that it asks about may be. */
static void
follow(const char *line)
{
	static const char *const begun[] = { "< start worker ",
		"< start command ", "< start calc tag " };
	unsigned long n;
	char gone[64];
	size_t i;

	for (i = 0; i < sizeof(begun) / sizeof(begun[0]); i++)
		if (strncmp(line, begun[i], strlen(begun[i])) == 0) {
			n = strtoul(line + strlen(begun[i]), NULL, 10);
			alive[n % ALIVE] = n < ALIVE;
		}
	if (strncmp(line, "< close client ", 15) == 0) {
		n = strtoul(line + 15, NULL, 10);
		snprintf(gone, sizeof(gone), "closed client %lu", n);
		(void)feed(gone);
	}
	if (strncmp(line, "< probe client ", 15) == 0) {
		n = strtoul(strstr(line, " for client ") + 12, NULL, 10);
		snprintf(gone, sizeof(gone), "probed client %lu gone %lu", n,
		    n % 2);
		(void)feed(gone);
	}
}

/* Look at all that came out. speaker: whose message it followed, or NULL. */
static void
look(const char *speaker)
{
	char gone[64] = "", *tag, *line;

	while (harness_next(harness) != NULL) {
		line = (char *)harness_next(harness);
		if (strncmp(line, "< error", 7) == 0 && speaker != NULL)
			snprintf(gone, sizeof(gone), "%s", speaker);
		if (strncmp(line, "< close p", 9) == 0)
			snprintf(gone, sizeof(gone), "%.*s",
			    (int)strcspn(line + 8, " "), line + 8);
		if (strncmp(line, "< dial ", 7) == 0 &&
		    (tag = strstr(line, " tag ")) != NULL)
			tags[ntags++ % TAGS] = strtoul(tag + 5, NULL, 10);
		follow(line);
		harness_drop(harness);
		if (gone[0] != '\0') {
			down(gone, strlen(gone));
			gone[0] = '\0';
		}
	}
}

static void
come(struct input *in)
{
	unsigned peer = take(in) % PEERS, role = take(in), tag = take(in);
	char line[160];

	snprintf(line, sizeof(line), "up p%u %s address 10.0.0.%u:7%s%lu",
	    peer, roles[role % (sizeof(roles) / sizeof(roles[0]))], peer + 1,
	    tag % 2 && ntags > 0 ? " tag " : " tag 0",
	    tag % 2 && ntags > 0 ? tags[tag % ntags % TAGS] : 0);
	(void)feed(line);
	look(NULL);
}

static void
go(struct input *in)
{
	char name[8];

	snprintf(name, sizeof(name), "p%u", take(in) % PEERS);
	down(name, strlen(name));
	look(NULL);
}

/* The next message's value is the input's bytes, as many as it says. */
static void
say(struct input *in)
{
	unsigned type = take(in), peer = take(in) % PEERS;
	size_t len = take(in);
	char name[8];

	if (len > in->n)
		len = in->n;
	snprintf(name, sizeof(name), "p%u", peer);
	if (harness_bytes(harness, name, type, slice_of(in->p, len)))
		look(name);
	in->p += len;
	in->n -= len;
}

static void
pass(struct input *in)
{
	int64_t left = 1 + ((int64_t)take(in) * take(in));
	char line[64];
	int i;

	for (i = 0; i < 50 && left > 0; i++) {
		snprintf(line, sizeof(line), "wait %lld", (long long)left);
		(void)feed(line);
		left = harness_left(harness);
		look(NULL);
	}
}

static void
fail_dial(struct input *in)
{
	unsigned which = take(in);
	char line[96];

	if (ntags == 0)
		return;
	snprintf(line, sizeof(line), "fail tag %lu reason \"gone\" final %u",
	    tags[which % ntags % TAGS], which & 1);
	(void)feed(line);
	look(NULL);
}

/* The number of something that lives, or of what can come to live; ALIVE: there
 * is none. */
static unsigned
number_of(enum life life, unsigned from)
{
	unsigned i, n;

	for (i = 0; i < ALIVE; i++) {
		n = (from + i) % ALIVE;
		if (n > 0 && (life == NEW) == !alive[n])
			return n;
	}
	return ALIVE;
}

static void
put_bytes(struct input *in, struct buf *line)
{
	size_t len = take(in), i;

	text_put(line, "\"");
	for (i = 0; i < len && in->n > 0; i++)
		text_put(line, "\\x%02x", take(in));
	text_put(line, "\"");
}

/* The shell says something: what was said is in force once it is taken. */
static void
tell(const struct config *c, struct input *in)
{
	unsigned which = take(in), n = 0, count = 0;
	const struct verb *v = c->verbs;
	struct buf line;
	const char *p;

	while (v[count].text != NULL)
		count++;
	if (count == 0)
		return;
	v += which % count;
	if (v->life != ANY &&
	    (n = number_of(v->life, take(in))) == ALIVE)
		return;
	buf_init(&line, LINE_MAX_BYTES);
	for (p = v->text; *p != '\0'; p++)
		if (*p == '%')
			text_put(&line, "%u", n);
		else if (*p == '#')
			text_put(&line, "%u", take(in));
		else if (*p == '&')
			text_put(&line, "%u", take(in) % FEW);
		else if (*p == '@')
			text_put(&line, "%u", 1 + take_two(in) % 65535);
		else if (*p == '*')
			put_bytes(in, &line);
		else
			text_put(&line, "%c", *p);
	if (v->life == ENDS)
		alive[n] = 0;
	if (harness_feed(harness, buf_slice(&line), 0) == 0 &&
	    v->life == NEW)
		alive[n] = 1;
	buf_free(&line);
	look(NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct input in = { p, n };
	const struct config *c;
	int steps;
	unsigned what;

	if (harness == NULL) {
		harness = harness_new();
		harness_quiet(harness);
	}
	ntags = 0;
	memset(alive, 0, sizeof(alive));
	c = &cores[take(&in) % (sizeof(cores) / sizeof(cores[0]))];
	(void)feed(c->core);
	look(NULL);
	for (steps = 0; in.n > 0 && steps < STEPS_MAX; steps++) {
		what = take(&in) % 8;
		if (what == 0)
			come(&in);
		else if (what == 1)
			go(&in);
		else if (what == 2)
			pass(&in);
		else if (what == 3)
			fail_dial(&in);
		else if (what == 4)
			tell(c, &in);
		else
			say(&in);
	}
	harness_clear(harness);
	return 0;
}
