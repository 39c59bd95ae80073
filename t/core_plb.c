/* The PLB core, for scripts (harness.h). */

#include "plb.h"
#include "t/harness.h"

struct plb_args {
	uint64_t wanted, capacity, fixed, fallback, tokens;
	struct slice module, constraints, address, second;
};

static const struct field core_plb_fields[] = {
	HARNESS_BYTES(plb_args, module), HARNESS_UINT(plb_args, wanted),
	HARNESS_UINT(plb_args, capacity), HARNESS_UINT(plb_args, tokens),
	HARNESS_GROUP(plb_args, constraints, &schema_constraints),
	HARNESS_UINT(plb_args, fixed), HARNESS_BYTES(plb_args, address),
	HARNESS_UINT(plb_args, fallback), HARNESS_BYTES(plb_args, second)
};
static const struct schema core_plb_args =
    HARNESS_ARGS(plb_args, core_plb_fields);

static void *
core_plb_begin(const struct id *own, uint64_t seed, const void *args)
{
	const struct plb_args *a = args;
	struct plb_config config = { .caller = 0 };
	struct slice address[2];

	config.module = a->module;
	config.capacity = a->capacity;
	config.wanted = a->wanted;
	config.constraints = a->constraints;
	config.fixed = a->fixed;
	config.address = address;
	config.fallback = a->fallback != 0;
	config.tells = 0;
	address[0] = a->address;
	address[1] = a->second;
	(void)own;
	return plb_new(seed, &config);
}

HARNESS_CORE(core_plb, plb)

/* From now on a line of each request. */
static int
core_plb_log(void *core, int64_t now, const void *args)
{
	(void)now;
	(void)args;
	plb_log_requests(core);
	return 0;
}

static int
core_plb_want(void *core, int64_t now, const void *args)
{
	(void)now;
	plb_want(core, ((const struct plb_args *)args)->tokens);
	return 0;
}

static int
core_plb_want_only(void *core, int64_t now, const void *args)
{
	(void)now;
	plb_want_only(core, ((const struct plb_args *)args)->tokens);
	return 0;
}

static int
core_plb_constrain(void *core, int64_t now, const void *args)
{
	return plb_constrain(core, now,
	    ((const struct plb_args *)args)->constraints);
}

HARNESS_CALL_NOW(core_plb_stop, plb_stop)

HARNESS_CALL(core_plb_expire, plb_expire)

static int
core_plb_capacity(void *core, int64_t now, const void *args)
{
	(void)now;
	plb_capacity(core, ((const struct plb_args *)args)->capacity);
	return 0;
}

static const struct harness_input core_plb_inputs[] = {
	{ "log", core_plb_log },
	{ "want", core_plb_want }, { "want_only", core_plb_want_only },
	{ "constrain", core_plb_constrain }, { "stop", core_plb_stop },
	{ "expire", core_plb_expire }, { "capacity", core_plb_capacity },
	{ NULL, NULL }
};

static int
core_plb_print(void *core, const struct act *act, struct buf *b)
{
	struct attrs attrs;

	if (act->kind == PLB_ROOM)
		text_put(b, "room %llu", (unsigned long long)plb_room(core));
	else if (act->kind == PLB_EXPORTS) {
		group_decode(&schema_attrs, act->bytes, &attrs);
		text_put(b, "exports");
		text_put_fields(b, &schema_attrs, &attrs);
	} else
		return 0;
	return 1;
}

/* room: how many requests would be sent at once. */
static int
core_plb_ask(void *core, struct slice what, struct slice arg, struct buf *b)
{
	(void)arg;
	if (!slice_is(what, "room"))
		return 0;
	text_put(b, "%llu\n", (unsigned long long)plb_room(core));
	return 1;
}

const struct harness_core core_plb = {
	"plb", ROLE_CALLER, &plb_ops, &core_plb_args, core_plb_begin,
	core_plb_end, core_plb_out, core_plb_inputs, core_plb_print,
	core_plb_ask, NULL
};
