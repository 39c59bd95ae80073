#ifndef SIM_SIM_H
#define SIM_SIM_H

/*
 * A world of one seed: hosts with their processes on a virtual network, what is
 * asked of them, what goes wrong, and what must hold whatever does (the
 * promises of the design, by number).
 *
 *	event.c	  the clock
 *	net.c	  the network
 *	proc.c	  a process and its turns: hub.c and conn.c, over
 *	loop.c	  its loop,
 *	descriptor.c  its descriptors, and
 *	host.c	  its log, random bytes and key
 *	watcher.c what passes between hub and core
 *	role.c	  authorities, brokers, exchanges, PLBs as processes
 *	entry.c	  listeners, and their channels as they come and go
 *	staff.c	  the workers of a channel
 *	load.c	  requests and their answers
 *	caller.c  lambda-call as a filter, and an account of its records
 *	flow.c    lambda-call as it calls once: bodies that are streams,
 *	window.c  which keep to their windows
 *	plan.c	  what a seed draws
 *	fault.c	  what goes wrong
 *	check.c	  what must hold at any time
 *	trade.c	  the same at exchanges: what is reserved, whose turn it is
 *	contest.c and among buyers that compete: equal shares
 *	agent.c	  and at brokers: fills, and which exchanges they leave
 *	placing.c and at authorities: when exchanges start and retire
 *	census.c  who there is, sorted
 *	settle.c  what must hold in the end: who is linked to whom
 *	ledger.c  what must hold in the end: who holds how much
 *	world.c	  all of it together
 */

#include <stdarg.h>

#include "channel.h"
#include "stream.h"
#include "t/virtual/proc.h"

#define BOOTSTRAP_MAX 4
#define MSG_TYPES     64
#define CALLER_CAPACITY 16 /* requests in flight at most */
#define REST_MS	      10000 /* from the last answer until all is at rest */

struct census;

enum fault {
	FAULT_RESET,	 /* a connection is lost */
	FAULT_PARTITION, /* hosts in two halves */
	FAULT_CUT,	 /* one host does not reach another, one way */
	FAULT_CONTROL,	 /* an authority, exchange or broker is killed */
	FAULT_CRASH,	 /* a listener, channel or PLB is */
	FAULT_TERM,	 /* SIGTERM, and a new one soon */
	FAULT_POWER,	 /* a host */
	FAULT_SLOW,	 /* a process is */
	FAULT_STALL,	 /* a process stands still, and comes back late */
	FAULT_PUBLISH,	 /* new code */
	FAULT_WORKER,	 /* a worker dies */
	FAULT_SPAWN,	 /* a process cannot be started */
	FAULT_TAKEOVER,	 /* a PLB takes another's place */
	FAULT_JUMP,	 /* a host's clock jumps */
	FAULT_DEAF,	 /* a module's sellers refuse every connection */
	FAULT_KINDS
};

#define CONTEST_SELLERS 4 /* that compete, at most */
#define CONTEST_BUYERS	5

/* Something that a supervisor keeps running on a host. */
struct post {
	struct world *world;
	enum proc_kind kind;
	unsigned host;
	unsigned module;
	char address[NET_ADDRESS]; /* where it listens */
	const char *bootstrap[BOOTSTRAP_MAX];
	unsigned nbootstrap;
	uint32_t proc;		   /* number; 0: down */
	struct event start;
	int deserted;		   /* it is not to be there any more */

	uint64_t capacity, wanted; /* of listener and PLB */
	enum channel_mode mode;
	unsigned version, zone;	   /* sold, or asked for; 0: none, any */
	unsigned first_version;	   /* sold at the start */
	int same_port;

	/* A PLB's place is taken: who acquires, and who drains. */
	uint32_t coming, leaving;
	int64_t takes_at;
	struct event look;

	/* A PLB's callers. */
	struct event ask;
	unsigned pace_ms, burst, at_once; /* requests outstanding at most */
	unsigned retry_percent, cast_percent, limit_percent, abandon_percent;
	int hungry; /* after healing it always wants more */
	int heedless; /* it gives nothing back that it is asked for */
	/* As contest.c saw it last: */
	uint64_t held, shared, refusals;
	uint64_t turns; /* it has given its only token back since */
	uint64_t from[CONTEST_SELLERS]; /* held of each seller */
	/* And in the last turn of its PLB, and when it was last granted some;
	 * of each seller. */
	uint64_t has[CONTEST_SELLERS], base[CONTEST_SELLERS], given;
	int grew, based;
	size_t outstanding;
	int64_t progress; /* of what is outstanding: the last answer */
	char socket[16];  /* where it serves lambda-call */
};

/* What one request has come to. */
struct asked {
	uint32_t post, proc; /* the PLB's, by index and by number */
	int64_t at;
	unsigned retries, runs, answers;
	int cast, limited, abandoned, accepted;
	size_t block; /* a record of blocks of so many bytes; 0: it is none, */
	int last;     /* and the input's last */
	int certain; /* it was said that it surely did not run */
	size_t flow; /* bytes of its body, which is a stream; 0: it is none */
	size_t errors; /* bytes of standard error that the run which replied
			  to a stream has written */
};

/* A listener's capacity, as counted at the workers of all its channels. */
struct quota {
	struct quota *next;
	uint64_t capacity, running;
	uint64_t held; /* by its channels */
	char name[48];
};

struct plan {
	unsigned authorities, hosts, modules, redundancy;
	unsigned orders;   /* not 0: it is size that is looked at */
	unsigned body_max; /* bytes of a request's body, beyond what names it */
	size_t mark;	   /* above it a client is not read from */
	unsigned descriptors; /* that a process is told it may have: of links
				 that came in and have not proven themselves
				 it has a quarter as many */
	unsigned contest;  /* the module whose buyers compete, from 1 */
	unsigned cursed;   /* the module whose exchanges die at once, from 1 */
	unsigned deserted; /* the module that loses all its users, from 1 */
	unsigned latency_min_ms, latency_max_ms;
	int faults[FAULT_KINDS];	 /* drawn or not */
	unsigned fault_every_ms;	 /* on average */
	unsigned service_ms;		 /* of a request, on average */
	int64_t fault_at, heal_at, quiet_at, end_at;
};

struct world {
	uint64_t seed;
	int verbose;
	unsigned want_authorities, want_hosts, want_modules; /* 0: drawn */
	unsigned want_orders, want_split;
	struct clock clock;
	struct net net;
	struct rng rng;
	unsigned char secret[32];
	struct key key;
	struct plan plan;
	struct proc *procs;
	struct proc **by_number;
	uint32_t numbers, cap;
	struct post *posts;
	size_t nposts;
	struct asked *calls;
	size_t ncalls, capcalls;
	struct quota *quotas;
	struct event fault, mend, watch;
	unsigned dark; /* the host without power; 0: none */
	int healed, quiet;
	unsigned char *body; /* the last that load_body() made */
	int64_t muddy_at;    /* something silently failed, or was late, then */
	int64_t died_at;     /* an authority or exchange did */
	int64_t answered_at; /* the last answer was given */
	int64_t rest_at;     /* all was as it must be */
	int64_t changed_at; /* buyers that compete have changed */
	int settled;	    /* and were seen to hold their shares since */
	int round;	    /* tokens went round when they last were */
	unsigned steps; /* in this millisecond */
	uint64_t messages, replies, fails, injected;
	uint64_t accounted; /* records of callers */
	uint64_t blocks; /* of several records */
	uint64_t flows; /* streams that ended */
	uint64_t windows; /* how often more of one was allowed */
	uint64_t found, fallbacks, commands, restarted; /* of callers */
	size_t queued_max;
	uint64_t of_type[MSG_TYPES], of_type_bytes[MSG_TYPES];

	/* What has happened at all: over many worlds, each of these must. */
	uint64_t did[FAULT_KINDS]; /* a fault of that kind had an effect */
	uint64_t throttled, takeovers, switches, jumps, refusals, retired,
	    idle_retired, expired, new_runs, old_runs, choices, restarts,
	    turned_away, contested, shared, heedless, in_part;
};

/* sim.c */
void world_fail(struct world *, int promise, const char *fmt, ...);
void trace(const struct proc *, const char *fmt, ...);
void trace_list(const struct proc *, const char *fmt, va_list);
void note(const struct world *, const char *fmt, ...);

/* world.c */
void world_run(struct world *);
void world_enter(struct world *, struct proc *);
void world_leave(struct world *, struct proc *);
unsigned draw(struct world *, unsigned n); /* below n */
int chance(struct world *, unsigned percent);
unsigned between(struct world *, unsigned low, unsigned high);

/* plan.c */
void plan_draw(struct world *);
const char *module_name(unsigned module, char buf[16]);
unsigned module_number(struct slice name);
/* What a post publishes or asks for, encoded, in a buffer of the caller. */
struct slice post_attrs(const struct post *, struct buf *);
struct slice post_constraints(const struct post *, struct buf *);
/* Is the world one of those that no call may fail in? */
int plan_is_gentle(const struct world *);

/* role.c */
void post_start(struct post *);
struct proc *post_proc(const struct post *);
void post_ended(struct proc *); /* it is started again, after a while */
void proc_term(struct proc *); /* SIGTERM */
/* A second PLB acquires, takes over, and the first drains. */
void plb_takeover(struct post *);

/* entry.c */
void listener_start(struct post *);
void listener_term(struct proc *);
void listener_new_code(struct proc *);
/* It does not accept any more, or again. */
void listener_deaf(struct proc *, int deaf);
/* Could the buyer use what it sells? */
int listener_fits(const struct proc *, const struct post *buyer);
const struct post *listener_post(const struct proc *);
/* What it has, counted at the workers. */
struct quota *quota_new(const struct proc *, uint64_t capacity);
/* A channel and all its workers are gone. */
void listener_lost(struct world *, uint32_t listener, uint32_t tag);

/* staff.c: the channel's number. */
uint32_t channel_start(struct proc *listener, uint32_t tag, struct quota *,
    int client, const unsigned char *session, int control);
/* One that a caller has started as a command, with that link to it. */
uint32_t channel_command(struct proc *caller, uint32_t tag, uint64_t capacity,
    int client);
void channel_count(struct proc *);
uint64_t channel_capacity(const struct proc *); /* its listener's */

/* load.c */
void load_start(struct post *);
void load_act(struct proc *plb, const struct act *);
void load_lost(struct proc *plb);
/* What was accepted has run, where nothing that it was given to died. */
void load_check(struct world *);
/* A worker begins with that request. */
void load_ran(struct world *, uint64_t call);
/* What a request carries, and its reply: good until the next call. */
uint64_t load_add(struct world *, const struct post *);
struct slice load_body(struct world *, uint64_t call);
uint64_t load_call(struct world *, struct slice body);
/* What a request asks for, and how many: more than one are a block's. */
uint64_t load_calls(struct world *, struct slice body, size_t *n);
/* The body of such a request, which is its reply's, too. */
void load_put(struct world *, uint64_t call, size_t n, struct buf *);

/* flow.c */
#define FLOW_MAX 400000 /* bytes of a stream */
void flow_start(struct post *);
size_t flow_size(const struct world *, uint64_t call);
/* How much of its input its program reads and writes. */
size_t flow_part(const struct world *, uint64_t call);
void flow_fill(uint64_t call, size_t from, unsigned char *, size_t n);
void flow_check(struct world *, uint64_t call, size_t from, struct slice);
int64_t flow_call(const struct world *, struct slice body);

/* window.c: a link is spoken to, or heard of */
void window_says(struct linked *, const struct act *);
void window_hears(struct linked *, const struct msg *);
void window_free(struct linked *);
/* So much of a call's stream was taken, by a program or a reader. */
void window_took(struct proc *, uint64_t call, enum stream_part, size_t n);

/* caller.c */
void caller_start(struct post *);
/* A command of its has ended. */
void caller_lost(struct world *, uint32_t caller, uint32_t tag, int killed);
/* Has each ended? NULL, or one that has not; and when they must have, or 0. */
const char *caller_look(const struct census *);
int64_t caller_due(const struct world *);

/* fault.c */
void fault_start(struct world *);
void fault_heal(struct world *);
/* Is the host on the smaller side of a split of so many percent? Hosts of both
 * sides come in turn. */
int fault_side(unsigned host, unsigned percent);
/* Once a second, where a world of size is to be split. */
void fault_split(struct world *);

/* check.c */
void world_check_step(struct proc *, int idle);
void world_queued(struct proc *, size_t bytes);
void check_progress(struct world *);
void check_links(struct world *);
void check_up(const struct linked *); /* it is about to be */
/* What is queued for a peer is bounded. */
void check_queue(const struct linked *, size_t bytes);
/* Of two links to one peer one was preferred: the other end does not prefer the
 * other. */
void check_choice(struct proc *, struct sock *chosen, const struct sock *other,
    unsigned role);
/* It closes a link: of a peer that beats it is not said that it is silent. */
void check_given_up(const struct proc *, const struct hub_link *);
/* A PLB dials: not without end. */
void check_dial(struct proc *);
/* Has nothing been silent or late for ms? */
int check_clear(const struct world *, int64_t ms);
/* The same is seen again, at each look: for how long. */
struct watched {
	struct id who;
	uint64_t what, other;
	int64_t since, seen;
};
int64_t check_lasts(struct proc *, const struct id *who, uint64_t what,
    uint64_t other);

/* trade.c */
void trade_step(struct proc *exchange);
void trade_watch(const struct census *);

/* contest.c */
void contest_step(struct proc *plb);
void contest_watch(struct world *);
void contest_end(struct world *);

/* agent.c */
/* The broker leaves an exchange. */
void agent_leaves(struct proc *broker, const struct linked *);
void agent_hears(struct proc *broker, const struct linked *,
    const struct msg *);
void agent_says(struct proc *broker, const struct linked *,
    struct slice frame);
void agent_step(struct proc *broker); /* its turn is over */
void agent_free(struct proc *broker);
/* Whose order is it that the broker numbered so? */
int agent_owner(const struct proc *broker, uint64_t number, struct id *owner,
    uint64_t *id);

/* placing.c */
void placing_retired(struct proc *exchange);
/* An authority loses its link to another one. */
void placing_lost(struct proc *authority, const struct id *other);
void placing_watch(struct world *);

/* settle.c, ledger.c: NULL, or what is not (yet) as it must be. */
const char *settle_look(const struct census *);
const char *ledger_look(const struct census *);

#endif
