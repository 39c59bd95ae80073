#include <errno.h>
#include <stdlib.h>

#include "fail.h"
#include "scratch.h"

void
scratch_init(struct scratch *s)
{
	s->p = NULL;
	s->cap = 0;
	tlv_writer_init(&s->w, NULL, 0);
}

void
scratch_free(struct scratch *s)
{
	free(s->p);
	scratch_init(s);
}

int
scratch_begin(struct scratch *s, size_t n)
{
	size_t want = n < 256 ? 256 : n;
	unsigned char *p;

	if (n > s->cap || s->cap > SCRATCH_KEEP) {
		if ((p = malloc(want)) == NULL)
			return fail(ENOMEM);
		free(s->p);
		s->p = p;
		s->cap = want;
	}
	tlv_writer_init(&s->w, s->p, s->cap);
	return 0;
}

static int
scratch_fits(const struct scratch *s, size_t len)
{
	return tlv_size(len) <= (size_t)(s->w.end - s->w.p);
}

int
scratch_item(struct scratch *s, const struct schema *schema, const void *item)
{
	if (!scratch_fits(s, group_size(schema, item)))
		return 0;
	item_put(schema, &s->w, item);
	return 1;
}

int
scratch_bytes(struct scratch *s, struct slice bytes)
{
	if (!scratch_fits(s, bytes.len))
		return 0;
	list_put(&s->w, bytes);
	return 1;
}

struct slice
scratch_slice(const struct scratch *s)
{
	return slice_of(s->p, s->p == NULL ? 0 : (size_t)(s->w.p - s->p));
}
