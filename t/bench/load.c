/*
 * Load: a client with a PLB core of its own, as lambda-call has one, that keeps
 * so many requests in flight and times each.
 *
 *	load MODULE BODY INFLIGHT ROUNDS MS [SOCKET]
 *
 * Through the broker, or the lambda-plb at SOCKET.
 * It holds INFLIGHT tokens first; then a round of MS to warm up, and ROUNDS
 * that count. Prints rate (requests/s, the median of the rounds), and p50 and
 * p99 (us) of all of them.
 */

#include <stdio.h>

#include "log.h"
#include "hub.h"
#include "program.h"
#include "plb.h"
#include "t/bench/bench.h"

#define INFLIGHT_MAX 1024
#define ROUNDS_MAX   64
#define TIMES_MAX    4000000
#define GIVE_UP_MS   20000

struct load {
	struct loop *loop;
	struct hub hub;
	struct plb *plb;
	struct msg request;
	struct later pump;
	struct timer round, limit;
	struct bench_times times;
	double sent[INFLIGHT_MAX + 1]; /* when, by id */
	uint64_t idle[INFLIGHT_MAX];   /* ids */
	uint64_t answered[INFLIGHT_MAX];
	size_t nidle, nanswered, wanted;
	int begun;
	size_t done; /* in this round */
	double since;
	double rate[ROUNDS_MAX + 1]; /* that of the warming up comes first */
	size_t rounds, finished;
	int64_t round_ms;
};

static int64_t
now(const struct load *l)
{
	return loop_now(l->loop);
}

static void
begin_round(struct load *l)
{
	l->done = 0;
	l->since = bench_seconds();
	loop_timer(l->loop, &l->round, now(l) + l->round_ms);
	loop_timer(l->loop, &l->limit, now(l) + l->round_ms + GIVE_UP_MS);
}

static void
on_round(void *arg)
{
	struct load *l = arg;

	l->rate[l->finished] = (double)l->done / (bench_seconds() - l->since);
	if (l->finished++ < l->rounds)
		begin_round(l);
	else
		loop_stop(l->loop);
}

/* A turn's end: what was answered in it, and what is sent. Nothing is sent
 * before all tokens are held. */
static void
pump(void *arg)
{
	struct load *l = arg;
	double at = bench_seconds();
	uint64_t id;

	if (!l->begun && plb_room(l->plb) < l->wanted)
		return;
	if (!l->begun)
		begin_round(l);
	l->begun = 1;
	while (l->nanswered > 0) {
		id = l->answered[--l->nanswered];
		if (l->finished > 0)
			bench_times_add(&l->times, at - l->sent[id]);
		l->idle[l->nidle++] = id;
	}
	while (l->nidle > 0 && plb_room(l->plb) > 0) {
		id = l->idle[--l->nidle];
		l->request.u.request.id = id;
		l->sent[id] = at;
		if (plb_ops.message(l->plb, now(l), 0, &l->request) == -1)
			bench_fail("unable to send a request");
	}
	hub_deliver(&l->hub);
}

static void
on_reply(struct load *l, const struct msg_reply *r)
{
	if (r->id == 0 || r->id > l->wanted || r->status != 0)
		bench_fail("a wrong answer");
	l->answered[l->nanswered++] = r->id;
	l->done++;
}

static void
on_act(void *arg, const struct act *a)
{
	struct load *l = arg;
	struct slice frame = a->bytes;
	struct tlv t;
	struct msg m;

	loop_later(l->loop, &l->pump);
	if (a->kind != ACT_SEND || tlv_next(&frame, &t) != 1 ||
	    msg_decode(&m, t.type, t.value) != 1)
		return;
	if (m.type == MSG_FAIL)
		bench_fail("a request failed");
	if (m.type == MSG_REPLY)
		on_reply(l, &m.u.reply);
}

static void
on_limit(void *arg)
{
	(void)arg;
	bench_fail("no capacity, or no answer, in time");
}

static void
take_arguments(struct load *l, char **argv)
{
	size_t i;

	l->request.type = MSG_REQUEST;
	l->request.u.request.body = slice_str(argv[2]);
	l->wanted = bench_number(argv[3]);
	l->rounds = bench_number(argv[4]);
	l->round_ms = (int64_t)bench_number(argv[5]);
	if (l->wanted > INFLIGHT_MAX || l->rounds > ROUNDS_MAX)
		bench_fail("too much");
	for (i = 0; i < l->wanted; i++)
		l->idle[i] = i + 1;
	l->nidle = l->wanted;
}

static void
start(struct load *l, const char *module, const char *socket)
{
	static struct key key;
	struct plb_config config = { .capacity = 0 };
	char address[ADDR_TEXT_MAX];
	struct addr broker;

	env_key(&key, NULL);
	l->loop = loop_new();
	hub_init(&l->hub, l->loop, ROLE_CALLER, &key);
	config.fixed = socket != NULL;
	config.module = slice_str(module);
	config.capacity = config.wanted = l->wanted;
	if ((l->plb = plb_new(1, &config)) == NULL)
		bench_fail("out of memory");
	l->pump.fn = pump;
	l->round.fn = on_round;
	l->limit.fn = on_limit;
	l->hub.act = on_act;
	l->pump.arg = l->round.arg = l->limit.arg = l->hub.arg = l;
	hub_core(&l->hub, &plb_ops, l->plb, plb_out(l->plb));
	env_broker_socket(&broker, NULL);
	addr_print(&broker, address);
	hub_dial(&l->hub, slice_str(socket != NULL ? socket : address),
	    DIAL_FOREVER, socket != NULL ? PLB_FIXED_TAG : 0);
	loop_timer(l->loop, &l->limit, now(l) + GIVE_UP_MS);
}

int
main(int argc, char **argv)
{
	static struct load l;

	die_name(argv[0]);
	if (argc != 6 && argc != 7)
		bench_fail("load MODULE BODY INFLIGHT ROUNDS MS [SOCKET]");
	program_reserve();
	take_arguments(&l, argv);
	bench_times_init(&l.times, TIMES_MAX);
	start(&l, argv[1], argv[6]);
	loop_run(l.loop);
	bench_print("rate", bench_median(l.rate + 1, l.rounds));
	bench_times_print(&l.times, "latency");
	return 0;
}
