#include "t/fake_workers.h"

#define WORKERS 8
#define JOBS	4

struct job {
	uint64_t name;
	unsigned plb;
	uint64_t call;
};

struct fake_worker {
	uint32_t number;
	int leaving;
	struct job job[JOBS];
	unsigned jobs;
};

static struct crowd {
	struct fake_worker hand[WORKERS]; /* the oldest first */
	unsigned n;
} crowds[CHANNELS];
static enum channel_mode mode;

void
fake_workers_begin(enum channel_mode of_all)
{
	memset(crowds, 0, sizeof(crowds));
	mode = of_all;
}

static struct fake_worker *
find(unsigned channel, uint32_t number)
{
	struct crowd *c = &crowds[channel];
	unsigned i;

	for (i = 0; i < c->n && c->hand[i].number != number; i++)
		continue;
	return i < c->n ? &c->hand[i] : NULL;
}

static void
begin(unsigned channel, struct fake_worker *h, uint64_t name, struct slice body)
{
	struct job *j = &h->job[h->jobs++];

	CHECK(h->jobs <= JOBS && body.len == 2);
	CHECK(mode == CHANNEL_MUX || h->jobs == 1);
	j->name = name;
	j->plb = body.p[0] - 'a';
	j->call = body.p[1] - 'a';
	books_runs(channel, j->plb, j->call);
}

static void
start(unsigned channel, const struct act *a)
{
	struct crowd *c = &crowds[channel];
	struct fake_worker *h = &c->hand[c->n];
	struct msg m;

	CHECK(c->n < WORKERS && find(channel, a->peer) == NULL);
	c->n++;
	memset(h, 0, sizeof(*h));
	h->number = a->peer;
	if (mode != CHANNEL_EXEC)
		return;
	CHECK(act_message(a, &m) == 1);
	begin(channel, h, 0, m.u.request.body);
}

static void
feed(unsigned channel, struct fake_worker *h, const struct act *a)
{
	struct frame_reader reader = { FRAME_PACKET4, 0 };
	struct frame f;

	if (mode == CHANNEL_MUX)
		reader.kind = FRAME_MUX;
	CHECK(frame_next(&reader, a->bytes.p, a->bytes.len, &f) ==
	    (ssize_t)a->bytes.len);
	begin(channel, h, a->value, f.body);
}

void
fake_workers_act(unsigned channel, const struct act *a)
{
	struct fake_worker *h = find(channel, a->peer);

	if (a->kind == CHANNEL_START) {
		start(channel, a);
		return;
	}
	CHECK(h != NULL);
	if (a->kind == CHANNEL_FEED)
		feed(channel, h, a);
	else
		h->leaving = 1; /* CHANNEL_KILL, CHANNEL_RETIRE */
}

void
fake_workers_orphaned(unsigned channel)
{
	unsigned i;

	for (i = 0; i < crowds[channel].n; i++)
		crowds[channel].hand[i].leaving = 1;
}

unsigned
fake_workers_busy(unsigned channel)
{
	const struct crowd *c = &crowds[channel];
	unsigned i, n = 0;

	for (i = 0; i < c->n; i++)
		n += c->hand[i].jobs;
	return n;
}

unsigned
fake_workers_count(unsigned channel)
{
	return crowds[channel].n;
}

unsigned
fake_workers_leaving(unsigned channel)
{
	const struct crowd *c = &crowds[channel];
	unsigned i, n = 0;

	for (i = 0; i < c->n; i++)
		n += (unsigned)c->hand[i].leaving;
	return n;
}

/* The worker of the kth request, which is its *jth. */
static struct fake_worker *
busy(unsigned channel, unsigned k, unsigned *j)
{
	struct fake_worker *h = crowds[channel].hand;

	while (k >= h->jobs)
		k -= h++->jobs;
	*j = k;
	return h;
}

static void
ran(unsigned channel, struct fake_worker *h, unsigned j)
{
	books_ran(channel, h->job[j].plb, h->job[j].call);
	h->jobs--;
	memmove(&h->job[j], &h->job[j + 1], (h->jobs - j) * sizeof(*h->job));
}

static void
leave(unsigned channel, struct fake_worker *h)
{
	struct crowd *c = &crowds[channel];

	while (h->jobs > 0)
		ran(channel, h, 0);
	c->n--;
	memmove(h, h + 1, (size_t)(c->hand + c->n - h) * sizeof(*h));
}

void
fake_workers_reply(unsigned channel, unsigned k, struct channel *core,
    int64_t now)
{
	unsigned j;
	struct fake_worker *h = busy(channel, k, &j);
	uint32_t number = h->number;
	uint64_t name = h->job[j].name;

	ran(channel, h, j);
	if (mode == CHANNEL_EXEC)
		leave(channel, h);
	if (core != NULL)
		channel_reply(core, now, number, name, 0, slice_str("out"));
}

static void
end(unsigned channel, struct fake_worker *h, struct channel *core, int64_t now)
{
	uint32_t number = h->number;

	leave(channel, h);
	if (core != NULL)
		channel_ended(core, now, number, "killed by signal 9");
}

void
fake_workers_die(unsigned channel, unsigned k, struct channel *core,
    int64_t now)
{
	unsigned j;

	end(channel, busy(channel, k, &j), core, now);
}

void
fake_workers_end(unsigned channel, struct channel *core, int64_t now)
{
	struct fake_worker *h = crowds[channel].hand;

	while (!h->leaving)
		h++;
	end(channel, h, core, now);
}
