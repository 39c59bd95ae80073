#include <string.h>

#include "discovery_state.h"

/* What was put together goes out, in one write. Where it could not be: as if
 * the answer were lost on the way. */
static int
answer(struct discovery *d, int64_t now, struct client *c, int failed)
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
last_answer(struct discovery *d, int64_t now, struct client *c, int failed)
{
	if (answer(d, now, c, failed))
		return;
	c->state = ENDING;
	outbox_act(&d->out, ACT_DRAIN, discovery_number(d, c), 0,
	    slice_of(NULL, 0));
}

/* epmd leaves the connection open; here it ends with the silence. */
static void
refuse(struct discovery *d, int64_t now, struct client *c,
    const struct epmd_node *n)
{
	c->state = ENDING;
	outbox_log(&d->out, LOG_INFO, "node %.*s is refused",
	    SLICE_ARG(n->name));
	answer(d, now, c, epmd_say_alive2(&d->answer, n->highest, 1,
	    REGISTRY_REFUSED));
}

/* Those that only ask need connections, too. */
static int
has_room(struct discovery *d)
{
	if (d->registry.nlive < d->max - DISCOVERY_ROOM)
		return 1;
	if (!d->nodes_full)
		outbox_log(&d->out, LOG_ERROR, "%lu nodes are registered: no "
		    "more are taken", (unsigned long)d->registry.nlive);
	d->nodes_full = 1;
	return 0;
}

static void
accept_node(struct discovery *d, int64_t now, struct client *c,
    struct entry *e)
{
	uint32_t seconds = d->seconds + (uint32_t)(now / 1000);

	if (!has_room(d) || registry_add(&d->registry, e, seconds) == -1) {
		refuse(d, now, c, &e->node);
		entry_free(e);
		return;
	}
	if (answer(d, now, c, epmd_say_alive2(&d->answer, e->node.highest, 0,
	    entry_creation(e)))) {
		registry_remove(&d->registry, e);
		return;
	}
	c->state = REGISTERED;
	c->entry = e;
	discovery_silent_remove(d, c);
	outbox_log(&d->out, LOG_DEBUG, "node %.*s at port %u",
	    SLICE_ARG(e->node.name), (unsigned)e->node.port);
}

static void
on_alive2(struct discovery *d, int64_t now, struct client *c,
    const struct epmd_node *n)
{
	struct entry *e, *old;

	if (!c->local) {
		discovery_close(d, now, c, "only nodes of this host register");
		return;
	}
	if ((e = entry_new(n, discovery_number(d, c))) == NULL) {
		refuse(d, now, c, n);
		return;
	}
	old = registry_find(&d->registry, n->name);
	if (old == NULL) {
		accept_node(d, now, c, e);
		return;
	}
	c->state = PROBING;
	c->entry = e;
	outbox_act(&d->out, DISCOVERY_PROBE, discovery_number(d, c), old->owner,
	    slice_of(NULL, 0));
}

/* Meanwhile another one may have taken the name: that one has just come. */
void
discovery_probed(struct discovery *d, int64_t now, uint32_t n, int gone)
{
	struct client *c = discovery_client(d, n), *owner;
	struct entry *e = c->entry, *old;

	if (c->state != PROBING)
		return;
	c->state = ASKING;
	c->entry = NULL;
	old = registry_find(&d->registry, e->node.name);
	if (old != NULL && gone) {
		owner = discovery_client(d, old->owner);
		discovery_unregister(d, now, owner);
		discovery_close(d, now, owner, "its node came again");
		old = NULL;
	}
	if (old == NULL) {
		accept_node(d, now, c, e);
		return;
	}
	refuse(d, now, c, &e->node);
	entry_free(e);
}

static int
is_own(const struct discovery *d, struct slice host)
{
	size_t first = strcspn(d->host, ".");

	return host.len > 0 && (slice_is(host, d->host) ||
	    slice_equal(host, slice_of(d->host, first)) ||
	    slice_is(host, "localhost"));
}

/* name@host, which no node of this host is registered as: 1 with *n filled. */
static int
find_remote(const struct discovery *d, struct slice name, struct epmd_node *n)
{
	const struct whereabouts *w = contacts_find(&d->contacts, name);
	struct slice host = contacts_host(name);
	const struct entry *e = NULL;

	if (is_own(d, host))
		e = registry_find(&d->registry,
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
on_port_please2(struct discovery *d, int64_t now, struct client *c,
    struct slice name)
{
	const struct entry *e = registry_find(&d->registry, name);
	struct epmd_node n, *found = NULL;

	if (e != NULL) {
		n = e->node;
		found = &n;
	} else if (find_remote(d, name, &n)) {
		found = &n;
	}
	last_answer(d, now, c, epmd_say_port2(&d->answer, found));
}

static void
on_names(struct discovery *d, int64_t now, struct client *c)
{
	const struct entry *e;
	int failed = epmd_say_port(&d->answer, d->port);

	for (e = d->registry.live; e != NULL && !failed; e = e->next)
		failed = epmd_say_name(&d->answer, &e->node);
	last_answer(d, now, c, failed);
}

static void
on_dump(struct discovery *d, int64_t now, struct client *c)
{
	const struct entry *e;
	int failed = epmd_say_port(&d->answer, d->port);

	for (e = d->registry.live; e != NULL && !failed; e = e->next)
		failed = epmd_say_active(&d->answer, &e->node, e->owner);
	for (e = d->registry.unused; e != NULL && !failed; e = e->next)
		failed = epmd_say_unused(&d->answer, &e->node, e->owner);
	last_answer(d, now, c, failed);
}

static void
on_kill(struct discovery *d, int64_t now, struct client *c)
{
	int may = d->relaxed || d->registry.nlive == 0;

	last_answer(d, now, c,
	    epmd_say_text(&d->answer, may ? "OK" : "NO"));
	if (!may)
		return;
	outbox_log(&d->out, LOG_INFO, "killed by a client");
	outbox_act(&d->out, ACT_STOP, 0, 0, slice_of(NULL, 0));
}

static void
on_stop(struct discovery *d, int64_t now, struct client *c,
    struct slice name)
{
	struct entry *e = registry_find(&d->registry, name);
	struct client *owner;

	if (e != NULL) {
		owner = discovery_client(d, e->owner);
		discovery_unregister(d, now, owner);
		discovery_close(d, now, owner, "stopped by a client");
	}
	last_answer(d, now, c,
	    epmd_say_text(&d->answer, e != NULL ? "STOPPED" : "NOEXIST"));
}

/* Requests. */

static int
permitted(const struct discovery *d, const struct client *c, int type)
{
	switch (type) {
	case EPMD_DUMP_REQ:
	case EPMD_KILL_REQ:
		return c->local;
	case EPMD_STOP_REQ:
		return c->local && d->relaxed;
	default:
		return 1;
	}
}

void
discovery_request(struct discovery *d, int64_t now, struct client *c,
    const struct epmd_request *r)
{
	if (!permitted(d, c, r->type)) {
		discovery_close(d, now, c, "not permitted");
		return;
	}
	switch (r->type) {
	case EPMD_ALIVE2_REQ:
		on_alive2(d, now, c, &r->node);
		break;
	case EPMD_PORT_PLEASE2_REQ:
		on_port_please2(d, now, c, r->node.name);
		break;
	case EPMD_NAMES_REQ:
		on_names(d, now, c);
		break;
	case EPMD_DUMP_REQ:
		on_dump(d, now, c);
		break;
	case EPMD_KILL_REQ:
		on_kill(d, now, c);
		break;
	case EPMD_STOP_REQ:
		on_stop(d, now, c, r->node.name);
		break;
	}
}
