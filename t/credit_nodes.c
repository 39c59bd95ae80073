#include "t/credit_nodes.h"

struct node nodes[NODES];
static struct links_config config;
static unsigned processes;

static void
enter(unsigned node, const struct core_ops *ops, void *core,
    struct outbox *out)
{
	struct node *n = &nodes[node];

	CHECK(core != NULL);
	n->ops = ops;
	n->core = core;
	n->out = out;
}

/* An instance that is new. */
static const struct id *
new_id(unsigned node)
{
	struct node *n = &nodes[node];

	memset(n, 0, sizeof(*n));
	n->id.b[0] = (unsigned char)++processes;
	return &n->id;
}

void
nodes_listener(void)
{
	const struct id *own = new_id(LISTENER);
	struct listener_config c;
	struct listener *l;

	memset(&c, 0, sizeof(c));
	c.module = slice_str("m");
	c.capacity = config.capacity;
	c.attrs = slice_str("\1\1" "1");
	c.address = slice_str(NODES_ADDRESS);
	l = listener_new(own, own->b[0], &c);
	enter(LISTENER, &listener_ops, l, listener_out(l));
	books_listener(own);
}

static void
start_plb(unsigned plb)
{
	const struct id *own = new_id(PLB + plb);
	struct plb_config c;
	struct plb *p;

	memset(&c, 0, sizeof(c));
	c.module = slice_str("m");
	c.capacity = config.plb_capacity;
	c.wanted = plb == CALLER ? 0 : config.wanted[plb];
	c.fixed = plb == CALLER;
	p = plb_new(own->b[0], &c);
	enter(PLB + plb, &plb_ops, p, plb_out(p));
}

void
nodes_channel(unsigned channel)
{
	const struct id *own = new_id(CHANNEL + channel);
	struct channel_config c;
	struct channel *core;

	memset(&c, 0, sizeof(c));
	c.module = slice_str("m");
	c.mode = config.mode;
	c.kind = config.mode == CHANNEL_MUX ? FRAME_MUX : FRAME_PACKET4;
	core = channel_new(own, own->b[0], &c);
	enter(CHANNEL + channel, &channel_ops, core, channel_out(core));
}

void
nodes_free(unsigned node)
{
	if (nodes[node].core == NULL)
		return;
	if (node == LISTENER)
		listener_free(nodes[node].core);
	else if (node < CHANNEL)
		plb_free(nodes[node].core);
	else
		channel_free(nodes[node].core);
	nodes[node].core = NULL;
}

void
nodes_begin(const struct links_config *c)
{
	unsigned i;

	config = *c;
	processes = 0;
	memset(nodes, 0, sizeof(nodes));
	nodes_listener();
	for (i = 0; i < PLBS; i++)
		if (i != CALLER || c->caller)
			start_plb(i);
}
