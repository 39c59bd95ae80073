/* The order of a filter's results. */

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

static uint64_t
unwritten(size_t *pos)
{
	uint64_t last, first = filter_unwritten(&f, pos, &last);

	assert_true(first == 0 || last == first);
	return first;
}

static void
result(uint64_t number, const char *body)
{
	const char *why = "";

	assert_int_equal(filter_result(&f, number, 0, slice_str(body), &why),
	    0);
	assert_null(why);
}

UNIT(test_ordered)
{
	begin(FRAME_LINE, 1);
	assert_int_equal(filter_add(&f, 0, 10, 1), 1);
	assert_int_equal(filter_add(&f, 0, 20, 1), 2);
	assert_int_equal(filter_add(&f, 0, 30, 1), 3);
	assert_int_equal(f.running, 3);
	assert_int_equal(f.asked, 60);
	result(3, "three");
	assert_int_equal(buf_len(&out), 0);
	assert_int_equal(f.kept, 6);
	assert_int_equal(f.asked, 30);
	result(1, "one");
	assert_int_equal(buf_len(&out), 4);
	result(2, "two");
	assert_int_equal(f.running, 0);
	assert_int_equal(f.done, 3);
	assert_int_equal(f.kept + f.asked, 0);
	end("one\ntwo\nthree\n");
}

UNIT(test_unordered)
{
	begin(FRAME_LINE, 0);
	add(3);
	result(3, "three");
	result(1, "one");
	assert_int_equal(f.kept, 0);
	result(2, "two");
	end("three\none\ntwo\n");
}

/* A record that fails leaves no line, and holds up no other. */
UNIT(test_fail)
{
	begin(FRAME_LINE, 1);
	add(4);
	result(2, "two");
	result(4, "four");
	assert_int_equal(filter_fail(&f, 3, 1, "no"), 0);
	assert_int_equal(buf_len(&out), 0);
	assert_int_equal(filter_fail(&f, 1, 1, "no"), 0);
	assert_int_equal(f.failed, 2);
	assert_int_equal(f.done, 2);
	assert_int_equal(f.running, 0);
	end("two\nfour\n");
}

UNIT(test_empty_result)
{
	begin(FRAME_NETSTRING, 1);
	add(2);
	result(2, "");
	result(1, "");
	end("0:,0:,");
}

/* exec programs end their line themselves. */
UNIT(test_newline)
{
	const char *why = NULL;

	begin(FRAME_LINE, 1);
	add(4);
	result(1, "one\n");
	result(2, "\n");
	assert_int_equal(filter_result(&f, 4, 0, slice_str("a\nb"), &why), -1);
	assert_int_equal(errno, EINVAL);
	assert_non_null(why);
	assert_int_equal(filter_fail(&f, 4, 1, why), 0);
	assert_int_equal(f.failed, 1);
	result(3, "three");
	assert_int_equal(f.running, 0);
	end("one\n\nthree\n");
}

/* The same where it is its turn, so that it would go out directly. */
UNIT(test_unfit_first)
{
	const char *why = NULL;

	begin(FRAME_LINE, 1);
	add(2);
	result(2, "two");
	assert_int_equal(filter_result(&f, 1, 0, slice_str("a\nb"), &why), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(filter_fail(&f, 1, 1, why), 0);
	assert_int_equal(f.failed, 1);
	end("two\n");
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

/* With its status in front each record has an answer, a failed one too. */
UNIT(test_status)
{
	struct filter_config config = { FRAME_NETSTRING, 1, 1, 0 };
	const char *why;

	buf_init(&out, 1 << 20);
	assert_int_equal(filter_init(&f, &config, &out), 0);
	add(3);
	assert_int_equal(filter_fail(&f, 2, 1, "two\nlines"), 0);
	assert_int_equal(filter_result(&f, 3, 7, slice_str("x"), &why), 0);
	assert_int_equal(filter_result(&f, 1, 0, slice_str(""), &why), 0);
	assert_int_equal(f.done, 1);
	assert_int_equal(f.failed, 2);
	end("4:1 0 ,16:2 - two\\x0alines,5:3 7 x,");
}

/* What is in the queue when it is lost is known by number; what was written
 * before is not among it. */
UNIT(test_unwritten)
{
	size_t pos = 0;

	begin(FRAME_LINE, 1);
	add(4);
	result(2, "two");
	result(1, "one");
	assert_int_equal(filter_fail(&f, 3, 1, "no"), 0);
	buf_consume(&out, 5); /* "one" and a part of "two" */
	result(4, "four");
	assert_int_equal(unwritten(&pos), 2);
	assert_int_equal(unwritten(&pos), 4);
	assert_int_equal(unwritten(&pos), 0);
	buf_consume(&out, 3);
	pos = 0;
	assert_int_equal(unwritten(&pos), 4);
	buf_consume(&out, buf_len(&out)); /* lost, and not written */
	filter_lose(&f, 5);
	pos = 0;
	assert_int_equal(unwritten(&pos), 4);
	assert_int_equal(unwritten(&pos), 0);
	end("");
}

/* The oldest without an answer is the one that came first of those. */
UNIT(test_since)
{
	begin(FRAME_LINE, 0);
	assert_true(filter_since(&f) == INT64_MAX);
	filter_add(&f, 5, 1, 1);
	filter_add(&f, 9, 1, 1);
	assert_int_equal(filter_since(&f), 5);
	result(1, "one");
	assert_int_equal(filter_since(&f), 9);
	result(2, "two");
	assert_true(filter_since(&f) == INT64_MAX);
	end("one\ntwo\n");
}

UNIT(test_shuffled)
{
	shuffle(1);
	shuffle(0);
}

UNITS(PLAIN(test_ordered), PLAIN(test_unordered), PLAIN(test_fail),
    PLAIN(test_empty_result), PLAIN(test_newline), PLAIN(test_unfit_first),
    PLAIN(test_window), PLAIN(test_bytes), PLAIN(test_full_queue),
    PLAIN(test_status), PLAIN(test_unwritten), PLAIN(test_since),
    PLAIN(test_shuffled))
