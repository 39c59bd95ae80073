/*
 * What it takes to encode and to decode a small request: an id, a function, two
 * arguments and a body of 20 bytes. Beside it, the same fields written and read
 * as text by snprintf() and sscanf(), and a bare copy of the same bytes.
 */

#include <stdio.h>
#include <string.h>

#include "msg.h"
#include "t/bench/bench.h"

#define ROUNDS 7
#define COUNT  200000
#define BODY   "twenty bytes of body"

static unsigned char frame[256], copy[256];
static char text[256];
static struct slice args;
static volatile size_t sink; /* so that nothing is left out */

static void
encode(size_t n)
{
	struct tlv_writer w;
	struct msg m;
	size_t i;

	for (i = 1; i <= n; i++) {
		memset(&m.u.request, 0, sizeof(m.u.request));
		m.type = MSG_REQUEST;
		m.u.request.id = 1000000 + i;
		m.u.request.function = slice_of("multiply", 8);
		m.u.request.args = args;
		m.u.request.body = slice_of(BODY, 20);
		tlv_writer_init(&w, frame, sizeof(frame));
		if (msg_encode(&m, &w) == -1)
			bench_fail("a request does not fit");
		sink = (size_t)(w.p - frame);
	}
}

static void
decode(size_t n)
{
	struct slice in, list, arg;
	struct msg m;
	struct tlv t;
	size_t i;

	for (i = 0; i < n; i++) {
		in = slice_of(frame, sizeof(frame));
		if (tlv_next(&in, &t) != 1 ||
		    msg_decode(&m, t.type, t.value) != 1)
			bench_fail("what was encoded cannot be decoded");
		list = m.u.request.args;
		while (list_next(&list, &arg) == 1)
			sink += arg.len;
		sink += m.u.request.body.len;
	}
}

static void
print(size_t n)
{
	size_t i;

	for (i = 1; i <= n; i++)
		sink = (size_t)snprintf(text, sizeof(text), "%zu %s %s %s %s\n",
		    1000000 + i, "multiply", "1234567", "89", BODY);
}

static void
scan(size_t n)
{
	char function[32], arg[2][32], body[32];
	size_t i, id;

	for (i = 0; i < n; i++) {
		if (sscanf(text, "%zu %31s %31s %31s %31[^\n]", &id, function,
			arg[0], arg[1], body) != 5)
			bench_fail("what was printed cannot be scanned");
		sink += strlen(body);
	}
}

static void
move(size_t n)
{
	size_t i, len = sink % sizeof(frame);

	for (i = 0; i < n; i++) {
		memcpy(copy, frame, len);
		sink = copy[i % sizeof(copy)];
	}
}

/* Nanoseconds each, the median of some rounds. */
static double
measure(void (*fn)(size_t))
{
	double took[ROUNDS], start;
	int i;

	fn(COUNT / 10);
	for (i = 0; i < ROUNDS; i++) {
		start = bench_cpu_seconds();
		fn(COUNT);
		took[i] = (bench_cpu_seconds() - start) * 1e9 / COUNT;
	}
	return bench_median(took, ROUNDS);
}

int
main(void)
{
	unsigned char list[32];
	struct tlv_writer w;
	size_t size;

	tlv_writer_init(&w, list, sizeof(list));
	list_put(&w, slice_of("1234567", 7));
	list_put(&w, slice_of("89", 2));
	args = slice_of(list, (size_t)(w.p - list));
	bench_print("encode-ns", measure(encode));
	encode(1);
	size = sink;
	bench_print("size", (double)size);
	bench_print("decode-ns", measure(decode));
	bench_print("print-ns", measure(print));
	bench_print("scan-ns", measure(scan));
	sink = size;
	bench_print("copy-ns", measure(move));
	return 0;
}
