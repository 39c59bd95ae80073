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
	size_t i;

	exchange_totals(x, &t);
	{
		const struct {
			const char *name;
			uint64_t n;
		} all[] = {
			{ "sells", t.sells }, { "buys", t.buys },
			{ "quantity", t.quantity }, { "reserved", t.reserved },
			{ "missing", t.missing }, { "matches", t.matches },
			{ "filled", t.filled }, { "settled", t.settled },
			{ "released", t.released }, { "lost", t.lost },
			{ "expired", t.expired }
		};

		for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
			if (all[i].n > 0)
				text_put(b, "%s%s %llu",
				    buf_len(b) > 0 ? " " : "", all[i].name,
				    (unsigned long long)all[i].n);
	}
	text_put(b, buf_len(b) > 0 ? "\n" : "nothing\n");
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
