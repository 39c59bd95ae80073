#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "discovery_registry.h"

#define OLD_CREATIONS 3 /* before OTP 23: 1 to 3 */

void
registry_init(struct registry *r, uint64_t seed)
{
	memset(r, 0, sizeof(*r));
	map_init(&r->names, seed);
}

static void
free_list(struct entry *e)
{
	struct entry *next;

	for (; e != NULL; e = next) {
		next = e->next;
		entry_free(e);
	}
}

void
registry_free(struct registry *r)
{
	free_list(r->live);
	free_list(r->unused);
	map_free(&r->names);
}

struct entry *
entry_new(const struct epmd_node *n, uint32_t owner)
{
	struct entry *e;
	int symbols = epmd_symbols(n->name);

	if (n->name.len > EPMD_NAME_MAX || n->extra.len > EPMD_EXTRA_MAX ||
	    symbols == -1 || symbols > EPMD_SYMBOLS_MAX) {
		errno = EINVAL;
		return NULL;
	}
	if ((e = calloc(1, sizeof(*e) + n->name.len + n->extra.len)) == NULL)
		return NULL;
	e->node = *n;
	e->owner = owner;
	if (n->name.len > 0)
		memcpy(e->bytes, n->name.p, n->name.len);
	if (n->extra.len > 0)
		memcpy(e->bytes + n->name.len, n->extra.p, n->extra.len);
	e->node.name.p = e->bytes;
	e->node.extra.p = e->bytes + n->name.len;
	return e;
}

void
entry_free(struct entry *e)
{
	free(e);
}

struct entry *
registry_find(const struct registry *r, struct slice name)
{
	struct entry *e = map_get(&r->names, name);

	return e != NULL && e->live ? e : NULL;
}

static void
unlink_entry(struct registry *r, struct entry *e)
{
	if (e->next != NULL)
		e->next->prev = e->prev;
	else if (!e->live)
		r->last = e->prev;
	if (e->prev != NULL)
		e->prev->next = e->next;
	else if (e->live)
		r->live = e->next;
	else
		r->unused = e->next;
	if (e->live)
		r->nlive--;
	else
		r->nunused--;
}

static void
forget(struct registry *r, struct entry *e)
{
	assert(!e->live);
	unlink_entry(r, e);
	entry_free(e);
}

int
registry_add(struct registry *r, struct entry *e, uint32_t seconds)
{
	struct entry *old = map_get(&r->names, e->node.name);

	assert(old == NULL || !old->live);
	if (map_put(&r->names, e->node.name, e) == -1)
		return -1;
	e->counter = old != NULL ? old->counter + 1 : seconds;
	if (e->counter < REGISTRY_CREATION_MIN)
		e->counter = REGISTRY_CREATION_MIN;
	if (old != NULL) {
		forget(r, old);
	} else if (r->nunused > REGISTRY_UNUSED_MAX) {
		map_del(&r->names, r->unused->node.name);
		forget(r, r->unused);
	}
	e->live = 1;
	e->prev = NULL;
	e->next = r->live;
	if (e->next != NULL)
		e->next->prev = e;
	r->live = e;
	r->nlive++;
	return 0;
}

void
registry_remove(struct registry *r, struct entry *e)
{
	assert(e->live);
	unlink_entry(r, e);
	e->live = 0;
	e->prev = r->last;
	e->next = NULL;
	if (r->last != NULL)
		r->last->next = e;
	else
		r->unused = e;
	r->last = e;
	r->nunused++;
}

uint32_t
entry_creation(const struct entry *e)
{
	if (e->node.highest >= EPMD_X_VERSION)
		return e->counter;
	return e->counter % OLD_CREATIONS + 1;
}
