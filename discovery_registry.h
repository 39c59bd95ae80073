#ifndef DISCOVERY_REGISTRY_H
#define DISCOVERY_REGISTRY_H

/*
 * The local nodes, as epmd keeps them: those that are registered, newest first,
 * and the names of those that were, so that a node that comes back gets another
 * creation than it had. A creation tells incarnations of one name apart: the
 * first is the second in which the name came, each later one counts on.
 *
 * Who owns an entry (a connection) is the caller's affair.
 */

#include "epmd.h"
#include "map.h"

/* Names remembered: above that, each name that is new takes the place of the
 * oldest, as in epmd. */
#define REGISTRY_UNUSED_MAX  1000
#define REGISTRY_REFUSED     99	  /* epmd's creation in a refusal */
#define REGISTRY_CREATION_MIN 4	  /* less is of nodes before OTP 23 */

struct entry {
	struct epmd_node node; /* the slices point into bytes */
	uint32_t owner;	       /* the caller's, never 0 while registered */
	uint32_t counter;      /* what creations come from */
	int live;
	struct entry *prev, *next;
	unsigned char bytes[];
};

struct registry {
	struct map names;	      /* registered or remembered */
	struct entry *live;	      /* newest first */
	struct entry *unused, *last;  /* oldest first */
	size_t nlive, nunused;
};

void registry_init(struct registry *, uint64_t seed);
void registry_free(struct registry *);

/* A copy of the node, not registered yet, to be freed by entry_free() or given
 * to registry_add(). NULL with ENOMEM, or with EINVAL where epmd refuses it:
 * too long a name or extra, or a name that is not UTF-8. */
struct entry *entry_new(const struct epmd_node *, uint32_t owner);
void entry_free(struct entry *);

/* The registered node of that name, or NULL. */
struct entry *registry_find(const struct registry *, struct slice name);

/* Register; no node of that name is. seconds is the time, for a name that is
 * new. 0, or -1 with ENOMEM (the entry stays the caller's). */
int registry_add(struct registry *, struct entry *, uint32_t seconds);

/* Not registered any more: the entry is the registry's from here on. */
void registry_remove(struct registry *, struct entry *);

/* In the range that the node's highest version knows. */
uint32_t entry_creation(const struct entry *);

#endif
