/*
 * A channel as a process, and its workers: how long each takes is drawn, and
 * what a worker says reaches the channel in the channel's next turn. What the
 * channel and its workers hold together is the liveness pipe: the listener
 * hears when the last of them is gone.
 */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "stream.h"
#include "t/virtual/sim.h"

#define ORPHAN_MS 1000
#define ORPHAN_STEP_MS 20
#define SIGNAL_MS 20 /* a worker that heeds its signal ends within */
#define BORN_MS	  20
#define LOGIN_MS  2000 /* until a command of -x speaks */

struct life {
	struct world *world;
	unsigned holders;  /* the channel and its workers */
	uint32_t listener, tag, channel; /* channel 0: it is gone */
	struct quota *quota;
	enum channel_mode mode;
	unsigned version, first_version; /* of the code */
	uint64_t held;	   /* as last counted */
	int command;	   /* of a caller, and not a listener's */
	int orphaned;
	struct hand *hands;
	struct said *said, **said_tail;
};

/* A worker, and what it has to do. */
struct hand {
	struct hand *next;
	struct life *life;
	uint32_t number;
	struct job *jobs, **jobs_tail;
	struct event death;
	int leaving;
};

struct job {
	struct job *next;
	struct hand *hand;
	uint64_t name;
	uint64_t call; /* what it was fed, and will say; */
	size_t ncalls; /* of a block: the first of so many */
	int running;
	struct event done;
	/* Of a stream: */
	int flows;	   /* its output goes in pieces */
	int ended;	   /* all of its input is given */
	size_t head;	   /* bytes that came with the request */
	size_t given, read, out;
	size_t errors;	   /* bytes of its standard error */
	unsigned run;	   /* of its call, from 1 */
};

/* What the channel is to hear of a worker. */
enum saying { SAID_REPLY, SAID_ENDED, SAID_UNABLE, SAID_FLOW };

struct said {
	struct said *next;
	enum saying what;
	uint32_t number;
	uint64_t name;
	uint64_t call;
	size_t ncalls;
};

static void
say(struct life *l, enum saying what, uint32_t number, const struct job *j)
{
	struct proc *channel = proc_find(l->world, l->channel);
	struct said *s;

	if (channel == NULL)
		return;
	s = calloc(1, sizeof(*s));
	assert(s != NULL);
	s->what = what;
	s->number = number;
	if (j != NULL) {
		s->name = j->name;
		s->call = j->call;
		s->ncalls = j->ncalls;
	}
	*l->said_tail = s;
	l->said_tail = &s->next;
	proc_wake(channel);
}

static void
life_release(struct life *l)
{
	struct said *s;

	if (--l->holders > 0)
		return;
	if (!l->command)
		listener_lost(l->world, l->listener, l->tag);
	l->quota->held -= l->held;
	while ((s = l->said) != NULL) {
		l->said = s->next;
		free(s);
	}
	free(l);
}

/* Jobs. */

static void
job_free(struct job *j)
{
	struct hand *h = j->hand;
	struct job **link;

	event_off(&h->life->world->clock, &j->done);
	if (j->running)
		h->life->quota->running--;
	for (link = &h->jobs; *link != j; link = &(*link)->next)
		;
	if ((*link = j->next) == NULL)
		h->jobs_tail = link;
	free(j);
}

static void
hand_end(struct hand *h)
{
	struct life *l = h->life;
	struct hand **link;

	while (h->jobs != NULL)
		job_free(h->jobs);
	event_off(&l->world->clock, &h->death);
	for (link = &l->hands; *link != h; link = &(*link)->next)
		;
	*link = h->next;
	free(h);
	life_release(l);
}

static void
job_run(struct job *j)
{
	struct life *l = j->hand->life;
	struct world *w = l->world;
	unsigned mean = w->plan.service_ms;
	size_t i;

	j->running = 1;
	l->quota->running++;
	if (l->quota->running > l->quota->capacity)
		world_fail(w, 1, "%s runs %llu at its workers, of %llu",
		    l->quota->name, (unsigned long long)l->quota->running,
		    (unsigned long long)l->quota->capacity);
	if (l->version > l->first_version)
		w->new_runs++;
	else
		w->old_runs++;
	for (i = 0; i < j->ncalls; i++)
		load_ran(w, j->call + i);
	j->run = w->calls[j->call].runs;
	event_at(&w->clock, &j->done, w->clock.now + 1 +
	    draw(w, chance(w, 5) ? 20 * mean : 2 * mean));
}

static void
die(struct hand *h)
{
	say(h->life, SAID_ENDED, h->number, NULL);
	hand_end(h);
}

/* A worker with no job ends when it is told to, or nobody is left to. */
static void
end_if_idle(struct hand *h)
{
	if (h->jobs == NULL && (h->leaving || h->life->channel == 0))
		die(h);
}

static void
on_done(void *arg)
{
	struct job *j = arg;
	struct hand *h = j->hand;
	struct life *l = h->life;
	struct world *w = l->world;

	if (w->plan.faults[FAULT_WORKER] && !w->healed && chance(w, 3)) {
		w->did[FAULT_WORKER]++;
		die(h);
		return;
	}
	if (j->flows) {
		say(l, SAID_FLOW, h->number, j);
		if (l->channel == 0)
			die(h);
		return;
	}
	say(l, SAID_REPLY, h->number, j);
	job_free(j);
	if (l->mode == CHANNEL_EXEC)
		hand_end(h);
	else if (l->mode == CHANNEL_POOL && h->jobs != NULL)
		job_run(h->jobs);
	else
		end_if_idle(h);
}

/* What workers read that stay. */
static enum frame_kind
frame_of(enum channel_mode mode)
{
	return mode == CHANNEL_MUX ? FRAME_MUX : FRAME_PACKET4;
}

static struct slice
frame_body(enum channel_mode mode, const struct act *a)
{
	struct frame_reader reader = { frame_of(mode), 0 };
	struct frame f;
	ssize_t r;

	r = frame_next(&reader, a->bytes.p, a->bytes.len, &f);
	assert(r == (ssize_t)a->bytes.len);
	assert(mode != CHANNEL_MUX || f.id == a->value);
	return f.body;
}

/* What its body says that it is of. A stream has its beginning there. */
static uint64_t
job_calls(struct world *w, struct slice body, size_t *n)
{
	int64_t flow = flow_call(w, body);

	if (flow == -1)
		return load_calls(w, body, n);
	flow_check(w, (uint64_t)flow, 0, body);
	*n = 1;
	return (uint64_t)flow;
}

static void
job_new(struct hand *h, uint64_t name, struct slice body)
{
	struct job *j = calloc(1, sizeof(*j));

	assert(j != NULL);
	j->hand = h;
	j->name = name;
	j->call = job_calls(h->life->world, body, &j->ncalls);
	j->head = j->given = body.len;
	event_init(&j->done, on_done, j);
	*h->jobs_tail = j;
	h->jobs_tail = &j->next;
	if (h->life->mode != CHANNEL_POOL || h->jobs == j)
		job_run(j);
}

/* Workers. */

static void
on_death(void *arg)
{
	die(arg);
}

static struct hand *
find(const struct life *l, uint32_t number)
{
	struct hand *h;

	for (h = l->hands; h != NULL && h->number != number; h = h->next)
		;
	return h;
}

static void
start_exec(struct hand *h, const struct act *a)
{
	struct msg m;
	int r = act_message(a, &m);

	assert(r == 1);
	job_new(h, a->value, m.u.request.body);
	h->jobs->flows = m.u.request.window > 0 && !m.u.request.cast;
	h->jobs->ended = !m.u.request.more;
}

static void
more(struct hand *h, const struct act *a)
{
	struct job *j = h->jobs;

	if (a->value != 0)
		j->ended = 1;
	flow_check(h->life->world, j->call, j->given, a->bytes);
	j->given += a->bytes.len;
}

static void
start(struct life *l, const struct act *a)
{
	struct world *w = l->world;
	struct hand *h;

	if (w->plan.faults[FAULT_SPAWN] && !w->healed && chance(w, 5)) {
		say(l, SAID_UNABLE, a->peer, NULL);
		return;
	}
	h = calloc(1, sizeof(*h));
	assert(h != NULL && find(l, a->peer) == NULL);
	h->life = l;
	h->number = a->peer;
	h->jobs_tail = &h->jobs;
	event_init(&h->death, on_death, h);
	h->next = l->hands;
	l->hands = h;
	l->holders++;
	if (l->mode == CHANNEL_EXEC)
		start_exec(h, a);
	else if (w->plan.faults[FAULT_WORKER] && !w->healed && chance(w, 5))
		event_at(&w->clock, &h->death,
		    w->clock.now + draw(w, BORN_MS));
}

/* It heeds the signal, or ends after ms. */
static void
signal_hand(struct hand *h, int64_t ms)
{
	struct world *w = h->life->world;
	int64_t at = w->clock.now + (chance(w, 80) ? draw(w, SIGNAL_MS) : ms);

	if (!event_is_on(&h->death) || at < h->death.at)
		event_at(&w->clock, &h->death, at);
}

static void
orphan(struct proc *p, struct life *l)
{
	struct clock *c = &p->world->clock;
	struct hand *h;

	if (l->orphaned)
		return;
	l->orphaned = 1;
	for (h = l->hands; h != NULL; h = h->next)
		signal_hand(h, ORPHAN_MS);
	event_at(c, &p->stopping, c->now + ORPHAN_MS);
}

static void
channel_act(struct proc *p, const struct act *a)
{
	struct life *l = p->role;
	struct hand *h = find(l, a->peer);

	switch (a->kind) {
	case CHANNEL_START:
		start(l, a);
		break;
	case CHANNEL_FEED:
		if (h != NULL)
			job_new(h, a->value, frame_body(l->mode, a));
		break;
	case CHANNEL_KILL:
		if (h != NULL)
			signal_hand(h, (int64_t)a->value);
		break;
	case CHANNEL_MORE:
		if (h != NULL)
			more(h, a);
		break;
	case CHANNEL_UNWANTED:
		if (h != NULL)
			signal_hand(h, CHANNEL_LATE_MS);
		break;
	case CHANNEL_RETIRE:
		if (h == NULL)
			break;
		h->leaving = 1;
		end_if_idle(h);
		break;
	case CHANNEL_ORPHAN:
		orphan(p, l);
		break;
	}
}

/* The channel. */

static void
reply(struct proc *p, const struct said *s)
{
	struct world *w = p->world;
	size_t n = flow_size(w, s->call) > 0 ? flow_part(w, s->call) : 0;
	unsigned char *bytes;
	struct buf b;

	buf_init(&b, BUF_MAX);
	if (n == 0)
		load_put(w, s->call, s->ncalls, &b);
	else {
		bytes = buf_reserve(&b, n);
		assert(bytes != NULL);
		flow_fill(s->call, 0, bytes, n);
		buf_commit(&b, n);
	}
	channel_reply(p->core, proc_now(p), s->number, s->name, 0,
	    buf_slice(&b));
	buf_free(&b);
}

/* It reads some of its input: the channel hears of what came in pieces. */
static void
flow_read(struct proc *p, struct job *j)
{
	struct world *w = p->world;
	size_t part = flow_part(w, j->call);
	size_t n = j->given - j->read, most = 1 + draw(w, 60000);
	size_t head = j->read < j->head ? j->head - j->read : 0;

	if (j->read >= part) {
		if (!j->ended && part < flow_size(w, j->call))
			channel_deaf(p->core, j->hand->number);
		return;
	}
	n = n < most ? n : most;
	n = n < part - j->read ? n : part - j->read;
	j->read += n;
	if (n <= head)
		return;
	window_took(p, j->call, STREAM_BODY, n - head);
	channel_fed(p->core, proc_now(p), j->hand->number, n - head);
}

/* And writes some of what it has read. */
static size_t
flow_copy(struct proc *p, struct job *j, int last)
{
	static unsigned char bytes[STREAM_HEAD];
	struct world *w = p->world;
	uint32_t number = j->hand->number;
	size_t n = j->read - j->out, most = 1 + draw(w, sizeof(bytes));
	size_t may = channel_may_send(p->core, number, STREAM_OUTPUT);

	n = n < most ? n : most;
	n = n < may || last ? n : may;
	flow_fill(j->call, j->out, bytes, n);
	if (!last)
		channel_output(p->core, number, STREAM_OUTPUT,
		    slice_of(bytes, n));
	else
		channel_reply(p->core, proc_now(p), number, 0, 0,
		    slice_of(bytes, n));
	j->out += n;
	return n;
}

/* Its standard error, where somebody wants it, says the same. */
static void
flow_complain(struct proc *p, struct job *j)
{
	unsigned char bytes[512];
	uint32_t number = j->hand->number;
	size_t n = 1 + draw(p->world, sizeof(bytes));
	size_t left = flow_size(p->world, j->call) - j->errors;

	if (!channel_errors(p->core, number) ||
	    channel_may_send(p->core, number, STREAM_ERROR) < n)
		return;
	n = n < left ? n : left;
	flow_fill(j->call, j->errors, bytes, n);
	channel_output(p->core, number, STREAM_ERROR, slice_of(bytes, n));
	j->errors += n;
}

static void
flow_finish(struct proc *p, struct job *j)
{
	uint32_t number = j->hand->number;

	if (channel_may_send(p->core, number, STREAM_ERROR) != SIZE_MAX &&
	    p->world->calls[j->call].runs == j->run)
		p->world->calls[j->call].errors = j->errors;
	flow_copy(p, j, 1);
	hand_end(j->hand);
}

static void
flow_go_on(struct proc *p, uint32_t number)
{
	struct hand *h = find(p->role, number);
	struct world *w = p->world;
	struct job *j;

	if (h == NULL || (j = h->jobs) == NULL)
		return;
	flow_read(p, j);
	if (j->read - j->out > 0 && chance(w, 70))
		flow_copy(p, j, 0);
	if (chance(w, 30))
		flow_complain(p, j);
	/* One that reads all of it waits for its end, too. */
	if (j->read == flow_part(w, j->call) && j->out == j->read &&
	    (j->ended || j->read < flow_size(w, j->call))) {
		flow_finish(p, j);
		return;
	}
	event_at(&w->clock, &j->done, w->clock.now + 1 + draw(w, 20));
}

static void
hear(struct proc *p, const struct said *s)
{
	int64_t now = proc_now(p);

	switch (s->what) {
	case SAID_FLOW:
		flow_go_on(p, s->number);
		break;
	case SAID_REPLY:
		reply(p, s);
		break;
	case SAID_ENDED:
		channel_ended(p->core, now, s->number, "killed by signal 9");
		break;
	case SAID_UNABLE:
		channel_unable(p->core, now, s->number, "unable to run it");
	}
	proc_deliver(p);
}

static void
channel_work(struct proc *p)
{
	struct life *l = p->role;
	struct said *s;

	while ((s = l->said) != NULL) {
		if ((l->said = s->next) == NULL)
			l->said_tail = &l->said;
		hear(p, s);
		free(s);
	}
	if (l->orphaned && l->hands == NULL)
		proc_stop(p, ORPHAN_STEP_MS);
}

/* What all channels of a listener hold is not more than it has. A channel that
 * is gone with workers left holds on. */
void
channel_count(struct proc *p)
{
	struct life *l = p->role;
	struct quota *q = l->quota;

	q->held += channel_held(p->core) - l->held;
	l->held = channel_held(p->core);
	if (q->held > q->capacity)
		world_fail(p->world, 1, "the channels of %s hold %llu, of %llu",
		    q->name, (unsigned long long)q->held,
		    (unsigned long long)q->capacity);
}

uint64_t
channel_capacity(const struct proc *p)
{
	return ((const struct life *)p->role)->quota->capacity;
}

static void
channel_over(struct proc *p)
{
	struct life *l = p->role;
	struct hand *h, *next;

	channel_free(p->core);
	l->channel = 0;
	if (l->command)
		caller_lost(l->world, l->listener, l->tag, !p->hub.stop);
	for (h = l->hands; h != NULL; h = next) {
		next = h->next;
		if (l->orphaned || l->world->net.off[p->host])
			die(h);
		else if (l->mode != CHANNEL_EXEC)
			end_if_idle(h);
	}
	life_release(l);
}

static struct life *
life_new(struct proc *parent, uint32_t tag, struct quota *quota)
{
	struct life *l = calloc(1, sizeof(*l));

	assert(l != NULL);
	l->world = parent->world;
	l->holders = 1;
	l->listener = parent->number;
	l->tag = tag;
	l->quota = quota;
	l->said_tail = &l->said;
	return l;
}

static struct proc *
channel_new_proc(struct proc *parent, struct life *l, uint64_t capacity,
    const unsigned char *session)
{
	struct proc *p = proc_new(parent->world, PROC_CHANNEL, parent->host,
	    ROLE_CHANNEL, "channel");
	struct channel_config config;
	struct channel *c;
	char name[16];

	if (session != NULL)
		hub_become(&p->hub, session);
	memset(&config, 0, sizeof(config));
	config.module = slice_str(module_name(parent->module, name));
	config.mode = l->mode;
	config.kind = frame_of(l->mode);
	config.capacity = capacity;
	c = channel_new(&p->hub.self.instance, rng_next(&p->rng), &config);
	assert(c != NULL);
	l->channel = p->number;
	p->parent = parent->number;
	p->child_tag = l->tag;
	p->role = l;
	p->act = channel_act;
	p->work = channel_work;
	p->ended = channel_over;
	p->hub.serves = ROLE_PLB | ROLE_CALLER;
	proc_core(p, &channel_ops, c, channel_out(c));
	return p;
}

uint32_t
channel_start(struct proc *listener, uint32_t tag, struct quota *quota,
    int client, const unsigned char *session, int control)
{
	const struct post *s = listener_post(listener);
	struct world *w = listener->world;
	struct life *l = life_new(listener, tag, quota);
	struct proc *p;

	l->mode = s->mode;
	l->version = s->version;
	l->first_version = s->first_version;
	p = channel_new_proc(listener, l, 0, session);
	p->asleep_until = w->clock.now + draw(w, BORN_MS);
	proc_adopt(p, control, 1, CHANNEL_LISTENER_TAG);
	proc_resume(p, client, session, CHANNEL_CLIENT_TAG);
	return p->number;
}

uint32_t
channel_command(struct proc *caller, uint32_t tag, uint64_t capacity,
    int client)
{
	struct world *w = caller->world;
	struct life *l = life_new(caller, tag, quota_new(caller, capacity));
	struct proc *p;

	l->command = 1;
	l->mode = (enum channel_mode)draw(w, 3);
	p = channel_new_proc(caller, l, capacity, NULL);
	p->asleep_until = w->clock.now + draw(w, LOGIN_MS);
	proc_adopt(p, client, 0, CHANNEL_CLIENT_TAG);
	return p->number;
}
