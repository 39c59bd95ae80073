/* The broker core, for scripts (harness.h). */

#include "broker.h"
#include "t/harness.h"

struct broker_args {
	struct slice address, module, node;
};

static const struct field core_broker_fields[] = {
	HARNESS_BYTES(broker_args, address), HARNESS_BYTES(broker_args, module),
	HARNESS_BYTES(broker_args, node)
};
static const struct schema core_broker_args =
    HARNESS_ARGS(broker_args, core_broker_fields);

static void *
core_broker_begin(const struct id *own, uint64_t seed, const void *args)
{
	const struct broker_args *a = args;

	return broker_new(own, seed, a->address,
	    a->node.len == 0 ? NULL : "host");
}

HARNESS_CORE(core_broker, broker)

static int
core_broker_bootstrap(void *core, int64_t now, const void *args)
{
	(void)now;
	return broker_bootstrap(core,
	    ((const struct broker_args *)args)->address);
}

static int
core_broker_contacts(void *core, int64_t now, const void *args)
{
	(void)now;
	(void)args;
	return broker_contacts(core);
}

HARNESS_CALL(core_broker_stop, broker_stop)

static int
core_broker_follow(void *core, int64_t now, const void *args)
{
	return broker_follow(core, now,
	    ((const struct broker_args *)args)->module);
}

static const struct harness_input core_broker_inputs[] = {
	{ "follow", core_broker_follow },
	{ "bootstrap", core_broker_bootstrap },
	{ "contacts", core_broker_contacts },
	{ "stop", core_broker_stop }, { NULL, NULL }
};

static int
core_broker_print(void *core, const struct act *act, struct buf *b)
{
	(void)core;
	if (act->kind != BROKER_CONTACT)
		return 0;
	text_put(b, "contact ");
	text_put_bytes(b, act->bytes);
	return 1;
}

const struct harness_core core_broker = {
	"broker", 0, &broker_ops, &core_broker_args, core_broker_begin,
	core_broker_end, core_broker_out, core_broker_inputs,
	core_broker_print, NULL, NULL
};
