#ifndef CHAIN_H
#define CHAIN_H

/*
 * A circular doubly linked list whose links are members of the structs on it.
 * The head is a link like any other. A link that is on no chain points at
 * itself, so removing it twice does no harm.
 */

#include <stddef.h>

struct chain {
	struct chain *prev, *next;
};

/* The struct of type T whose member m the link is. */
#define CHAIN_OWNER(link, T, m) \
	((T *)(void *)((char *)(void *)(link) - offsetof(T, m)))

static inline void
chain_init(struct chain *c)
{
	c->prev = c->next = c;
}

static inline int
chain_empty(const struct chain *c)
{
	return c->next == c;
}

static inline void
chain_append(struct chain *head, struct chain *c)
{
	c->prev = head->prev;
	c->next = head;
	head->prev->next = c;
	head->prev = c;
}

static inline void
chain_prepend(struct chain *head, struct chain *c)
{
	chain_append(head->next, c);
}

static inline void
chain_remove(struct chain *c)
{
	c->prev->next = c->next;
	c->next->prev = c->prev;
	chain_init(c);
}

/*
 * Walk: the owner after this one, the first after NULL; NULL after the last.
 * offset is that of the link in it.
 */
static inline void *
chain_next(const struct chain *head, const void *owner, size_t offset)
{
	const struct chain *c = head;

	if (owner != NULL)
		c = (const void *)((const char *)owner + offset);
	return c->next == head ? NULL : (char *)(void *)c->next - offset;
}
#define CHAIN_NEXT(head, owner, T, m) \
	((T *)chain_next(head, owner, offsetof(T, m)))

#endif
