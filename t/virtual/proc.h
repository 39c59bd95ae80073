#ifndef SIM_PROC_H
#define SIM_PROC_H

/*
 * A process: a core on its hub, as in a program (hub.c, conn.c, link.c), over
 * the virtual loop and network. It may be slow (each turn comes late) or
 * stopped (none does for a while). Its clock is its own: it began anywhere, and
 * may jump forward, never back.
 *
 * Between the hub and the core stands a watcher, which passes all on: what the
 * hub says to the core, and, by an outbox of its own, what the core wants of
 * the hub. So checkers see both, and what hub.h promises to cores is checked.
 */

#include "hub.h"
#include "t/virtual/net.h"

enum proc_kind {
	PROC_AUTHORITY,
	PROC_BROKER,
	PROC_EXCHANGE,
	PROC_LISTENER,
	PROC_CHANNEL,
	PROC_PLB,
	PROC_CALLER,
	PROC_KINDS
};

#define PROC_LISTENS 2

struct account;
struct proc;
struct world;

/* A link of it that is up. */
struct linked {
	struct proc *proc;
	struct sock *sock;   /* NULL: it is closed */
	uint32_t handle;
	unsigned role;
	struct id instance;
	int64_t drained_at;  /* world time: its peer said that it does */
	struct chain spoken; /* those that were spoken to in this turn */
	struct account *accounts; /* of streams: window.c */
};

struct proc {
	struct world *world;
	struct proc *prev, *next;
	enum proc_kind kind;
	unsigned host;
	unsigned module;    /* of an exchange, listener or PLB */
	uint32_t number;    /* no other has, or had, it */
	uint32_t parent;    /* likewise; 0: its supervisor's */
	uint32_t child_tag; /* what the parent calls it */
	char name[48];

	struct loop *loop;
	struct hub hub;
	struct hub_listen *listens[PROC_LISTENS];
	const struct core_ops *ops;
	void *core;
	struct outbox *out; /* the core's */
	struct outbox tap;  /* the hub's */
	struct rng rng;

	/* What the program around the core does; any may be NULL. */
	void (*act)(struct proc *, const struct act *);
	void (*work)(struct proc *); /* at the beginning of each turn */
	void (*ended)(struct proc *); /* it is over: what it had is freed */
	void *role;

	struct event turn, stopping;
	int64_t skew; /* its clock less the world's */
	int64_t late_at; /* the last time that it stood still ended then */
	int64_t jumped_at;
	int64_t slow_ms, asleep_until;
	int64_t turn_at; /* the last turn, and how many at that time */
	unsigned turns;
	int over;
	enum ending ending; /* how its sockets end that it closes */

	/* What checkers keep of it. */
	struct map linked;     /* links that are up, by the peer's instance */
	struct linked **slots; /* the same by the handle's slot */
	uint32_t *handles;     /* that the slot had last */
	size_t nslots;
	struct chain spoken;   /* of them: to whom something was said */
	struct sock *replaced; /* by the link that is about to come up */
	struct agent *agent;
	struct watched *watched;
	size_t nwatched;
	uint64_t expired;    /* of an exchange: reservations that did */
	int retired;	     /* and it was seen to retire */
	int64_t surplus_at;  /* not its authority's to run since; 0: it is */
	int64_t retired_at;  /* of an authority: the last time that one of its
				exchanges did, 0: never */
	int64_t lost_at;     /* of a broker: a link to an exchange, then; of an
				exchange: its authority, one to another that
				was to run one, too */
	int64_t dials_at;    /* of a PLB: since then ... */
	unsigned dials;	     /* ... so many */
	uint64_t cut;	     /* of a channel: tokens not granted again */
	int heedless;	     /* a PLB: it does not hear what it may keep */
	int due;	     /* in a census */
	unsigned runs;
	uint64_t sum;
};

/* The process that runs: its descriptors are what net.h's are. */
extern struct proc *proc_running;

/* Be this process, as if it had called; returns the one that ran before. */
struct proc *proc_as(struct proc *);

/* A process without a core yet, on that host; name is for the trace. */
struct proc *proc_new(struct world *, enum proc_kind, unsigned host,
    unsigned role, const char *name);
void proc_core(struct proc *, const struct core_ops *, void *core,
    struct outbox *);
/* 0, or -1 when the address is taken. */
int proc_listen(struct proc *, const char *address);
void proc_unlisten(struct proc *);

/* What its clock says. */
int64_t proc_now(const struct proc *);
/* Its clock jumps forward. */
void proc_jump(struct proc *, int64_t ms);

/* The process does something in its next turn. */
void proc_wake(struct proc *);
/* After a call of the program's own into the core. */
void proc_deliver(struct proc *);
void proc_dial(struct proc *, const char *address);
/* The descriptor becomes the process's. Returns the link's handle. */
uint32_t proc_adopt(struct proc *, int fd, int dialler, uint32_t tag);
/* The same for one of which another process has shaken hands. */
void proc_resume(struct proc *, int fd, const unsigned char *session,
    uint32_t tag);
/* It ends when all is written, or after within_ms. */
void proc_stop(struct proc *, int64_t within_ms);
/* It is no more, from now on. */
void proc_kill(struct proc *, enum ending);

/* By number: NULL when it is gone. */
struct proc *proc_find(const struct world *, uint32_t number);
/* Is it linked to the other? */
int proc_linked(const struct proc *, const struct proc *other);

/* watcher.c */
extern const struct core_ops watcher_ops; /* of a proc */
void watcher_free(struct proc *);
/* What the core wants goes on to the hub. */
void watcher_pass_on(struct proc *);
struct linked *watcher_find(const struct proc *, uint32_t handle);
/* A turn is over: look at the queues of those that were spoken to in it. */
void watcher_step(struct proc *);
/* The process closes a connection of its hub. */
void watcher_closed(struct proc *, const struct sock *);

/* loop.c */
int loop_turn(struct loop *); /* does it wait now for what comes? */
int loop_is_stopped(const struct loop *);
int loop_is_due(const struct loop *); /* it has a timer to run */
/* The process's clock has changed. */
void loop_set_clock(struct loop *);
/* The network says more of a socket. */
void loop_changed(struct sock *);

/* descriptor.c: descriptors of the running process */
/* Give it one for the socket. */
int descriptor_open(struct sock *);
/* The socket; what: what is done to it, for the words that say that it has none
 * there. */
struct sock *descriptor_sock(int fd, const char *what);
/* A listening one; -1 when the address is taken. */
int descriptor_listen(const char *address);
/* It is another process's from now on. */
void descriptor_give(int fd, struct proc *);
/* One that the hub has not got. */
void descriptor_close(int fd, enum ending);

#endif
