/* A filter's limits, and the order of many results. What else it does with them
 * is in t/core/call. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "call_filter.h"
#include "rng.h"
#include "t/check.h"

static struct filter f;
static struct buf out;

static void
begin(enum frame_kind kind, int ordered)
{
	struct filter_config config = { kind, ordered, 0, 0 };

	buf_init(&out, 1 << 30);
	assert_int_equal(filter_init(&f, &config, &out), 0);
}

static void
end(const char *expected)
{
	struct slice s = buf_slice(&out);

	assert_int_equal(s.len, strlen(expected));
	assert_memory_equal(s.p, expected, s.len);
	filter_free(&f);
	buf_free(&out);
}

static void
add(unsigned n)
{
	while (n-- > 0)
		filter_add(&f, 0, 1, 1);
}

static void
result(uint64_t number, const char *body)
{
	const char *why = "";

	assert_int_equal(filter_result(&f, number, 0, slice_str(body), &why),
	    0);
	assert_null(why);
}

UNIT(test_window)
{
	size_t i;

	begin(FRAME_LINE, 1);
	for (i = 0; i < FILTER_WINDOW; i++) {
		assert_true(filter_open(&f));
		add(1);
	}
	assert_false(filter_open(&f));
	result(2, "");
	assert_false(filter_open(&f));
	result(1, "");
	assert_true(filter_open(&f));
	add(2);
	assert_false(filter_open(&f));
	end("\n\n");
}

/* What waits for its turn is bounded, and so is what waits for an answer. */
UNIT(test_bytes)
{
	unsigned char *big = calloc(1, FILTER_BYTES);
	const char *why;

	assert_non_null(big);
	begin(FRAME_PACKET4, 1);
	add(2);
	assert_int_equal(filter_result(&f, 2, 0,
	    slice_of(big, FILTER_BYTES / 2), &why), 0);
	assert_true(filter_open(&f));
	add(1);
	assert_int_equal(filter_result(&f, 3, 0,
	    slice_of(big, FILTER_BYTES / 2), &why), 0);
	assert_false(filter_open(&f));
	assert_int_equal(filter_fail(&f, 1, 1, "no"), 0);
	assert_true(filter_open(&f));
	assert_int_equal(buf_len(&out), FILTER_BYTES + 8);
	filter_add(&f, 0, FILTER_BYTES - 1, 1);
	assert_true(filter_open(&f));
	filter_add(&f, 0, 1, 1);
	assert_false(filter_open(&f));
	assert_int_equal(filter_fail(&f, 4, 1, "no"), 0);
	assert_true(filter_open(&f));
	filter_free(&f);
	buf_free(&out);
	free(big);
}

/* A queue that takes no more says so, and nothing is lost by it. */
UNIT(test_full_queue)
{
	struct filter_config config = { FRAME_LINE, 1, 0, 0 };
	const char *why = "";

	buf_init(&out, 8);
	assert_int_equal(filter_init(&f, &config, &out), 0);
	add(3);
	result(2, "12345");
	result(1, "1");
	assert_int_equal(filter_result(&f, 3, 0, slice_str("x"), &why), -1);
	assert_int_equal(errno, ENOBUFS);
	assert_null(why);
	assert_int_equal(f.running, 1);
	buf_consume(&out, 2);
	result(3, "x");
	end("12345\nx\n");
}

/* Whatever the order of the answers, the results come in that of the records,
 * or each once. */
static void
shuffle(int ordered)
{
	uint64_t running[64], seen = 0, sum = 0, n = 0;
	char body[32];
	struct rng rng;
	size_t i;

	rng_seed(&rng, 42);
	begin(FRAME_NUL, ordered);
	while (n < 20000 || f.running > 0) {
		if (n < 20000 && f.running < 64 && filter_open(&f) &&
		    rng_below(&rng, 3) > 0) {
			i = f.running;
			running[i] = filter_add(&f, 0, 1, 1);
			n++;
			continue;
		}
		if (f.running == 0)
			continue;
		i = rng_below(&rng, f.running);
		snprintf(body, sizeof(body), "%llu",
		    (unsigned long long)running[i]);
		result(running[i], body);
		running[i] = running[f.running];
	}
	while (buf_len(&out) > 0) {
		i = strlen((const char *)buf_slice(&out).p);
		n = strtoul((const char *)buf_slice(&out).p, NULL, 10);
		seen++;
		sum += n;
		if (ordered)
			assert_int_equal(n, seen);
		buf_consume(&out, i + 1);
	}
	assert_int_equal(seen, 20000);
	assert_int_equal(sum, (uint64_t)20000 * 20001 / 2);
	end("");
}

UNIT(test_shuffled)
{
	shuffle(1);
	shuffle(0);
}

UNITS(PLAIN(test_window), PLAIN(test_bytes), PLAIN(test_full_queue),
    PLAIN(test_shuffled))
