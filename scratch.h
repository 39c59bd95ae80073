#ifndef SCRATCH_H
#define SCRATCH_H

/*
 * Memory that a core writes a list into before the list goes into a message.
 * It is kept from one list to the next, so that a list costs no allocation.
 */

#include "msg.h"

#define SCRATCH_KEEP (64 * 1024) /* more than this is not kept */

struct scratch {
	unsigned char *p;
	size_t cap;
	struct tlv_writer w;
};

void scratch_init(struct scratch *);
void scratch_free(struct scratch *);

/* Begin a list of at most n bytes: 0, or -1 with ENOMEM. */
int scratch_begin(struct scratch *, size_t n);

/* Append an element where there is room: 1, or 0 when there is none. */
int scratch_item(struct scratch *, const struct schema *, const void *);
int scratch_bytes(struct scratch *, struct slice);

/* What was written; good until scratch_begin(). */
struct slice scratch_slice(const struct scratch *);

#endif
