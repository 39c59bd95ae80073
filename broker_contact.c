#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker_state.h"
#include "hostport.h"

/*
 * A node of this host is known as long as a listener names it. One elsewhere is
 * learnt from fills, which tell too when it moves or ends while its listener
 * goes on. Of a listener that is gone nobody tells us: its node stays as it was
 * last mentioned, and whoever asks for it finds out by connecting.
 */

#define LINE_BYTES (NAME_BYTES_MAX + 2 * ADDRESS_MAX + 3)

static int
emit(struct broker *b, const struct known *k, int withdrawn)
{
	char line[LINE_BYTES];

	snprintf(line, sizeof(line), "%.*s %s %s", (int)k->len,
	    (const char *)k->node, withdrawn ? "-" : k->host,
	    withdrawn ? "-" : k->port);
	return outbox_act(&b->out, BROKER_CONTACT, 0, 0, slice_str(line));
}

int
broker_contacts(struct broker *b)
{
	const struct known *k;
	size_t pos = 0;

	while ((k = map_next(&b->contacts, &pos)) != NULL)
		if (emit(b, k, 0) == -1)
			return -1;
	return 0;
}

void
broker_contacts_free(struct broker *b)
{
	struct known *k;
	size_t pos = 0;

	while ((k = map_next(&b->contacts, &pos)) != NULL)
		free(k);
}

static struct slice
node_of(const struct known *k)
{
	return slice_of(k->node, k->len);
}

static struct known *
known_new(struct broker *b, struct slice node)
{
	struct known *k;

	if (b->contacts.n >= BROKER_CONTACTS_MAX) {
		if (!b->contacts_full)
			outbox_log(&b->out, LOG_ERROR, "more than %d Erlang "
			    "nodes: the rest is not printed",
			    BROKER_CONTACTS_MAX);
		b->contacts_full = 1;
		return NULL;
	}
	if ((k = calloc(1, sizeof(*k) + node.len)) == NULL)
		return NULL;
	memcpy(k->node, node.p, node.len);
	k->len = node.len;
	if (map_put(&b->contacts, node_of(k), k) == -1) {
		free(k);
		return NULL;
	}
	return k;
}

static void
copy(char dst[ADDRESS_MAX + 1], struct slice s)
{
	memcpy(dst, s.p, s.len);
	dst[s.len] = '\0';
}

static void
learn(struct broker *b, const struct contact *c, int local)
{
	struct slice host, port;
	struct known *k = map_get(&b->contacts, c->node);

	hostport_split(c->dist, &host, &port);
	if (hostport_any(host) && local)
		host = broker_host(b);
	if (hostport_any(host) && local)
		host = slice_str("127.0.0.1");
	/* What a peer says is checked before it goes into a line. */
	if (hostport_any(host) || !slice_is_word(host) ||
	    !slice_is_word(port) || !slice_is_word(c->node)) {
		outbox_log(&b->out, LOG_DEBUG, "contact not printed: node "
		    "'%.*s' at '%.*s'", SLICE_ARG(c->node), SLICE_ARG(c->dist));
		return;
	}
	if (k == NULL && (k = known_new(b, c->node)) == NULL)
		return;
	if (k->local > 0 && !local)
		return;
	if (slice_equal(slice_str(k->host), host) &&
	    slice_equal(slice_str(k->port), port))
		return;
	copy(k->host, host);
	copy(k->port, port);
	emit(b, k, 0);
}

/* The contact, decoded: 0 when it is not of an Erlang node. */
static int
erlang(struct slice contact, struct contact *c)
{
	return contact.len > 0 &&
	    group_decode(&schema_contact, contact, c) == 0 &&
	    c->node.len > 0 && c->dist.len > 0;
}

static void
withdraw(struct broker *b, struct known *k)
{
	emit(b, k, 1);
	map_del(&b->contacts, node_of(k));
	free(k);
}

void
broker_contact_learn(struct broker *b, struct slice contact)
{
	struct contact c;
	struct known *k;

	if (group_decode(&schema_contact, contact, &c) == -1 ||
	    c.node.len == 0)
		return;
	k = map_get(&b->contacts, c.node);
	if (c.dist.len > 0)
		learn(b, &c, k != NULL && k->local > 0);
	else if (k != NULL && k->local == 0)
		withdraw(b, k);
}

void
broker_contact_local(struct broker *b, struct slice contact, int came)
{
	struct contact c;
	struct known *k;

	if (!erlang(contact, &c))
		return;
	if (came)
		learn(b, &c, 1);
	if ((k = map_get(&b->contacts, c.node)) == NULL)
		return;
	if (came) {
		k->local++;
		return;
	}
	if (k->local == 0 || --k->local > 0)
		return;
	withdraw(b, k);
}
