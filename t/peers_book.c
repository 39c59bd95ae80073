#include "t/peers_book.h"

#include <errno.h>

struct peers p;
const struct id low = { { 0x10 } }, high = { { 0xf0 } };

static const struct id own = { { 0x80 } };

int
peers_setup(void **state)
{
	(void)state;
	peers_init(&p, &own, 1);
	return 0;
}

int
peers_teardown(void **state)
{
	(void)state;
	peers_free(&p);
	return 0;
}

void
want(int64_t now, const char *address, enum dial dial, uint32_t tag)
{
	assert_int_equal(peers_want(&p, now, slice_str(address), dial, tag), 0);
}

void
dials(int64_t now, const char *address, uint32_t tag)
{
	struct slice got;
	uint32_t t;

	assert_int_equal(peers_dial(&p, now, &got, &t), 1);
	assert_true(slice_equal(got, slice_str(address)));
	assert_int_equal(t, tag);
	assert_int_equal(peers_dial(&p, now, &got, &t), 0);
}

void
dials_nothing(int64_t now)
{
	struct slice got;
	uint32_t tag;

	assert_int_equal(peers_dial(&p, now, &got, &tag), 0);
}

int
failed(int64_t now, const char *address)
{
	return peers_failed(&p, now, slice_str(address), ECONNREFUSED);
}

int
ourselves(int64_t now, const char *address)
{
	return peers_failed(&p, now, slice_str(address), ELOOP);
}

uint32_t
up(int64_t now, uint32_t handle, const struct id *id, const char *address)
{
	uint32_t loser = UINT32_MAX;

	assert_int_equal(peers_up(&p, now, handle, ROLE_BROKER, id,
	    slice_str(address), handle, &loser), 0);
	return loser;
}

void
down(int64_t now, uint32_t handle, const struct id *id)
{
	peers_down(&p, now, handle, ROLE_BROKER, id);
}

int64_t
waits(int64_t now, int64_t max_ms)
{
	int64_t due = peers_deadline(&p);

	assert_in_range(due - now, 10, max_ms);
	dials_nothing(due - 1);
	return due;
}
