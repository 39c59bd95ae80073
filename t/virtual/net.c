#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bigendian.h"
#include "t/virtual/net.h"

#define AGAIN_MS  200 /* what was lost is sent again after */
#define PORT_BASE 32768

enum kind { SYN, ACK, DATA, FIN, RST };

struct segment {
	struct segment *next;
	int64_t at;
	enum kind kind;
	int error;	/* of RST */
	size_t len;
	unsigned char bytes[];
};

void
net_init(struct net *n, struct clock *clock, uint64_t seed, unsigned hosts)
{
	memset(n, 0, sizeof(*n));
	n->clock = clock;
	rng_seed(&n->rng, seed);
	map_init(&n->listens, seed);
	n->hosts = hosts;
	n->side = calloc(hosts + 1, 1);
	n->off = calloc(hosts + 1, 1);
	assert(n->side != NULL && n->off != NULL);
}

static void
drop_segments(struct sock *s)
{
	struct segment *g;

	while ((g = s->head) != NULL) {
		s->head = g->next;
		s->flight -= g->len;
		free(g);
	}
	s->tail = &s->head;
	event_off(s->net->clock, &s->arrive);
}

static void
sock_free(struct sock *s)
{
	drop_segments(s);
	buf_free(&s->in);
	if (s->prev != NULL)
		s->prev->next = s->next;
	else
		s->net->socks = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	s->net->nsocks--;
	free(s);
}

void
net_free(struct net *n)
{
	while (n->socks != NULL)
		sock_free(n->socks);
	map_free(&n->listens);
	free(n->side);
	free(n->off);
}

void
net_address(unsigned host, unsigned port, char buf[NET_ADDRESS])
{
	snprintf(buf, NET_ADDRESS, port == 0 ? "10.0.%u.%u" : "10.0.%u.%u:%u",
	    host / 250, host % 250 + 1, port);
}

/* Listening. */

static void
make_key(char key[NET_ADDRESS], unsigned host, struct slice address)
{
	if (address.len > 0 && address.p[0] == '/')
		snprintf(key, NET_ADDRESS, "%u%.*s", host,
		    SLICE_ARG(address));
	else
		snprintf(key, NET_ADDRESS, "%.*s", SLICE_ARG(address));
}

int
net_listen(struct net *n, struct listen *l, unsigned host, const char *address)
{
	make_key(l->key, host, slice_str(address));
	l->host = host;
	if (map_get(&n->listens, slice_str(l->key)) != NULL)
		return -1;
	map_put(&n->listens, slice_str(l->key), l);
	return 0;
}

void
net_unlisten(struct net *n, struct listen *l)
{
	if (l->key[0] != '\0')
		map_del(&n->listens, slice_str(l->key));
	l->key[0] = '\0';
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
	g->next = NULL;
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
	if (to->head == NULL)
		event_at(n->clock, &to->arrive, g->at);
	*to->tail = g;
	to->tail = &g->next;
	n->segments++;
	n->bytes += bytes.len;
	digest_segment(n, to, g);
}

static void
tell(struct sock *s)
{
	if (!s->closed && s->ready != NULL)
		s->ready(s);
}

static void
take_syn(struct sock *s)
{
	struct listen *l = map_get(&s->net->listens, slice_str(s->own));

	if (l == NULL || l->accept == NULL) {
		s->closed = 1;
		send_segment(s->peer, RST, ECONNREFUSED, slice_of(NULL, 0));
		return;
	}
	send_segment(s->peer, ACK, 0, slice_of(NULL, 0));
	*strchr(s->own, s->tcp ? ':' : '/') = '\0';
	if (!s->tcp)
		s->own[0] = '\0';
	l->accept(l->arg, s);
}

static void
take(struct sock *s, struct segment *g)
{
	s->flight -= g->len;
	s->heard = s->net->clock->now;
	if (g->kind == SYN) {
		take_syn(s);
		return;
	}
	if (s->closed) {
		if (g->kind == DATA && !s->peer->closed)
			send_segment(s->peer, RST, ECONNRESET,
			    slice_of(NULL, 0));
		return;
	}
	if (g->kind == ACK)
		s->connecting = 0;
	else if (g->kind == FIN)
		s->eof = 1;
	else if (g->kind == RST)
		s->error = g->error;
	else {
		s->flight += g->len;
		buf_append(&s->in, g->bytes, g->len);
	}
	tell(s);
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
	struct segment *g = s->head;

	if (!s->local && net_blocked(n, s->peer->host, s->host)) {
		if (g->kind == SYN && s->peer->closed) {
			s->closed = 1; /* nobody waits for the answer */
			free_if_over(s);
			return;
		}
		s->last = n->clock->now + AGAIN_MS;
		event_at(n->clock, &s->arrive, s->last);
		return;
	}
	s->head = g->next;
	if (s->head == NULL)
		s->tail = &s->head;
	else
		event_at(n->clock, &s->arrive, s->head->at);
	take(s, g);
	free(g);
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
	s->local = local;
	s->tail = &s->head;
	s->heard = n->clock->now;
	buf_init(&s->in, 4 * NET_WINDOW);
	event_init(&s->arrive, on_arrive, s);
	if ((s->next = n->socks) != NULL)
		s->next->prev = s;
	n->socks = s;
	n->nsocks++;
	return s;
}

static void
join(struct sock *a, struct sock *b)
{
	a->peer = b;
	b->peer = a;
	a->number = b->number = ++a->net->connections;
}

/* The host of an address, as far as somebody listens there or it is ours. */
static unsigned
host_of(const struct net *n, struct slice address)
{
	unsigned a, b;
	char text[NET_ADDRESS];

	snprintf(text, sizeof(text), "%.*s", SLICE_ARG(address));
	if (sscanf(text, "10.0.%u.%u:", &a, &b) != 2 ||
	    a * 250 + b - 1 > n->hosts)
		return 0;
	return a * 250 + b - 1;
}

struct sock *
net_connect(struct net *n, unsigned host, struct slice address)
{
	int local = address.len > 0 && address.p[0] == '/';
	unsigned to = local ? host : host_of(n, address);
	struct sock *s = sock_new(n, host, local || to == host), *peer;

	peer = sock_new(n, to, s->local);
	join(s, peer);
	s->connecting = 1;
	s->tcp = peer->tcp = !local;
	if (!local) {
		net_address(host, 0, s->own);
		net_address(host, PORT_BASE + n->port++ % 20000,
		    peer->remote);
	}
	make_key(peer->own, host, address);
	send_segment(peer, SYN, 0, slice_of(NULL, 0));
	return s;
}

void
net_pair(struct net *n, unsigned host, struct sock *ends[2])
{
	ends[0] = sock_new(n, host, 1);
	ends[1] = sock_new(n, host, 1);
	join(ends[0], ends[1]);
}

size_t
sock_write(struct sock *s, struct slice bytes)
{
	struct sock *to = s->peer;
	size_t room;

	if (to->closed && s->local)
		return bytes.len;
	room = to->flight < NET_WINDOW ? NET_WINDOW - to->flight : 0;
	if (room < bytes.len) {
		to->starved = 1;
		bytes.len = room;
	}
	if (bytes.len > 0)
		send_segment(to, DATA, 0, bytes);
	return bytes.len;
}

void
sock_took(struct sock *s, size_t n)
{
	buf_consume(&s->in, n);
	s->flight -= n;
	if (s->starved && s->flight < NET_WINDOW / 2) {
		s->starved = 0;
		tell(s->peer);
	}
}

void
sock_close(struct sock *s, enum ending how)
{
	assert(!s->closed);
	s->closed = 1;
	s->ready = NULL;
	if (!s->peer->closed && s->error == 0 && how != END_SILENT)
		send_segment(s->peer, how == END_RESET ? RST : FIN,
		    ECONNRESET, slice_of(NULL, 0));
	s->flight -= buf_len(&s->in);
	buf_free(&s->in);
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
		drop_segments(ends[i]);
		ends[i]->error = ECONNRESET;
		s->net->resets++;
		tell(ends[i]);
	}
}
