#ifndef DISCOVERY_STATE_H
#define DISCOVERY_STATE_H

/*
 * The discovery core's own state, shared by its clients (discovery.c) and the
 * answers that they get (discovery_answer.c).
 */

#include "discovery.h"

#define DISCOVERY_HOST_MAX 256 /* bytes of this host's name, with its NUL */

enum client_state {
	FREE,
	ASKING,	    /* its request is not whole */
	PROBING,    /* it waits for whether its name is free */
	REGISTERED, /* entry is in the registry */
	ENDING	    /* answered, or refused: nothing it says counts */
};

struct client {
	enum client_state state;
	int local;
	int sized;	     /* the length of its request has come before */
	int closing;	     /* the shell has been told to close it */
	int64_t heard;
	struct entry *entry; /* PROBING: not in the registry */
	struct client *prev, *next; /* of the silent, or used before */
};

struct discovery {
	struct outbox out;
	struct registry registry;
	struct contacts contacts;
	struct buf answer;
	uint32_t seconds;
	uint16_t port;
	int relaxed;
	char host[DISCOVERY_HOST_MAX];
	struct client *clients; /* pages that no client was in stay untouched */
	unsigned max, n;
	unsigned used;	       /* of clients: what is behind was never used */
	unsigned closing;      /* of n: the shell has been told to close them */
	struct client *unused; /* of what was used, a list by next */
	/* Said already, and still so: too many clients, nodes, contacts. */
	int crowded, nodes_full, contacts_full;
	/* All but the registered, the one longest silent first. */
	struct client *first, *last;
};

/* The client of that number; its number. */
struct client *discovery_client(const struct discovery *, uint32_t);
uint32_t discovery_number(const struct discovery *, const struct client *);

/* It registered: silence does not end it any more. */
void discovery_silent_remove(struct discovery *, struct client *);

/* Close it at once: nothing that it says counts. It keeps its number until the
 * shell says that it is closed. */
void discovery_close(struct discovery *, int64_t now, struct client *,
    const char *why);

/* Its name is free again; the connection is the caller's affair. */
void discovery_unregister(struct discovery *, int64_t now, struct client *);

/* Do what a whole request asks for. */
void discovery_request(struct discovery *, int64_t now, struct client *,
    const struct epmd_request *);

#endif
