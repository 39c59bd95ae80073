#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "chain.h"
#include "discovery.h"
#include "discovery_contacts.h"
#include "epmd.h"
#include "map.h"

#define HOST_MAX     256 /* bytes of this host's name, with its NUL */
#define OLD_CREATIONS  3 /* before OTP 23: 1 to 3 */
/* Less is of nodes before OTP 23. */
#define CREATION_MIN   4
#define REFUSED	      99 /* epmd's creation in a refusal */
/* Names remembered: above that, each name that is new takes the place of the
 * oldest, as in epmd. */
#define REMEMBERED_MAX 1000

/*
 * A node of this host, as epmd keeps it: it is registered, or it was, and its
 * name is remembered, so that it gets another creation when it comes again. A
 * creation tells incarnations of one name apart: the first is the second in
 * which the name came, each later one counts on.
 */
struct discovery_node {
	struct chain chain;    /* of the registered, or of the remembered */
	struct epmd_node node; /* the slices point into bytes */
	uint32_t owner;	       /* its client: never 0 while registered */
	uint32_t counter;      /* what creations come from */
	int live;	       /* it is registered */
	unsigned char bytes[];
};

enum discovery_state {
	DISCOVERY_FREE,
	DISCOVERY_ASKING,     /* its request is not whole */
	DISCOVERY_PROBING,    /* it waits for whether its name is free */
	DISCOVERY_REGISTERED,
	DISCOVERY_REFUSED,    /* its next byte ends it */
	DISCOVERY_ENDING      /* answered: nothing it says counts */
};

struct discovery_client {
	struct chain silent; /* all but the registered are on it */
	enum discovery_state state;
	int local;
	int sized;   /* the length of its request has come before */
	int closing; /* the shell has been told to close it */
	int64_t heard;
	struct discovery_node *node; /* PROBING: it is not registered yet */
	struct discovery_client *next; /* of those that are free again */
};

struct discovery {
	struct outbox out;
	struct map names;	   /* of nodes, registered or remembered */
	struct chain live;	   /* newest first */
	struct chain unused;	   /* oldest first */
	size_t nlive, nunused;
	struct contacts contacts;
	struct buf answer;
	uint32_t seconds;
	uint16_t port;
	int relaxed;
	char host[HOST_MAX];
	struct discovery_client *clients; /* pages that no client was in stay
					     untouched */
	unsigned max, n;
	unsigned used;	  /* of clients: what follows was never used */
	unsigned closing; /* of n: the shell has been told to close them */
	struct discovery_client *free; /* of what was used, a list */
	struct chain silent; /* the one longest silent first */
	/* Said already, and still so: too many clients, nodes, contacts. */
	int crowded, nodes_full, contacts_full;
};

/* Nodes. */

/* A copy, not registered yet: for discovery_node_free() or
 * discovery_node_add(). NULL with ENOMEM, or with EINVAL where epmd refuses it:
 * too long a name or extra, or a name that is not UTF-8. */
static struct discovery_node *
discovery_node_new(const struct epmd_node *n, uint32_t owner)
{
	struct discovery_node *e;
	int symbols = epmd_symbols(n->name);

	if (n->name.len > EPMD_NAME_MAX || n->extra.len > EPMD_EXTRA_MAX ||
	    symbols == -1 || symbols > EPMD_SYMBOLS_MAX) {
		errno = EINVAL;
		return NULL;
	}
	if ((e = calloc(1, sizeof(*e) + n->name.len + n->extra.len)) == NULL)
		return NULL;
	chain_init(&e->chain);
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

static struct discovery_node *
discovery_node_next(const struct chain *list, const struct discovery_node *e)
{
	return CHAIN_NEXT(list, e, struct discovery_node, chain);
}

static void
discovery_node_free_all(struct chain *list)
{
	struct discovery_node *e;

	while ((e = discovery_node_next(list, NULL)) != NULL) {
		chain_remove(&e->chain);
		free(e);
	}
}

/* The registered node of that name, or NULL. */
static struct discovery_node *
discovery_node_find(const struct discovery *d, struct slice name)
{
	struct discovery_node *e = map_get(&d->names, name);

	return e != NULL && e->live ? e : NULL;
}

static void
discovery_node_forget(struct discovery *d, struct discovery_node *e)
{
	assert(!e->live);
	chain_remove(&e->chain);
	d->nunused--;
	free(e);
}

/* Register; no node of that name is. 0, or -1 with ENOMEM (the node stays the
 * caller's). */
static int
discovery_node_add(struct discovery *d, int64_t now, struct discovery_node *e)
{
	struct discovery_node *old = map_get(&d->names, e->node.name);

	assert(old == NULL || !old->live);
	if (map_put(&d->names, e->node.name, e) == -1)
		return -1;
	e->counter = old != NULL ? old->counter + 1 :
	    d->seconds + (uint32_t)(now / 1000);
	if (e->counter < CREATION_MIN)
		e->counter = CREATION_MIN;
	if (old == NULL && d->nunused > REMEMBERED_MAX) {
		old = discovery_node_next(&d->unused, NULL);
		map_del(&d->names, old->node.name);
	}
	if (old != NULL)
		discovery_node_forget(d, old);
	e->live = 1;
	chain_prepend(&d->live, &e->chain);
	d->nlive++;
	return 0;
}

/* It is no longer registered, and its name is remembered. */
static void
discovery_node_remove(struct discovery *d, struct discovery_node *e)
{
	assert(e->live);
	e->live = 0;
	chain_remove(&e->chain);
	d->nlive--;
	chain_append(&d->unused, &e->chain);
	d->nunused++;
}

/* In the range that the node's highest version knows. */
static uint32_t
discovery_node_creation(const struct discovery_node *e)
{
	if (e->node.highest >= EPMD_X_VERSION)
		return e->counter;
	return e->counter % OLD_CREATIONS + 1;
}

/* Clients. */

static uint32_t
discovery_number(const struct discovery *d, const struct discovery_client *c)
{
	return (uint32_t)(c - d->clients) + 1;
}

static struct discovery_client *
discovery_client(const struct discovery *d, uint32_t n)
{
	assert(n > 0 && n <= d->used);
	assert(d->clients[n - 1].state != DISCOVERY_FREE);
	return &d->clients[n - 1];
}

static struct discovery_client *
discovery_most_silent(const struct discovery *d)
{
	return CHAIN_NEXT(&d->silent, NULL, struct discovery_client, silent);
}

static void
discovery_heard(struct discovery *d, int64_t now, struct discovery_client *c)
{
	c->heard = now;
	chain_remove(&c->silent);
	chain_append(&d->silent, &c->silent);
}

/* Close it at once: nothing that it says counts. It keeps its number until the
 * shell says that it is closed. */
static void
discovery_close(struct discovery *d, int64_t now, struct discovery_client *c,
    const char *why)
{
	c->state = DISCOVERY_ENDING;
	d->closing += !c->closing;
	c->closing = 1;
	discovery_heard(d, now, c);
	outbox_act(&d->out, ACT_CLOSE, discovery_number(d, c), 0,
	    slice_str(why));
}

unsigned
discovery_room(const struct discovery *d)
{
	return d->max - d->n;
}

static int
discovery_is_crowded(const struct discovery *d)
{
	return d->n - d->closing > d->max - DISCOVERY_ROOM;
}

/* Close those that have had their time to speak. */
static void
discovery_make_room(struct discovery *d, int64_t now)
{
	struct discovery_client *c;

	if (discovery_is_crowded(d) && !d->crowded) {
		d->crowded = 1;
		outbox_log(&d->out, LOG_ERROR, "%u connections: closing those "
		    "that have been silent longest", d->n);
	}
	while (discovery_is_crowded(d) &&
	    (c = discovery_most_silent(d)) != NULL && !c->closing &&
	    now - c->heard >= DISCOVERY_HURRY_MS)
		discovery_close(d, now, c, "too many connections");
}

uint32_t
discovery_open(struct discovery *d, int64_t now, int local)
{
	struct discovery_client *c = d->free;

	assert(discovery_room(d) > 0);
	if (c != NULL)
		d->free = c->next;
	else
		c = &d->clients[d->used++];
	d->n++;
	memset(c, 0, sizeof(*c));
	chain_init(&c->silent);
	c->state = DISCOVERY_ASKING;
	c->local = local;
	discovery_heard(d, now, c);
	discovery_make_room(d, now);
	return discovery_number(d, c);
}

/* Its name is free again; its connection is the caller's affair. */
static void
discovery_unregister(struct discovery *d, int64_t now,
    struct discovery_client *c)
{
	outbox_log(&d->out, LOG_DEBUG, "node %.*s is gone",
	    SLICE_ARG(c->node->node.name));
	discovery_node_remove(d, c->node);
	d->nodes_full = 0;
	c->node = NULL;
	c->state = DISCOVERY_ENDING;
	discovery_heard(d, now, c);
}

/* It is unregistered and its connection ends. */
static void
discovery_expel(struct discovery *d, int64_t now, struct discovery_client *c,
    const char *why)
{
	discovery_unregister(d, now, c);
	discovery_close(d, now, c, why);
}

void
discovery_closed(struct discovery *d, int64_t now, uint32_t n)
{
	struct discovery_client *c = discovery_client(d, n);

	if (c->state == DISCOVERY_REGISTERED)
		discovery_unregister(d, now, c);
	if (c->state == DISCOVERY_PROBING)
		free(c->node);
	chain_remove(&c->silent);
	c->state = DISCOVERY_FREE;
	c->next = d->free;
	d->free = c;
	d->closing -= c->closing != 0;
	d->n--;
	if (d->n < d->max - DISCOVERY_ROOM)
		d->crowded = 0;
}

/* Answers. */

/* Send what was put together in one write. If it could not be put together, it
 * is as if the answer were lost on the way. */
static int
discovery_answer(struct discovery *d, int64_t now, struct discovery_client *c,
    int failed)
{
	if (!failed)
		failed = outbox_act(&d->out, ACT_SEND, discovery_number(d, c),
		    0, buf_slice(&d->answer)) == -1;
	if (failed)
		discovery_close(d, now, c, "out of memory");
	buf_consume(&d->answer, buf_len(&d->answer));
	return failed;
}

/* And that is all that it gets. */
static void
discovery_answer_last(struct discovery *d, int64_t now,
    struct discovery_client *c, int failed)
{
	if (discovery_answer(d, now, c, failed))
		return;
	c->state = DISCOVERY_ENDING;
	outbox_act(&d->out, ACT_DRAIN, discovery_number(d, c), 0,
	    slice_of(NULL, 0));
}

/* As in epmd, the connection stays open until the client says more. */
static void
discovery_refuse(struct discovery *d, int64_t now, struct discovery_client *c,
    const struct epmd_node *n)
{
	c->state = DISCOVERY_REFUSED;
	outbox_log(&d->out, LOG_INFO, "node %.*s is refused",
	    SLICE_ARG(n->name));
	discovery_answer(d, now, c, epmd_say_alive2(&d->answer, n->highest, 1,
	    REFUSED));
}

/* Those that only ask need connections, too. */
static int
discovery_has_room(struct discovery *d)
{
	if (d->nlive < d->max - DISCOVERY_ROOM)
		return 1;
	if (!d->nodes_full)
		outbox_log(&d->out, LOG_ERROR, "%lu nodes are registered: no "
		    "more are taken", (unsigned long)d->nlive);
	d->nodes_full = 1;
	return 0;
}

static void
discovery_accept(struct discovery *d, int64_t now, struct discovery_client *c,
    struct discovery_node *e)
{
	if (!discovery_has_room(d) || discovery_node_add(d, now, e) == -1) {
		discovery_refuse(d, now, c, &e->node);
		free(e);
		return;
	}
	if (discovery_answer(d, now, c, epmd_say_alive2(&d->answer,
	    e->node.highest, 0, discovery_node_creation(e)))) {
		discovery_node_remove(d, e);
		return;
	}
	c->state = DISCOVERY_REGISTERED;
	c->node = e;
	chain_remove(&c->silent);
	outbox_log(&d->out, LOG_DEBUG, "node %.*s at port %u",
	    SLICE_ARG(e->node.name), (unsigned)e->node.port);
}

static void
discovery_on_alive2(struct discovery *d, int64_t now,
    struct discovery_client *c, const struct epmd_node *n)
{
	struct discovery_node *old = discovery_node_find(d, n->name);
	struct discovery_node *e = discovery_node_new(n,
	    discovery_number(d, c));

	if (e == NULL) {
		discovery_refuse(d, now, c, n);
	} else if (old == NULL) {
		discovery_accept(d, now, c, e);
	} else {
		c->state = DISCOVERY_PROBING;
		c->node = e;
		outbox_act(&d->out, DISCOVERY_PROBE, discovery_number(d, c),
		    old->owner, slice_of(NULL, 0));
	}
}

/* Meanwhile another one may have taken the name: that one has just come. */
void
discovery_probed(struct discovery *d, int64_t now, uint32_t n, int gone)
{
	struct discovery_client *c = discovery_client(d, n);
	struct discovery_node *e = c->node, *old;

	if (c->state != DISCOVERY_PROBING)
		return;
	c->state = DISCOVERY_ASKING;
	c->node = NULL;
	old = discovery_node_find(d, e->node.name);
	if (old != NULL && gone)
		discovery_expel(d, now, discovery_client(d, old->owner),
		    "its node came again");
	if (old == NULL || gone) {
		discovery_accept(d, now, c, e);
		return;
	}
	discovery_refuse(d, now, c, &e->node);
	free(e);
}

static int
discovery_is_own(const struct discovery *d, struct slice given)
{
	char text[HOST_MAX];
	struct slice host = slice_of(text, given.len);

	if (given.len >= sizeof(text))
		return 0;
	slice_lower(text, given);
	return host.len > 0 && (slice_is(host, d->host) ||
	    slice_equal(host, slice_of(d->host, strcspn(d->host, "."))) ||
	    slice_is(host, "localhost"));
}

/* name@host, which no node of this host is registered as: 1 with *n filled. */
static int
discovery_find_remote(const struct discovery *d, struct slice name,
    struct epmd_node *n)
{
	const struct contacts_node *w = contacts_find(&d->contacts, name);
	struct slice host = contacts_host(name);
	const struct discovery_node *e = NULL;

	if (discovery_is_own(d, host))
		e = discovery_node_find(d,
		    slice_of(name.p, name.len - host.len - 1));
	if (e == NULL && w == NULL)
		return 0;
	if (e != NULL) {
		*n = e->node;
	} else {
		memset(n, 0, sizeof(*n));
		n->port = w->port;
		n->type = EPMD_NORMAL;
		n->highest = EPMD_HIGHEST;
		n->lowest = EPMD_LOWEST;
	}
	n->name = name;
	n->extra = slice_str(w != NULL ? w->ip : NULL);
	return 1;
}

static void
discovery_on_port_please2(struct discovery *d, int64_t now,
    struct discovery_client *c, const struct epmd_node *asked)
{
	const struct discovery_node *e = discovery_node_find(d, asked->name);
	struct epmd_node n;
	int found = e != NULL;

	if (found)
		n = e->node;
	else
		found = discovery_find_remote(d, asked->name, &n);
	discovery_answer_last(d, now, c,
	    epmd_say_port2(&d->answer, found ? &n : NULL));
}

static void
discovery_on_names(struct discovery *d, int64_t now,
    struct discovery_client *c, const struct epmd_node *n)
{
	const struct discovery_node *e = NULL;
	int failed = epmd_say_port(&d->answer, d->port);

	(void)n;
	while (!failed && (e = discovery_node_next(&d->live, e)) != NULL)
		failed = epmd_say_name(&d->answer, &e->node);
	discovery_answer_last(d, now, c, failed);
}

static void
discovery_on_dump(struct discovery *d, int64_t now,
    struct discovery_client *c, const struct epmd_node *n)
{
	const struct discovery_node *e = NULL;
	int failed = epmd_say_port(&d->answer, d->port);

	(void)n;
	while (!failed && (e = discovery_node_next(&d->live, e)) != NULL)
		failed = epmd_say_active(&d->answer, &e->node, e->owner);
	while (!failed && (e = discovery_node_next(&d->unused, e)) != NULL)
		failed = epmd_say_unused(&d->answer, &e->node, e->owner);
	discovery_answer_last(d, now, c, failed);
}

static void
discovery_on_kill(struct discovery *d, int64_t now,
    struct discovery_client *c, const struct epmd_node *n)
{
	int may = d->relaxed || d->nlive == 0;

	(void)n;
	discovery_answer_last(d, now, c,
	    epmd_say_text(&d->answer, may ? "OK" : "NO"));
	if (!may)
		return;
	outbox_log(&d->out, LOG_INFO, "killed by a client");
	outbox_act(&d->out, ACT_STOP, 0, 0, slice_of(NULL, 0));
}

static void
discovery_on_stop(struct discovery *d, int64_t now,
    struct discovery_client *c, const struct epmd_node *n)
{
	struct discovery_node *e = discovery_node_find(d, n->name);

	if (e != NULL)
		discovery_expel(d, now, discovery_client(d, e->owner),
		    "stopped by a client");
	discovery_answer_last(d, now, c,
	    epmd_say_text(&d->answer, e != NULL ? "STOPPED" : "NOEXIST"));
}

/* Requests. */

/* local: only clients of this host; relaxed: and only where that is set. */
static const struct {
	int type;
	int local, relaxed;
	const char *why; /* it is not permitted */
	void (*fn)(struct discovery *, int64_t now, struct discovery_client *,
	    const struct epmd_node *);
} discovery_requests[] = {
	{ EPMD_ALIVE2_REQ, 1, 0, "only nodes of this host register",
	    discovery_on_alive2 },
	{ EPMD_PORT_PLEASE2_REQ, 0, 0, "", discovery_on_port_please2 },
	{ EPMD_NAMES_REQ, 0, 0, "", discovery_on_names },
	{ EPMD_DUMP_REQ, 1, 0, "not permitted", discovery_on_dump },
	{ EPMD_KILL_REQ, 1, 0, "not permitted", discovery_on_kill },
	{ EPMD_STOP_REQ, 1, 1, "not permitted", discovery_on_stop }
};

/* It says more than it has to. */
static void
discovery_surplus(struct discovery *d, int64_t now,
    struct discovery_client *c)
{
	if (c->state == DISCOVERY_REGISTERED)
		discovery_expel(d, now, c, "more than a registration");
	else if (c->state == DISCOVERY_REFUSED)
		discovery_close(d, now, c, "it was refused");
}

/*
 * Surplus bytes spoil a request that came in one go with them; epmd does not
 * see them where it knew the length before, and a node that sends them after
 * its registration is no longer registered.
 */
static void
discovery_request(struct discovery *d, int64_t now, struct discovery_client *c,
    struct slice bytes, size_t len)
{
	struct epmd_request r;
	size_t i = 0;

	if (bytes.len > len && !c->sized) {
		discovery_close(d, now, c, "more bytes than its length says");
		return;
	}
	if (epmd_request(slice_of(bytes.p, len), &r) == -1) {
		discovery_close(d, now, c, "no request of EPMD's");
		return;
	}
	while (discovery_requests[i].type != r.type)
		i++;
	if ((discovery_requests[i].local && !c->local) ||
	    (discovery_requests[i].relaxed && !d->relaxed))
		discovery_close(d, now, c, discovery_requests[i].why);
	else
		discovery_requests[i].fn(d, now, c, &r.node);
	if (bytes.len > len)
		discovery_surplus(d, now, c);
}

size_t
discovery_input(struct discovery *d, int64_t now, uint32_t n,
    struct slice bytes)
{
	struct discovery_client *c = discovery_client(d, n);
	int len;

	discovery_surplus(d, now, c);
	if (c->state != DISCOVERY_ASKING)
		return bytes.len;
	discovery_heard(d, now, c);
	len = epmd_length(bytes);
	if (len == -1) {
		discovery_close(d, now, c, "its length is none of EPMD's");
		return bytes.len;
	}
	if (len == 0 || bytes.len < (size_t)len) {
		c->sized = len > 0;
		return 0;
	}
	discovery_request(d, now, c, bytes, (size_t)len);
	return bytes.len;
}

/* Contacts. */

/* There is no room for new ones, either; say so once. */
static void
discovery_bad_line(struct discovery *d, struct slice line, unsigned long n,
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
		discovery_bad_line(d, line, n, why);
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
	outbox_log(&d->out, LOG_DEBUG, "%lu contacts are no longer there",
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
	struct discovery_client *c;

	while ((c = discovery_most_silent(d)) != NULL &&
	    now - c->heard >= DISCOVERY_IDLE_MS)
		discovery_close(d, now, c, "silent for too long");
	discovery_make_room(d, now);
}

int64_t
discovery_deadline(const struct discovery *d)
{
	const struct discovery_client *c = discovery_most_silent(d);

	if (c == NULL)
		return INT64_MAX;
	return c->heard + (discovery_is_crowded(d) ? DISCOVERY_HURRY_MS :
	    DISCOVERY_IDLE_MS);
}

/* Life. */

struct discovery *
discovery_new(const struct discovery_config *config)
{
	struct discovery *d = calloc(1, sizeof(*d));

	assert(config->clients > DISCOVERY_ROOM &&
	    config->clients <= DISCOVERY_CLIENTS_MAX);
	if (d == NULL)
		return NULL;
	outbox_init(&d->out);
	map_init(&d->names, config->seed);
	chain_init(&d->live);
	chain_init(&d->unused);
	chain_init(&d->silent);
	contacts_init(&d->contacts, config->seed);
	buf_init(&d->answer, DISCOVERY_ANSWER_MAX);
	d->seconds = config->seconds;
	d->port = config->port;
	d->relaxed = config->relaxed;
	d->max = config->clients;
	if (config->host.len < sizeof(d->host))
		slice_lower(d->host, config->host);
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
		if (d->clients[i].state == DISCOVERY_PROBING)
			free(d->clients[i].node);
	free(d->clients);
	discovery_node_free_all(&d->live);
	discovery_node_free_all(&d->unused);
	map_free(&d->names);
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
	return d->nlive;
}
