/*
 * The worked example of lambda-protocol(7): a handshake of fixed secrets and
 * what follows it, in hexadecimal, as two links make it.
 */

#include <assert.h>
#include <stdio.h>

#include "link.h"

static struct link_self selves[2]; /* the dialler, the acceptor */
static struct link links[2];
static struct buf out[2];

static void
show(const char *what, struct slice s)
{
	size_t i;

	printf("%s\n", what);
	for (i = 0; i < s.len; i++)
		printf("%s%02x%s", i % 16 == 0 ? "    " : " ", s.p[i],
		    i % 16 == 15 || i + 1 == s.len ? "\n" : "");
}

/* n bytes that count up. */
static struct slice
count(unsigned char *p, size_t n, unsigned char from)
{
	size_t i;

	for (i = 0; i < n; i++)
		p[i] = (unsigned char)(from + i);
	return slice_of(p, n);
}

static void
begin(int i, unsigned role, unsigned char instance, unsigned char from,
    struct slice key, const char *what)
{
	unsigned char secret[X25519_SIZE];
	int r;

	selves[i].role = role;
	count(selves[i].instance.b, ID_SIZE, instance);
	noise_psk(selves[i].keys[0].psk, key.p, key.len);
	selves[i].nkeys = 1;
	selves[i].message_max = MSG_MAX;
	buf_init(&out[i], 4096);
	show(what, count(secret, sizeof(secret), from));
	r = link_init(&links[i], &selves[i], i == 0 ? 1 : 0, 1, secret, &out[i],
	    0);
	assert(r == 0);
}

/* The hello that is in the next message, in plain. */
static void
show_hello(int i, const char *what)
{
	unsigned char frame[LINK_HANDSHAKE_MAX];
	struct tlv_writer w;
	struct msg m;
	int r;

	memset(&m, 0, sizeof(m));
	m.type = MSG_HELLO;
	m.u.hello.low = m.u.hello.high = MSG_VERSION;
	m.u.hello.role = i == 0 ? 1 : 0;
	m.u.hello.instance = selves[i].instance;
	m.u.hello.dialled = i == 0 ? 1 : 0;
	m.u.hello.beat = LINK_SLOW_MS / 1000;
	tlv_writer_init(&w, frame, sizeof(frame));
	r = msg_encode(&m, &w);
	assert(r == 0);
	show(what, slice_of(frame, (size_t)(w.p - frame)));
}

/* What one end writes next, and the other takes. */
static void
pass(int from, const char *what)
{
	struct buf wire;
	struct slice bytes, value;
	unsigned type;
	int r;

	buf_init(&wire, 2 * LINK_SEAL_MAX);
	r = link_seal(&links[from], &wire);
	assert(r == 0);
	bytes = buf_slice(&wire);
	show(what, bytes);
	r = link_input(&links[!from], 0, &bytes, &type, &value);
	assert(r == 1 && type == 0 && bytes.len == 0);
	buf_free(&wire);
}

int
main(void)
{
	unsigned char bytes[32];
	struct slice key = count(bytes, sizeof(bytes), 0);
	int r;

	show("key file", key);
	begin(0, ROLE_BROKER, 0xb0, 0x20, key, "dialler's ephemeral secret");
	begin(1, ROLE_AUTHORITY, 0xa0, 0x40, key,
	    "acceptor's ephemeral secret");
	show("pre-shared key", slice_of(selves[0].keys[0].psk, NOISE_PSK));
	show_hello(0, "hello of the dialler, a broker");
	pass(0, "message 1, with its length");
	show_hello(1, "hello of the acceptor, an authority");
	pass(1, "message 2, with its length");
	show("key of the dialler's records", slice_of(links[0].send.key,
	    CHACHAPOLY_KEY));
	show("key of the acceptor's records", slice_of(links[1].send.key,
	    CHACHAPOLY_KEY));
	pass(0, "first record of the dialler, empty");
	assert(links[0].phase == LINK_UP && links[1].phase == LINK_UP);
	r = link_tick(&links[1], LINK_SLOW_MS);
	assert(r == 0);
	pass(1, "first record of the acceptor, an alive (01 00)");
	r = link_tick(&links[0], LINK_SLOW_MS);
	assert(r == 0);
	pass(0, "second record of the dialler, an alive");
	return 0;
}
