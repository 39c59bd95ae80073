#ifndef DISCOVERY_H
#define DISCOVERY_H

/*
 * The discovery core: answers what epmd answers, as epmd does, from the nodes
 * that register here, and besides, for names with an @, from contacts.
 *
 * PORT_PLEASE2 for NODE is answered by the node that is registered under that
 * name. Where there is none and the name is `name@host': by the contact of
 * that node; where host is this host, by the node registered as `name'. Extra
 * of such an answer is the address, in text; of a node of this host that has no
 * contact it is empty: which of the host's addresses it is on nobody told.
 *
 * A registration lasts exactly as long as its connection. A name that is taken
 * is refused only once the shell has looked whether the connection of the node
 * that has it still stands.
 *
 * A client is a connection; its number is given by discovery_open() and is
 * good until discovery_closed(). One that does not register is closed once it
 * was answered, or was silent for DISCOVERY_IDLE_MS. Where the clients are too
 * many, the one that has been silent longest makes room, if only it had
 * DISCOVERY_HURRY_MS to speak; nodes never do. Nodes never take the last
 * DISCOVERY_ROOM places either, so that lookups are always answered.
 */

#include "core.h"

#define DISCOVERY_IDLE_MS   60000 /* epmd's default */
#define DISCOVERY_HURRY_MS  1000  /* and where there are too many clients */
#define DISCOVERY_ROOM	    16	  /* clients, kept free for lookups */
#define DISCOVERY_CLIENTS_MAX 65536
/* Bytes of the longest answer, and so of a list. */
#define DISCOVERY_ANSWER_MAX (16u * 1024 * 1024)

/*
 * To a client: ACT_SEND (bytes, one write), ACT_DRAIN (close once written) and
 * ACT_CLOSE; ACT_LOG; ACT_STOP for epmd -kill.
 */
enum discovery_act {
	/* Does the connection of client value still stand? The answer is
	 * discovery_probed() for client peer. */
	DISCOVERY_PROBE = ACT_OWN,
	/* The hosts file is not what it was: discovery_hosts(). */
	DISCOVERY_HOSTS
};

struct discovery_config {
	uint64_t seed;
	uint32_t seconds;   /* the time of day when now is 0 */
	uint16_t port;	    /* that this epmd is on */
	int relaxed;	    /* STOP, and KILL with nodes registered */
	unsigned clients;   /* at most, more than DISCOVERY_ROOM */
	struct slice host;  /* this host's name */
};

struct discovery;

/* Copies what it is given. NULL with ENOMEM. */
struct discovery *discovery_new(const struct discovery_config *);
void discovery_free(struct discovery *);
struct outbox *discovery_out(struct discovery *);

/* How many connections there is room for now. With none, whoever comes waits
 * until discovery_closed(), which discovery_tick() sees to. */
unsigned discovery_room(const struct discovery *);

/* A connection, for which there is room: its number, from 1 to config.clients.
 * local: of this host, so that it may register. */
uint32_t discovery_open(struct discovery *, int64_t now, int local);

/* All that came and was not taken: how many bytes are taken, all or none. */
size_t discovery_input(struct discovery *, int64_t now, uint32_t client,
    struct slice bytes);
void discovery_closed(struct discovery *, int64_t now, uint32_t client);
void discovery_probed(struct discovery *, int64_t now, uint32_t client,
    int gone);

/* A line of contacts, with its number; the end of them. */
void discovery_line(struct discovery *, struct slice line,
    unsigned long number);
void discovery_lines_end(struct discovery *);

/* They come anew: what is not among them until their end is withdrawn then. */
void discovery_lines_again(struct discovery *);

/* Append the hosts file: 0, or -1 with ENOMEM or ENOBUFS. */
int discovery_hosts(const struct discovery *, struct buf *);

void discovery_tick(struct discovery *, int64_t now);
int64_t discovery_deadline(const struct discovery *);

size_t discovery_nodes(const struct discovery *); /* registered */

#endif
