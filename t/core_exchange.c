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

static void
core_exchange_end(void *core)
{
	exchange_free(core);
}

static struct outbox *
core_exchange_out(void *core)
{
	return exchange_out(core);
}

static const struct harness_input core_exchange_inputs[] = {
	{ NULL, NULL }
};

/* totals: of all orders; view: each seller's, as checkers see it. */
static int
core_exchange_ask(void *core, struct slice what, struct slice arg,
    struct buf *b)
{
	struct exchange_totals t;
	struct exchange_view v;
	size_t pos = 0;

	(void)arg;
	if (slice_is(what, "totals")) {
		exchange_totals(core, &t);
		text_put(b, "sells %llu buys %llu quantity %llu reserved %llu "
		    "missing %llu\n", (unsigned long long)t.sells,
		    (unsigned long long)t.buys,
		    (unsigned long long)t.quantity,
		    (unsigned long long)t.reserved,
		    (unsigned long long)t.missing);
		return 1;
	}
	if (!slice_is(what, "view"))
		return 0;
	while (exchange_next(core, &pos, &v)) {
		text_put_id(b, &v.seller);
		text_put(b, " quantity %llu reserved %llu\n",
		    (unsigned long long)v.quantity,
		    (unsigned long long)v.reserved);
	}
	return 1;
}

const struct harness_core core_exchange = {
	"exchange", 0, &exchange_ops, &core_exchange_args,
	core_exchange_begin, core_exchange_end, core_exchange_out,
	core_exchange_inputs, NULL, core_exchange_ask
};
