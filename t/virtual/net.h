#ifndef SIM_NET_H
#define SIM_NET_H

/*
 * The virtual network: stream sockets between hosts, with latency, a bounded
 * window, and what can go wrong. A connection keeps its bytes in order and
 * loses none; where hosts are cut off from each other they wait, as TCP sends
 * again, and a host without power answers nothing. Sockets within a host (Unix
 * sockets and pairs) know neither latency nor faults.
 *
 * descriptor.c gives processes descriptors for these sockets, with which
 * conn.c, acceptor.c and hub.c do what they do to those of a kernel (net.h).
 */

#include <sys/types.h>

#include "chain.h"
#include "map.h"
#include "rng.h"
#include "slice.h"
#include "t/virtual/event.h"

#define NET_ADDRESS 64		/* bytes of an address's text, with its NUL */
#define NET_WINDOW  (64 * 1024) /* bytes under way or unread, a direction */
#define NET_CUTS    16

struct proc;
struct watch;
struct linked;
struct segment;

struct segments {
	struct segment *head, **tail;
};

/* One end of a connection, or a socket that listens. */
struct sock {
	struct net *net;
	struct sock *peer;  /* the other end; they are freed together */
	struct chain chain; /* all sockets */
	struct chain queue; /* the backlog that it is in, or the ready ones of
			       its process's loop */
	struct chain backlog; /* of one that listens: to be accepted */
	unsigned host, port;  /* port 0: a Unix socket, or one of a pair */
	uint64_t number;      /* of the connection */
	uint64_t beat;	      /* the one that it was preferred to last */
	struct segments way, in; /* on their way here; arrived: sock_read() */
	size_t flight;	    /* bytes in both */
	size_t taken;	    /* of the first that arrived */
	struct event arrive;
	int64_t last;	    /* when the last on its way arrives */
	int64_t heard;	    /* when something did */
	int error;	    /* an errno: there is nothing any more */
	unsigned listening : 1;
	unsigned local : 1;	 /* within a host */
	unsigned connecting : 1; /* its SYN is not answered yet */
	unsigned eof : 1;	 /* its peer sends no more */
	unsigned blocked : 1;	 /* it found the window full */
	unsigned closed : 1;

	/* Its process's. */
	struct proc *owner;
	int fd;
	struct watch *watch;
	void *conn;	    /* the last watch's arg */
	short events;	    /* what poll() is to say of it */
	struct linked *linked;
	unsigned char *key; /* of one that listens */
	size_t key_len;
};

struct cut { /* one way */
	unsigned from, to;
};

struct net {
	struct clock *clock;
	struct rng rng;
	struct map listens;	/* sockets by host and port, or host and path */
	struct chain socks;
	void (*changed)(struct sock *); /* poll() may say more of it */
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

/* "10.A.B.C:PORT"; port 0: without it. */
void net_address(unsigned host, unsigned port, char buf[NET_ADDRESS]);

/* Where a socket listens or connects to: a port of a host, or with port 0 a
 * path on it. */
struct place_on {
	unsigned host, port;
	const char *path;
};

/* NULL when the place is taken. */
struct sock *sock_listen(struct net *, const struct place_on *);
struct sock *sock_connect(struct net *, unsigned host,
    const struct place_on *to);
void sock_pair(struct net *, unsigned host, struct sock *ends[2]);

/* The next of the backlog, or NULL. */
struct sock *sock_accept(struct sock *);

/* As read(), write() and recv(MSG_PEEK) on a socket that does not block. */
ssize_t sock_read(struct sock *, unsigned char *, size_t);
ssize_t sock_write(struct sock *, const unsigned char *, size_t);
size_t sock_peek(const struct sock *, unsigned char *, size_t);

/* Of POLLIN, POLLOUT, POLLERR, POLLHUP, what poll() would say. */
short sock_poll(const struct sock *);

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
