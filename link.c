#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "bytes.h"
#include "fail.h"
#include "link.h"

#define LINK_KEEP (64 * 1024) /* bytes kept of what was opened: link_trim() */
#define LINK_AHEAD 16	     /* see link_room() */
#define NO_KEY	  "a key is required: give both ends the same (-k)"
#define OTHER_KEY "it has another key: give both ends the same (-k)"

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

/* Our hello. */

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

/*
 * How far apart heartbeats may be, in seconds; 0 stands for LINK_ALIVE_MS. A
 * broker that dials says what it would like, as it does not know yet what the
 * other end is, and an authority answers with what it takes.
 */
static uint64_t
link_say_beat(const struct link *l)
{
	if (l->dialler)
		return l->self->role == ROLE_BROKER ? LINK_SLOW_MS / 1000 : 0;
	return l->beat > LINK_ALIVE_MS ? (uint64_t)l->beat / 1000 : 0;
}

/* Both ends come to the same. */
static void
link_hear_beat(struct link *l, const struct msg_hello *h)
{
	int slow = l->dialler ? l->self->role == ROLE_BROKER :
	    l->self->role == ROLE_AUTHORITY && 1u << h->role == ROLE_BROKER;

	if (!slow || h->beat <= LINK_ALIVE_MS / 1000)
		return;
	l->beat = h->beat < LINK_SLOW_MS / 1000 ? (int)h->beat * 1000 :
	    LINK_SLOW_MS;
}

static void
link_make_hello(const struct link *l, struct msg *m)
{
	int to_ctl = l->role == ROLE_CTL && l->self->to_ctl != 0;

	memset(m, 0, sizeof(*m));
	m->type = MSG_HELLO;
	m->u.hello.low = m->u.hello.high = MSG_VERSION;
	m->u.hello.role = link_role_number(to_ctl ? l->self->to_ctl :
	    l->self->role);
	m->u.hello.instance = l->self->instance;
	m->u.hello.dialled = l->dialler ? l->dialled : 0;
	m->u.hello.beat = link_say_beat(l);
}

static int
link_send_hello(struct link *l, int64_t now)
{
	struct msg m;

	link_make_hello(l, &m);
	return link_send(l, now, &m);
}

/* Message 1 or 2, with our hello in it, after its length. */
static int
link_send_noise(struct link *l, int64_t now)
{
	unsigned char hello[LINK_HANDSHAKE_MAX - NOISE_HEAD], *p;
	struct link_handshake *h = l->handshake;
	struct tlv_writer w;
	struct msg m;
	size_t len;
	int r = 0;

	link_make_hello(l, &m);
	tlv_writer_init(&w, hello, sizeof(hello));
	r = msg_encode(&m, &w);
	assert(r == 0);
	len = (size_t)(w.p - hello);
	p = buf_reserve(l->out, 2 + NOISE_HEAD + len);
	if (p == NULL)
		return link_no_room(l);
	p = put16(p, (unsigned)(NOISE_HEAD + len));
	if (l->dialler)
		noise_write_first(&h->noise, h->secret, hello, len, p);
	else
		r = noise_write_second(&h->noise, h->secret, hello, len, p);
	noise_wipe(h->secret, sizeof(h->secret));
	if (r == -1)
		return link_fail(l, EPROTO, "its handshake is malformed");
	buf_commit(l->out, 2 + NOISE_HEAD + len);
	l->raw += (unsigned)(2 + NOISE_HEAD + len);
	l->sent = now;
	return 0;
}

void
link_key(struct link_key *key, const void *bytes, size_t len)
{
	unsigned char digest[SHA256_SIZE];
	struct hmac mac;

	noise_psk(key->psk, bytes, len);
	hmac_init(&mac, key->psk, sizeof(key->psk));
	hmac_update(&mac, "fingerprint", 11);
	hmac_final(&mac, digest);
	memcpy(key->print, digest, sizeof(key->print));
}

static void
link_begin_noise(struct link *l, const struct link_key *key)
{
	memcpy(l->print, key->print, sizeof(l->print));
	noise_init(&l->handshake->noise, key->psk, NOISE_PROLOGUE,
	    strlen(NOISE_PROLOGUE));
}

static void
link_set_up(struct link *l, const struct link_self *self, struct buf *out,
    int64_t now)
{
	memset(l, 0, sizeof(*l));
	l->self = self;
	l->out = out;
	l->phase = LINK_HELLO;
	l->since = l->heard = l->sent = now;
	l->time = LINK_HANDSHAKE_MS;
	l->beat = LINK_ALIVE_MS;
	buf_init(&l->in, self->message_max + MSG_HEAD_MAX + LINK_RECORD_MAX);
	l->in.keep = LINK_KEEP;
}

int
link_init(struct link *l, const struct link_self *self, uint64_t dialled,
    int sealed, const unsigned char *secret, struct buf *out, int64_t now)
{
	link_set_up(l, self, out, now);
	l->dialler = dialled != 0;
	l->dialled = dialled;
	l->sealed = sealed != 0;
	if ((l->handshake = calloc(1, sizeof(*l->handshake))) == NULL)
		return link_fail(l, ENOMEM, "out of memory");
	memcpy(l->handshake->secret, secret, X25519_SIZE);
	if (!l->dialler)
		return 0;
	if (!sealed)
		return link_send_hello(l, now);
	if (self->nkeys == 0)
		return link_fail(l, EACCES, NO_KEY);
	link_begin_noise(l, &self->keys[0]);
	return link_send_noise(l, now);
}

/* Free what only the handshake needed. */
static void
link_shaken(struct link *l)
{
	if (l->handshake == NULL)
		return;
	noise_wipe(l->handshake, sizeof(*l->handshake));
	free(l->handshake);
	l->handshake = NULL;
}

void
link_free(struct link *l)
{
	buf_free(&l->in);
	link_shaken(l);
	noise_wipe(&l->send, sizeof(l->send));
	noise_wipe(&l->receive, sizeof(l->receive));
}

void
link_trim(struct link *l)
{
	buf_trim(&l->in);
}

/* The peer's hello. */

static const char *
link_decode_why(void)
{
	if (errno == ERANGE)
		return "a field is over its bound";
	return errno == EBADMSG ? "it cannot be decoded" :
	    "it breaks the protocol";
}

static int
link_decode_hello(struct link *l, struct msg *m, struct slice value)
{
	const struct msg_hello *h = &m->u.hello;
	int r = msg_decode(m, MSG_HELLO, value);

	if (r != -1 && (h->low > h->high || id_is_zero(&h->instance)))
		r = fail(EPROTO);
	if (r == -1)
		return link_fail(l, errno, "its hello is malformed, or it "
		    "speaks protocol 1");
	link_hear_beat(l, h);
	return 0;
}

/* A well-formed hello: can there be a link to its sender? */
static int
link_judge_hello(struct link *l, const struct msg_hello *h)
{
	if (id_equal(&h->instance, &l->self->instance))
		return link_fail(l, ELOOP, "it is this process itself");
	if (h->low > MSG_VERSION || h->high < MSG_VERSION)
		return link_fail(l, EPROTONOSUPPORT,
		    "no protocol version in common");
	l->role = 1u << h->role;
	l->instance = h->instance;
	if (!l->dialler)
		l->dialled = h->dialled;
	return 0;
}

/*
 * The acceptor answers before it judges: a process that dialled itself, or
 * speaks another version, learns it from our hello rather than from a silent
 * end.
 */
static int
link_take_hello(struct link *l, int64_t now, struct slice value)
{
	struct msg m;

	if (link_decode_hello(l, &m, value) == -1)
		return -1;
	if (!l->dialler && link_send_hello(l, now) == -1)
		return -1;
	if (link_judge_hello(l, &m.u.hello) == -1)
		return -1;
	link_shaken(l);
	l->phase = LINK_UP;
	return 1;
}

/* The handshake of a sealed link. */

/* The hello that a message carries, and nothing else. */
static int
link_carried_hello(struct link *l, struct msg *m, struct slice payload)
{
	struct tlv t;

	if (tlv_next(&payload, &t) != 1 || t.type != MSG_HELLO ||
	    t.value.len > MSG_HELLO_MAX || payload.len > 0)
		return link_fail(l, EPROTO, "its handshake carries no hello");
	return link_decode_hello(l, m, t.value);
}

static void
link_split(struct link *l)
{
	if (l->dialler)
		noise_split(&l->handshake->noise, &l->send, &l->receive);
	else
		noise_split(&l->handshake->noise, &l->receive, &l->send);
	link_shaken(l);
	l->keyed = 1;
}

/*
 * Without a common key there is no link. An empty message tells the dialler: if
 * it only saw the end, it would have to try again, since we may have been
 * killed, or have no room.
 */
static int
link_refuse(struct link *l)
{
	unsigned char *p = buf_reserve(l->out, 2);

	if (p == NULL)
		return link_no_room(l);
	put16(p, 0);
	buf_commit(l->out, 2);
	l->raw += 2;
	return link_fail(l, EACCES, l->self->nkeys == 0 ? NO_KEY : OTHER_KEY);
}

static int
link_answer_first(struct link *l, int64_t now, struct slice payload)
{
	struct msg m;

	if (link_carried_hello(l, &m, payload) == -1)
		return -1;
	if (1u << m.u.hello.role == ROLE_CTL)
		l->role = ROLE_CTL;
	if (link_send_noise(l, now) == -1 ||
	    link_judge_hello(l, &m.u.hello) == -1)
		return -1;
	link_split(l);
	l->phase = LINK_FIRST;
	return 1;
}

/* Has this message 1 been here before? Remembers it. */
static int
link_is_repeated(struct link_memory *memory, struct slice message)
{
	const unsigned char *tag = message.p + message.len - 8;
	unsigned char (*tags)[8];
	size_t i;

	if (memory == NULL)
		return 0;
	for (i = 0; i < memory->n; i++)
		if (memcmp(memory->tags[i], tag, 8) == 0)
			return 1;
	/* Without more room, it forgets sooner. */
	tags = memory->next < memory->cap ? NULL : array_grow(memory->tags,
	    &memory->cap, memory->next + 1, LINK_MEMORY, sizeof(*tags));
	if (tags != NULL)
		memory->tags = tags;
	if (memory->next >= memory->cap)
		memory->next = 0;
	if (memory->cap == 0)
		return 0;
	memcpy(memory->tags[memory->next++], tag, 8);
	if (memory->n < memory->next)
		memory->n = memory->next;
	return 0;
}

/* No key costs any arithmetic on the curve before it opens the message. */
static int
link_take_first(struct link *l, int64_t now, struct slice message)
{
	unsigned char payload[LINK_HANDSHAKE_MAX];
	size_t i;

	for (i = 0; i < l->self->nkeys; i++) {
		link_begin_noise(l, &l->self->keys[i]);
		if (noise_read_first(&l->handshake->noise, message.p,
			message.len, payload) == -1)
			continue;
		if (link_is_repeated(l->self->memory, message))
			return link_fail(l, EPROTO, "its handshake is a "
			    "repeated one");
		return link_answer_first(l, now, slice_of(payload,
		    message.len - NOISE_HEAD));
	}
	return link_refuse(l);
}

static int
link_take_second(struct link *l, struct slice message)
{
	unsigned char payload[LINK_HANDSHAKE_MAX];
	struct msg m;

	if (message.len == 0)
		return link_fail(l, EACCES, "it refused our key (or is no "
		    "lambda): give both ends the same (-k)");
	if (noise_read_second(&l->handshake->noise, message.p, message.len,
		payload) == -1)
		return link_fail(l, EBADMSG, "its answer is not made with our "
		    "key");
	if (link_carried_hello(l, &m, slice_of(payload,
		message.len - NOISE_HEAD)) == -1 ||
	    link_judge_hello(l, &m.u.hello) == -1)
		return -1;
	link_split(l);
	l->first = 1;
	l->phase = LINK_UP;
	return 1;
}

static int
link_take_noise(struct link *l, int64_t now, struct slice *bytes)
{
	struct slice message;
	size_t len;

	if (!l->dialler && bytes->p[0] == MSG_HELLO)
		return link_fail(l, EPROTONOSUPPORT, "it speaks protocol 1");
	if (!l->dialler && bytes->p[0] != 0)
		return link_fail(l, EPROTO, "it does not begin with a "
		    "handshake");
	if (bytes->len < 2)
		return 0;
	len = get16(bytes->p);
	if (len > LINK_HANDSHAKE_MAX ||
	    (len < NOISE_HEAD && !(l->dialler && len == 0)))
		return link_fail(l, EPROTO, "its handshake is malformed");
	if (len > bytes->len - 2)
		return 0;
	message = slice_of(bytes->p + 2, len);
	*bytes = slice_of(message.p + len, bytes->len - 2 - len);
	l->heard = now;
	return l->dialler ? link_take_second(l, message) :
	    link_take_first(l, now, message);
}

/* Frames. */

/*
 * May a frame with this head come now? So no bytes are kept of a frame that may
 * not. Unknown odd types are allowed once the first frame was a hello.
 */
static int
link_check_head(struct link *l, unsigned type, size_t len)
{
	size_t max = l->phase == LINK_UP ? l->self->message_max : MSG_HELLO_MAX;

	if (l->phase == LINK_HELLO && type != MSG_HELLO)
		return link_fail(l, EPROTO, "it does not begin with a hello");
	if (msg_row(type) == NULL && type % 2 == 0)
		return link_fail(l, EPROTO, "a message of unknown type");
	if (l->phase == LINK_UP && type == MSG_HELLO)
		return link_fail(l, EPROTO, "a handshake within the link");
	if (len > max)
		return link_fail(l, EMSGSIZE,
		    "a message over the maximum size");
	return 0;
}

static int
link_take_alive(struct link *l, struct slice value)
{
	struct msg m;

	return msg_decode(&m, MSG_ALIVE, value) == -1 ?
	    link_fail(l, errno, link_decode_why()) : 1;
}

/* One frame off the front of plain bytes. */
static int
link_take_frame(struct link *l, int64_t now, struct slice *bytes,
    unsigned *type, struct slice *value)
{
	unsigned t;
	size_t len;
	int head = tlv_head(bytes->p, bytes->len, &t, &len);

	if (head == -1)
		return link_fail(l, errno, "it is not a message");
	if (head == 0)
		return 0;
	if (link_check_head(l, t, len) == -1)
		return -1;
	if (len > bytes->len - (size_t)head) {
		l->need = (size_t)head + len;
		return 0;
	}
	l->need = 0;
	*value = slice_of(bytes->p + head, len);
	*bytes = slice_of(value->p + len, bytes->len - (size_t)head - len);
	if (t == MSG_HELLO)
		return link_take_hello(l, now, *value);
	if (t == MSG_ALIVE)
		return link_take_alive(l, *value);
	*type = msg_row(t) == NULL ? 0 : t;
	return 1;
}

/* Records. */

/* The sealed bytes of the whole record at the front: 1, or 0 when it is not
 * whole, or -1 when it can be none. */
static int
link_record(const struct link *l, struct slice bytes, struct slice *sealed)
{
	size_t max = l->phase == LINK_FIRST ? LINK_FIRST_MAX : LINK_RECORD_MAX;
	size_t len;

	if (bytes.len < 2)
		return 0;
	len = get16(bytes.p);
	if (len < CHACHAPOLY_TAG || len > max + CHACHAPOLY_TAG)
		return -1;
	*sealed = slice_of(bytes.p + 2, len);
	return len <= bytes.len - 2;
}

/* Room for len bytes that are opened. If it has to grow for a long message, it
 * does so in few steps; but a length that is claimed takes no more memory than
 * LINK_AHEAD times what has come. */
static unsigned char *
link_room(struct link *l, size_t len)
{
	size_t have = buf_len(&l->in), most = LINK_AHEAD * (have + len);
	size_t need = l->need < most ? l->need : most;

	return buf_reserve(&l->in, need > have + len ? need - have : len);
}

/* Its bytes follow those that were opened before. The first record shows that
 * the dialler has the key, and is here now. */
static int
link_open(struct link *l, int64_t now, struct slice *bytes)
{
	struct slice sealed;
	unsigned char *p;
	size_t len;
	int r = link_record(l, *bytes, &sealed);

	if (r == -1)
		return link_fail(l, EPROTO, "it is not a record");
	if (r == 0)
		return 0;
	len = sealed.len - CHACHAPOLY_TAG;
	if ((p = link_room(l, len)) == NULL)
		return link_fail(l, errno, "out of memory");
	if (noise_open(&l->receive, sealed.p, sealed.len, p) == -1)
		return link_fail(l, EBADMSG, "a record is not authentic");
	buf_commit(&l->in, len);
	*bytes = slice_of(sealed.p + sealed.len,
	    bytes->len - 2 - sealed.len);
	l->heard = now;
	l->phase = LINK_UP;
	return 1;
}

/* A frame of what was opened, or else the next record. */
static int
link_take_sealed(struct link *l, int64_t now, struct slice *bytes,
    unsigned *type, struct slice *value)
{
	struct slice opened;
	size_t before;
	int r;

	buf_consume(&l->in, l->taken);
	l->taken = 0;
	opened = buf_slice(&l->in);
	before = opened.len;
	r = before > 0 ? link_take_frame(l, now, &opened, type, value) : 0;
	l->taken = (unsigned)(before - opened.len);
	return r == 0 ? link_open(l, now, bytes) : r;
}

int
link_input(struct link *l, int64_t now, struct slice *bytes, unsigned *type,
    struct slice *value)
{
	assert(l->phase != LINK_DOWN);
	*type = 0;
	if (l->keyed)
		return link_take_sealed(l, now, bytes, type, value);
	if (bytes->len == 0)
		return 0;
	if (l->phase == LINK_HELLO && !l->dialler && bytes->p[0] == 0)
		l->sealed = 1;
	if (l->sealed)
		return link_take_noise(l, now, bytes);
	l->heard = now;
	return link_take_frame(l, now, bytes, type, value);
}

/* Seal what is queued, in whole records except the last. */

static int
link_seal_record(struct link *l, struct buf *wire)
{
	size_t max = l->first ? LINK_FIRST_MAX : LINK_RECORD_MAX;
	size_t len = buf_len(l->out) < max ? buf_len(l->out) : max;
	unsigned char *p = buf_reserve(wire, len + LINK_RECORD_HEAD);

	if (p == NULL)
		return -1;
	if (noise_seal(&l->send, buf_slice(l->out).p, len,
		put16(p, (unsigned)(len + CHACHAPOLY_TAG))) == -1)
		return fail(EOVERFLOW);
	buf_commit(wire, len + LINK_RECORD_HEAD);
	buf_consume(l->out, len);
	l->first = 0;
	return 0;
}

int
link_seal(struct link *l, struct buf *wire)
{
	size_t before;

	if (l->raw > 0) {
		if (buf_append(wire, buf_slice(l->out).p, l->raw) == -1)
			return -1;
		buf_consume(l->out, l->raw);
		l->raw = 0;
	}
	if (!l->keyed)
		return 0;
	before = buf_len(wire);
	if (buf_len(l->out) > LINK_RECORD_MAX &&
	    buf_reserve(wire, LINK_SEAL_MAX) == NULL) /* not bit by bit */
		return -1;
	while ((l->first || buf_len(l->out) > 0) &&
	    buf_len(wire) - before <= LINK_SEAL_MAX - LINK_RECORD_MAX -
	    LINK_RECORD_HEAD)
		if (link_seal_record(l, wire) == -1)
			return -1;
	return 0;
}

/* Time. */

void
link_heard(struct link *l, int64_t now)
{
	l->heard = now;
}

void
link_connected(struct link *l, int64_t now)
{
	l->since = l->heard = now;
	l->time = LINK_WAIT_MS;
}

void
link_sent(struct link *l, int64_t now)
{
	l->sent = now;
}

int64_t
link_silence(const struct link *l)
{
	return LINK_DEAD_BEATS * (int64_t)l->beat;
}

/* When the peer is given up, if nothing comes. */
static int64_t
link_dead_at(const struct link *l)
{
	return l->phase == LINK_UP ? l->heard + link_silence(l) :
	    l->since + l->time;
}

/* Signs of life of all links are due at the same moments, a little early, so
 * that a process of many links does not wake for each. */
static int64_t
link_alive_at(const struct link *l)
{
	int64_t at = l->sent + l->beat;

	return at - at % LINK_GRAIN_MS;
}

int64_t
link_deadline(const struct link *l)
{
	int64_t dead = link_dead_at(l), alive = link_alive_at(l);

	if (l->phase == LINK_DOWN)
		return INT64_MAX;
	return l->phase == LINK_UP && alive < dead ? alive : dead;
}

/*
 * In a turn that is late itself, bytes that came in time may still be in the
 * socket, so it gives up no peer: both clocks get another LINK_LATE_MS.
 */
static int
link_judge_silence(struct link *l, int64_t now, int late)
{
	if (now < link_dead_at(l))
		return 0;
	if (!late)
		return link_fail(l, ETIMEDOUT, l->phase == LINK_UP ?
		    "it is silent" : "no handshake in time");
	l->heard = now + LINK_LATE_MS - link_silence(l);
	l->since = now + LINK_LATE_MS - l->time;
	return 0;
}

/* If something waits to be written, that is the sign of life: nothing piles up
 * for a peer that does not read. */
static int
link_beat(struct link *l, int64_t now)
{
	struct msg m;

	if (l->phase != LINK_UP || now < link_alive_at(l))
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
	case LINK_FIRST:
		return "closed during the handshake";
	case LINK_UP:
		return "closed by the peer";
	case LINK_DOWN:
		break;
	}
	return l->why;
}

/* From one process to the next. */

int
link_is_first(const struct link *l, const unsigned char *p, size_t n)
{
	unsigned char text[LINK_FIRST_MAX];
	struct noise_cipher receive = l->receive;
	struct slice sealed;
	int r;

	assert(l->phase == LINK_FIRST);
	r = link_record(l, slice_of(p, n), &sealed);
	if (r == 1 && noise_open(&receive, sealed.p, sealed.len, text) == -1)
		r = -1;
	noise_wipe(&receive, sizeof(receive));
	return r;
}

void
link_export(const struct link *l, unsigned char session[LINK_SESSION])
{
	unsigned char *p = session;

	assert(l->phase == LINK_FIRST && l->send.count == 0 &&
	    l->receive.count == 0);
	*p++ = (unsigned char)link_role_number(l->role);
	memcpy(p, l->self->instance.b, ID_SIZE);
	memcpy(p + ID_SIZE, l->instance.b, ID_SIZE);
	p = put32(p + 2 * ID_SIZE, (uint32_t)(l->dialled >> 32));
	p = put32(p, (uint32_t)l->dialled);
	memcpy(p, l->receive.key, CHACHAPOLY_KEY);
	memcpy(p + CHACHAPOLY_KEY, l->send.key, CHACHAPOLY_KEY);
}

struct id
link_session_self(const unsigned char session[LINK_SESSION])
{
	struct id id;

	memcpy(id.b, session + 1, ID_SIZE);
	return id;
}

void
link_resume(struct link *l, const struct link_self *self,
    const unsigned char session[LINK_SESSION], struct buf *out, int64_t now)
{
	const unsigned char *p = session + 1 + ID_SIZE;

	link_set_up(l, self, out, now);
	l->phase = LINK_FIRST;
	l->sealed = l->keyed = 1;
	l->role = 1u << (session[0] % ROLE_COUNT);
	memcpy(l->instance.b, p, ID_SIZE);
	p += ID_SIZE;
	l->dialled = (uint64_t)get32(p) << 32 | get32(p + 4);
	memcpy(l->receive.key, p + 8, CHACHAPOLY_KEY);
	memcpy(l->send.key, p + 8 + CHACHAPOLY_KEY, CHACHAPOLY_KEY);
}
