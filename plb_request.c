#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "plb_request.h"

#define SLOT_BITS 20

static struct request *
at(const struct requests *rs, uint32_t ref)
{
	return ref == 0 ? NULL : &rs->slot[ref - 1];
}

static uint32_t
ref_of(const struct requests *rs, const struct request *r)
{
	return (uint32_t)(r - rs->slot) + 1;
}

void
requests_free(struct requests *rs)
{
	size_t i;

	for (i = 0; i < rs->cap; i++)
		free(rs->slot[i].copy);
	while (rs->nspare > 0)
		free(rs->spare[--rs->nspare]);
	free(rs->slot);
	memset(rs, 0, sizeof(*rs));
}

static int
grow(struct requests *rs)
{
	size_t cap = rs->cap == 0 ? 16 : rs->cap * 2, i;
	struct request *slot;

	if (cap > REQUESTS_MAX)
		return fail(ENOBUFS);
	if ((slot = realloc(rs->slot, cap * sizeof(*slot))) == NULL)
		return -1;
	memset(slot + rs->cap, 0, (cap - rs->cap) * sizeof(*slot));
	rs->slot = slot;
	for (i = cap; i > rs->cap; i--) {
		slot[i - 1].next[REQUEST_PLACE] = rs->free;
		rs->free = (uint32_t)i;
	}
	rs->cap = cap;
	return 0;
}

struct request *
requests_add(struct requests *rs)
{
	struct request *r;
	uint32_t ref;

	if (rs->free == 0 && grow(rs) == -1)
		return NULL;
	ref = rs->free;
	r = at(rs, ref);
	rs->free = r->next[REQUEST_PLACE];
	memset(r, 0, sizeof(*r));
	r->id = ++rs->serial << SLOT_BITS | (ref - 1);
	rs->used++;
	return r;
}

void
requests_del(struct requests *rs, struct request *r)
{
	request_unkeep(rs, r);
	memset(r, 0, sizeof(*r));
	r->next[REQUEST_PLACE] = rs->free;
	rs->free = ref_of(rs, r);
	rs->used--;
}

struct request *
requests_find(const struct requests *rs, uint64_t id)
{
	size_t slot = id & (REQUESTS_MAX - 1);

	if (id == 0 || slot >= rs->cap || rs->slot[slot].id != id)
		return NULL;
	return &rs->slot[slot];
}

/* Memory for a copy of so many bytes: a spare one, where there is one. */
static unsigned char *
copy_new(struct requests *rs, size_t len)
{
	if (len <= REQUEST_COPY && rs->nspare > 0)
		return rs->spare[--rs->nspare];
	return malloc(len <= REQUEST_COPY ? REQUEST_COPY : len);
}

int
request_keep(struct requests *rs, struct request *r, const struct msg *m)
{
	const struct msg_row *row = msg_row(m->type);
	size_t len = group_size(&row->schema, &m->u);
	unsigned char *copy = copy_new(rs, len);
	struct tlv_writer w;

	if (copy == NULL)
		return fail(ENOMEM);
	tlv_writer_init(&w, copy, len);
	group_encode(&row->schema, &m->u, &w);
	assert(!w.failed);
	request_unkeep(rs, r);
	r->copy = copy;
	r->copy_len = len;
	return 0;
}

void
request_unkeep(struct requests *rs, struct request *r)
{
	if (r->copy != NULL && r->copy_len <= REQUEST_COPY &&
	    rs->nspare < REQUEST_SPARES)
		rs->spare[rs->nspare++] = r->copy;
	else
		free(r->copy);
	r->copy = NULL;
	r->copy_len = 0;
}

void
request_append(struct requests *rs, struct request_list *l, int which,
    struct request *r)
{
	uint32_t ref = ref_of(rs, r);

	r->prev[which] = l->tail;
	r->next[which] = 0;
	if (l->tail != 0)
		at(rs, l->tail)->next[which] = ref;
	else
		l->head = ref;
	l->tail = ref;
	l->n++;
}

void
request_prepend(struct requests *rs, struct request_list *l, int which,
    struct request *r)
{
	uint32_t ref = ref_of(rs, r);

	r->next[which] = l->head;
	r->prev[which] = 0;
	if (l->head != 0)
		at(rs, l->head)->prev[which] = ref;
	else
		l->tail = ref;
	l->head = ref;
	l->n++;
}

void
request_remove(struct requests *rs, struct request_list *l, int which,
    struct request *r)
{
	struct request *prev = at(rs, r->prev[which]);
	struct request *next = at(rs, r->next[which]);

	if (prev != NULL)
		prev->next[which] = r->next[which];
	else
		l->head = r->next[which];
	if (next != NULL)
		next->prev[which] = r->prev[which];
	else
		l->tail = r->prev[which];
	r->prev[which] = r->next[which] = 0;
	l->n--;
}

struct request *
request_first(const struct requests *rs, const struct request_list *l)
{
	return at(rs, l->head);
}

struct request *
request_last(const struct requests *rs, const struct request_list *l)
{
	return at(rs, l->tail);
}

struct request *
request_next(const struct requests *rs, int which, const struct request *r)
{
	return at(rs, r->next[which]);
}
