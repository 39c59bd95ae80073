#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "link.h"
#include "fuzz.h"

/*
 * The input is what a peer sends to a link, and when. Its first byte chooses
 * who we are (the bits below); then come steps, each begun by a byte: 1 to 255
 * is the size of the next piece that arrives, 0 that time passes, by as many
 * times 100 ms as the byte behind it says. After a sealed handshake a piece is
 * what a holder of the key puts into a record, or else bytes as they come,
 * which never are one.
 */

#define DIALLER 1  /* we dialled */
#define SEALED	2  /* over TCP */
#define KEYED	4  /* we have a key */
#define SHAKEN	8  /* begin with a whole handshake done */
#define FORGED	16 /* what comes then is no record */

#define KEY	    "a key of thirty-two bytes, no less"
#define MESSAGE_MAX 4096
#define OUT_MAX	    1024
#define STEP_MS	    100

const char *const fuzz_corpus[] = { "t/fuzz/corpus/link", NULL };

struct state {
	struct link_self us, peer;
	struct link link, other;
	struct buf in, out; /* come and not yet taken; to be sent */
	struct buf wire, other_out;
	int64_t now;
	unsigned choice;
	int down;
};

static void
init(struct link *l, const struct link_self *self, int dialler, int sealed,
    struct buf *out)
{
	unsigned char secret[X25519_SIZE];
	int r;

	memset(secret, self->instance.b[0], sizeof(secret));
	buf_init(out, OUT_MAX);
	r = link_init(l, self, dialler, sealed, secret, out, 0);
	assert(r == 0);
}

/* Give one end's output to the other. */
static void
carry(struct link *from, struct link *to)
{
	struct slice bytes, value;
	struct buf wire;
	unsigned type;
	int r = 1;

	buf_init(&wire, 2 * LINK_SEAL_MAX);
	if (from->sealed)
		r = link_seal(from, &wire);
	else {
		bytes = buf_slice(from->out);
		r = buf_append(&wire, bytes.p, bytes.len);
		buf_consume(from->out, bytes.len);
	}
	assert(r == 0);
	bytes = buf_slice(&wire);
	while (bytes.len > 0) {
		r = link_input(to, 0, &bytes, &type, &value);
		assert(r == 1 && type == 0);
	}
	buf_free(&wire);
}

static void
shake(struct state *s)
{
	int i;

	init(&s->other, &s->peer, !s->link.dialler, s->link.sealed,
	    &s->other_out);
	for (i = 0; i < 2; i++) {
		carry(&s->link, &s->other);
		carry(&s->other, &s->link);
	}
	assert(s->link.phase == LINK_UP && s->other.phase == LINK_UP);
	assert(s->link.role == ROLE_AUTHORITY);
}

/* What must hold after whatever came. */
static void
check(const struct state *s)
{
	const struct link *l = &s->link;

	assert(buf_len(&s->out) <= OUT_MAX);
	assert(buf_len(&l->in) <= MESSAGE_MAX + MSG_HEAD_MAX +
	    LINK_RECORD_MAX);
	if (s->down) {
		assert(l->phase == LINK_DOWN && l->why != NULL);
		assert(link_deadline(l) == INT64_MAX);
	} else {
		assert(l->phase != LINK_DOWN);
	}
	assert(link_eof_reason(l) != NULL);
	/* Without the key: never up, nor half. */
	if ((s->choice & SEALED) && !(s->choice & SHAKEN))
		assert(l->phase == LINK_HELLO || l->phase == LINK_DOWN);
}

static void
take_message(struct state *s, unsigned type, struct slice value)
{
	struct msg m;

	assert(s->link.phase == LINK_UP);
	assert((s->choice & (SEALED | SHAKEN | FORGED)) !=
	    (SEALED | SHAKEN | FORGED));
	assert(msg_row(type) != NULL && type != MSG_HELLO &&
	    type != MSG_ALIVE);
	assert(value.len <= MESSAGE_MAX);
	if (msg_decode(&m, type, value) == -1)
		assert(errno == EPROTO || errno == EBADMSG || errno == ERANGE);
}

/* One step of the link's, on memory of just the size. */
static int
take_one(struct state *s)
{
	struct slice queued = buf_slice(&s->in), bytes, value;
	unsigned char *copy = malloc(queued.len > 0 ? queued.len : 1);
	unsigned type;
	int r;

	assert(copy != NULL);
	if (queued.len > 0)
		memcpy(copy, queued.p, queued.len);
	bytes = slice_of(copy, queued.len);
	r = link_input(&s->link, s->now, &bytes, &type, &value);
	assert(r >= -1 && r <= 1 && bytes.len <= queued.len);
	assert(r == 1 || bytes.len == queued.len || r == -1);
	s->down = r == -1;
	if (r == 1 && type != 0)
		take_message(s, type, value);
	buf_consume(&s->in, queued.len - bytes.len);
	free(copy);
	check(s);
	return r;
}

static void
take_input(struct state *s)
{
	while (!s->down && take_one(s) == 1)
		;
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

/* It arrives: -1 when there is no room for it. */
static int
arrive(struct state *s, const uint8_t *p, size_t len)
{
	const unsigned both = SEALED | SHAKEN;
	struct slice record;
	int r;

	if ((s->choice & both) != both || (s->choice & FORGED))
		return buf_append(&s->in, p, len);
	r = buf_append(&s->other_out, p, len);
	assert(r == 0);
	r = link_seal(&s->other, &s->wire);
	assert(r == 0 && buf_len(&s->other_out) == 0);
	record = buf_slice(&s->wire);
	r = buf_append(&s->in, record.p, record.len);
	buf_consume(&s->wire, record.len);
	return r;
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
			if (len > 0 && arrive(s, p, len) == -1)
				return;
			take_input(s);
		}
		p += len;
		n -= len;
	}
}

static void
set_self(struct link_self *self, unsigned role, unsigned char mark, int keyed)
{
	self->role = role;
	self->instance.b[0] = mark;
	self->message_max = MESSAGE_MAX;
	self->nkeys = keyed != 0;
	noise_psk(self->keys[0].psk, KEY, strlen(KEY));
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct state s;

	if (n == 0)
		return 0;
	memset(&s, 0, sizeof(s));
	s.choice = *p;
	if (s.choice & (SHAKEN | DIALLER))
		s.choice |= KEYED;
	set_self(&s.us, ROLE_BROKER, 0x11, s.choice & KEYED);
	set_self(&s.peer, ROLE_AUTHORITY, 0x22, 1);
	buf_init(&s.in, 2 * (MESSAGE_MAX + MSG_HEAD_MAX));
	buf_init(&s.wire, LINK_SEAL_MAX);
	buf_init(&s.other_out, OUT_MAX);
	init(&s.link, &s.us, s.choice & DIALLER, (s.choice & SEALED) != 0,
	    &s.out);
	if (s.choice & SHAKEN)
		shake(&s);
	run(&s, p + 1, n - 1);
	link_free(&s.link);
	link_free(&s.other);
	buf_free(&s.in);
	buf_free(&s.out);
	buf_free(&s.wire);
	buf_free(&s.other_out);
	return 0;
}
