#include "directory.h"

struct discovery *d;
int64_t now;

static int
start(int relaxed)
{
	struct discovery_config config;

	memset(&config, 0, sizeof(config));
	config.seed = 1;
	config.seconds = SECONDS;
	config.port = 4369;
	config.relaxed = relaxed;
	config.clients = CLIENTS;
	config.host = slice_str("here.example.org");
	d = discovery_new(&config);
	now = 0;
	return d == NULL ? -1 : 0;
}

int
setup(void **state)
{
	(void)state;
	return start(0);
}

int
setup_relaxed(void **state)
{
	(void)state;
	return start(1);
}

int
teardown(void **state)
{
	(void)state;
	discovery_free(d);
	return 0;
}

int
next(struct act *a)
{
	while (outbox_take(discovery_out(d), a))
		if (a->kind != ACT_LOG || a->value == LOG_ERROR)
			return 1;
	return 0;
}

struct act
expect(unsigned kind, uint32_t peer)
{
	struct act a;

	if (!next(&a))
		fail_msg("no act, expected %u", kind);
	assert_int_equal(a.kind, kind);
	assert_int_equal(a.peer, peer);
	return a;
}

void
expect_none(void)
{
	struct act a;

	if (next(&a))
		fail_msg("act %u", a.kind);
}

void
expect_bytes(uint32_t peer, struct slice expected)
{
	struct act a = expect(ACT_SEND, peer);

	assert_int_equal(a.bytes.len, expected.len);
	assert_memory_equal(a.bytes.p, expected.p, expected.len);
}

void
expect_last(uint32_t peer, struct slice expected)
{
	expect_bytes(peer, expected);
	expect(ACT_DRAIN, peer);
	expect_none();
}

uint32_t
opened(int local)
{
	uint32_t c = discovery_open(d, now, local);

	assert_int_not_equal(c, 0);
	return c;
}

size_t
say(uint32_t c, struct slice bytes)
{
	return discovery_input(d, now, c, bytes);
}

uint32_t
asked(struct slice request)
{
	uint32_t c = opened(1);

	assert_int_equal(say(c, request), request.len);
	return c;
}

uint32_t
registered(struct slice alive)
{
	uint32_t c = asked(alive);

	expect_bytes(c, OK);
	expect_none();
	return c;
}

void
line(const char *text)
{
	discovery_line(d, slice_str(text), 1);
}
