#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "link.h"
#include "fuzz.h"

/*
 * The input is what a peer sends to a link, and when. Its first byte chooses
 * who we are (the bits below); then come steps, each begun by a byte: 1 to 255
 * is the size of the next piece that arrives, 0 that time passes, by as many
 * times 100 ms as the byte behind it says.
 */

#define DIALLER 1 /* we dialled */
#define PROVE	2 /* we ask for a proof */
#define KEYED	4 /* we have a key */
#define SHAKEN	8 /* begin with a whole handshake done */

#define KEY	    "a key of thirty-two bytes, no less"
#define MESSAGE_MAX 4096
#define OUT_MAX	    1024
#define STEP_MS	    100

const char *const fuzz_corpus[] = { "t/fuzz/corpus/link", NULL };

static const struct link_self us = { ROLE_BROKER, { { 0x11 } },
	{ (const unsigned char *)KEY, sizeof(KEY) - 1 }, MESSAGE_MAX };
static const struct link_self peer = { ROLE_AUTHORITY, { { 0x22 } },
	{ (const unsigned char *)KEY, sizeof(KEY) - 1 }, MESSAGE_MAX };

struct state {
	struct link link;
	struct buf in, out; /* come and not yet taken; to be sent */
	int64_t now;
	unsigned choice;
	int answered; /* a whole hello has come */
	int down;
};

static void
init(struct link *l, const struct link_self *self, int dialler, int prove,
    struct buf *out)
{
	unsigned char nonce[NONCE_SIZE];
	int r;

	memset(nonce, self->instance.b[0], sizeof(nonce));
	buf_init(out, OUT_MAX);
	r = link_init(l, self, dialler, prove, nonce, out, 0);
	assert(r == 0);
}

/* Give one end's output to the other. */
static void
carry(struct buf *from, struct link *to)
{
	struct slice s, value;
	unsigned type;
	ssize_t r;

	while ((s = buf_slice(from)).len > 0) {
		r = link_input(to, 0, s.p, s.len, &type, &value);
		assert(r > 0 && type == 0);
		buf_consume(from, (size_t)r);
	}
}

static void
shake(struct state *s)
{
	struct link other;
	struct buf out;
	int i;

	init(&other, &peer, !s->link.dialler, 1, &out);
	for (i = 0; i < 2; i++) {
		carry(&s->out, &other);
		carry(&out, &s->link);
	}
	carry(&s->out, &other);
	assert(s->link.phase == LINK_UP && other.phase == LINK_UP);
	assert(s->link.role == ROLE_AUTHORITY);
	buf_free(&out);
}

/* What must hold after whatever came. */
static void
check(const struct state *s)
{
	const struct link *l = &s->link;

	assert(buf_len(&s->out) <= OUT_MAX);
	if (s->down) {
		assert(l->phase == LINK_DOWN && l->why != NULL);
		assert(link_deadline(l) == INT64_MAX);
	} else {
		assert(l->phase != LINK_DOWN);
	}
	assert(link_eof_reason(l) != NULL);
	/* Without a proof that nobody can have made: never up. */
	if ((s->choice & PROVE) && !(s->choice & SHAKEN))
		assert(l->phase != LINK_UP);
	if (!l->dialler && !s->answered && !(s->choice & SHAKEN))
		assert(buf_len(&s->out) == 0);
}

static void
take_message(struct state *s, unsigned type, struct slice value)
{
	struct msg m;

	assert(s->link.phase == LINK_UP);
	assert(msg_row(type) != NULL && type != MSG_HELLO &&
	    type != MSG_PROOF && type != MSG_ALIVE);
	assert(value.len <= MESSAGE_MAX);
	if (msg_decode(&m, type, value) == -1)
		assert(errno == EPROTO || errno == EBADMSG || errno == ERANGE);
}

static void
take_input(struct state *s)
{
	enum link_phase before;
	struct slice queued, value;
	unsigned char *copy;
	unsigned type;
	ssize_t r;

	while (!s->down && (queued = buf_slice(&s->in)).len > 0) {
		before = s->link.phase;
		copy = malloc(queued.len);
		assert(copy != NULL);
		memcpy(copy, queued.p, queued.len);
		if (before == LINK_HELLO)
			s->answered = link_is_hello(copy, queued.len) == 1;
		r = link_input(&s->link, s->now, copy, queued.len, &type,
		    &value);
		assert(r >= -1 && r <= (ssize_t)queued.len);
		s->down = r == -1;
		if (r > 0 && type != 0)
			take_message(s, type, value);
		if (before == LINK_HELLO && r > 0)
			assert(s->answered);
		free(copy);
		check(s);
		if (r <= 0)
			return;
		buf_consume(&s->in, (size_t)r);
	}
}

static void
pass_time(struct state *s, unsigned units)
{
	s->now += (int64_t)units * STEP_MS;
	if (s->now < link_deadline(&s->link))
		return;
	s->down = link_tick(&s->link, s->now) == -1;
	if (s->down)
		assert(errno == ETIMEDOUT);
	else
		assert(link_deadline(&s->link) > s->now);
	check(s);
}

static void
run(struct state *s, const uint8_t *p, size_t n)
{
	size_t len;

	while (n > 0 && !s->down) {
		len = *p++;
		n--;
		if (len == 0) {
			pass_time(s, n > 0 ? *p : 1);
			len = n > 0;
		} else {
			len = len > n ? n : len;
			if (buf_append(&s->in, p, len) == -1)
				return;
			link_heard(&s->link, s->now);
			take_input(s);
		}
		p += len;
		n -= len;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct link_self self = us;
	struct state s;

	if (n == 0)
		return 0;
	memset(&s, 0, sizeof(s));
	s.choice = *p;
	if (s.choice & SHAKEN)
		s.choice |= KEYED;
	if (!(s.choice & KEYED))
		self.key = slice_str("");
	buf_init(&s.in, 2 * (MESSAGE_MAX + MSG_HEAD_MAX));
	init(&s.link, &self, s.choice & DIALLER, (s.choice & PROVE) != 0,
	    &s.out);
	if (s.choice & SHAKEN)
		shake(&s);
	run(&s, p + 1, n - 1);
	buf_free(&s.in);
	buf_free(&s.out);
	return 0;
}
