/*
 * What the sealing of links takes, one end of it, in processor time: bytes of
 * records sealed and opened, and the acceptor's part of a handshake, from
 * message 1 to the dialler's first record.
 *
 * Prints seal-SIZE and open-SIZE (bytes/s), and handshakes (/s).
 */

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "link.h"
#include "t/bench/bench.h"

#define ROUNDS	   7
#define BYTES	   (4u * 1024 * 1024) /* in a round, */
#define BATCH	   (64u * 1024)	      /* and between looks at the clock */
#define HANDSHAKES 100		      /* likewise */
#define WIRE_MAX   (2 * LINK_SEAL_MAX)

static unsigned char text[LINK_RECORD_MAX];
static unsigned char sealed[BATCH + BATCH / 64 * CHACHAPOLY_TAG];
static struct link_self selves[2]; /* the dialler's, the acceptor's */
static struct link_memory memory;
static unsigned char secret[X25519_SIZE];

/* Records. */

/* Records of len bytes are sealed and opened: seconds a byte, of one or the
 * other. */
static double
pass_records(size_t len, int opening)
{
	struct noise_cipher from, to;
	size_t i, k, each = len + CHACHAPOLY_TAG, batch = BATCH / len;
	double began, between, ended, took = 0;
	int r = 0;

	memset(&from, 7, sizeof(from));
	from.count = 0;
	to = from;
	for (i = 0; i < BYTES; i += BATCH) {
		began = bench_cpu_seconds();
		for (k = 0; k < batch; k++)
			r |= noise_seal(&from, text, len, sealed + k * each);
		between = bench_cpu_seconds();
		for (k = 0; opening && k < batch; k++)
			r |= noise_open(&to, sealed + k * each, each, text);
		ended = bench_cpu_seconds();
		took += opening ? ended - between : between - began;
	}
	if (r != 0)
		bench_fail("what was sealed cannot be opened");
	return took / BYTES;
}

static void
measure_records(size_t len, int opening, const char *name)
{
	double rate[ROUNDS];
	char line[32];
	int i;

	for (i = 0; i < ROUNDS; i++)
		rate[i] = 1 / pass_records(len, opening);
	snprintf(line, sizeof(line), "%s-%zu", name, len);
	bench_print(line, bench_median(rate, ROUNDS));
}

/* Handshakes. */

static void
begin(struct link *l, int acceptor, struct buf *out)
{
	size_t i;

	/* The lowest bits of the first byte do not count. */
	for (i = 1; i < sizeof(secret) && ++secret[i] == 0; i++)
		;
	buf_init(out, 4096);
	if (link_init(l, &selves[acceptor], acceptor ? 0 : 1, 1, secret, out,
		0) == -1)
		bench_fail("out of memory");
}

/* What one end has to say is taken by the other. */
static void
take(struct link *to, struct buf *wire)
{
	struct slice bytes = buf_slice(wire), value;
	unsigned type;

	if (link_input(to, 0, &bytes, &type, &value) != 1 || bytes.len > 0)
		bench_fail(to->why != NULL ? to->why : "more comes");
	buf_consume(wire, buf_len(wire));
}

static void
say(struct link *from, struct buf *wire)
{
	if (link_seal(from, wire) == -1)
		bench_fail("out of memory");
}

/* Seconds of the acceptor. */
static double
shake(void)
{
	struct link links[2];
	struct buf out[2], wire;
	double start, took;

	buf_init(&wire, WIRE_MAX);
	begin(&links[0], 0, &out[0]);
	say(&links[0], &wire);
	start = bench_cpu_seconds();
	begin(&links[1], 1, &out[1]);
	take(&links[1], &wire);
	say(&links[1], &wire);
	took = bench_cpu_seconds() - start;
	take(&links[0], &wire);
	say(&links[0], &wire);
	start = bench_cpu_seconds();
	take(&links[1], &wire);
	took += bench_cpu_seconds() - start;
	assert(links[1].phase == LINK_UP);
	link_free(&links[0]);
	link_free(&links[1]);
	buf_free(&out[0]);
	buf_free(&out[1]);
	buf_free(&wire);
	return took;
}

static void
measure_handshakes(void)
{
	double rate[ROUNDS], took;
	int i, k;

	for (i = 0; i < 2; i++) {
		selves[i].role = i == 0 ? ROLE_BROKER : ROLE_AUTHORITY;
		selves[i].instance.b[0] = (unsigned char)(i + 1);
		link_key(&selves[i].keys[0], "a key of thirty-two bytes or so.",
		    32);
		selves[i].nkeys = 1;
		selves[i].message_max = MSG_MAX;
	}
	selves[1].memory = &memory;
	for (i = 0; i < ROUNDS; i++) {
		took = 0;
		for (k = 0; k < HANDSHAKES; k++)
			took += shake();
		rate[i] = HANDSHAKES / took;
	}
	bench_print("handshakes", bench_median(rate, ROUNDS));
}

int
main(void)
{
	static const size_t sizes[] = { 64, 1024, LINK_RECORD_MAX };
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		measure_records(sizes[i], 0, "seal");
		measure_records(sizes[i], 1, "open");
	}
	measure_handshakes();
	return 0;
}
