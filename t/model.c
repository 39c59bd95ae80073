/* The exchange against its model (model_exchange.h): every sequence of a few
 * operations over a few sellers and buyers, and long random ones. */

#include "t/model_exchange.h"

#include <stdlib.h>

#include "rng.h"

#define LENGTH 5 /* of the sequences; MODEL_LENGTH says another, 1 to 6 */

static unsigned length = LENGTH;

/* All sequences of that length. */
static void
every(const struct op *ops, size_t n)
{
	size_t at[16] = { 0 }, i;
	uint64_t seed = 0, before = world_fills;

	do {
		world_begin(++seed);
		for (i = 0; i < length; i++)
			world_step(&ops[at[i]]);
		world_end();
		for (i = length; i > 0 && ++at[i - 1] == n; i--)
			at[i - 1] = 0;
	} while (i > 0);
	/* Many of them sold something. */
	assert_true(world_fills - before > (length < LENGTH ? 0 : seed / 4));
}

UNIT(test_quantities)
{
	static const struct op ops[] = {
		{ SELL, 0, 0, 0 }, { SELL, 0, 1, 0 }, { SELL, 0, 2, 0 },
		{ SETTLE, 0, 1, 0 }, { SELL, 1, 2, 0 }, { SETTLE, 1, 2, 0 },
		{ BUY, 0, 1, 0 }, { BUY, 0, 2, 0 }, { GOT, 0, 2, 0 },
		{ BUY, 1, 2, 0 }, { GOT, 1, 1, 0 }, { WAIT, 0, 1, 0 }
	};

	every(ops, LEN(ops));
}

UNIT(test_constraints)
{
	static const struct op ops[] = {
		{ SELL, 0, 1, 0 }, { SELL, 0, 2, 1 }, { SELL, 1, 1, 2 },
		{ SELL, 2, 2, 3 }, { BUY, 0, 1, 0 }, { BUY, 0, 2, 1 },
		{ BUY, 1, 2, 2 }, { BUY, 1, 1, 3 }, { BUY, 2, 1, 4 },
		{ BUY, 2, 2, 0 }, { GOT, 0, 1, 2 }
	};

	every(ops, LEN(ops));
}

UNIT(test_release)
{
	static const struct op ops[] = {
		{ SELL, 0, 1, 0 }, { SELL, 0, 2, 0 }, { SELL, 1, 2, 0 },
		{ BUY, 0, 2, 0 }, { REFUSED, 0, 2, 0 }, { BUY, 1, 1, 0 },
		{ REFUSED, 1, 2, 0 }, { BUY, 2, 1, 0 }, { RELEASE, 0, 0, 0 },
		{ RELEASE_ONE, 0, 0, 0 }, { RELEASE, 1, 0, 0 }
	};

	every(ops, LEN(ops));
}

UNIT(test_loss)
{
	static const struct op ops[] = {
		{ SELL, 0, 2, 0 }, { SELL, 1, 2, 0 }, { BUY, 0, 2, 0 },
		{ BUY, 1, 2, 0 }, { BUY, 2, 1, 0 }, { LOSE, 0, 0, 0 },
		{ LOSE, 1, 0, 0 }, { CANCEL_SELL, 0, 0, 0 },
		{ CANCEL_BUY, 0, 0, 0 }, { CANCEL_BUY, 1, 0, 0 },
		{ RELEASE, 1, 0, 0 }, { WAIT, 0, FOREVER_MS, 0 }
	};

	every(ops, LEN(ops));
}

UNIT(test_zones)
{
	static const struct op ops[] = {
		{ SELL, 0, 2, 0 }, { SELL, 0, 5, 2 }, { SELL, 1, 3, 3 },
		{ SELL, 1, 1, 4 }, { SELL, 2, 4, 2 }, { SELL, 2, 2, 4 },
		{ BUY, 0, 1, 0 }, { BUY, 0, 2, 0 }, { BUY, 0, 5, 0 },
		{ BUY, 1, 3, 2 }, { GOT, 1, 7, 0 }
	};

	every(ops, LEN(ops));
}

/* Long ones, of all operations. */
UNIT(test_random)
{
	static const enum what whats[] = { SELL, SELL, SELL, SETTLE, SETTLE,
		SETTLE, BUY, BUY, GOT, GOT, GOT, REFUSED, RELEASE, RELEASE,
		RELEASE_ONE, CANCEL_SELL, CANCEL_BUY, LOSE, WAIT, WAIT };
	struct rng rng;
	struct op op;
	uint64_t seed;
	unsigned i;

	for (seed = 1; seed <= (length < LENGTH ? 50 : 2000); seed++) {
		world_begin(seed);
		rng_seed(&rng, seed);
		for (i = 0; i < 400; i++) {
			op.what = whats[rng_below(&rng, LEN(whats))];
			op.n = (unsigned)rng_below(&rng,
			    op.what == LOSE ? BROKERS : 3);
			op.quantity = rng_below(&rng, 5);
			op.variant = rng_below(&rng, 2) == 0 ? 0 :
			    (unsigned)rng_below(&rng, VARIANTS);
			if (op.what == WAIT && rng_below(&rng, 4) == 0)
				op.quantity = rng_below(&rng, FOREVER_MS);
			if (op.what == LOSE && rng_below(&rng, 4) != 0)
				continue;
			world_step(&op);
		}
		world_end();
	}
}

int
main(void)
{
	const char *given = getenv("MODEL_LENGTH");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quantities),
		cmocka_unit_test(test_constraints),
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_loss),
		cmocka_unit_test(test_zones),
		cmocka_unit_test(test_random)
	};

	if (given != NULL && given[0] >= '1' && given[0] <= '6')
		length = (unsigned)(given[0] - '0');
	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
