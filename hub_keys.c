/* The keys that links are made with, and how many are made with each. */

#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "hub.h"

void
hub_key(struct hub *h, const struct key *key)
{
	size_t i;

	h->key = key;
	h->self.nkeys = key == NULL ? 0 : key->n;
	for (i = 0; i < h->self.nkeys; i++)
		link_key(&h->self.keys[i], key->files[i].bytes,
		    key->files[i].len);
}

/* By its fingerprint: how many are up. */
static size_t
hub_count_key(const struct hub *h, const unsigned char print[LINK_PRINT])
{
	size_t i, n = 0;

	for (i = 0; i < h->nlinks; i++)
		n += h->links[i] != NULL && h->links[i]->up &&
		    h->links[i]->link.keyed &&
		    memcmp(h->links[i]->link.print, print, LINK_PRINT) == 0;
	return n;
}

static void
hub_report_key(const struct hub *h, struct report *r,
    const unsigned char print[LINK_PRINT], const char *state)
{
	char text[2 * LINK_PRINT + 1];

	snprintf(text, sizeof(text), "%08lx%08lx", (unsigned long)get32(print),
	    (unsigned long)get32(print + 4));
	report_row(r, "key %s links %zu state %s", text,
	    hub_count_key(h, print), state);
}

/* Is it one of ours, or that of a link before this one? */
static int
hub_knows_key(const struct hub *h, size_t slot,
    const unsigned char print[LINK_PRINT])
{
	size_t i;

	for (i = 0; i < h->self.nkeys; i++)
		if (memcmp(h->self.keys[i].print, print, LINK_PRINT) == 0)
			return 1;
	for (i = 0; i < slot; i++)
		if (h->links[i] != NULL && h->links[i]->up &&
		    h->links[i]->link.keyed &&
		    memcmp(h->links[i]->link.print, print, LINK_PRINT) == 0)
			return 1;
	return 0;
}

static void
hub_report_all_keys(const struct hub *h, struct report *r)
{
	const struct hub_link *l;
	size_t i;

	for (i = 0; i < h->self.nkeys; i++)
		hub_report_key(h, r, h->self.keys[i].print, i == 0 ? "dials" :
		    "accepted");
	for (i = 0; i < h->nlinks; i++) {
		l = h->links[i];
		if (l != NULL && l->up && l->link.keyed &&
		    !hub_knows_key(h, i, l->link.print))
			hub_report_key(h, r, l->link.print, "dropped");
	}
}

int
hub_report_keys(struct hub *h, uint32_t handle, int more)
{
	struct report r;

	report_begin(&r, h->out, handle);
	hub_report_all_keys(h, &r);
	if (more)
		return report_pause(&r) == -1 ? -1 : 1;
	return report_end(&r);
}
