/* Who of several is the first for a name: evenly, and the same everywhere. */

#include <stdio.h>
#include <string.h>

#include "gossip.h"
#include "t/check.h"

#define MEMBERS 4

static struct id
rendezvous_id(int byte)
{
	struct id id;

	memset(&id, byte, sizeof(id));
	return id;
}

/* The first of so many for that name. */
static int
rendezvous_first(const struct id id[MEMBERS], int n, const char *name)
{
	int top = 0, i;

	for (i = 1; i < n; i++)
		if (rendezvous_before(&id[i], &id[top], slice_str(name)))
			top = i;
	return top;
}

/* Spread evenly, and only what the fourth is first for moves when it comes. */
UNIT(test_even)
{
	unsigned count[MEMBERS] = { 0 }, moved = 0;
	struct id id[MEMBERS];
	char name[32];
	int i, first;

	for (i = 0; i < MEMBERS; i++)
		id[i] = rendezvous_id(i + 1);
	for (i = 0; i < 4000; i++) {
		snprintf(name, sizeof(name), "module-%d", i);
		first = rendezvous_first(id, MEMBERS, name);
		count[first]++;
		if (first != rendezvous_first(id, MEMBERS - 1, name)) {
			assert_int_equal(first, MEMBERS - 1);
			moved++;
		}
		assert_int_not_equal(rendezvous_before(&id[0], &id[1],
		    slice_str(name)), rendezvous_before(&id[1], &id[0],
		    slice_str(name)));
	}
	for (i = 0; i < MEMBERS; i++)
		assert_in_range(count[i], 880, 1120);
	assert_int_equal(moved, count[MEMBERS - 1]);
}

/* What other hosts work out must not change. */
UNIT(test_same_everywhere)
{
	struct id id = rendezvous_id(1);

	assert_false(rendezvous_before(&id, &id, slice_str("x")));
	assert_true(rendezvous_weight(&id, slice_str("calc")) ==
	    UINT64_C(0x9a552641b5947b41));
}

UNITS(PLAIN(test_even), PLAIN(test_same_everywhere))
