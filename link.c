#include <assert.h>
#include <string.h>

#include "fail.h"
#include "link.h"

enum { DIALLER, ACCEPTOR }; /* whose hello, whose proof */

static int
link_fail(struct link *l, int error, const char *why)
{
	l->phase = LINK_DOWN;
	l->why = why;
	return fail(error);
}

static int
link_no_room(struct link *l)
{
	return link_fail(l, errno, errno == ENOBUFS ?
	    "its output queue is full" : "out of memory");
}

static int
link_send(struct link *l, int64_t now, const struct msg *m)
{
	struct tlv_writer w;
	unsigned char *p;
	size_t len;
	int r;

	len = msg_size(m);
	p = buf_reserve(l->out, len);
	if (p == NULL)
		return link_no_room(l);
	tlv_writer_init(&w, p, len);
	r = msg_encode(m, &w);
	assert(r == 0);
	buf_commit(l->out, len);
	l->sent = now;
	return 0;
}

/* Both proofs are over both hellos, as they went over the wire. */
static void
link_remember(struct link *l, int whose, const unsigned char *frame, size_t len)
{
	assert(len <= sizeof(l->transcript[whose]));
	memcpy(l->transcript[whose], frame, len);
	l->transcript_len[whose] = len;
}

static unsigned
link_role_number(unsigned role)
{
	unsigned n;

	for (n = 0; n < ROLE_COUNT; n++)
		if (role == 1u << n)
			return n;
	assert(!"one role");
	return 0;
}

static int
link_send_hello(struct link *l, int64_t now)
{
	struct slice queued;
	struct msg m;
	size_t len;

	memset(&m, 0, sizeof(m));
	m.type = MSG_HELLO;
	m.u.hello.low = m.u.hello.high = MSG_VERSION;
	m.u.hello.role = link_role_number(l->self->role);
	m.u.hello.prove = (uint64_t)l->prove;
	m.u.hello.instance = l->self->instance;
	m.u.hello.nonce = slice_of(l->nonce, NONCE_SIZE);
	m.u.hello.dialled = l->dialler ? l->dialled : 0;
	if (link_send(l, now, &m) == -1)
		return -1;
	len = msg_size(&m);
	queued = buf_slice(l->out);
	link_remember(l, l->dialler ? DIALLER : ACCEPTOR,
	    queued.p + queued.len - len, len);
	return 0;
}

static void
link_make_mac(const struct link *l, int whose, unsigned char mac[SHA256_SIZE])
{
	static const char *const label[] = { "lambda1 dialler",
		"lambda1 acceptor" };
	struct hmac h;
	int i;

	hmac_init(&h, l->self->key.p, l->self->key.len);
	hmac_update(&h, label[whose], strlen(label[whose]));
	for (i = DIALLER; i <= ACCEPTOR; i++)
		hmac_update(&h, l->transcript[i], l->transcript_len[i]);
	hmac_final(&h, mac);
}

static int
link_send_mac(struct link *l, int64_t now, const unsigned char mac[SHA256_SIZE])
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_PROOF;
	m.u.proof.mac = slice_of(mac, SHA256_SIZE);
	return link_send(l, now, &m);
}

static int
link_send_proof(struct link *l, int64_t now)
{
	unsigned char mac[SHA256_SIZE];

	link_make_mac(l, l->dialler ? DIALLER : ACCEPTOR, mac);
	return link_send_mac(l, now, mac);
}

/*
 * There is no key in common, so there is no link. The dialler is told by a
 * proof that is wrong under every key: a dialler that only sees the end would
 * have to try again, since we may have been killed, or have no room.
 */
static int
link_deny(struct link *l, int64_t now, const char *why)
{
	static const unsigned char none[SHA256_SIZE];

	if (!l->dialler && link_send_mac(l, now, none) == -1)
		return -1;
	return link_fail(l, EACCES, why);
}

int
link_init(struct link *l, const struct link_self *self, uint64_t dialled,
    int prove, const unsigned char *nonce, struct buf *out, int64_t now)
{
	memset(l, 0, sizeof(*l));
	l->self = self;
	l->out = out;
	l->phase = LINK_HELLO;
	l->dialler = dialled != 0;
	l->dialled = dialled;
	l->prove = prove != 0;
	l->since = l->heard = l->sent = now;
	memcpy(l->nonce, nonce, NONCE_SIZE);
	return l->dialler ? link_send_hello(l, now) : 0;
}

static const char *
link_decode_why(void)
{
	if (errno == ERANGE)
		return "a field is over its bound";
	return errno == EBADMSG ? "it cannot be decoded" :
	    "it breaks the protocol";
}

/* Decode what the handshake needs: a well-formed hello or proof. */
static int
link_decode_hello(struct msg *m, struct slice value)
{
	const struct msg_hello *h = &m->u.hello;

	if (msg_decode(m, MSG_HELLO, value) == -1)
		return -1;
	if (h->low > h->high || h->nonce.len != NONCE_SIZE ||
	    id_is_zero(&h->instance))
		return fail(EPROTO);
	return 0;
}

/* A well-formed hello: can there be a link to its sender? */
static int
link_judge_hello(struct link *l, int64_t now, const struct msg_hello *h)
{
	if (id_equal(&h->instance, &l->self->instance) ||
	    equal_constant_time(h->nonce.p, l->nonce, NONCE_SIZE))
		return link_fail(l, ELOOP, "it is ourselves");
	if (h->low > MSG_VERSION || h->high < MSG_VERSION)
		return link_fail(l, EPROTONOSUPPORT,
		    "no protocol version in common");
	if (h->prove)
		l->prove = 1;
	if (l->prove && l->self->key.len == 0)
		return link_deny(l, now,
		    "a key is required: give both ends the same (-k)");
	l->role = 1u << h->role;
	l->instance = h->instance;
	if (!l->dialler)
		l->dialled = h->dialled;
	return 0;
}

/*
 * The acceptor answers before it judges: one that dialled itself, or that
 * speaks another version, learns so from our hello and not from a silent end.
 */
static int
link_take_hello(struct link *l, int64_t now, const unsigned char *frame,
    size_t len, struct slice value)
{
	struct msg m;

	if (link_decode_hello(&m, value) == -1)
		return link_fail(l, errno, "its hello is malformed");
	link_remember(l, l->dialler ? ACCEPTOR : DIALLER, frame, len);
	if (!l->dialler && link_send_hello(l, now) == -1)
		return -1;
	if (link_judge_hello(l, now, &m.u.hello) == -1)
		return -1;
	if (!l->prove) {
		l->phase = LINK_UP;
		return 0;
	}
	l->phase = LINK_PROOF;
	return l->dialler ? link_send_proof(l, now) : 0;
}

static int
link_take_proof(struct link *l, int64_t now, struct slice value)
{
	unsigned char mac[SHA256_SIZE];
	struct msg m;

	if (msg_decode(&m, MSG_PROOF, value) == -1)
		return link_fail(l, errno, "its proof is malformed");
	link_make_mac(l, l->dialler ? ACCEPTOR : DIALLER, mac);
	if (m.u.proof.mac.len != sizeof(mac) ||
	    !equal_constant_time(m.u.proof.mac.p, mac, sizeof(mac)))
		return link_deny(l, now,
		    "wrong key: give both ends the same (-k)");
	if (!l->dialler && link_send_proof(l, now) == -1)
		return -1;
	l->phase = LINK_UP;
	return 0;
}

/*
 * By the head alone: may a frame like this come now? So nothing is held of a
 * frame that may not. Unknown odd types are good once the first frame was a
 * hello.
 */
static int
link_check_head(struct link *l, unsigned type, size_t len)
{
	const struct msg_row *row = msg_row(type);
	size_t max = l->phase == LINK_UP ? l->self->message_max : MSG_HELLO_MAX;

	if (l->phase == LINK_HELLO && type != MSG_HELLO)
		return link_fail(l, EPROTO, "it does not begin with a hello");
	if (row == NULL && type % 2 == 0)
		return link_fail(l, EPROTO, "a message of unknown type");
	if (l->phase == LINK_PROOF && row != NULL && type != MSG_PROOF &&
	    type != MSG_ALIVE)
		return link_fail(l, EPROTO, "a message before the proof");
	if (l->phase == LINK_UP && (type == MSG_HELLO || type == MSG_PROOF))
		return link_fail(l, EPROTO, "a handshake within the link");
	if (len > max)
		return link_fail(l, EMSGSIZE,
		    "a message over the maximum size");
	return 0;
}

static int
link_take_frame(struct link *l, int64_t now, unsigned type,
    const unsigned char *frame, size_t len, struct slice value)
{
	struct msg m;

	if (type == MSG_HELLO)
		return link_take_hello(l, now, frame, len, value);
	if (type == MSG_PROOF)
		return link_take_proof(l, now, value);
	if (msg_decode(&m, type, value) == -1)
		return link_fail(l, errno, link_decode_why());
	return 0;
}

ssize_t
link_input(struct link *l, int64_t now, const unsigned char *p, size_t n,
    unsigned *type, struct slice *value)
{
	unsigned t;
	size_t len, size;
	int head;

	assert(l->phase != LINK_DOWN);
	l->heard = now;
	*type = 0;
	head = tlv_head(p, n, &t, &len);
	if (head == -1)
		return link_fail(l, errno, "it is not a message");
	if (head == 0)
		return 0;
	if (link_check_head(l, t, len) == -1)
		return -1;
	if (len > n - (size_t)head)
		return 0;
	size = (size_t)head + len;
	*value = slice_of(p + head, len);
	if (l->phase == LINK_UP && t != MSG_ALIVE)
		*type = msg_row(t) == NULL ? 0 : t;
	else if (link_take_frame(l, now, t, p, size, *value) == -1)
		return -1;
	return (ssize_t)size;
}

void
link_heard(struct link *l, int64_t now)
{
	l->heard = now;
}

void
link_connected(struct link *l, int64_t now)
{
	l->since = l->heard = now;
}

void
link_sent(struct link *l, int64_t now)
{
	l->sent = now;
}

/* When the peer is given up, if nothing comes. */
static int64_t
link_dead_at(const struct link *l)
{
	return l->phase == LINK_UP ? l->heard + LINK_DEAD_MS :
	    l->since + LINK_HANDSHAKE_MS;
}

int64_t
link_deadline(const struct link *l)
{
	int64_t dead = link_dead_at(l), alive = l->sent + LINK_ALIVE_MS;

	if (l->phase == LINK_DOWN)
		return INT64_MAX;
	return l->phase == LINK_UP && alive < dead ? alive : dead;
}

/*
 * A turn that is late itself may find in the socket what came in time, so it
 * gives up no peer: both clocks are set for another LINK_LATE_MS.
 */
static int
link_judge_silence(struct link *l, int64_t now, int late)
{
	if (now < link_dead_at(l))
		return 0;
	if (!late)
		return link_fail(l, ETIMEDOUT, l->phase == LINK_UP ?
		    "it is silent" : "no handshake in time");
	l->heard = now + LINK_LATE_MS - LINK_DEAD_MS;
	l->since = now + LINK_LATE_MS - LINK_HANDSHAKE_MS;
	return 0;
}

/* Where something waits to be written, that is the sign of life: nothing piles
 * up before a peer that does not read. */
static int
link_beat(struct link *l, int64_t now)
{
	struct msg m;

	if (l->phase != LINK_UP || now < l->sent + LINK_ALIVE_MS)
		return 0;
	l->sent = now;
	if (buf_len(l->out) > 0)
		return 0;
	memset(&m, 0, sizeof(m));
	m.type = MSG_ALIVE;
	return link_send(l, now, &m);
}

int
link_tick(struct link *l, int64_t now)
{
	int64_t due = link_deadline(l);

	if (now < due)
		return 0;
	if (link_judge_silence(l, now, now - due > LINK_LATE_MS) == -1)
		return -1;
	return link_beat(l, now);
}

const char *
link_eof_reason(const struct link *l)
{
	switch (l->phase) {
	case LINK_HELLO:
		return l->dialler ? "closed before its hello" :
		    "closed without a hello";
	case LINK_PROOF:
		return "closed during the handshake";
	case LINK_UP:
		return "closed by the peer";
	case LINK_DOWN:
		break;
	}
	return l->why;
}

int
link_is_hello(const unsigned char *p, size_t n)
{
	struct msg m;
	unsigned type;
	size_t len;
	int head;

	if (n > 0 && p[0] != MSG_HELLO)
		return -1;
	head = tlv_head(p, n, &type, &len);
	if (head <= 0)
		return head;
	if (len > MSG_HELLO_MAX)
		return -1;
	if (len > n - (size_t)head)
		return 0;
	return link_decode_hello(&m, slice_of(p + head, len)) == -1 ? -1 : 1;
}
