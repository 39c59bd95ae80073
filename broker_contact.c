#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "broker_state.h"

/* This host. */

struct slice
broker_host(const struct broker *b)
{
	return slice_str(b->host[0] != '\0' ? b->host : b->local);
}

/*
 * Our end of a link to an authority or an exchange is an address at which
 * others can reach us, if they are where these are. What we tell is such an end
 * of a link that stands, as long as there is one: a host's address may change.
 * An address that is not loopback is better than one that is; otherwise the
 * first one stays.
 */
static int
broker_local_better(const char *than, const char *local)
{
	return hostport_loopback(slice_str(than)) &&
	    !hostport_loopback(slice_str(local));
}

static void
broker_local_set(struct broker *b, int64_t now, const char *local)
{
	int moved = b->local[0] != '\0' &&
	    !hostport_loopback(slice_str(b->local));

	hostport_copy(b->local, slice_str(local));
	if (b->host[0] != '\0')
		return;
	if (moved)
		outbox_log(&b->out, LOG_INFO, "this host is at %s now", local);
	broker_sell_again(b, now);
}

void
broker_local_up(struct broker *b, int64_t now, struct broker_peer *p,
    struct slice local)
{
	struct slice host, port;

	hostport_split(local, &host, &port);
	if (hostport_any(host) || host.len > ADDRESS_MAX)
		return;
	p->local = (char *)slice_dup(host);
	if (p->local == NULL)
		return;
	if (strcmp(b->local, p->local) == 0) {
		b->nlocal++;
	} else if (b->nlocal == 0 || broker_local_better(b->local, p->local)) {
		b->nlocal = 1;
		broker_local_set(b, now, p->local);
	}
}

/* The last link of the address that we tell is gone: another link's. */
static void
broker_local_choose(struct broker *b, int64_t now)
{
	const struct broker_peer *p, *best = NULL;
	size_t pos = 0;

	while ((p = map_next(&b->gossip.peers, &pos)) != NULL)
		if (p->local != NULL && (best == NULL ||
		    broker_local_better(best->local, p->local)))
			best = p;
	if (best == NULL)
		return;
	for (pos = 0; (p = map_next(&b->gossip.peers, &pos)) != NULL;)
		b->nlocal += p->local != NULL &&
		    strcmp(p->local, best->local) == 0;
	broker_local_set(b, now, best->local);
}

void
broker_local_down(struct broker *b, int64_t now, struct broker_peer *p)
{
	int told = p->local != NULL && strcmp(p->local, b->local) == 0;

	free(p->local);
	p->local = NULL;
	if (told && --b->nlocal == 0)
		broker_local_choose(b, now);
}

/*
 * Contacts. A node of this host is known as long as a listener names it. A node
 * elsewhere is learnt from fills, which also tell when it moves, or ends while
 * its listener goes on. No message tells us that a listener elsewhere is gone:
 * its node stays as it was last mentioned, and a process that asks for it finds
 * out by connecting.
 */

#define CONTACT_LINE (NAME_BYTES_MAX + 2 * ADDRESS_MAX + 3)

static int
broker_contact_emit(struct broker *b, const struct broker_contact *c,
    int withdrawn)
{
	char line[CONTACT_LINE];

	snprintf(line, sizeof(line), "%.*s %s %s", SLICE_ARG(c->node),
	    withdrawn ? "-" : c->host, withdrawn ? "-" : c->port);
	return outbox_act(&b->out, BROKER_CONTACT, 0, 0, slice_str(line));
}

int
broker_contacts(struct broker *b)
{
	const struct broker_contact *c;
	size_t pos = 0;

	while ((c = map_next(&b->contacts, &pos)) != NULL)
		if (broker_contact_emit(b, c, 0) == -1)
			return -1;
	return 0;
}

static struct broker_contact *
broker_contact_new(struct broker *b, struct slice node)
{
	struct broker_contact *c;

	if (b->contacts.n >= BROKER_CONTACTS_MAX) {
		if (!b->contacts_full)
			outbox_log(&b->out, LOG_ERROR, "more than %d Erlang "
			    "nodes: the rest is not printed",
			    BROKER_CONTACTS_MAX);
		b->contacts_full = 1;
		return NULL;
	}
	if ((c = map_alloc(&b->contacts, sizeof(*c), &node)) != NULL)
		c->node = node;
	return c;
}

static void
broker_contact_put(struct broker *b, const struct contact *from, int local)
{
	struct slice host, port;
	struct broker_contact *c = map_get(&b->contacts, from->node);

	hostport_split(from->dist, &host, &port);
	if (hostport_any(host) && local)
		host = broker_host(b);
	if (hostport_any(host) && local)
		host = slice_str("127.0.0.1");
	/* What a peer says is checked before it goes into a line. */
	if (hostport_any(host) || !slice_is_word(host) ||
	    !slice_is_word(port) || !slice_is_word(from->node)) {
		outbox_log(&b->out, LOG_DEBUG, "contact not printed: node "
		    "'%.*s' at '%.*s'", SLICE_ARG(from->node),
		    SLICE_ARG(from->dist));
		return;
	}
	if (c == NULL && (c = broker_contact_new(b, from->node)) == NULL)
		return;
	if (c->local > 0 && !local)
		return;
	if (slice_equal(slice_str(c->host), host) &&
	    slice_equal(slice_str(c->port), port))
		return;
	hostport_copy(c->host, host);
	hostport_copy(c->port, port);
	broker_contact_emit(b, c, 0);
}

static void
broker_contact_withdraw(struct broker *b, struct broker_contact *c)
{
	broker_contact_emit(b, c, 1);
	map_del(&b->contacts, c->node);
	free(c);
}

/* Decode it: 0 when it is not of an Erlang node, whose name goes to node with
 * its host in lower case. */
static int
broker_contact_decode(struct slice contact, struct contact *c,
    char node[NAME_BYTES_MAX + 1])
{
	if (group_decode(&schema_contact, contact, c) == -1)
		return 0;
	c->node = slice_lower_host(node, c->node);
	return c->node.len > 0;
}

void
broker_contact_learn(struct broker *b, struct slice contact)
{
	char node[NAME_BYTES_MAX + 1];
	struct broker_contact *c;
	struct contact from;

	if (!broker_contact_decode(contact, &from, node))
		return;
	c = map_get(&b->contacts, from.node);
	if (from.dist.len > 0)
		broker_contact_put(b, &from, c != NULL && c->local > 0);
	else if (c != NULL && c->local == 0)
		broker_contact_withdraw(b, c);
}

void
broker_contact_local(struct broker *b, struct slice contact, int came)
{
	char node[NAME_BYTES_MAX + 1];
	struct broker_contact *c;
	struct contact from;

	if (!broker_contact_decode(contact, &from, node) || from.dist.len == 0)
		return;
	if (came)
		broker_contact_put(b, &from, 1);
	c = map_get(&b->contacts, from.node);
	if (c != NULL && came)
		c->local++;
	else if (c != NULL && c->local > 0 && --c->local == 0)
		broker_contact_withdraw(b, c);
}
