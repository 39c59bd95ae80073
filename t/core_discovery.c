/*
 * The discovery core, for scripts (harness.h). It has clients, by their
 * numbers, and no peers; what a client has sent and the core has not taken yet
 * is presented again, with what comes next, as its shell does.
 */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "discovery.h"
#include "t/harness.h"

#define CORE_DISCOVERY_CLIENTS 64
#define CORE_DISCOVERY_SECONDS 4000 /* the time of day when now is 0 */

struct discovery_args {
	uint64_t client, clients, local, relaxed, gone, number, seconds;
	struct slice host, bytes, line;
};

static const struct field core_discovery_fields[] = {
	HARNESS_UINT(discovery_args, clients),
	HARNESS_UINT(discovery_args, relaxed),
	HARNESS_BYTES(discovery_args, host),
	HARNESS_UINT(discovery_args, client),
	HARNESS_UINT(discovery_args, local),
	HARNESS_BYTES(discovery_args, bytes),
	HARNESS_UINT(discovery_args, gone),
	HARNESS_BYTES(discovery_args, line),
	HARNESS_UINT(discovery_args, number),
	HARNESS_UINT(discovery_args, seconds)
};
static const struct schema core_discovery_args =
    HARNESS_ARGS(discovery_args, core_discovery_fields);

struct core_discovery {
	struct discovery *d;
	struct buf said[CORE_DISCOVERY_CLIENTS]; /* and not taken, by client */
	int open[CORE_DISCOVERY_CLIENTS];
};

static void *
core_discovery_begin(const struct id *own, uint64_t seed, const void *args)
{
	const struct discovery_args *a = args;
	struct core_discovery *c = calloc(1, sizeof(*c));
	struct discovery_config config;
	size_t i;

	(void)own;
	assert(c != NULL && a->clients < CORE_DISCOVERY_CLIENTS);
	config.seed = seed;
	config.seconds = a->seconds != 0 ? (uint32_t)a->seconds :
	    CORE_DISCOVERY_SECONDS;
	config.port = 4369;
	config.relaxed = (int)a->relaxed;
	config.clients = (unsigned)a->clients;
	config.host = a->host;
	c->d = discovery_new(&config);
	for (i = 0; i < CORE_DISCOVERY_CLIENTS; i++)
		buf_init(&c->said[i], 65536);
	return c;
}

static void
core_discovery_end(void *core)
{
	struct core_discovery *c = core;
	size_t i;

	for (i = 0; i < CORE_DISCOVERY_CLIENTS; i++)
		buf_free(&c->said[i]);
	discovery_free(c->d);
	free(c);
}

static struct outbox *
core_discovery_out(void *core)
{
	return discovery_out(((struct core_discovery *)core)->d);
}

/* The number that it got is the one that the script says, if it says one. */
static int
core_discovery_open(void *core, int64_t now, const void *args)
{
	const struct discovery_args *a = args;
	struct core_discovery *c = core;
	uint32_t client;

	errno = ERANGE;
	if (discovery_room(c->d) == 0)
		return -1;
	client = discovery_open(c->d, now, a->local != 0);
	assert(client < CORE_DISCOVERY_CLIENTS);
	c->open[client] = 1;
	return a->client == 0 || client == a->client ? 0 : -1;
}

/* 0, or -1 where there is no such client. */
static int
core_discovery_find(const struct core_discovery *c, uint64_t client)
{
	errno = EINVAL;
	return client < CORE_DISCOVERY_CLIENTS && c->open[client] ? 0 : -1;
}

static int
core_discovery_said(void *core, int64_t now, const void *args)
{
	const struct discovery_args *a = args;
	struct core_discovery *c = core;
	struct buf *said;

	if (core_discovery_find(c, a->client) == -1)
		return -1;
	said = &c->said[a->client];
	if (buf_append(said, a->bytes.p, a->bytes.len) == -1)
		return -1;
	buf_consume(said, discovery_input(c->d, now, (uint32_t)a->client,
	    buf_slice(said)));
	return 0;
}

static int
core_discovery_closed(void *core, int64_t now, const void *args)
{
	const struct discovery_args *a = args;
	struct core_discovery *c = core;

	if (core_discovery_find(c, a->client) == -1)
		return -1;
	c->open[a->client] = 0;
	buf_consume(&c->said[a->client], buf_len(&c->said[a->client]));
	discovery_closed(c->d, now, (uint32_t)a->client);
	return 0;
}

static int
core_discovery_probed(void *core, int64_t now, const void *args)
{
	const struct discovery_args *a = args;
	struct core_discovery *c = core;

	if (core_discovery_find(c, a->client) == -1)
		return -1;
	discovery_probed(c->d, now, (uint32_t)a->client, (int)a->gone);
	return 0;
}

static int
core_discovery_contact(void *core, int64_t now, const void *args)
{
	const struct discovery_args *a = args;

	(void)now;
	discovery_line(((struct core_discovery *)core)->d, a->line,
	    (unsigned long)a->number);
	return 0;
}

static int
core_discovery_contacts_end(void *core, int64_t now, const void *args)
{
	(void)now;
	(void)args;
	discovery_lines_end(((struct core_discovery *)core)->d);
	return 0;
}

static int
core_discovery_contacts_again(void *core, int64_t now, const void *args)
{
	(void)now;
	(void)args;
	discovery_lines_again(((struct core_discovery *)core)->d);
	return 0;
}

static const struct harness_input core_discovery_inputs[] = {
	{ "open", core_discovery_open }, { "said", core_discovery_said },
	{ "closed", core_discovery_closed },
	{ "probed", core_discovery_probed },
	{ "contact", core_discovery_contact },
	{ "contacts_end", core_discovery_contacts_end },
	{ "contacts_again", core_discovery_contacts_again }, { NULL, NULL }
};

static int
core_discovery_print(void *core, const struct act *act, struct buf *b)
{
	(void)core;
	switch (act->kind) {
	case ACT_SEND:
		text_put(b, "client %u gets ", (unsigned)act->peer);
		text_put_bytes(b, act->bytes);
		return 1;
	case ACT_CLOSE:
		text_put(b, "close client %u", (unsigned)act->peer);
		return 1;
	case ACT_DRAIN:
		text_put(b, "close client %u once written",
		    (unsigned)act->peer);
		return 1;
	case DISCOVERY_PROBE:
		text_put(b, "probe client %u for client %u",
		    (unsigned)act->value, (unsigned)act->peer);
		return 1;
	case DISCOVERY_HOSTS:
		text_put(b, "hosts changed");
		return 1;
	default:
		return 0;
	}
}

/* nodes: registered; room: for clients; hosts: the file. */
static int
core_discovery_ask(void *core, struct slice what, struct slice arg,
    struct buf *b)
{
	const struct discovery *d = ((struct core_discovery *)core)->d;

	(void)arg;
	if (slice_is(what, "hosts"))
		return discovery_hosts(d, b) == 0;
	if (slice_is(what, "nodes"))
		text_put(b, "%lu\n", (unsigned long)discovery_nodes(d));
	else if (slice_is(what, "room"))
		text_put(b, "%u\n", discovery_room(d));
	else
		return 0;
	return 1;
}

static void
core_discovery_tick(void *core, int64_t now)
{
	discovery_tick(((struct core_discovery *)core)->d, now);
}

static int64_t
core_discovery_deadline(const void *core)
{
	return discovery_deadline(((const struct core_discovery *)core)->d);
}

static const struct core_ops core_discovery_ops = {
	0, NULL, NULL, NULL, NULL, core_discovery_tick, core_discovery_deadline
};

const struct harness_core core_discovery = {
	"discovery", 0, &core_discovery_ops, &core_discovery_args,
	core_discovery_begin, core_discovery_end, core_discovery_out,
	core_discovery_inputs, core_discovery_print, core_discovery_ask, NULL
};
