/* The records of a sealed link, and its way from one process to the next. */

#include <errno.h>
#include <stdlib.h>

#include "bytes.h"
#include "t/link_ends.h"
#include "t/msg_sample.h"
#include "t/check.h"

#define BIG 100000 /* bytes of a message */

/* A reply of that many bytes in its value, whose bytes say where they are. */
static void
queue_reply(struct end *e, size_t len)
{
	unsigned char *p = malloc(len);
	unsigned char head[8];
	struct tlv_writer w;
	size_t i;

	assert_non_null(p);
	for (i = 0; i < len; i++)
		p[i] = (unsigned char)(i * 7 + len);
	tlv_writer_init(&w, head, sizeof(head));
	*w.p++ = MSG_REPLY;
	for (i = len; i >= 0x80; i >>= 7)
		*w.p++ = (unsigned char)(0x80 | (i & 0x7f));
	*w.p++ = (unsigned char)i;
	assert_int_equal(buf_append(&e->out, head, (size_t)(w.p - head)), 0);
	assert_int_equal(buf_append(&e->out, p, len), 0);
	free(p);
}

static void
is_reply(unsigned type, struct slice value, size_t len)
{
	size_t i;

	assert_int_equal(type, MSG_REPLY);
	assert_int_equal(value.len, len);
	for (i = 0; i < len; i++)
		if (value.p[i] != (unsigned char)(i * 7 + len))
			fail_msg("byte %zu of %zu is wrong", i, len);
}

/* Large messages, in queues that hold them. */
static void
shake_large(void)
{
	dialler.self.message_max = acceptor.self.message_max = BIG;
	dialler.out.max = acceptor.out.max = 10 * BIG;
	dialler.wire.max = acceptor.wire.max = 10 * BIG;
	shake(1);
}

/* All that is on the wire, read in pieces: the number of messages. */
static size_t
carry(struct end *from, struct end *to, size_t piece, const size_t *lens)
{
	struct slice wire = flush(from), bytes, value;
	size_t shown = 0, taken = 0, n = 0;
	unsigned type;
	int r;

	while (taken < wire.len) {
		shown = shown + piece < wire.len ? shown + piece : wire.len;
		bytes = slice_of(wire.p + taken, shown - taken);
		while ((r = link_input(&to->link, 0, &bytes, &type,
			    &value)) == 1)
			if (type != 0)
				is_reply(type, value, lens[n++]);
		assert_int_equal(r, 0);
		taken = shown - bytes.len;
	}
	buf_consume(&from->wire, wire.len);
	return n;
}

UNIT(test_messages)
{
	static const size_t lens[] = { 0, 1, 127, 128, 16384, 5, BIG, 16367,
		16366, 3, BIG - 1, 0 };
	static const size_t pieces[] = { 1, 17, 1000, 16402, 65536, 10 * BIG };
	const size_t n = sizeof(lens) / sizeof(lens[0]);
	size_t i, j;

	shake_large();
	for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		for (j = 0; j < n; j++)
			queue_reply(&dialler, lens[j]);
		assert_int_equal(carry(&dialler, &acceptor, pieces[i], lens),
		    n);
		for (j = 0; j < n; j++)
			queue_reply(&acceptor, lens[j]);
		assert_int_equal(carry(&acceptor, &dialler, pieces[i], lens),
		    n);
	}
	assert_int_equal(buf_len(&acceptor.link.in), 0);
}

/* Records are full but for the last; so many bytes at a time are sealed, and
 * what was sealed is not sealed again. */
UNIT(test_seal)
{
	size_t before, len, at;
	struct slice wire;

	shake_large();
	queue_reply(&dialler, BIG);
	len = buf_len(&dialler.out);
	assert_int_equal(link_seal(&dialler.link, &dialler.wire), 0);
	assert_int_equal(buf_len(&dialler.wire), LINK_SEAL_MAX);
	assert_int_equal(buf_len(&dialler.out), len -
	    LINK_SEAL_RECORDS * LINK_RECORD_MAX);
	assert_int_equal(dialler.link.send.count, 1 + LINK_SEAL_RECORDS);
	before = buf_len(&dialler.wire);
	assert_int_equal(link_seal(&dialler.link, &dialler.wire), 0);
	assert_int_equal(buf_len(&dialler.out), 0);
	wire = buf_slice(&dialler.wire);
	assert_true(wire.len > before);
	for (at = 0; at + 2 + LINK_RECORD_MAX < wire.len;
	     at += 2 + get16(wire.p + at))
		assert_int_equal(get16(wire.p + at), LINK_RECORD_MAX +
		    CHACHAPOLY_TAG);
	assert_int_equal(at + 2 + get16(wire.p + at), wire.len);
	before = dialler.link.send.count;
	assert_int_equal(link_seal(&dialler.link, &dialler.wire), 0);
	assert_int_equal(dialler.link.send.count, before);
	/* Where there is no room nothing is lost. */
	queue_reply(&dialler, 3);
	dialler.wire.max = buf_len(&dialler.wire);
	errno = 0;
	assert_int_equal(link_seal(&dialler.link, &dialler.wire), -1);
	assert_int_equal(errno, ENOBUFS);
	assert_int_equal(buf_len(&dialler.out), 5);
	assert_int_equal(dialler.link.send.count, before);
}

/* A length that no record has; one that was changed; out of order; twice; one
 * that is missing. */
static void
test_refused(void **state)
{
	static const unsigned char heads[][2] = { { 0, 0 },
		{ 0, CHACHAPOLY_TAG - 1 }, { 0x40, CHACHAPOLY_TAG + 1 },
		{ 0xff, 0xff } };
	unsigned char two[2][64];
	unsigned type;
	struct slice wire;
	size_t i, n = 0;

	for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		teardown(state);
		setup(state);
		shake(1);
		refuses(&acceptor, heads[i], 2, EPROTO);
		assert_string_equal(acceptor.link.why, "it is not a record");
	}
	for (i = 0; i == 0 || i < n + 3; i++) {
		teardown(state);
		setup(state);
		shake(1);
		queue_reply(&dialler, 10);
		wire = flush(&dialler);
		n = wire.len;
		memcpy(two[0], wire.p, n);
		buf_consume(&dialler.wire, n);
		queue_reply(&dialler, 10);
		memcpy(two[1], flush(&dialler).p, n);
		if (i == n) { /* twice */
			assert_int_equal(input(&acceptor, two[0], n, &type),
			    n);
			while (opened(&acceptor, &type, &wire))
				;
			refuses(&acceptor, two[0], n, EBADMSG);
		} else if (i > n) { /* the first is missing, or late */
			refuses(&acceptor, two[1], n, EBADMSG);
		} else {
			two[0][i] ^= 0x80;
			if (i == 1) /* it is longer, and not whole */
				assert_int_equal(input(&acceptor, two[0], n,
				    &type), 0);
			else
				refuses(&acceptor, two[0], n, i == 0 ?
				    EPROTO : EBADMSG);
		}
	}
}

/* What somebody between two ends does to the record of each message: n bytes at
 * p, and the next record behind it. */
enum harm { FLIP, CUT, LENGTHEN, SWAP, LEAVE_OUT, TWICE, HARMS };

static size_t
do_harm(enum harm harm, unsigned char *out, const unsigned char *p, size_t n,
    const unsigned char *next, size_t n2)
{
	size_t shift = harm == CUT ? 1 : 0;

	if (harm == SWAP || harm == LEAVE_OUT) {
		memcpy(out, next, n2);
		memcpy(out + n2, p, n);
		return harm == SWAP ? n2 + n : n2;
	}
	memcpy(out, p, n);
	if (harm == FLIP)
		out[n / 2 + 1] ^= 0x10;
	if (harm == LENGTHEN)
		put16(out, get16(out) + 1);
	if (harm == TWICE)
		next = p;
	memcpy(out + n - shift, next, n2);
	return n - shift + n2;
}

/* Nothing of it arrives, but what was authentic before the harm. */
static void
arrives_only(const unsigned char *p, size_t n, size_t messages)
{
	struct slice bytes = slice_of(p, n), value;
	unsigned type;
	size_t got = 0;
	int r;

	while ((r = link_input(&acceptor.link, 0, &bytes, &type, &value)) == 1)
		got += type != 0;
	assert_int_equal(r, -1);
	assert_int_equal(got, messages);
}

/* The record of the message, and one like it. */
static size_t
records_of(const struct msg *m, unsigned char *p)
{
	unsigned char frame[4096];
	size_t n = encode(m, frame, sizeof(frame));
	struct slice wire;

	assert_int_equal(buf_append(&dialler.out, frame, n), 0);
	wire = flush(&dialler);
	memcpy(p, wire.p, wire.len);
	n = wire.len;
	buf_consume(&dialler.wire, n);
	return n;
}

static void
test_every_message(void **state)
{
	static unsigned char first[8192], second[8192], harmed[16384];
	const struct msg_row *row = NULL;
	struct msg m;
	enum harm harm;
	size_t n, n2, rows = 0;

	sample_seed(1);
	while ((row = msg_row_next(row)) != NULL) {
		if (row->type == MSG_HELLO || row->type == MSG_ALIVE)
			continue;
		memset(&m, 0, sizeof(m));
		m.type = row->type;
		sample_reset();
		sample_fill(&row->schema, &m.u, 1);
		rows++;
		for (harm = FLIP; harm < HARMS; harm++) {
			teardown(state);
			setup(state);
			shake_large();
			n = records_of(&m, first);
			n2 = records_of(&m, second);
			assert_true(n == n2 && n + n2 < sizeof(harmed));
			n = do_harm(harm, harmed, first, n, second, n2);
			arrives_only(harmed, n, harm == TWICE);
		}
	}
	assert_true(rows > 20);
}

/* Bad messages in good records: who holds the key is no better for it. */
static void
test_bad_message(void **state)
{
	static const struct {
		unsigned char frame[8];
		size_t n;
		int error;
	} v[] = {
		{ { MSG_HELLO, 0 }, 2, EPROTO },
		{ { 200, 0 }, 2, EPROTO },
		{ { 0, 0 }, 2, EBADMSG },
		{ { MSG_ALIVE, 2, 2, 0 }, 4, EPROTO },
		{ { MSG_REQUEST, 0xe9, 0x07 }, 3, EMSGSIZE },
	};
	struct slice none = slice_of(NULL, 0), value;
	unsigned type;
	size_t i;

	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		teardown(state);
		setup(state);
		shake(1);
		assert_int_equal(buf_append(&dialler.out, v[i].frame, v[i].n),
		    0);
		assert_true(step(&dialler, &acceptor) > 0);
		errno = 0;
		assert_int_equal(link_input(&acceptor.link, 0, &none, &type,
		    &value), -1);
		assert_int_equal(errno, v[i].error);
		assert_int_equal(acceptor.link.phase, LINK_DOWN);
	}
}

/* Only what is authentic is a sign of life. */
UNIT(test_heard)
{
	struct slice wire, value;
	unsigned type;

	shake(1);
	queue_reply(&dialler, 3);
	wire = flush(&dialler);
	wire.len--;
	assert_int_equal(link_input(&acceptor.link, 9000, &wire, &type,
	    &value), 0);
	assert_int_equal(acceptor.link.heard, 0);
	wire.len++;
	assert_int_equal(link_input(&acceptor.link, 9000, &wire, &type,
	    &value), 1);
	assert_int_equal(acceptor.link.heard, 9000);
}

/* The first record is short, so that a listener sees all of it. */
UNIT(test_first)
{
	struct slice wire;

	dialler.self.message_max = acceptor.self.message_max = BIG;
	dialler.out.max = BIG * 2;
	start(1);
	step(&dialler, &acceptor);
	step(&acceptor, &dialler);
	queue_reply(&dialler, 5000);
	wire = flush(&dialler);
	assert_int_equal(get16(wire.p), LINK_FIRST_MAX + CHACHAPOLY_TAG);
	assert_int_equal(link_is_first(&acceptor.link, wire.p, 1), 0);
	assert_int_equal(link_is_first(&acceptor.link, wire.p,
	    LINK_FIRST_MAX + LINK_RECORD_HEAD - 1), 0);
	assert_int_equal(link_is_first(&acceptor.link, wire.p,
	    LINK_FIRST_MAX + LINK_RECORD_HEAD), 1);
	assert_int_equal(link_is_first(&acceptor.link, wire.p, wire.len), 1);
	/* Nothing was taken by that. */
	assert_int_equal(acceptor.link.phase, LINK_FIRST);
	assert_int_equal(acceptor.link.receive.count, 0);
	refuses(&acceptor, "\x04\x11", 2, EPROTO); /* a longer one */
}

/* Another process goes on as the acceptor. */
UNIT(test_resume)
{
	static const size_t lens[] = { 700 };
	unsigned char session[LINK_SESSION];
	struct id id;

	start(1);
	step(&dialler, &acceptor);
	step(&acceptor, &dialler);
	link_export(&acceptor.link, session);
	link_free(&acceptor.link);
	id = link_session_self(session);
	assert_true(id_equal(&id, &acceptor.self.instance));
	acceptor.self.nkeys = 0;
	link_resume(&acceptor.link, &acceptor.self, session, &acceptor.out,
	    100);
	assert_int_equal(acceptor.link.phase, LINK_FIRST);
	assert_int_equal(link_deadline(&acceptor.link),
	    100 + LINK_HANDSHAKE_MS);
	queue_reply(&dialler, 700);
	assert_int_equal(carry(&dialler, &acceptor, 1000, lens), 1);
	assert_int_equal(acceptor.link.phase, LINK_UP);
	assert_int_equal(acceptor.link.role, ROLE_BROKER);
	assert_int_equal(acceptor.link.dialled, 7);
	assert_true(id_equal(&acceptor.link.instance,
	    &dialler.self.instance));
	queue_reply(&acceptor, 700);
	assert_int_equal(carry(&acceptor, &dialler, 1000, lens), 1);
}

/* A cipher is used so often and no more; nobody will see it. */
UNIT(test_worn_out)
{
	shake(1);
	dialler.link.send.count = UINT64_MAX;
	queue_reply(&dialler, 3);
	errno = 0;
	assert_int_equal(link_seal(&dialler.link, &dialler.wire), -1);
	assert_int_equal(errno, EOVERFLOW);
	assert_int_equal(buf_len(&dialler.wire), 0);
}

UNITS(TEST(test_messages), TEST(test_seal), TEST(test_refused),
    TEST(test_every_message), TEST(test_bad_message), TEST(test_heard),
    TEST(test_first), TEST(test_resume), TEST(test_worn_out))
