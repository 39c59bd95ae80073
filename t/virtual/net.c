#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "fail.h"
#include "t/virtual/net.h"

#define AGAIN_MS  200 /* what was lost is sent again after */
#define PORT_BASE 32768
#define PORTS	  20000 /* of diallers */
#define KEY_MAX	  128	/* bytes of a place */

enum kind { SYN, ACK, DATA, FIN, RST };

struct segment {
	struct segment *next;
	int64_t at;
	enum kind kind;
	int error;	/* of RST */
	size_t len;
	unsigned char bytes[];
};

static void
segments_append(struct segments *q, struct segment *g)
{
	g->next = NULL;
	if (q->head == NULL)
		q->tail = &q->head;
	*q->tail = g;
	q->tail = &g->next;
}

static struct segment *
segments_take(struct segments *q)
{
	struct segment *g = q->head;

	q->head = g->next;
	return g;
}

void
net_init(struct net *n, struct clock *clock, uint64_t seed, unsigned hosts)
{
	memset(n, 0, sizeof(*n));
	n->clock = clock;
	rng_seed(&n->rng, seed);
	map_init(&n->listens, seed);
	chain_init(&n->socks);
	n->hosts = hosts;
	n->side = calloc(hosts + 1, 1);
	n->off = calloc(hosts + 1, 1);
	assert(n->side != NULL && n->off != NULL);
}

static void
drop_segments(struct sock *s, struct segments *q)
{
	struct segment *g;

	while (q->head != NULL) {
		g = segments_take(q);
		s->flight -= g->len;
		free(g);
	}
}

static void
drop_all(struct sock *s)
{
	s->flight += s->taken;
	s->taken = 0;
	drop_segments(s, &s->in);
	drop_segments(s, &s->way);
	event_off(s->net->clock, &s->arrive);
}

static void
sock_free(struct sock *s)
{
	drop_all(s);
	if (s->listening)
		map_del(&s->net->listens, slice_of(s->key, s->key_len));
	chain_remove(&s->queue);
	chain_remove(&s->chain);
	free(s->key);
	free(s);
}

void
net_free(struct net *n)
{
	while (!chain_empty(&n->socks))
		sock_free(CHAIN_OWNER(n->socks.next, struct sock, chain));
	map_free(&n->listens);
	free(n->side);
	free(n->off);
}

void
net_address(unsigned host, unsigned port, char buf[NET_ADDRESS])
{
	snprintf(buf, NET_ADDRESS, port == 0 ? "10.%u.%u.%u" :
	    "10.%u.%u.%u:%u", host / 62500, host / 250 % 250, host % 250 + 1,
	    port);
}

/* Segments. */

int
net_blocked(struct net *n, unsigned from, unsigned to)
{
	unsigned i;

	if (n->side[from] != n->side[to]) {
		n->parted++;
		return 1;
	}
	if (n->off[to]) {
		n->unlit++;
		return 1;
	}
	for (i = 0; i < n->ncuts; i++)
		if (n->cuts[i].from == from && n->cuts[i].to == to) {
			n->cut_off++;
			return 1;
		}
	return 0;
}

void
net_cut(struct net *n, unsigned from, unsigned to)
{
	if (n->ncuts == NET_CUTS)
		return;
	n->cuts[n->ncuts].from = from;
	n->cuts[n->ncuts++].to = to;
}

void
net_heal(struct net *n)
{
	n->ncuts = 0;
	memset(n->side, 0, n->hosts + 1);
}

static int64_t
latency(struct net *n, const struct sock *s)
{
	if (s->local)
		return 0;
	return n->latency_min_ms + (int64_t)rng_below(&n->rng,
	    n->latency_max_ms - n->latency_min_ms + 1);
}

/* The same on every host, as long as all that is sent is. */
static void
digest_segment(struct net *n, const struct sock *to, const struct segment *g)
{
	unsigned char head[20], *p = head;

	p = put32(p, (uint32_t)((uint64_t)g->at >> 32));
	p = put32(p, (uint32_t)g->at);
	p = put32(p, (uint32_t)to->number);
	p = put32(p, to->host);
	put32(p, (uint32_t)g->kind);
	n->digest = map_hash(n->digest, slice_of(head, sizeof(head)));
	n->digest = map_hash(n->digest, slice_of(g->bytes, g->len));
}

static void
send_segment(struct sock *to, enum kind kind, int error, struct slice bytes)
{
	struct net *n = to->net;
	struct segment *g = malloc(sizeof(*g) + bytes.len);

	assert(g != NULL);
	g->kind = kind;
	g->error = error;
	g->len = bytes.len;
	if (bytes.len > 0)
		memcpy(g->bytes, bytes.p, bytes.len);
	g->at = n->clock->now + latency(n, to);
	if (g->at < to->last)
		g->at = to->last;
	to->last = g->at;
	to->flight += g->len;
	if (to->way.head == NULL)
		event_at(n->clock, &to->arrive, g->at);
	segments_append(&to->way, g);
	n->segments++;
	n->bytes += bytes.len;
	digest_segment(n, to, g);
}

static void
send_mark(struct sock *to, enum kind kind, int error)
{
	send_segment(to, kind, error, slice_of(NULL, 0));
}

static void
tell(struct sock *s)
{
	if (!s->closed)
		s->net->changed(s);
}

/* It is put into the backlog of the socket that listens there. */
static void
take_syn(struct sock *s)
{
	struct sock *l = map_get(&s->net->listens, slice_of(s->key,
	    s->key_len));

	if (l == NULL) {
		s->closed = 1;
		send_mark(s->peer, RST, ECONNREFUSED);
		return;
	}
	send_mark(s->peer, ACK, 0);
	free(s->key);
	s->key = NULL;
	chain_append(&l->backlog, &s->queue);
	tell(l);
}

static void
take(struct sock *s, struct segment *g)
{
	s->heard = s->net->clock->now;
	if (g->kind == DATA && !s->closed) {
		segments_append(&s->in, g);
		tell(s);
		return;
	}
	s->flight -= g->len;
	if (g->kind == SYN) {
		take_syn(s);
	} else if (s->closed) {
		if (g->kind == DATA && !s->peer->closed)
			send_mark(s->peer, RST, ECONNRESET);
	} else {
		if (g->kind == ACK)
			s->connecting = 0;
		else if (g->kind == FIN)
			s->eof = 1;
		else
			s->error = g->error;
		tell(s);
	}
	free(g);
}

static void
free_if_over(struct sock *s)
{
	struct sock *peer = s->peer;

	if (!s->closed || !peer->closed)
		return;
	sock_free(s);
	sock_free(peer);
}

static void
on_arrive(void *arg)
{
	struct sock *s = arg;
	struct net *n = s->net;
	enum kind kind = s->way.head->kind;

	if (!s->local && net_blocked(n, s->peer->host, s->host)) {
		if (kind == SYN && s->peer->closed) {
			s->closed = 1; /* nobody waits for the answer */
			free_if_over(s);
			return;
		}
		s->last = n->clock->now + AGAIN_MS;
		event_at(n->clock, &s->arrive, s->last);
		return;
	}
	take(s, segments_take(&s->way));
	if (s->way.head != NULL)
		event_at(n->clock, &s->arrive, s->way.head->at);
	free_if_over(s);
}

/* Sockets. */

static struct sock *
sock_new(struct net *n, unsigned host, int local)
{
	struct sock *s = calloc(1, sizeof(*s));

	assert(s != NULL);
	s->net = n;
	s->host = host;
	s->local = local != 0;
	s->fd = -1;
	s->heard = n->clock->now;
	event_init(&s->arrive, on_arrive, s);
	chain_init(&s->queue);
	chain_init(&s->backlog);
	chain_append(&n->socks, &s->chain);
	return s;
}

static void
set_key(struct sock *s, const struct place_on *at)
{
	unsigned char key[KEY_MAX], *p = put16(put32(key, at->host), at->port);
	size_t len = at->port == 0 ? strlen(at->path) : 0;

	assert(len <= (size_t)(key + sizeof(key) - p));
	if (len > 0)
		memcpy(p, at->path, len);
	s->key_len = (size_t)(p - key) + len;
	s->key = malloc(s->key_len);
	assert(s->key != NULL);
	memcpy(s->key, key, s->key_len);
}

struct sock *
sock_listen(struct net *n, const struct place_on *at)
{
	struct sock *s = sock_new(n, at->host, at->port == 0);
	int r;

	set_key(s, at);
	if (map_get(&n->listens, slice_of(s->key, s->key_len)) != NULL) {
		sock_free(s);
		return NULL;
	}
	s->port = at->port;
	s->listening = 1;
	r = map_put(&n->listens, slice_of(s->key, s->key_len), s);
	assert(r == 0);
	return s;
}

static void
join(struct sock *a, struct sock *b)
{
	a->peer = b;
	b->peer = a;
	a->number = b->number = ++a->net->connections;
}

struct sock *
sock_connect(struct net *n, unsigned host, const struct place_on *to)
{
	int local = to->port == 0 || to->host == host;
	struct sock *s = sock_new(n, host, local), *peer;

	peer = sock_new(n, to->host, local);
	join(s, peer);
	s->connecting = 1;
	if (to->port != 0) {
		peer->port = to->port;
		s->port = PORT_BASE + n->port++ % PORTS;
	}
	set_key(peer, to);
	send_mark(peer, SYN, 0);
	return s;
}

void
sock_pair(struct net *n, unsigned host, struct sock *ends[2])
{
	ends[0] = sock_new(n, host, 1);
	ends[1] = sock_new(n, host, 1);
	join(ends[0], ends[1]);
}

struct sock *
sock_accept(struct sock *l)
{
	struct sock *s = CHAIN_NEXT(&l->backlog, NULL, struct sock, queue);

	if (s != NULL)
		chain_remove(&s->queue);
	return s;
}

static void
took(struct sock *s, size_t n)
{
	s->flight -= n;
	if (s->peer->blocked && s->flight < NET_WINDOW / 2) {
		s->peer->blocked = 0;
		tell(s->peer);
	}
}

ssize_t
sock_read(struct sock *s, unsigned char *p, size_t max)
{
	struct segment *g;
	size_t n = 0, some;

	if (s->in.head == NULL && s->error != 0)
		return fail(s->error);
	if (s->in.head == NULL)
		return s->eof ? 0 : fail(EAGAIN);
	while (n < max && (g = s->in.head) != NULL) {
		some = g->len - s->taken < max - n ? g->len - s->taken :
		    max - n;
		memcpy(p + n, g->bytes + s->taken, some);
		n += some;
		s->taken += some;
		if (s->taken == g->len) {
			s->taken = 0;
			free(segments_take(&s->in));
		}
	}
	took(s, n);
	return (ssize_t)n;
}

size_t
sock_peek(const struct sock *s, unsigned char *p, size_t max)
{
	const struct segment *g;
	size_t n = 0, from = s->taken, some;

	for (g = s->in.head; n < max && g != NULL; g = g->next, from = 0) {
		some = g->len - from < max - n ? g->len - from : max - n;
		memcpy(p + n, g->bytes + from, some);
		n += some;
	}
	return n;
}

ssize_t
sock_write(struct sock *s, const unsigned char *p, size_t n)
{
	struct sock *to = s->peer;
	size_t room;

	if (s->error != 0 || (to->closed && s->local))
		return fail(EPIPE);
	room = to->flight < NET_WINDOW ? NET_WINDOW - to->flight : 0;
	if (room < n) {
		s->blocked = 1;
		n = room;
	}
	if (n == 0)
		return fail(EAGAIN);
	send_segment(to, DATA, 0, slice_of(p, n));
	return (ssize_t)n;
}

short
sock_poll(const struct sock *s)
{
	int events = 0;

	if (s->listening)
		return chain_empty(&s->backlog) ? 0 : POLLIN;
	if (s->error != 0)
		return POLLIN | POLLOUT | POLLERR | POLLHUP;
	if (s->connecting)
		return 0;
	if (s->in.head != NULL || s->eof)
		events |= POLLIN;
	if (!s->blocked || (s->local && s->eof))
		events |= POLLOUT;
	if (s->eof && s->local)
		events |= POLLHUP;
	return (short)events;
}

void
sock_close(struct sock *s, enum ending how)
{
	struct sock *waits;

	assert(!s->closed);
	s->closed = 1;
	chain_remove(&s->queue);
	s->owner = NULL;
	s->watch = NULL;
	s->linked = NULL;
	if (s->listening) {
		while ((waits = sock_accept(s)) != NULL)
			sock_close(waits, END_RESET);
		sock_free(s);
		return;
	}
	if (how == END_ORDERLY && s->in.head != NULL)
		how = END_RESET; /* what was not read is lost */
	if (!s->peer->closed && s->error == 0 && how != END_SILENT)
		send_mark(s->peer, how == END_RESET ? RST : FIN, ECONNRESET);
	s->flight += s->taken;
	s->taken = 0;
	drop_segments(s, &s->in);
	free_if_over(s);
}

void
net_reset(struct sock *s)
{
	struct sock *ends[2];
	int i;

	ends[0] = s;
	ends[1] = s->peer;
	for (i = 0; i < 2; i++) {
		if (ends[i]->closed)
			continue;
		drop_segments(ends[i], &ends[i]->way);
		event_off(s->net->clock, &ends[i]->arrive);
		ends[i]->error = ECONNRESET;
		s->net->resets++;
		tell(ends[i]);
	}
}
