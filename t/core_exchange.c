/* The exchange core, for scripts (harness.h). */

#include "exchange.h"
#include "t/harness.h"

struct exchange_args {
	struct slice module;
};

static const struct field core_exchange_fields[] = {
	HARNESS_BYTES(exchange_args, module)
};
static const struct schema core_exchange_args =
    HARNESS_ARGS(exchange_args, core_exchange_fields);

static void *
core_exchange_begin(const struct id *own, uint64_t seed, const void *args)
{
	return exchange_new(((const struct exchange_args *)args)->module, own,
	    seed);
}

HARNESS_CORE(core_exchange, exchange)

static const struct harness_input core_exchange_inputs[] = {
	{ NULL, NULL }
};

const struct harness_core core_exchange = {
	"exchange", 0, &exchange_ops, &core_exchange_args,
	core_exchange_begin, core_exchange_end, core_exchange_out,
	core_exchange_inputs, NULL, NULL, NULL
};
