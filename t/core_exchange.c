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

static void
core_exchange_totals(const struct exchange *x, struct buf *b)
{
	struct exchange_totals t;

	exchange_totals(x, &t);
	text_put(b, "all");
	text_put_count(b, "sells", t.sells);
	text_put_count(b, "buys", t.buys);
	text_put_count(b, "quantity", t.quantity);
	text_put_count(b, "reserved", t.reserved);
	text_put_count(b, "missing", t.missing);
	text_put_count(b, "matches", t.matches);
	text_put_count(b, "filled", t.filled);
	text_put_count(b, "settled", t.settled);
	text_put_count(b, "released", t.released);
	text_put_count(b, "lost", t.lost);
	text_put_count(b, "expired", t.expired);
	text_put(b, "\n");
}

/* totals: of all orders, what is not zero; view: each seller's. */
static int
core_exchange_ask(void *core, struct slice what, struct slice arg,
    struct buf *b)
{
	struct exchange_view v;
	size_t pos = 0;

	(void)arg;
	if (slice_is(what, "totals"))
		core_exchange_totals(core, b);
	else if (!slice_is(what, "view"))
		return 0;
	else
		while (exchange_next(core, &pos, &v)) {
			text_put_id(b, &v.seller);
			text_put_count(b, "quantity", v.quantity);
			text_put_count(b, "reserved", v.reserved);
			text_put(b, "\n");
		}
	return 1;
}

const struct harness_core core_exchange = {
	"exchange", 0, &exchange_ops, &core_exchange_args,
	core_exchange_begin, core_exchange_end, core_exchange_out,
	core_exchange_inputs, NULL, core_exchange_ask
};
