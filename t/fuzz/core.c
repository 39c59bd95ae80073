#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "msg.h"
#include "t/harness.h"
#include "fuzz.h"

/*
 * The first byte chooses a core, and the bytes after it are what happens to it:
 * peers come and go, time passes, dials fail, and peers say messages whose
 * values are the input's bytes. Whatever a core sends must decode, and must be
 * what the peer's role may be sent. As with the driver, a peer that a core has
 * refused or closed is gone.
 */

const char *const fuzz_corpus[] = { "t/fuzz/corpus/core", NULL };

#define PEERS	 6
#define TAGS	 8
#define LINE_MAX_BYTES (1u << 20)
#define STEPS_MAX 200 /* things that happen */

static const char *const cores[] = {
	"core authority address 10.0.0.100:4370 redundancy 2",
	"core authority address 0.0.0.0:4370 redundancy 1",
	"core broker",
	"core exchange module calc",
	"core listener module calc capacity 8 node n address 10.0.0.1:9",
	"core channel module calc mode exec capacity 3",
	"core channel module calc mode exec",
	"core plb module calc wanted 9 capacity 100",
	"core plb module calc wanted 3 capacity 9 fixed 1 address 10.0.0.9:7",
};

static const char *const roles[] = { "authority", "broker", "exchange",
	"listener", "channel", "plb", "caller", "ctl" };

static struct harness *harness;
static unsigned long tags[TAGS];
static size_t ntags;

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

static void
feed(const char *line)
{
	(void)harness_feed(harness, slice_str(line), 0);
}

static void
down(const char *name, size_t len)
{
	char line[64];

	snprintf(line, sizeof(line), "down %.*s", (int)len, name);
	feed(line);
}

/* Look at all that came out. speaker: whose message it followed, or NULL. */
static void
look(const char *speaker)
{
	const char *line;
	char gone[64] = "", *tag;

	while ((line = harness_next(harness)) != NULL) {
		assert(strstr(line, " what is no message") == NULL);
		assert(strstr(line, " (which its role must not") == NULL);
		if (strncmp(line, "< error", 7) == 0 && speaker != NULL)
			snprintf(gone, sizeof(gone), "%s", speaker);
		if (strncmp(line, "< close ", 8) == 0)
			snprintf(gone, sizeof(gone), "%.*s",
			    (int)strcspn(line + 8, " "), line + 8);
		if (strncmp(line, "< dial ", 7) == 0 &&
		    (tag = strstr(line, " tag ")) != NULL)
			tags[ntags++ % TAGS] = strtoul(tag + 5, NULL, 10);
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
	feed(line);
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
	struct buf line;
	struct msg m;
	char name[8];

	if (len > in->n)
		len = in->n;
	if (msg_decode(&m, type, slice_of(in->p, len)) == 1) {
		snprintf(name, sizeof(name), "p%u", peer);
		buf_init(&line, LINE_MAX_BYTES);
		text_put(&line, "> %s ", name);
		text_put_message(&line, &m);
		(void)harness_feed(harness, buf_slice(&line), 0);
		buf_free(&line);
		look(name);
	}
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
		feed(line);
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
	feed(line);
	look(NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct input in = { p, n };
	int steps;
	unsigned what;

	if (harness == NULL)
		harness = harness_new();
	ntags = 0;
	feed(cores[take(&in) % (sizeof(cores) / sizeof(cores[0]))]);
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
		else
			say(&in);
	}
	harness_clear(harness);
	return 0;
}
