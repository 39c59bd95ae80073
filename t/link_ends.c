#include "t/link_ends.h"

#include <errno.h>
#include <stdlib.h>

#include "bytes.h"

struct end dialler, acceptor;

void
end_key(struct end *e, const char *key)
{
	e->self.nkeys = key != NULL;
	if (key != NULL)
		noise_psk(e->self.keys[0].psk, key, strlen(key));
}

static void
end_init(struct end *e, unsigned role, unsigned char mark, const char *key)
{
	memset(e, 0, sizeof(*e));
	e->self.role = role;
	e->self.instance.b[0] = mark;
	e->self.message_max = 1000;
	end_key(e, key);
	memset(e->secret, mark, sizeof(e->secret));
	buf_init(&e->out, 4096);
	buf_init(&e->wire, 2 * LINK_SEAL_MAX);
}

static void
end_free(struct end *e)
{
	link_free(&e->link);
	buf_free(&e->out);
	buf_free(&e->wire);
}

void
end_start(struct end *e, int sealed, int64_t now)
{
	link_free(&e->link); /* the one before it */
	assert_int_equal(link_init(&e->link, &e->self, e == &dialler ? 7 : 0,
	    sealed, e->secret, &e->out, now), 0);
}

int
setup(void **state)
{
	(void)state;
	end_init(&dialler, ROLE_BROKER, 0xd1, KEY);
	end_init(&acceptor, ROLE_AUTHORITY, 0xac, KEY);
	return 0;
}

int
teardown(void **state)
{
	(void)state;
	end_free(&dialler);
	end_free(&acceptor);
	return 0;
}

ssize_t
input(struct end *e, const void *bytes, size_t n, unsigned *type)
{
	unsigned char *p = malloc(n > 0 ? n : 1);
	struct slice rest = slice_of(p, n), value;
	int r;

	assert_non_null(p);
	if (n > 0)
		memcpy(p, bytes, n);
	r = link_input(&e->link, 0, &rest, type, &value);
	assert_true(r == 1 || r == -1 || (r == 0 && rest.len == n));
	if (r == 1 && *type != 0)
		assert_true(value.p + value.len == rest.p);
	free(p);
	return r == -1 ? -1 : (ssize_t)(n - rest.len);
}

int
opened(struct end *e, unsigned *type, struct slice *value)
{
	struct slice none = slice_of(NULL, 0);
	int r = link_input(&e->link, 0, &none, type, value);

	assert_true(r == 0 || r == 1);
	return r;
}

struct slice
flush(struct end *e)
{
	struct slice plain;
	size_t before;

	if (!e->link.sealed) {
		plain = buf_slice(&e->out);
		assert_int_equal(buf_append(&e->wire, plain.p, plain.len), 0);
		buf_consume(&e->out, plain.len);
		return buf_slice(&e->wire);
	}
	do {
		before = buf_len(&e->wire);
		assert_int_equal(link_seal(&e->link, &e->wire), 0);
		assert_true(buf_len(&e->wire) - before <= LINK_SEAL_MAX);
	} while (buf_len(&e->wire) > before);
	assert_int_equal(buf_len(&e->out), 0);
	return buf_slice(&e->wire);
}

/* How long is what stands at the front? */
static size_t
unit(const struct end *e, struct slice bytes)
{
	unsigned type;
	size_t len;
	int head;

	assert_true(bytes.len >= 2);
	if (e->link.sealed)
		return 2 + get16(bytes.p);
	head = tlv_head(bytes.p, bytes.len, &type, &len);
	assert_true(head > 0);
	return (size_t)head + len;
}

ssize_t
step(struct end *from, struct end *to)
{
	struct slice wire = flush(from);
	size_t n, size = unit(from, wire);
	unsigned type;
	ssize_t r;

	for (n = 0; n < size; n++)
		assert_int_equal(input(to, wire.p, n, &type), 0);
	r = input(to, wire.p, wire.len, &type);
	if (r > 0) {
		assert_int_equal(r, size);
		assert_int_equal(type, 0);
		buf_consume(&from->wire, size);
	}
	return r;
}

void
start(int sealed)
{
	end_start(&dialler, sealed, 0);
	end_start(&acceptor, sealed, 0);
	assert_int_equal(buf_len(&acceptor.out), 0);
}

void
shake(int sealed)
{
	start(sealed);
	assert_true(step(&dialler, &acceptor) > 0);
	assert_true(step(&acceptor, &dialler) > 0);
	if (sealed)
		assert_true(step(&dialler, &acceptor) > 0);
	assert_int_equal(dialler.link.phase, LINK_UP);
	assert_int_equal(acceptor.link.phase, LINK_UP);
	assert_int_equal(flush(&dialler).len, 0);
	assert_int_equal(flush(&acceptor).len, 0);
}

void
refuses(struct end *e, const void *bytes, size_t n, int error)
{
	unsigned type;

	errno = 0;
	assert_int_equal(input(e, bytes, n, &type), -1);
	assert_int_equal(errno, error);
	assert_int_equal(type, 0);
	assert_non_null(e->link.why);
	assert_int_equal(e->link.phase, LINK_DOWN);
	assert_string_equal(link_eof_reason(&e->link), e->link.why);
	assert_true(link_deadline(&e->link) == INT64_MAX);
}

struct msg
hello(void)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_HELLO;
	m.u.hello.low = m.u.hello.high = MSG_VERSION;
	m.u.hello.role = 1;
	m.u.hello.instance.b[0] = 0x77;
	return m;
}

size_t
encode(const struct msg *m, unsigned char *p, size_t n)
{
	struct tlv_writer w;

	tlv_writer_init(&w, p, n);
	assert_int_equal(msg_encode(m, &w), 0);
	return (size_t)(w.p - p);
}
