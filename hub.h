#ifndef HUB_H
#define HUB_H

/*
 * Drives a core: listens, dials, shakes hands, delivers messages, carries the
 * outbox out. What every lambda-*.c main has to do about its peers is here
 * once; it decides nothing that link.c and peers.c decide.
 *
 * Limits: HUB_LINKS_MAX links, HUB_OUT_MAX bytes queued to one peer (one that
 * reads less is closed). A peer of a role that the program serves is not read
 * from while more than the mark is queued for it.
 */

#include "addr.h"
#include "chain.h"
#include "conn.h"
#include "core.h"
#include "env.h"
#include "link.h"
#include "loop.h"
#include "peers.h"
#include "preauth.h"

#define HUB_LINKS_MAX 65535
#define HUB_OUT_MAX   (64u * 1024 * 1024)
#define HUB_HIGH_MARK (1024 * 1024) /* bytes queued; going on at a quarter */
#define HUB_LOW_MARK  (32 * 1024)
#define HUB_STUCK_MS	  15000 /* with bytes to write and none taken, by a
				   peer that is not read from for it, or whose
				   link is to end */
#define HUB_CLOSE_MS	  16000 /* after the word to close links of a key:
				   lambda-ctl has heard from everybody */

/* One connection: its I/O, its protocol, its life as the core is told it. For
 * hub.c alone; programs know a link by its handle. */
struct hub_link {
	struct hub *hub;
	struct conn conn;
	struct link link;
	struct timer timer; /* the link's deadline */
	uint32_t handle;
	uint32_t tag;
	unsigned up : 1;   /* the core knows it */
	unsigned target : 1;	/* dialled by peers.c, which wants to know */
	unsigned throttled : 1; /* not read from: its queue is above the mark,
				   */
	unsigned paused : 1;	/* or its owner said so */
	unsigned draining : 1;	/* it ends when all is written */
	unsigned patient : 1;	/* its handshake may take any time */
	unsigned counts : 1;	/* as a link of the key of this fingerprint: */
	unsigned char print[LINK_PRINT];
	char *said;	   /* by what speaks no protocol, for why; or NULL */
	int64_t waiting;   /* since when it should take what is queued: it is
			      throttled or draining */
	const char *why;   /* closed for this reason, for the log */
	char *address;	   /* as dialled, or the remote one; "" on a pipe */
};

struct hub_listen;

/* What it has counted of links since the process started. */
struct hub_counts {
	uint64_t made;	  /* links that came up */
	uint64_t faults;  /* those of them that were closed for a fault: their
			     peer broke the protocol, was silent, or did not
			     read */
	uint64_t refused; /* connections taken that never came up */
	uint64_t failed;  /* times that an address did not come up */
	uint64_t messages_in, messages_out; /* without heartbeats */
	uint64_t bytes_in, bytes_out; /* of connections that have ended */
};

/* What the log says of a message that does not decode, or makes no sense: its
 * connection closes. */
#define HUB_BAD_MESSAGE "bad %s message"

struct hub {
	struct loop *loop;
	const struct core_ops *ops;
	void *core;
	struct outbox *out;
	struct link_self self;
	struct peers peers;
	const struct key *key;
	/* Acts of the core's own (ACT_OWN and above), and ACT_SEND to peer 0,
	 * which is the program itself; or NULL. */
	void (*act)(void *arg, const struct act *);
	void *arg;
	/* Some of what was queued for a peer was written, and less than
	 * HUB_LOW_MARK bytes are left. Or NULL. */
	void (*room)(void *arg);
	/* A peer has refused the key that we dial with: if there is another by
	 * now, call hub_key(). Or NULL. */
	void (*rekey)(void *arg);
	unsigned serves;    /* roles that are not read from while more than the
			       mark is queued for them */
	size_t mark;	    /* HUB_HIGH_MARK, or what the program sets */
	struct hub_link **links; /* by slot; NULL where free */
	size_t nlinks;		 /* slots */
	size_t used;		 /* of them */
	size_t free_hint;	 /* no free slot below it */
	uint16_t generation;	 /* of the last handle */
	struct timer timer;	 /* core and peers */
	struct later deliver;	 /* core tick and outbox, once a turn */
	struct timer stopping;	 /* hub_stop()'s bound */
	struct chain listens;	 /* each a struct hub_listen */
	struct preauth preauth;	 /* links that came in over TCP */
	struct timer opens;	 /* when it has a place again, while TCP is */
	int held;		 /* not accepted */
	struct loglimit loglimit;
	struct loglimit dials;	 /* of addresses that peers named */
	struct timer minute;	 /* when either tells how many had no line */
	uint64_t dialled;	 /* connections, ever */
	struct timer closing;	 /* links of this key: hub_report() */
	unsigned char closes[LINK_PRINT];
	struct hub_counts counts;
	int stop;		 /* hub_stop() was called */
	int status;		 /* exit code, once loop_run() returned */
};

/*
 * Draws the instance id and the seeds. key may be NULL in a program that has
 * no TCP peers but one of hub_resume(). The core comes afterwards, with
 * hub_core(), since it wants to know the id (self.instance).
 */
void hub_init(struct hub *, struct loop *, unsigned role, const struct key *);
/* Use these keys from now on; links keep the key that they were made with. */
void hub_key(struct hub *, const struct key *);
void hub_core(struct hub *, const struct core_ops *, void *core,
    struct outbox *);
void hub_free(struct hub *);

/* Accept peers on a listening descriptor, which becomes the hub's, until
 * hub_unlisten() or hub_free(); accepting pauses when descriptors run out. Dies
 * (111) without memory. */
struct hub_listen *hub_listen(struct hub *, int fd);
void hub_unlisten(struct hub_listen *);

/* Take over a connection (in and out may be one descriptor). Returns its
 * handle, or 0 with ENOMEM or EMFILE (the descriptors are closed). tag comes
 * back in peer_info, or, if it is not 0 and the link does not come up, in
 * failed(). */
uint32_t hub_adopt(struct hub *, int in, int out, int dialler, uint32_t tag);

/* Go on with the link of a session, of which another process, or a door, has
 * shaken hands (link_export()); fd is taken as by hub_adopt(). A process whose
 * only such link it is becomes the instance that it was done as first, before
 * anything is linked. */
void hub_become(struct hub *, const unsigned char *session);
uint32_t hub_resume(struct hub *, int fd, const unsigned char *session,
    uint32_t tag);

/* The handshake of this adopted connection may take any time: its other end is
 * a program that has something to do first (to log in, say). */
void hub_wait(struct hub *, uint32_t peer);

/* It counts as a link that was made with the key of this fingerprint: it goes
 * on with one, or stands for one that another process has (a channel). */
void hub_keyed(struct hub *, uint32_t peer,
    const unsigned char print[LINK_PRINT]);

/* What the log calls the other end of an adopted connection, where the
 * descriptors cannot tell (pipes). */
void hub_name(struct hub *, uint32_t peer, const char *);

/* Keep a link to the address, as a core's ACT_DIAL does. */
int hub_dial(struct hub *, struct slice address, enum dial, uint32_t tag);

/* Have the core's outbox carried out at the end of this turn: after each call
 * of the program's own into the core. */
void hub_deliver(struct hub *);

/* Bytes queued to a peer, and reading from it paused or not. */
size_t hub_queued(const struct hub *, uint32_t peer);
void hub_pause(struct hub *, uint32_t peer, int paused);

/* A connection from host (preauth.h) ended before its peer authenticated: a
 * line of log as far as loglimit allows, else one at the debug level, and it is
 * counted. All that happens before a link is up is said in this way. */
void hub_stranger(struct hub *, struct slice host, const char *fmt, ...);

/* End the loop with this exit code once what is queued is written, and at the
 * latest after within_ms. */
void hub_stop(struct hub *, int64_t within_ms, int status);

/* Between hub.c and hub_keys.c: the key that this link was dialled with is
 * refused; is another dialled with by now? */
int hub_is_rekeyed(const struct hub_link *);
/* Why an address, which is parsed into *, may not be dialled; or NULL. */
const char *hub_dial_refused(const struct hub *, struct slice address,
    struct addr *);
/* The link ends, with that errno or 0: what it adds to the counts. */
void hub_count_closed(struct hub_link *, int error);
/* Answer the part of an inspect or an ask that is not the core's: which process
 * this is, its keys, and what is counted of its links. 1 if the core must go
 * on, 0 if that was all, -1 as report_end(). */
int hub_report(struct hub *, uint32_t handle, const struct msg *);

/* Between hub.c and hub_accept.c: at the start and at the end. */
void hub_init_accept(struct hub *);
void hub_free_accept(struct hub *);
/* Of those that are not authenticated (preauth.h), this one needs no place any
 * more; it goes for no other (preauth_good()); it has to go at once (0: none).
 */
void hub_admitted(struct hub *, uint32_t handle);
void hub_promising(struct hub *, uint32_t handle);
void hub_turn_away(struct hub *, uint32_t handle);
/* Dialling failed with that errno, for a reason that is news or is not. */
void hub_say_unlinked(struct hub *, struct slice address, int news, int error,
    const char *why);

#endif
