#ifndef DISCOVERY_CONTACTS_H
#define DISCOVERY_CONTACTS_H

/*
 * Where Erlang nodes are, as lines tell it:
 *
 *	NODE IP PORT	it is there, and nowhere else
 *	NODE - -	it is withdrawn
 *
 * and the hosts(5) file that follows from it: each host's address is the one
 * that was told last of a node on it.
 */

#include <stdint.h>

#include "buf.h"
#include "chain.h"
#include "map.h"

#define CONTACTS_MAX	  65536	/* nodes */
#define CONTACTS_NODE_MAX 512	/* bytes of NODE */
#define CONTACTS_IP_MAX	  64	/* bytes of IP, with its NUL */
#define CONTACTS_HOSTS_MAX (64u * 1024 * 1024) /* bytes of the hosts file */

struct contacts_node {
	struct chain chain;	  /* the one that changed last first */
	struct slice node;	  /* ours: its host is in lower case */
	char ip[CONTACTS_IP_MAX]; /* as written, without brackets */
	uint16_t port;
	unsigned round; /* of the lines that named it last */
};

struct contacts {
	struct map nodes;
	struct chain all;
	unsigned round; /* how often the lines began anew */
	uint64_t seed;
};

void contacts_init(struct contacts *, uint64_t seed);
void contacts_free(struct contacts *);

/* Take a line (without its newline): 1 when it changed something, 0 when not,
 * for empty lines and those that begin with '#' too; -1 with *why, a static
 * sentence, and errno: EINVAL for one that says nothing of the kind, ENOBUFS
 * for CONTACTS_MAX, or ENOMEM. */
int contacts_line(struct contacts *, struct slice line, const char **why);

/* The lines come anew; and they have ended: nodes that none of them named since
 * are withdrawn. How many these are. */
void contacts_again(struct contacts *);
size_t contacts_end(struct contacts *);

/* NULL where nothing is known. */
const struct contacts_node *contacts_find(const struct contacts *,
    struct slice node);

/*
 * Append the hosts file. own is this host's name, which goes to loopback as
 * localhost does, and so does its first part. A node without @, or whose host
 * is an address or no host name, has no line. 0, or -1 with ENOMEM or ENOBUFS.
 */
int contacts_hosts(const struct contacts *, struct slice own, struct buf *);

/* The part of a node's name after the @, empty where there is none. */
struct slice contacts_host(struct slice node);

#endif
