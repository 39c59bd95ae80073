#ifndef SIM_NET_H
#define SIM_NET_H

/*
 * The virtual network: stream sockets between hosts, with latency, a bounded
 * window, and what can go wrong. A connection keeps its bytes in order and
 * loses none; where hosts are cut off from each other they wait, as TCP sends
 * again, and a host without power answers nothing. Sockets within a host
 * (addresses that begin with a slash, and pairs) know neither latency nor
 * faults.
 */

#include "buf.h"
#include "map.h"
#include "rng.h"
#include "slice.h"
#include "t/virtual/event.h"

#define NET_ADDRESS 64
#define NET_WINDOW  (64 * 1024) /* bytes under way or unread, a direction */

struct segment;

/* One end of a connection. */
struct sock {
	struct net *net;
	struct sock *peer;  /* the other end; they are freed together */
	struct sock *prev, *next;
	unsigned host;
	uint64_t number;    /* of the connection */
	uint64_t beat;	    /* the one that it was preferred to last */
	int local;	    /* within a host */
	int tcp;
	struct buf in;	    /* arrived: take it with sock_took() */
	struct segment *head, **tail; /* on their way here */
	struct event arrive;
	int64_t last;	    /* when the last of them arrives */
	int64_t heard;	    /* when something did */
	size_t flight;	    /* bytes under way here, or in `in' */
	int connecting, eof;
	int error;	    /* an errno: there is nothing any more */
	int starved;	    /* its writer found the window full */
	int closed;
	void (*ready)(struct sock *); /* something of this has changed */
	void *arg;
	char remote[NET_ADDRESS], own[NET_ADDRESS]; /* "" within a host */
};

struct listen {
	char key[NET_ADDRESS];
	unsigned host;
	void (*accept)(void *arg, struct sock *);
	void *arg;
};

struct cut { /* one way */
	unsigned from, to;
};

#define NET_CUTS 16

struct net {
	struct clock *clock;
	struct rng rng;
	struct map listens;	/* by key */
	struct sock *socks;
	size_t nsocks;
	unsigned hosts;		/* numbered from 1 */
	unsigned char *side;	/* of a partition, by host */
	unsigned char *off;	/* no power, by host */
	unsigned latency_min_ms, latency_max_ms;
	struct cut cuts[NET_CUTS];
	unsigned ncuts;
	uint32_t port;		/* the last one given to a dialler */
	uint64_t bytes, segments, connections;
	uint64_t digest;	/* of all segments: what, when, on which */
	uint64_t resets;
	/* How often a partition, a cut, a host without power was in the way. */
	uint64_t parted, cut_off, unlit;
};

void net_init(struct net *, struct clock *, uint64_t seed, unsigned hosts);
void net_free(struct net *);

/* "10.0.H.H:PORT"; port 0: without it. */
void net_address(unsigned host, unsigned port, char buf[NET_ADDRESS]);

/* 0, or -1 when the address is taken. The accepted socket is the callee's. */
int net_listen(struct net *, struct listen *, unsigned host,
    const char *address);
void net_unlisten(struct net *, struct listen *);

struct sock *net_connect(struct net *, unsigned host, struct slice address);
void net_pair(struct net *, unsigned host, struct sock *ends[2]);

/* How many of the bytes the window took. */
size_t sock_write(struct sock *, struct slice);
void sock_took(struct sock *, size_t n);
/* The socket is void. What was written still arrives; then the other end hears
 * of it: orderly, as a reset, or not at all (its host has no power). */
enum ending { END_ORDERLY, END_RESET, END_SILENT };
void sock_close(struct sock *, enum ending);

/* Faults. */
void net_reset(struct sock *); /* both ends lose the connection */
int net_blocked(struct net *, unsigned from, unsigned to);
void net_cut(struct net *, unsigned from, unsigned to);
void net_heal(struct net *); /* partitions and cuts are over */

#endif
