/* The listener core, for scripts (harness.h). */

#include "listener.h"
#include "t/harness.h"

struct listener_args {
	uint64_t capacity, tag;
	struct slice module, attrs, node, address, dist, client;
};

static const struct field core_listener_fields[] = {
	HARNESS_BYTES(listener_args, module),
	HARNESS_UINT(listener_args, capacity),
	HARNESS_GROUP(listener_args, attrs, &schema_attrs),
	HARNESS_BYTES(listener_args, node),
	HARNESS_BYTES(listener_args, address),
	HARNESS_BYTES(listener_args, dist), HARNESS_UINT(listener_args, tag),
	HARNESS_BYTES(listener_args, client)
};
static const struct schema core_listener_args =
    HARNESS_ARGS(listener_args, core_listener_fields);

static void *
core_listener_begin(const struct id *own, uint64_t seed, const void *args)
{
	const struct listener_args *a = args;
	struct listener_config config;

	config.module = a->module;
	config.capacity = a->capacity;
	config.attrs = a->attrs;
	config.node = a->node;
	config.address = a->address;
	config.dist = a->dist;
	return listener_new(own, seed, &config);
}

HARNESS_CORE(core_listener, listener)

static int
core_listener_publish(void *core, int64_t now, const void *args)
{
	(void)now;
	return listener_publish(core,
	    ((const struct listener_args *)args)->attrs);
}

static int
core_listener_moved(void *core, int64_t now, const void *args)
{
	(void)now;
	listener_dist(core, ((const struct listener_args *)args)->dist);
	return 0;
}

static int
core_listener_spawned(void *core, int64_t now, const void *args)
{
	(void)now;
	return listener_spawned(core,
	    (uint32_t)((const struct listener_args *)args)->tag,
	    ((const struct listener_args *)args)->client, NULL);
}

static int
core_listener_gone(void *core, int64_t now, const void *args)
{
	const struct listener_args *a = args;

	(void)now;
	listener_gone(core, (uint32_t)a->tag);
	return 0;
}

HARNESS_CALL(core_listener_stop, listener_stop)
HARNESS_CALL(core_listener_expire, listener_expire)
HARNESS_CALL(core_listener_leave, listener_leave)

static int
core_listener_capacity(void *core, int64_t now, const void *args)
{
	(void)now;
	return listener_capacity(core,
	    ((const struct listener_args *)args)->capacity);
}

static const struct harness_input core_listener_inputs[] = {
	{ "publish", core_listener_publish }, { "moved", core_listener_moved },
	{ "spawned", core_listener_spawned }, { "gone", core_listener_gone },
	{ "stop", core_listener_stop }, { "expire", core_listener_expire },
	{ "leave", core_listener_leave },
	{ "capacity", core_listener_capacity }, { NULL, NULL }
};

/* left and held: of the capacity. */
static int
core_listener_ask(void *core, struct slice what, struct slice arg,
    struct buf *b)
{
	(void)arg;
	if (slice_is(what, "left"))
		text_put(b, "%llu\n", (unsigned long long)listener_left(core));
	else if (slice_is(what, "held"))
		text_put(b, "%llu\n", (unsigned long long)listener_held(core));
	else
		return 0;
	return 1;
}

static int
core_listener_print(void *core, const struct act *act, struct buf *b)
{
	(void)core;
	if (act->kind != LISTENER_DRAIN)
		return 0;
	text_put(b, "drain");
	return 1;
}

const struct harness_core core_listener = {
	"listener", 0, &listener_ops, &core_listener_args,
	core_listener_begin, core_listener_end, core_listener_out,
	core_listener_inputs, core_listener_print, core_listener_ask, NULL
};
