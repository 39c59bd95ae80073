#include "t/link_ends.h"

#include <errno.h>
#include <stdlib.h>

struct end dialler, acceptor;

static void
end_init(struct end *e, unsigned role, unsigned char mark, const char *key)
{
	memset(e, 0, sizeof(*e));
	e->self.role = role;
	e->self.instance.b[0] = mark;
	e->self.key = slice_str(key);
	e->self.message_max = 1000;
	memset(e->nonce, mark, NONCE_SIZE);
	buf_init(&e->out, 4096);
}

void
end_start(struct end *e, int prove, int64_t now)
{
	assert_int_equal(link_init(&e->link, &e->self, e == &dialler ? 7 : 0,
	    prove, e->nonce, &e->out, now), 0);
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
	buf_free(&dialler.out);
	buf_free(&acceptor.out);
	return 0;
}

ssize_t
input(struct end *e, const void *bytes, size_t n, unsigned *type)
{
	unsigned char *p = malloc(n > 0 ? n : 1);
	struct slice value;
	ssize_t r;

	assert_non_null(p);
	if (n > 0)
		memcpy(p, bytes, n);
	r = link_input(&e->link, 0, p, n, type, &value);
	if (r > 0 && *type != 0)
		assert_true(value.p + value.len == p + r);
	free(p);
	return r;
}

ssize_t
step(struct end *from, struct end *to)
{
	struct slice queued = buf_slice(&from->out);
	unsigned type;
	ssize_t r;
	size_t n, len;
	int head;

	head = tlv_head(queued.p, queued.len, &type, &len);
	assert_true(head > 0);
	for (n = 0; n < (size_t)head + len; n++)
		assert_int_equal(input(to, queued.p, n, &type), 0);
	r = input(to, queued.p, queued.len, &type);
	if (r > 0) {
		assert_int_equal(r, (size_t)head + len);
		assert_int_equal(type, 0);
		buf_consume(&from->out, (size_t)r);
	}
	return r;
}

void
start(int dialler_proves, int acceptor_proves)
{
	end_start(&dialler, dialler_proves, 0);
	end_start(&acceptor, acceptor_proves, 0);
	assert_int_equal(buf_len(&acceptor.out), 0);
}

void
shake(void)
{
	start(1, 1);
	assert_true(step(&dialler, &acceptor) > 0);
	assert_true(step(&acceptor, &dialler) > 0);
	assert_true(step(&dialler, &acceptor) > 0);
	assert_true(step(&acceptor, &dialler) > 0);
	assert_int_equal(dialler.link.phase, LINK_UP);
	assert_int_equal(acceptor.link.phase, LINK_UP);
	assert_int_equal(buf_len(&dialler.out), 0);
	assert_int_equal(buf_len(&acceptor.out), 0);
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
	m.u.hello.low = m.u.hello.high = 1;
	m.u.hello.role = 1;
	m.u.hello.instance.b[0] = 0x77;
	m.u.hello.nonce = slice_of(dialler.nonce, NONCE_SIZE);
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
