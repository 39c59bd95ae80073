/* The handshake of a link: in what order, with which key, and with whom; and
 * what somebody without the key can do to it. */

#include <errno.h>
#include <stdlib.h>

#include "bytes.h"
#include "t/link_ends.h"
#include "t/check.h"

#define OTHER	"another key, as long as the first"
#define NO_KEY	"a key is required: give both ends the same (-k)"
#define DIFFERS "it has another key: give both ends the same (-k)"
#define REFUSED                                       \
	"it refused our key (or is no lambda): give " \
	"both ends the same (-k)"

/* What was on the wire. */
struct copy {
	unsigned char p[2 * LINK_HANDSHAKE_MAX];
	size_t n;
};

/* Take it off an end's wire. */
static struct copy
recorded(struct end *e)
{
	struct slice wire = flush(e);
	struct copy c;

	assert_true(wire.len > 0 && wire.len <= sizeof(c.p));
	memcpy(c.p, wire.p, wire.len);
	c.n = wire.len;
	buf_consume(&e->wire, wire.len);
	return c;
}

static void
again(void **state)
{
	teardown(state);
	setup(state);
}

static void
test_up(void **state)
{
	int sealed;

	for (sealed = 0; sealed < 2; sealed++) {
		again(state);
		shake(sealed);
		assert_int_equal(dialler.link.role, ROLE_AUTHORITY);
		assert_int_equal(acceptor.link.role, ROLE_BROKER);
		assert_true(id_equal(&dialler.link.instance,
		    &acceptor.self.instance));
		assert_true(id_equal(&acceptor.link.instance,
		    &dialler.self.instance));
		assert_int_equal(acceptor.link.dialled, 7);
		assert_int_equal(dialler.link.dialled, 7);
	}
}

UNIT(test_order)
{
	start(1);
	assert_int_equal(dialler.link.phase, LINK_HELLO);
	assert_int_equal(flush(&dialler).p[0], 0);
	step(&dialler, &acceptor);
	assert_int_equal(acceptor.link.phase, LINK_FIRST);
	step(&acceptor, &dialler);
	assert_int_equal(dialler.link.phase, LINK_UP);
	/* Nothing is known of the dialler yet: it may be a recorded message. */
	assert_int_equal(acceptor.link.phase, LINK_FIRST);
	/* It says something at once, though it has nothing to say. */
	assert_int_equal(flush(&dialler).len, LINK_RECORD_HEAD);
	step(&dialler, &acceptor);
	assert_int_equal(acceptor.link.phase, LINK_UP);
	assert_int_equal(flush(&acceptor).len, 0);
	assert_int_equal(flush(&dialler).len, 0);
}

/* A pipe's acceptor takes what comes. */
UNIT(test_sealed_over_pipe)
{
	end_start(&dialler, 1, 0);
	end_start(&acceptor, 0, 0);
	assert_true(step(&dialler, &acceptor) > 0);
	assert_true(step(&acceptor, &dialler) > 0);
	assert_true(step(&dialler, &acceptor) > 0);
	assert_int_equal(acceptor.link.phase, LINK_UP);
}

/* A TCP socket's takes nothing plain. */
UNIT(test_plain_over_tcp)
{
	struct copy c;

	end_start(&dialler, 0, 0);
	end_start(&acceptor, 1, 0);
	c = recorded(&dialler);
	refuses(&acceptor, c.p, 1, EPROTONOSUPPORT);
	assert_string_equal(acceptor.link.why, "it speaks protocol 1");
	assert_int_equal(buf_len(&acceptor.out), 0);
}

static void
test_heads(void **state)
{
	static const unsigned char heads[][3] = { "GE", { 1, 0 }, { 0, 0 },
		{ 0, NOISE_HEAD - 1 }, { 3, 0 } };
	size_t i;

	for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		again(state);
		start(1);
		refuses(&acceptor, heads[i], 2, EPROTO);
		assert_int_equal(buf_len(&acceptor.out), 0);
	}
	for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		again(state);
		start(1);
		refuses(&dialler, heads[i], 2, i == 2 ? EACCES : EPROTO);
	}
}

/* Keys. */

UNIT(test_other_key)
{
	struct copy c;

	end_key(&acceptor, OTHER);
	start(1);
	c = recorded(&dialler);
	refuses(&acceptor, c.p, c.n, EACCES);
	assert_string_equal(acceptor.link.why, DIFFERS);
	/* It learns nothing from us but that. */
	c = recorded(&acceptor);
	assert_int_equal(c.n, 2);
	assert_int_equal(get16(c.p), 0);
	refuses(&dialler, c.p, c.n, EACCES);
	assert_string_equal(dialler.link.why, REFUSED);
}

UNIT(test_no_key)
{
	struct copy c;

	end_key(&acceptor, NULL);
	start(1);
	c = recorded(&dialler);
	refuses(&acceptor, c.p, c.n, EACCES);
	assert_string_equal(acceptor.link.why, NO_KEY);
	assert_int_equal(recorded(&acceptor).n, 2);
	end_key(&dialler, NULL);
	link_free(&dialler.link);
	errno = 0;
	assert_int_equal(link_init(&dialler.link, &dialler.self, 1, 1,
	    dialler.secret, &dialler.out, 0), -1);
	assert_int_equal(errno, EACCES);
	assert_string_equal(dialler.link.why, NO_KEY);
	assert_int_equal(buf_len(&dialler.out), 0);
}

/* The first of several is dialled with, all are accepted. */
UNIT(test_several_keys)
{
	end_key(&acceptor, OTHER);
	noise_psk(acceptor.self.keys[1].psk, KEY, strlen(KEY));
	acceptor.self.nkeys = 2;
	shake(1);
}

/* Somebody between the two. */

/* Any byte of any message changed: no link, at either end. */
static void
test_changed(void **state)
{
	struct end *from, *to;
	struct copy c;
	unsigned type;
	size_t at, i, n;

	for (at = 0; at < 3; at++) {
		from = at % 2 == 0 ? &dialler : &acceptor;
		to = at % 2 == 0 ? &acceptor : &dialler;
		for (i = n = 0; i == 0 || i < n; i++) {
			again(state);
			start(1);
			if (at > 0)
				step(&dialler, &acceptor);
			if (at > 1)
				step(&acceptor, &dialler);
			c = recorded(from);
			n = c.n;
			c.p[i] ^= 1;
			/* More may be needed, where it is a length. */
			assert_true(input(to, c.p, n, &type) <= 0);
			assert_true(to->link.phase != LINK_UP);
			assert_false(to->link.keyed && at < 2);
		}
		assert_true(n >= LINK_RECORD_HEAD);
	}
}

/* Recorded before, and sent again: it is answered, and no more than that. */
static void
test_repeated(void **state)
{
	struct copy first, record;

	start(1);
	first = recorded(&dialler);
	again(state);
	start(1);
	step(&dialler, &acceptor);
	step(&acceptor, &dialler);
	record = recorded(&dialler);

	again(state);
	memset(acceptor.secret, 0x5c, sizeof(acceptor.secret));
	start(1);
	buf_append(&dialler.wire, first.p, first.n);
	buf_consume(&dialler.out, buf_len(&dialler.out));
	dialler.link.raw = 0;
	assert_true(step(&dialler, &acceptor) > 0);
	assert_int_equal(acceptor.link.phase, LINK_FIRST);
	assert_int_equal(link_is_first(&acceptor.link, record.p, record.n),
	    -1);
	refuses(&acceptor, record.p, record.n, EBADMSG);
}

/* One that remembers does no arithmetic for it. */
UNIT(test_remembered)
{
	static struct link_memory memory;
	struct copy c;
	unsigned type;
	struct slice other;
	size_t i;

	acceptor.self.memory = &memory;
	start(1);
	c = recorded(&dialler);
	assert_int_equal(input(&acceptor, c.p, c.n, &type), c.n);
	for (i = 1; i < 10; i++) {
		buf_consume(&dialler.wire, buf_len(&dialler.wire));
		buf_consume(&acceptor.out, buf_len(&acceptor.out));
		dialler.secret[1]++;
		start(1);
		other = flush(&dialler);
		assert_int_equal(input(&acceptor, other.p, other.len, &type),
		    other.len);
	}
	assert_int_equal(memory.n, 10);
	link_free(&acceptor.link);
	buf_consume(&acceptor.out, buf_len(&acceptor.out));
	end_start(&acceptor, 1, 0);
	refuses(&acceptor, c.p, c.n, EPROTO);
	assert_string_equal(acceptor.link.why,
	    "its handshake is a repeated one");
	assert_int_equal(buf_len(&acceptor.out), 0);
	/* The last so many are remembered, and not the one before. */
	memory.tags = realloc(memory.tags, sizeof(*memory.tags) * LINK_MEMORY);
	assert_non_null(memory.tags);
	memset(memory.tags[1], 0xee, sizeof(*memory.tags) * (LINK_MEMORY - 1));
	memory.n = memory.next = memory.cap = LINK_MEMORY;
	end_start(&acceptor, 1, 0);
	refuses(&acceptor, c.p, c.n, EPROTO);
	memset(memory.tags[0], 0xee, sizeof(*memory.tags));
	end_start(&acceptor, 1, 0);
	assert_int_equal(input(&acceptor, c.p, c.n, &type), c.n);
	assert_int_equal(acceptor.link.phase, LINK_FIRST);
	assert_int_equal(memory.next, 1);
	free(memory.tags);
}

/* A dialler is not answered by itself. */
UNIT(test_reflected)
{
	struct copy c;

	start(1);
	c = recorded(&dialler);
	refuses(&dialler, c.p, c.n, EBADMSG);
	assert_string_equal(dialler.link.why,
	    "its answer is not made with our key");
}

/* What an acceptor sends back, sent back to it. */
UNIT(test_reflected_record)
{
	struct copy c;

	shake(1);
	assert_int_equal(link_tick(&acceptor.link, LINK_SLOW_MS), 0);
	c = recorded(&acceptor);
	refuses(&acceptor, c.p, c.n, EBADMSG);
}

/* What hellos say. */

static void
test_ourselves(void **state)
{
	int sealed;
	struct copy c;

	for (sealed = 0; sealed < 2; sealed++) {
		again(state);
		/* One process at both ends. */
		acceptor.self.instance = dialler.self.instance;
		start(sealed);
		c = recorded(&dialler);
		refuses(&acceptor, c.p, c.n, ELOOP);
		/* Its hello is on the way, so the dialler learns it too. */
		c = recorded(&acceptor);
		refuses(&dialler, c.p, c.n, ELOOP);
	}
}

/* Message 1 with this payload. */
static struct copy
first_with(const void *payload, size_t len)
{
	struct noise n;
	struct copy c;

	noise_init(&n, acceptor.self.keys[0].psk, NOISE_PROLOGUE,
	    strlen(NOISE_PROLOGUE));
	noise_write_first(&n, dialler.secret, payload, len,
	    put16(c.p, (unsigned)(NOISE_HEAD + len)));
	c.n = 2 + NOISE_HEAD + len;
	return c;
}

/* Which it does, and takes no link; answered, where it is a hello at all. */
static void
first_refused(void **state, const void *payload, size_t len, int error,
    int answered)
{
	struct copy c;

	again(state);
	start(1);
	c = first_with(payload, len);
	refuses(&acceptor, c.p, c.n, error);
	assert_int_equal(buf_len(&acceptor.out) > 0, answered);
}

static void
test_carried_hello(void **state)
{
	unsigned char frame[300];
	struct msg m = hello();
	struct copy c;
	unsigned type;
	size_t n = encode(&m, frame, sizeof(frame));

	(void)state;
	start(1);
	c = first_with(frame, n);
	assert_int_equal(input(&acceptor, c.p, c.n, &type), c.n);
	assert_int_equal(acceptor.link.phase, LINK_FIRST);
	assert_int_equal(acceptor.link.instance.b[0], 0x77);

	first_refused(state, frame, n - 1, EPROTO, 0);
	memcpy(frame + n, "\x01\x00", 2);
	first_refused(state, frame, n + 2, EPROTO, 0);
	first_refused(state, "\x01\x00", 2, EPROTO, 0);
	first_refused(state, NULL, 0, EPROTO, 0);
	m.u.hello.low = m.u.hello.high = 3;
	n = encode(&m, frame, sizeof(frame));
	first_refused(state, frame, n, EPROTONOSUPPORT, 1);
	memset(&m.u.hello.instance, 0, ID_SIZE);
	n = encode(&m, frame, sizeof(frame));
	first_refused(state, frame, n, EPROTO, 0);
}

UNIT(test_eof_reasons)
{
	start(1);
	assert_string_equal(link_eof_reason(&dialler.link),
	    "closed before its hello");
	assert_string_equal(link_eof_reason(&acceptor.link),
	    "closed without a hello");
	step(&dialler, &acceptor);
	assert_string_equal(link_eof_reason(&acceptor.link),
	    "closed during the handshake");
	step(&acceptor, &dialler);
	step(&dialler, &acceptor);
	assert_string_equal(link_eof_reason(&acceptor.link),
	    "closed by the peer");
}

UNITS(TEST(test_up), TEST(test_order), TEST(test_sealed_over_pipe),
    TEST(test_plain_over_tcp), TEST(test_heads), TEST(test_other_key),
    TEST(test_no_key), TEST(test_several_keys), TEST(test_changed),
    TEST(test_repeated), TEST(test_remembered), TEST(test_reflected),
    TEST(test_reflected_record), TEST(test_ourselves), TEST(test_carried_hello),
    TEST(test_eof_reasons))
