/* The authority core, for scripts (harness.h). */

#include "authority.h"
#include "t/harness.h"

struct authority_args {
	uint64_t redundancy, tag;
	struct slice module, address;
};

static const struct field core_authority_fields[] = {
	HARNESS_BYTES(authority_args, address),
	HARNESS_UINT(authority_args, redundancy),
	HARNESS_BYTES(authority_args, module),
	HARNESS_UINT(authority_args, tag)
};
static const struct schema core_authority_args =
    HARNESS_ARGS(authority_args, core_authority_fields);

static void *
core_authority_begin(const struct id *own, uint64_t seed, const void *args)
{
	const struct authority_args *a = args;

	return authority_new(own, seed, a->address, (unsigned)a->redundancy);
}

HARNESS_CORE(core_authority, authority)

static int
core_authority_bootstrap(void *core, int64_t now, const void *args)
{
	(void)now;
	return authority_bootstrap(core,
	    ((const struct authority_args *)args)->address);
}

static int
core_authority_announce(void *core, int64_t now, const void *args)
{
	const struct authority_args *a = args;

	return authority_announce(core, now, a->module, a->address);
}

static int
core_authority_started(void *core, int64_t now, const void *args)
{
	const struct authority_args *a = args;

	return authority_started(core, now, (uint32_t)a->tag, a->address);
}

static int
core_authority_ended(void *core, int64_t now, const void *args)
{
	const struct authority_args *a = args;

	authority_ended(core, now, (uint32_t)a->tag);
	return 0;
}

HARNESS_CALL_NOW(core_authority_stop, authority_stop)

static const struct harness_input core_authority_inputs[] = {
	{ "bootstrap", core_authority_bootstrap },
	{ "announce", core_authority_announce },
	{ "started", core_authority_started },
	{ "ended", core_authority_ended },
	{ "stop", core_authority_stop }, { NULL, NULL }
};

static int
core_authority_print(void *core, const struct act *act, struct buf *b)
{
	(void)core;
	if (act->kind == AUTHORITY_START)
		text_put(b, "start %.*s tag %u", SLICE_ARG(act->bytes),
		    (unsigned)act->peer);
	else if (act->kind == AUTHORITY_KILL)
		text_put(b, "kill tag %u", (unsigned)act->peer);
	else if (act->kind == AUTHORITY_DRAIN)
		text_put(b, "drain");
	else
		return 0;
	return 1;
}

const struct harness_core core_authority = {
	"authority", 0, &authority_ops, &core_authority_args,
	core_authority_begin, core_authority_end, core_authority_out,
	core_authority_inputs, core_authority_print, NULL, NULL
};
