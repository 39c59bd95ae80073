#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "discovery_state.h"

struct discovery *
discovery_new(const struct discovery_config *config)
{
	struct discovery *d = calloc(1, sizeof(*d));

	assert(config->clients > DISCOVERY_ROOM &&
	    config->clients <= DISCOVERY_CLIENTS_MAX);
	if (d == NULL)
		return NULL;
	outbox_init(&d->out);
	registry_init(&d->registry, config->seed);
	contacts_init(&d->contacts, config->seed);
	buf_init(&d->answer, DISCOVERY_ANSWER_MAX);
	d->seconds = config->seconds;
	d->port = config->port;
	d->relaxed = config->relaxed;
	d->max = config->clients;
	if (config->host.len < sizeof(d->host))
		memcpy(d->host, config->host.p, config->host.len);
	d->clients = calloc(d->max, sizeof(*d->clients));
	if (d->clients == NULL) {
		discovery_free(d);
		return NULL;
	}
	return d;
}

void
discovery_free(struct discovery *d)
{
	unsigned i;

	if (d == NULL)
		return;
	for (i = 0; i < d->used; i++)
		if (d->clients[i].state == PROBING)
			entry_free(d->clients[i].entry);
	free(d->clients);
	registry_free(&d->registry);
	contacts_free(&d->contacts);
	buf_free(&d->answer);
	outbox_free(&d->out);
	free(d);
}

struct outbox *
discovery_out(struct discovery *d)
{
	return &d->out;
}

size_t
discovery_nodes(const struct discovery *d)
{
	return d->registry.nlive;
}

/* Clients. */

uint32_t
discovery_number(const struct discovery *d, const struct client *c)
{
	return (uint32_t)(c - d->clients) + 1;
}

struct client *
discovery_client(const struct discovery *d, uint32_t n)
{
	assert(n > 0 && n <= d->used);
	assert(d->clients[n - 1].state != FREE);
	return &d->clients[n - 1];
}

void
discovery_silent_remove(struct discovery *d, struct client *c)
{
	if (c->next != NULL)
		c->next->prev = c->prev;
	else
		d->last = c->prev;
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		d->first = c->next;
}

static void
silent_add(struct discovery *d, int64_t now, struct client *c)
{
	c->heard = now;
	c->prev = d->last;
	c->next = NULL;
	if (d->last != NULL)
		d->last->next = c;
	else
		d->first = c;
	d->last = c;
}

void
discovery_close(struct discovery *d, int64_t now, struct client *c,
    const char *why)
{
	c->state = ENDING;
	d->closing += !c->closing;
	c->closing = 1;
	discovery_silent_remove(d, c);
	silent_add(d, now, c);
	outbox_act(&d->out, ACT_CLOSE, discovery_number(d, c), 0,
	    slice_str(why));
}

unsigned
discovery_room(const struct discovery *d)
{
	return d->max - d->n;
}

static int
is_crowded(const struct discovery *d)
{
	return d->n - d->closing > d->max - DISCOVERY_ROOM;
}

/* Those that had their time to speak go. */
static void
make_room(struct discovery *d, int64_t now)
{
	struct client *c;

	if (is_crowded(d) && !d->crowded) {
		d->crowded = 1;
		outbox_log(&d->out, LOG_ERROR, "%u connections: those that are "
		    "silent longest are closed", d->n);
	}
	while (is_crowded(d) && (c = d->first) != NULL && !c->closing &&
	    now - c->heard >= DISCOVERY_HURRY_MS)
		discovery_close(d, now, c, "too many connections");
}

uint32_t
discovery_open(struct discovery *d, int64_t now, int local)
{
	struct client *c = d->unused;

	assert(discovery_room(d) > 0);
	if (c != NULL)
		d->unused = c->next;
	else
		c = &d->clients[d->used++];
	d->n++;
	memset(c, 0, sizeof(*c));
	c->state = ASKING;
	c->local = local;
	silent_add(d, now, c);
	make_room(d, now);
	return discovery_number(d, c);
}

void
discovery_unregister(struct discovery *d, int64_t now, struct client *c)
{
	outbox_log(&d->out, LOG_DEBUG, "node %.*s is gone",
	    SLICE_ARG(c->entry->node.name));
	registry_remove(&d->registry, c->entry);
	d->nodes_full = 0;
	c->entry = NULL;
	c->state = ENDING;
	silent_add(d, now, c);
}

void
discovery_closed(struct discovery *d, int64_t now, uint32_t n)
{
	struct client *c = discovery_client(d, n);

	if (c->state == REGISTERED)
		discovery_unregister(d, now, c);
	if (c->state == PROBING)
		entry_free(c->entry);
	discovery_silent_remove(d, c);
	c->state = FREE;
	c->next = d->unused;
	d->unused = c;
	d->closing -= c->closing != 0;
	d->n--;
	if (d->n < d->max - DISCOVERY_ROOM)
		d->crowded = 0;
}

/*
 * Surplus bytes spoil a request that came in one go with them; epmd does not
 * see them where it knew the length before, and a node that sends them after
 * its registration is not registered any more.
 */
static void
whole(struct discovery *d, int64_t now, struct client *c,
    struct slice bytes, size_t len)
{
	struct epmd_request r;

	if (bytes.len > len && !c->sized) {
		discovery_close(d, now, c, "more bytes than its length says");
		return;
	}
	if (epmd_request(slice_of(bytes.p, len), &r) == -1) {
		discovery_close(d, now, c, "no request of EPMD's");
		return;
	}
	discovery_request(d, now, c, &r);
	if (bytes.len > len && c->state == REGISTERED) {
		discovery_unregister(d, now, c);
		discovery_close(d, now, c, "more than a registration");
	}
}

size_t
discovery_input(struct discovery *d, int64_t now, uint32_t n,
    struct slice bytes)
{
	struct client *c = discovery_client(d, n);
	int len;

	if (c->state == REGISTERED) {
		discovery_unregister(d, now, c);
		discovery_close(d, now, c, "more than a registration");
	}
	if (c->state != ASKING)
		return bytes.len;
	discovery_silent_remove(d, c);
	silent_add(d, now, c);
	len = epmd_length(bytes);
	if (len == -1) {
		discovery_close(d, now, c, "its length is none of EPMD's");
		return bytes.len;
	}
	if (len == 0 || bytes.len < (size_t)len) {
		c->sized = len > 0;
		return 0;
	}
	whole(d, now, c, bytes, (size_t)len);
	return bytes.len;
}

/* Contacts. */

/* Nor is there room for those that come next, which is said once. */
static void
bad_line(struct discovery *d, struct slice line, unsigned long n,
    const char *why)
{
	int full = errno != EINVAL;

	if (!full || !d->contacts_full)
		outbox_log(&d->out, LOG_ERROR, "line %lu: %s: %.*s", n, why,
		    SLICE_ARG(line));
	if (full)
		d->contacts_full = 1;
}

void
discovery_line(struct discovery *d, struct slice line, unsigned long n)
{
	const char *why = "";

	switch (contacts_line(&d->contacts, line, &why)) {
	case -1:
		bad_line(d, line, n, why);
		break;
	case 1:
		outbox_log(&d->out, LOG_DEBUG, "contact %.*s",
		    SLICE_ARG(line));
		outbox_act(&d->out, DISCOVERY_HOSTS, 0, 0, slice_of(NULL, 0));
		break;
	}
	if (d->contacts.nodes.n < CONTACTS_MAX)
		d->contacts_full = 0;
}

void
discovery_lines_again(struct discovery *d)
{
	contacts_again(&d->contacts);
}

void
discovery_lines_end(struct discovery *d)
{
	size_t n = contacts_end(&d->contacts);

	if (n == 0)
		return;
	outbox_log(&d->out, LOG_DEBUG, "%lu contacts are not there any more",
	    (unsigned long)n);
	outbox_act(&d->out, DISCOVERY_HOSTS, 0, 0, slice_of(NULL, 0));
}

int
discovery_hosts(const struct discovery *d, struct buf *out)
{
	return contacts_hosts(&d->contacts, slice_str(d->host), out);
}

/* Time. */

void
discovery_tick(struct discovery *d, int64_t now)
{
	struct client *c;

	while ((c = d->first) != NULL &&
	    now - c->heard >= DISCOVERY_IDLE_MS)
		discovery_close(d, now, c, "silent for too long");
	make_room(d, now);
}

int64_t
discovery_deadline(const struct discovery *d)
{
	if (d->first == NULL)
		return INT64_MAX;
	return d->first->heard +
	    (is_crowded(d) ? DISCOVERY_HURRY_MS : DISCOVERY_IDLE_MS);
}
