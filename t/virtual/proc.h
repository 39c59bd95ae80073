#ifndef SIM_PROC_H
#define SIM_PROC_H

/*
 * A process: a core and its driver. proc.c and tie.c do on the virtual network
 * what hub.c and hub_link.c do on sockets, turn by turn, and in the same order:
 * timers, then what was put off, then input, then what was put off. A process
 * may be slow (each turn comes late) or stopped (none does for a while). Its
 * clock is its own: it began anywhere, and may jump forward, never back.
 */

#include "core.h"
#include "link.h"
#include "peers.h"
#include "t/virtual/net.h"

#define PROC_OUT_MAX (64u * 1024 * 1024)

enum proc_kind {
	PROC_AUTHORITY,
	PROC_BROKER,
	PROC_EXCHANGE,
	PROC_LISTENER,
	PROC_CHANNEL,
	PROC_PLB,
	PROC_KINDS
};

struct proc;
struct world;

/* A connection of it. */
struct tie {
	struct proc *proc;
	struct sock *sock;
	struct link link;
	struct buf inq, outq;
	struct event timer;
	uint32_t handle, tag;
	int connecting, up, target, throttled, closing, draining;
	int due;	/* its timer is */
	int woken;	/* its socket says something */
	int listed;	/* among the ready */
	int reshow;	/* inq is to be shown again */
	int error;
	int64_t wrote;	 /* some of what was queued went then */
	int64_t waiting; /* since then it is to go */
	int64_t drained_at; /* world time: its peer said that it does */
	struct tie *next_ready;
	char address[ADDRESS_MAX + 1];
};

/* Somewhere to accept. */
struct door {
	struct listen listen;
	struct door *next;
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

	const struct core_ops *ops;
	void *core;
	struct outbox *out;
	struct link_self self;
	struct peers peers;
	uint64_t dialled; /* connections, ever */
	struct rng rng;
	unsigned serves;

	/* What the program around the core does; any may be NULL. */
	void (*act)(struct proc *, const struct act *);
	void (*accept)(struct proc *, struct sock *);
	void (*work)(struct proc *); /* at the beginning of each turn */
	void (*ended)(struct proc *); /* it is over: what it had is freed */
	void *role;

	struct map linked; /* ties that are up, by the peer's instance */
	struct tie **ties; /* by slot */
	size_t nties, used, free_hint;
	uint16_t generation;
	struct tie *ready, **ready_tail;
	struct door *doors;
	struct sock **waiting; /* to be accepted */
	size_t nwaiting;

	struct event turn, timer, stopping;
	int64_t skew; /* its clock less the world's */
	int64_t late_at; /* the last time that it stood still ended then */
	int64_t jumped_at;
	int64_t slow_ms, asleep_until;
	int64_t turn_at; /* the last turn, and how many at that time */
	unsigned turns;
	int timer_due, deliver, stop, over;

	/* What checkers keep of it. */
	struct agent *agent;
	struct watched *watched;
	size_t nwatched;
	uint64_t expired;    /* of an exchange: reservations that did */
	int retired;	     /* and it was seen to retire */
	int64_t surplus_at;  /* not its authority's to run since; 0: it is */
	int64_t retired_at;  /* of an authority: the last time that one of its
				exchanges did, 0: never */
	int64_t lost_at;     /* of a broker: a link to an exchange, then */
	int64_t dials_at;    /* of a PLB: since then ... */
	unsigned dials;	     /* ... so many */
	int due;	     /* in a census */
	unsigned runs;
	uint64_t sum;
};

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
void proc_flush(struct proc *);
int proc_dial(struct proc *, struct slice address, enum dial, uint32_t tag);
uint32_t proc_adopt(struct proc *, struct sock *, int dialler, uint32_t tag);
/* It ends when all is written, or after within_ms. */
void proc_stop(struct proc *, int64_t within_ms);
/* It is no more, from now on. */
void proc_kill(struct proc *, enum ending);

/* By number: NULL when it is gone. */
struct proc *proc_find(const struct world *, uint32_t number);
/* Is it linked to the other? */
int proc_linked(const struct proc *, const struct proc *other);

/* tie.c */

struct tie *tie_new(struct proc *, struct sock *, int dialler, uint32_t tag,
    struct slice address);
struct tie *tie_find(const struct proc *, uint32_t handle);
void tie_send(struct tie *, struct slice frame);
void tie_close(struct tie *, int error);
void tie_drain(struct tie *);
void tie_timer(struct tie *);
void tie_input(struct tie *);
/* Write what is queued; what was closed is over then: 1, and it is freed. */
int tie_flush(struct tie *);
void tie_free(struct tie *, enum ending);
void tie_arm(struct tie *);

#endif
