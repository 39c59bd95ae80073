/*
 * Callers: lambda-call as a filter, fed at times, read at times, told to end,
 * or with a standard output that breaks. It has a PLB of its own, one that it
 * finds on its host, as long as that is there, or commands of -x. Whatever ends
 * one, each record that it was given has a result that was written, or a line,
 * and not both.
 */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "call_state.h"
#include "exit.h"
#include "t/virtual/census.h"
#include "t/virtual/front.h"

#define STEP_MS	    40	/* between looks at its input and output */
#define RECORDS_MAX 60
#define BLOCK_MAX   2000 /* bytes */
#define LATE_MS	    180000 /* in quiet it has ended by then */
#define LOSS_MS	    1500   /* that which it uses is killed within */
#define COMMANDS    2
#define KILL_MS	    1000 /* from SIGTERM to SIGKILL of a command */

enum caller_fate {
	CALLER_LIVES,
	CALLER_SIGNAL,
	CALLER_BROKEN,
	CALLER_LOSES, /* the PLB that it found, or a command */
	CALLER_FATES
};

/* A command of -x; what is to be heard of it. */
struct command {
	uint32_t proc; /* number; 0: it does not run */
	uint64_t capacity;
	unsigned starts;
	const char *ended;
};

struct caller {
	struct front front;
	struct call_given ways[COMMANDS];
	struct command command[COMMANDS];
	const struct post *plb; /* that it found; NULL */
	struct buf in, taken; /* taken: of the output, and not a whole frame */
	struct frame_reader reader;
	struct filter_config records;
	size_t first, n;    /* its records among the world's calls */
	size_t end[RECORDS_MAX]; /* of each, in the input */
	size_t given;	    /* bytes of it */
	unsigned results[RECORDS_MAX], lines[RECORDS_MAX];
	int halted;
	enum caller_fate fate;
	int64_t fate_at;    /* world time */
};

/* Its records. */

static size_t
caller_record(struct world *w, struct caller *c)
{
	uint64_t call = load_add(w, c->front.post);
	const char *why;
	int r;

	w->calls[call].proc = 0;
	r = frame_put_body(&c->in, FRAME_PACKET4, load_body(w, call), &why);
	assert(r == 0);
	return buf_len(&c->in);
}

static unsigned *
caller_count(struct proc *p, unsigned *counts, unsigned long long number)
{
	const struct caller *c = p->role;

	if (number < 1 || number > c->n)
		world_fail(p->world, 4, "%s speaks of record %llu of %zu",
		    p->name, number, c->n);
	return &counts[number - 1];
}

/* What it has written: each result is its record's own. */
static void
caller_result(struct proc *p, struct slice body)
{
	struct caller *c = p->role;
	unsigned long long number = 0;
	uint64_t call;
	size_t i;

	for (i = 0; c->records.status && i < body.len && body.p[i] != ' '; i++)
		number = number * 10 + (unsigned)(body.p[i] - '0');
	if (c->records.status && i + 2 < body.len && body.p[i + 1] == '-') {
		++*caller_count(p, c->results, number);
		return;
	}
	if (c->records.status) { /* "N 0 BODY" */
		body.p += i + 3;
		body.len -= i + 3;
	}
	call = load_call(p->world, body);
	if (call < c->first || (number != 0 && call - c->first + 1 != number))
		world_fail(p->world, 4, "%s: a result is another's", p->name);
	++*caller_count(p, c->results, call - c->first + 1);
}

static void
caller_write(struct proc *p, size_t n)
{
	struct caller *c = p->role;
	struct slice s = buf_slice(&c->front.out);
	struct frame f;
	ssize_t r;

	if (s.len > n)
		s.len = n;
	if (buf_append(&c->taken, s.p, s.len) == -1)
		assert(!"memory");
	buf_consume(&c->front.out, s.len);
	for (;;) {
		s = buf_slice(&c->taken);
		r = frame_next(&c->reader, s.p, s.len, &f);
		if (r <= 0)
			break;
		caller_result(p, f.body);
		buf_consume(&c->taken, (size_t)r);
	}
	if (r == -1)
		world_fail(p->world, 4, "%s writes no frames", p->name);
}

/* What is said on standard error. A block has one result: where nobody read it
 * to its end, all of its records are said to have none, though some of them may
 * have been read. */
static void
caller_line(struct proc *p, struct slice line)
{
	struct caller *c = p->role;
	unsigned long long first, last;
	char text[64];
	int cut = 0;

	snprintf(text, sizeof(text), "%.*s", SLICE_ARG(line));
	if (sscanf(text, "lines %llu-%llu: ", &first, &last) != 2) {
		if (sscanf(text, "line %llu: ", &first) != 1)
			return;
		last = first;
	} else {
		cut = strstr(text, ": its result is not written") != NULL;
	}
	trace(p, "%s", text);
	for (; first <= last; first++)
		if (!cut || *caller_count(p, c->results, first) != 1)
			++*caller_count(p, c->lines, first);
}

/* It has ended: of each record that it was given there is one thing to see. */
static void
caller_judge(struct proc *p)
{
	const struct caller *c = p->role;
	struct world *w = p->world;
	size_t i, begin = 0;

	for (i = 0; i < c->n; begin = c->end[i++])
		if (begin < c->given ? c->results[i] + c->lines[i] != 1 :
		    c->results[i] + c->lines[i] != 0)
			world_fail(w, 4, "%s: record %zu has %u results and "
			    "%u lines", p->name, i + 1, c->results[i],
			    c->lines[i]);
	w->accounted += c->n;
	w->answered_at = w->clock.now;
}

/* As its program. */

static void
caller_over(struct proc *p)
{
	struct caller *c = p->role;

	if (c->front.over)
		return;
	c->front.over = 1;
	p->world->fallbacks += ((const struct call *)p->core)->buying != 0;
	caller_judge(p);
	proc_stop(p, 0);
}

static void
command_start(struct proc *p, uint32_t tag)
{
	struct caller *c = p->role;
	struct command *x = &c->command[tag - PLB_FIXED_TAG];
	struct world *w = p->world;
	struct sock *pair[2];
	uint32_t handle;

	if (w->plan.faults[FAULT_SPAWN] && !w->healed && chance(w, 10)) {
		w->did[FAULT_SPAWN]++;
		call_command_unable(p->core, proc_now(p), tag, "no process");
		proc_deliver(p);
		return;
	}
	w->commands++;
	w->restarted += x->starts++ > 0;
	sock_pair(&w->net, p->host, pair);
	handle = proc_adopt(p, descriptor_open(pair[0]), 1, tag);
	hub_wait(&p->hub, handle);
	x->proc = channel_command(p, tag, x->capacity,
	    descriptor_open(pair[1]));
}

/* SIGTERM, and SIGKILL. */
static void
command_stop(struct proc *p, uint32_t tag)
{
	const struct caller *c = p->role;
	struct proc *x = proc_find(p->world,
	    c->command[tag - PLB_FIXED_TAG].proc);
	struct clock *clock = &p->world->clock;

	if (x == NULL)
		return;
	proc_term(x);
	if (!event_is_on(&x->stopping))
		event_at(clock, &x->stopping, clock->now + KILL_MS);
}

void
caller_lost(struct world *w, uint32_t caller, uint32_t tag, int killed)
{
	struct proc *p = proc_find(w, caller);
	struct command *x;

	if (p == NULL)
		return;
	x = &((struct caller *)p->role)->command[tag - PLB_FIXED_TAG];
	x->proc = 0;
	x->ended = killed ? "was killed by signal 9" : "ended with status 0";
	proc_wake(p);
}

/* What has ended since the last turn. */
static void
caller_hear(struct proc *p)
{
	struct caller *c = p->role;
	unsigned i;

	for (i = 0; i < COMMANDS; i++) {
		if (c->command[i].ended == NULL)
			continue;
		call_command_ended(p->core, proc_now(p), PLB_FIXED_TAG + i,
		    c->command[i].ended);
		c->command[i].ended = NULL;
		proc_deliver(p);
	}
}

static void
caller_act(struct proc *p, const struct act *a)
{
	struct caller *c = p->role;

	switch (a->kind) {
	case CALL_LINE:
		caller_line(p, a->bytes);
		break;
	case CALL_INPUT:
		c->front.wants = a->value != 0;
		break;
	case CALL_HALT:
		c->halted = 1;
		break;
	case CALL_FINISH:
		c->front.finishing = 1;
		break;
	case CALL_QUIT:
		caller_over(p);
		break;
	case CALL_START:
		command_start(p, a->peer);
		break;
	case CALL_STOP:
		command_stop(p, a->peer);
		break;
	case CALL_WRITE:
	case CALL_PROGRESS:
		break;
	default:
		call_take(p->core, proc_now(p), a);
		proc_deliver(p);
	}
}

static void
caller_feed(struct proc *p)
{
	struct caller *c = p->role;
	struct slice s = buf_slice(&c->in);
	int64_t now = proc_now(p);
	size_t n = 1 + rng_below(&p->rng, rng_below(&p->rng, 3) == 0 ? 5000 :
	    60);

	if (!c->front.wants || c->front.closed || c->front.over ||
	    !call_readable(p->core))
		return;
	s.p += c->given;
	s.len -= c->given;
	if (s.len > n)
		s.len = n;
	c->given += s.len;
	if (s.len > 0)
		call_input(p->core, now, s);
	else {
		c->front.closed = 1;
		call_input_end(p->core, now, NULL);
	}
}

/* What it uses is killed, where such things happen. */
static void
caller_lose(struct proc *p)
{
	const struct caller *c = p->role;
	struct world *w = p->world;
	struct proc *x = proc_find(w, c->plb != NULL ? c->plb->proc :
	    c->command[0].proc);

	if (x == NULL || w->healed || !w->plan.faults[FAULT_CRASH])
		return;
	note(w, "%s is killed for %s", x->name, p->name);
	proc_kill(x, END_RESET);
}

static void
caller_meet_fate(struct proc *p)
{
	struct caller *c = p->role;

	if (c->fate == CALLER_LIVES || p->world->clock.now < c->fate_at)
		return;
	if (c->fate == CALLER_LOSES) {
		c->fate = CALLER_LIVES;
		caller_lose(p);
		return;
	}
	c->halted |= c->fate == CALLER_BROKEN;
	if (c->fate == CALLER_SIGNAL)
		front_end(p);
	else
		front_break(p);
	c->fate = CALLER_LIVES;
}

static void
caller_work(struct proc *p)
{
	struct caller *c = p->role;

	caller_hear(p);
	if (!c->front.look)
		return;
	c->front.look = 0;
	caller_meet_fate(p);
	caller_feed(p);
	if (!c->halted && !c->front.over && rng_below(&p->rng, 3) > 0)
		caller_write(p, 1 + rng_below(&p->rng, 4000));
	if (c->front.finishing && !c->halted && buf_len(&c->front.out) == 0)
		caller_over(p);
	proc_deliver(p);
}

static void
caller_ended(struct proc *p)
{
	struct caller *c = p->role;

	buf_free(&c->in);
	buf_free(&c->taken);
	front_ended(p);
}

/* A quarter of them make blocks. */
static void
caller_init_blocks(struct caller *c, struct call_config *config)
{
	uint64_t h = (c->first + 1) * 0x9e3779b97f4a7c15u >> 20;

	if (h % 4 > 0)
		return;
	config->block = 1 + h / 4 % BLOCK_MAX;
	c->records.blocks = 1;
	c->records.status = 0;
}

static void
caller_init(struct caller *c, struct proc *p, struct post *s,
    struct call_config *config)
{
	struct world *w = s->world;
	size_t i;

	front_init(&c->front, s, STEP_MS);
	c->reader.kind = FRAME_PACKET4;
	buf_init(&c->in, BUF_MAX);
	buf_init(&c->taken, BUF_MAX);
	c->first = w->ncalls;
	c->n = 1 + rng_below(&p->rng, RECORDS_MAX);
	c->records.kind = FRAME_PACKET4;
	c->records.ordered = (int)rng_below(&p->rng, 2);
	c->records.status = (int)rng_below(&p->rng, 2);
	c->fate = (enum caller_fate)rng_below(&p->rng, CALLER_FATES);
	c->fate_at = w->clock.now + (int64_t)rng_below(&p->rng,
	    c->fate == CALLER_LOSES ? LOSS_MS : 20000);
	caller_init_blocks(c, config);
	config->filter = 1;
	config->records = c->records;
	front_limit(p, config, 4000);
	for (i = 0; i < c->n; i++) {
		c->end[i] = caller_record(w, c);
		w->calls[c->first + i].retries = (unsigned)config->retries;
		w->calls[c->first + i].block = config->block;
	}
	w->calls[c->first + c->n - 1].last = 1;
}

/* A PLB of the module that runs on the host, or NULL. */
static const struct post *
caller_find_plb(const struct post *s)
{
	const struct world *w = s->world;
	const struct post *plb;

	for (plb = w->posts; plb < w->posts + w->nposts; plb++)
		if (plb->kind == PROC_PLB && plb->host == s->host &&
		    plb->module == s->module && post_proc(plb) != NULL)
			return plb;
	return NULL;
}

/* How the module is reached. */
static void
caller_find_way(struct caller *c, struct proc *p, struct call_config *config)
{
	const struct post *plb = caller_find_plb(c->front.post);
	unsigned i, way = (unsigned)rng_below(&p->rng, 3);

	config->broker = "/broker";
	config->given = c->ways;
	if (way == 0 && plb != NULL) {
		c->plb = plb;
		c->ways[0].name = plb->socket;
		config->ngiven = 1;
		config->plb.fallback = 1;
		p->world->found++;
	} else if (way == 1) {
		config->ngiven = 1 + rng_below(&p->rng, COMMANDS);
		config->broker = NULL;
	}
	for (i = 0; config->broker == NULL && i < config->ngiven; i++) {
		c->ways[i].name = "a command";
		c->ways[i].command = 1;
		c->command[i].capacity = 1 + rng_below(&p->rng, 4);
	}
}

void
caller_start(struct post *s)
{
	struct world *w = s->world;
	struct call_config config;
	struct caller *c;
	struct proc *p;

	if (w->quiet)
		return;
	if (chance(w, 40)) {
		flow_start(s);
		return;
	}
	p = proc_new(w, PROC_CALLER, s->host, ROLE_CALLER, "caller");
	if ((c = calloc(1, sizeof(*c))) == NULL)
		assert(!"memory");
	memset(&config, 0, sizeof(config));
	caller_init(c, p, s, &config);
	caller_find_way(c, p, &config);
	p->role = c;
	p->act = caller_act;
	p->work = caller_work;
	p->ended = caller_ended;
	front_run(p, &config, s->capacity);
}

const char *
caller_look(const struct census *c)
{
	static char why[96];
	const struct census_list *l = &c->kind[PROC_CALLER];

	if (l->n == 0)
		return NULL;
	snprintf(why, sizeof(why), "%s has not ended", l->proc[0]->name);
	return why;
}

int64_t
caller_due(const struct world *w)
{
	const struct proc *p;

	for (p = w->procs; p != NULL; p = p->next)
		if (p->kind == PROC_CALLER)
			return w->plan.quiet_at + LATE_MS;
	return 0;
}
