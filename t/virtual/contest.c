/*
 * A module whose buyers always want more than there is: do they hold equal
 * shares? Some of these worlds have such a module of its own. Once all is
 * healed its buyers come, go and want something else, one change after the
 * other. Some time after each, what is held is compared with an allocation that
 * is max-min fair, worked out here, and what was given back with what had to
 * be.
 *
 * Where all constraints are alike each buyer must be within one token of its
 * share. Where they are not, it may also be as far off as no single move can
 * help: no buyer holds two more than another that lacks something and could use
 * one of these.
 *
 * A buyer may be one that gives nothing back. Each listener grants it no more
 * than a token over its share, and the others share what it does not hold.
 *
 * What a buyer gives back it gives of each seller in proportion to what it held
 * when it was last granted something, in whole tokens: each goes back where
 * what is left is the most, for what was held.
 */

#include <assert.h>
#include <stdlib.h>

#include "channel_state.h"
#include "listener.h"
#include "plb_state.h"
#include "t/virtual/census.h"

#define CALM_MS	   15000 /* from healing to the first change */
#define CHANGE_MS  9000	 /* from one to the next */
#define SETTLE_MS  2500	 /* promised: 2 s, and the longest request ... */
#define LONGEST	   20	 /* ... of so many times the average; and */
#define HOPS	   16	 /* messages one after another, over a slow network */
#define HEEDLESS_MS 3000 /* and who does not heed is cut first */
#define SLACK	   2	 /* tokens an exchange moves beside those that had to */

struct contest_buyer {
	struct post *post;
	const struct plb *plb;
	uint64_t held, wanted;
	uint64_t due;		  /* its share, max-min fair */
	unsigned from[CONTEST_SELLERS]; /* of it, by seller */
	uint64_t has[CONTEST_SELLERS];	/* of what is held, by seller */
	int full;
};

struct contest_seller {
	const struct proc *proc; /* NULL: it is not there */
	uint64_t left;
};

struct contest_view {
	struct contest_buyer buyer[CONTEST_BUYERS];
	struct contest_seller seller[CONTEST_SELLERS];
	const struct proc *heedless; /* or NULL */
	unsigned buyers, sellers;
	int alike; /* all constraints are */
	uint64_t capacity;
};

static int
contest_fits(const struct contest_view *v, unsigned buyer, unsigned seller)
{
	return listener_fits(v->seller[seller].proc, v->buyer[buyer].post);
}

/* What it holds of each seller. */
static void
contest_count(const struct contest_view *v, const struct plb *plb,
    uint64_t has[CONTEST_SELLERS])
{
	const struct upstream *u;
	unsigned j;
	size_t i = 0;

	memset(has, 0, CONTEST_SELLERS * sizeof(*has));
	while ((u = upstream_next(plb, &i)) != NULL)
		for (j = 0; j < v->sellers; j++)
			if (upstream_usable(u) && v->seller[j].proc != NULL &&
			    id_equal(&u->seller,
				&v->seller[j].proc->hub.self.instance))
				has[j] += u->tokens + u->in_flight;
}

static void
contest_add_seller(struct contest_view *v, const struct post *s,
    const struct proc *p)
{
	assert(v->sellers < CONTEST_SELLERS);
	v->seller[v->sellers].proc = p;
	v->seller[v->sellers++].left = s->capacity;
	v->capacity += s->capacity;
}

static void
contest_add_buyer(struct contest_view *v, struct post *s, const struct proc *p)
{
	struct contest_buyer *b = &v->buyer[v->buyers++];

	assert(v->buyers <= CONTEST_BUYERS);
	b->post = s;
	b->plb = p->core;
	b->held = plb_held(b->plb);
	b->wanted = b->plb->wanted;
	contest_count(v, b->plb, b->has);
	v->alike &= s->zone == 0;
}

/* What it holds is not there for the others. */
static void
contest_add_heedless(struct contest_view *v, const struct proc *p)
{
	uint64_t has[CONTEST_SELLERS];
	unsigned j;

	v->heedless = p;
	contest_count(v, p->core, has);
	for (j = 0; j < v->sellers; j++) {
		has[j] = has[j] < v->seller[j].left ? has[j] :
		    v->seller[j].left;
		v->seller[j].left -= has[j];
		v->capacity -= has[j];
	}
}

/* Who takes part now, sellers first: 0 when one of them is not there. all: who
 * does not heed is one of the buyers. */
static int
contest_look(struct world *w, struct contest_view *v, int all)
{
	struct post *s;
	struct proc *p;

	memset(v, 0, sizeof(*v));
	v->alike = 1;
	for (s = w->posts; s < w->posts + w->nposts; s++) {
		if (s->module + 1 != w->plan.contest || s->deserted ||
		    (s->kind != PROC_LISTENER && s->kind != PROC_PLB))
			continue;
		p = post_proc(s);
		if (p == NULL || s->coming != 0 || s->leaving != 0)
			return 0;
		if (s->kind == PROC_LISTENER)
			contest_add_seller(v, s, p);
		else if (s->version != 0)
			return 0; /* it goes over to it, and may hold another */
		else if (s->heedless && !all)
			contest_add_heedless(v, p);
		else
			contest_add_buyer(v, s, p);
	}
	return v->buyers > 0 && v->sellers > 0;
}

/* Find one more token for the buyer, where another may have to go over to
 * another seller for it. */
static int
contest_augment(struct contest_view *v, unsigned buyer, unsigned *seen)
{
	unsigned i, j;

	for (j = 0; j < v->sellers; j++) {
		if ((*seen >> j & 1) || !contest_fits(v, buyer, j))
			continue;
		*seen |= 1u << j;
		if (v->seller[j].left > 0) {
			v->seller[j].left--;
			v->buyer[buyer].from[j]++;
			return 1;
		}
		for (i = 0; i < v->buyers; i++) {
			if (v->buyer[i].from[j] == 0 ||
			    !contest_augment(v, i, seen))
				continue;
			v->buyer[i].from[j]--;
			v->buyer[buyer].from[j]++;
			return 1;
		}
	}
	return 0;
}

/* The one with the least gets one more, again and again: this is max-min fair,
 * as no token that another has is ever taken from it. */
static void
contest_divide(struct contest_view *v)
{
	struct contest_buyer *least;
	unsigned i, seen;

	for (;;) {
		least = NULL;
		for (i = 0; i < v->buyers; i++)
			if (!v->buyer[i].full &&
			    v->buyer[i].due < v->buyer[i].wanted &&
			    (least == NULL || v->buyer[i].due < least->due))
				least = &v->buyer[i];
		if (least == NULL)
			return;
		seen = 0;
		if (contest_augment(v, (unsigned)(least - v->buyer), &seen))
			least->due++;
		else
			least->full = 1;
	}
}

/* Could a single token go from the one to the other, and both be better off? */
static int
contest_can_move(const struct contest_view *v, unsigned from, unsigned to)
{
	const struct contest_buyer *a = &v->buyer[from], *b = &v->buyer[to];
	unsigned j;

	if (b->held >= b->wanted || a->held < b->held + 2)
		return 0;
	for (j = 0; j < v->sellers; j++)
		if (a->has[j] > 0 && contest_fits(v, to, j))
			return 1;
	return 0;
}

static int
contest_any_move(const struct contest_view *v)
{
	unsigned i, j;

	for (i = 0; i < v->buyers; i++)
		for (j = 0; j < v->buyers; j++)
			if (i != j && contest_can_move(v, i, j))
				return 1;
	return 0;
}

/* Do tokens that the buyer could use go round, as there are fewer of them than
 * buyers? */
static int
contest_goes_round(const struct contest_view *v, unsigned buyer)
{
	unsigned i, j;

	for (i = 0; i < v->buyers; i++)
		for (j = 0; v->buyer[i].due == 0 && j < v->sellers; j++)
			if (contest_fits(v, i, j) && contest_fits(v, buyer, j))
				return 1;
	return 0;
}

static int
contest_any_round(const struct contest_view *v)
{
	unsigned i;

	for (i = 0; i < v->buyers; i++)
		if (contest_goes_round(v, i))
			return 1;
	return 0;
}

static void
contest_check_shares(struct world *w, struct contest_view *v)
{
	const struct contest_buyer *b;
	uint64_t near;

	contest_divide(v);
	for (b = v->buyer; b < v->buyer + v->buyers; b++)
		note(w, "%s holds %llu, wants %llu, is due %llu, zone %u",
		    post_proc(b->post)->name, (unsigned long long)b->held,
		    (unsigned long long)b->wanted, (unsigned long long)b->due,
		    b->post->zone);
	for (b = v->buyer; b < v->buyer + v->buyers; b++) {
		near = 1;
		/* Of these each exchange may give one to who comes first, and
		 * one may come with a request's time. */
		if (contest_goes_round(v, (unsigned)(b - v->buyer)))
			near = w->plan.redundancy > 2 ? w->plan.redundancy : 2;
		if (b->held <= b->due + near && b->due <= b->held + near)
			continue;
		if (!v->alike && !contest_any_move(v))
			continue;
		world_fail(w, 11, "%s holds %llu of the %llu that it wants, "
		    "and its share is %llu", post_proc(b->post)->name,
		    (unsigned long long)b->held,
		    (unsigned long long)b->wanted,
		    (unsigned long long)b->due);
	}
}

/* A listener's channel to who does not heed holds what is over its share no
 * longer: neither by what the listener was told, nor by what is so. */
static void
contest_check_heedless(struct world *w, const struct proc *heedless)
{
	const struct channel *c;
	const struct proc *p;
	struct contest_view v;
	uint64_t due = 0, most;
	unsigned i, unmet = 0;

	if (!contest_look(w, &v, 1))
		return;
	contest_divide(&v);
	for (i = 0; i < v.buyers; i++) {
		if (v.buyer[i].plb == heedless->core)
			due = v.buyer[i].due;
		else
			unmet |= v.buyer[i].held < v.buyer[i].wanted;
	}
	for (p = w->procs; unmet && p != NULL; p = p->next) {
		if (p->kind != PROC_CHANNEL || !proc_linked(p, heedless))
			continue;
		c = p->core;
		most = c->waiting.share > c->waiting.least ?
		    c->waiting.share : c->waiting.least;
		w->heedless++;
		if (c->held > most + 1 || c->held > due + 2)
			world_fail(w, 11, "%s does not heed, and holds %llu "
			    "of %s; its share is %llu", heedless->name,
			    (unsigned long long)c->held, p->name,
			    (unsigned long long)due);
	}
}

/*
 * What of all that a buyer held it had to give back. Where constraints differ
 * it may have to go over to another seller, which leaves its own to somebody
 * else: what it holds less of a seller counts.
 */
static uint64_t
contest_had_to(const struct contest_view *v, const struct contest_buyer *b)
{
	uint64_t n = 0;
	unsigned j;

	if (v->alike)
		return b->post->held > b->held ? b->post->held - b->held : 0;
	for (j = 0; j < v->sellers; j++)
		if (b->post->from[j] > b->has[j])
			n += b->post->from[j] - b->has[j];
	return n;
}

/*
 * What buyers have given back since the change is at most twice what of it had
 * to be, whether constraints differ or not, and beside that
 * - a token for each race that was lost. Two exchanges had one token for two
 *   buyers: who was refused waits on, and who was faster may have to give it
 *   back.
 * - SLACK tokens for each exchange. Over a slow network it hears late of what
 *   was returned, and of what others gave. Until then it may ask for a token
 *   that nobody lacks, or give one to a buyer that holds enough.
 *
 * A buyer's only token does not count when it goes back
 * - if tokens went round before the change. They do so until others come that
 *   the change frees.
 * - if constraints differ. Two buyers that can use the same token have it in
 *   turn until a token comes for one of them.
 *
 * Nothing is said where tokens go round for good; nor beside who does not heed:
 * what is taken from it comes late, and shares are others by then.
 */
static void
contest_check_moves(struct world *w, const struct contest_view *v)
{
	const struct contest_buyer *b;
	uint64_t moved = 0, had_to = 0, races = 0;

	for (b = v->buyer; b < v->buyer + v->buyers; b++) {
		races += b->plb->refusals - b->post->refusals;
		moved += b->plb->shared - b->post->shared;
		moved -= v->alike && !w->round ? 0 : b->post->turns;
		had_to += contest_had_to(v, b);
	}
	w->shared += moved;
	if (v->heedless == NULL && !contest_any_round(v) &&
	    moved > 2 * had_to + races + SLACK * w->plan.redundancy)
		world_fail(w, 11, "%llu tokens were given back, and %llu had "
		    "to be; %llu races were lost", (unsigned long long)moved,
		    (unsigned long long)had_to, (unsigned long long)races);
}

/* Was a token that has just gone back to one seller the other's to have? */
static int
contest_is_wrong(const struct post *s, const uint64_t has[CONTEST_SELLERS],
    unsigned given, unsigned due)
{
	return has[given] < s->has[given] && has[due] > 0 &&
	    (2 * has[due] - 1) * s->base[given] >
	    (2 * has[given] + 1) * s->base[due];
}

/* Did the seller ask for some of what the buyer held, so far as that knows? */
static int
contest_asked(const struct plb *plb, const struct proc *seller, uint64_t held)
{
	const struct upstream *u;
	size_t i = 0;

	while ((u = upstream_next(plb, &i)) != NULL)
		if (upstream_usable(u) && u->waiting && held > u->least + 1 &&
		    id_equal(&u->seller, &seller->hub.self.instance))
			return 1;
	return 0;
}

/* What it gives back leaves it of each seller that asks the part that it
 * had. */
static void
contest_check_parts(const struct post *s, const struct plb *plb,
    const struct contest_view *v, const uint64_t has[CONTEST_SELLERS])
{
	uint64_t held = plb_held(plb) + plb->shared - s->given;
	unsigned i, j;

	s->world->in_part++;
	for (i = 0; i < v->sellers; i++)
		for (j = 0; j < v->sellers; j++)
			if (contest_is_wrong(s, has, i, j) &&
			    contest_asked(plb, v->seller[j].proc, held))
				world_fail(s->world, 11, "%s has kept %llu of "
				    "%llu of %s, and %llu of %llu of %s",
				    post_proc(s)->name,
				    (unsigned long long)has[i],
				    (unsigned long long)s->base[i],
				    v->seller[i].proc->name,
				    (unsigned long long)has[j],
				    (unsigned long long)s->base[j],
				    v->seller[j].proc->name);
}

/*
 * A turn of a buyer's: what does it hold, and what did it hold when it was last
 * granted some? From there it gives back, until it is granted some again. What
 * it was granted while it was asked to give back, or lost otherwise, says
 * nothing of parts.
 */
static void
contest_look_at(struct post *s, const struct plb *plb,
    const struct contest_view *v, const uint64_t has[CONTEST_SELLERS])
{
	uint64_t gone = plb->shared - s->given, had = 0;
	int more = 0;
	unsigned j;

	for (j = 0; j < CONTEST_SELLERS; j++) {
		more |= has[j] > s->has[j];
		gone += has[j] - s->has[j];
		had += s->has[j];
	}
	if (had == 1)
		s->turns += plb->shared - s->given;
	if (more)
		s->grew = 1;
	else if (plb->shared != s->given)
		s->grew = 0;
	if (s->grew || gone != 0)
		s->based = s->grew && plb->keep == KEEP_ALL;
	if (s->grew)
		memcpy(s->base, has, sizeof(s->base));
	else if (s->based && plb->shared != s->given && v->alike &&
	    s->world->changed_at != 0 && !s->world->quiet)
		contest_check_parts(s, plb, v, has);
	memcpy(s->has, has, sizeof(s->has));
	s->given = plb->shared;
}

void
contest_step(struct proc *p)
{
	uint64_t has[CONTEST_SELLERS];
	struct world *w = p->world;
	struct contest_view v;
	struct post *s = w->posts;

	if (p->module + 1 != w->plan.contest)
		return;
	memset(&v, 0, sizeof(v));
	v.alike = 1;
	for (; s < w->posts + w->nposts; s++) {
		if (s->module != p->module)
			continue;
		if (s->kind == PROC_LISTENER)
			contest_add_seller(&v, s, post_proc(s));
		else if (s->kind == PROC_PLB && !s->deserted)
			v.alike &= s->zone == 0 && s->version == 0;
	}
	contest_count(&v, p->core, has);
	for (s = w->posts; s < w->posts + w->nposts; s++)
		if (s->proc == p->number)
			contest_look_at(s, p->core, &v, has);
}

/* All is settled: from here on nothing moves. */
static void
contest_note(struct world *w, const struct contest_view *v)
{
	const struct contest_buyer *b;

	w->round = contest_any_round(v);
	for (b = v->buyer; b < v->buyer + v->buyers; b++) {
		b->post->held = b->held;
		b->post->shared = b->plb->shared;
		b->post->turns = 0;
		b->post->refusals = b->plb->refusals;
		memcpy(b->post->from, b->has, sizeof(b->has));
	}
}

static void
contest_check_still(struct world *w, const struct contest_view *v)
{
	const struct contest_buyer *b;

	if (!v->alike || v->capacity < v->buyers)
		return;
	for (b = v->buyer; b < v->buyer + v->buyers; b++)
		if (b->plb->shared != b->post->shared)
			world_fail(w, 11, "%s gives back %llu, and all was "
			    "settled", post_proc(b->post)->name,
			    (unsigned long long)(b->plb->shared -
				b->post->shared));
}

/* Change. */

/* A buyer leaves, and its requests with it. */
static void
contest_leave(struct post *s)
{
	note(s->world, "%s leaves", post_proc(s)->name);
	s->deserted = 1;
	event_off(&s->world->clock, &s->start);
	proc_kill(post_proc(s), END_ORDERLY);
}

/* Who gives nothing back ends before all comes to rest: what it kept is for who
 * waits. */
void
contest_end(struct world *w)
{
	struct post *s;

	for (s = w->posts; s < w->posts + w->nposts; s++) {
		if (!s->heedless)
			continue;
		s->deserted = 1;
		event_off(&w->clock, &s->start);
		if (s->coming != 0)
			proc_kill(proc_find(w, s->coming), END_ORDERLY);
		if (post_proc(s) != NULL)
			proc_kill(post_proc(s), END_ORDERLY);
	}
}

static void
contest_come(struct world *w)
{
	struct post *s;

	for (s = w->posts; s < w->posts + w->nposts; s++)
		if (s->module + 1 == w->plan.contest && s->deserted &&
		    s->kind == PROC_PLB)
			break;
	if (s == w->posts + w->nposts)
		return;
	note(w, "a buyer of %llu comes", (unsigned long long)s->capacity);
	s->deserted = 0;
	s->held = s->shared = s->refusals = s->turns = 0;
	memset(s->from, 0, sizeof(s->from));
	memset(s->has, 0, sizeof(s->has));
	s->given = 0;
	post_start(s);
}

/* No less than it has in use. */
static void
contest_want(struct post *s)
{
	struct proc *p = post_proc(s);
	const struct plb *plb = p->core;
	unsigned used = (unsigned)plb->in_flight;
	unsigned n = between(s->world, 1 + used, used < 12 ? 13 : 1 + used);

	note(s->world, "%s wants %u", p->name, n);
	s->capacity = s->wanted = n;
	s->at_once = 2 * n + 4;
	plb_capacity(p->core, n);
	proc_deliver(p);
}

static void
contest_change(struct world *w, const struct contest_view *v)
{
	struct post *s = v->buyer[draw(w, v->buyers)].post;

	w->contested++;
	switch (draw(w, 3)) {
	case 0:
		if (v->buyers > 2) {
			contest_leave(s);
			break;
		}
		/* FALLTHROUGH */
	case 1:
		contest_come(w);
		break;
	default:
		contest_want(s);
	}
}

/* Once a second. */
void
contest_watch(struct world *w)
{
	int64_t now = w->clock.now;
	struct contest_view v;

	if (w->plan.contest == 0 || w->quiet ||
	    now < w->plan.heal_at + CALM_MS || !contest_look(w, &v, 0))
		return;
	if (w->changed_at == 0) {
		w->changed_at = now;
		return;
	}
	if (now - w->changed_at < SETTLE_MS + LONGEST *
	    (int64_t)w->plan.service_ms + HOPS *
	    (int64_t)w->plan.latency_max_ms + (v.heedless ? HEEDLESS_MS : 0))
		return;
	if (v.heedless)
		contest_check_heedless(w, v.heedless);
	contest_check_shares(w, &v);
	if (!w->settled && w->contested > 0)
		contest_check_moves(w, &v);
	if (w->settled)
		contest_check_still(w, &v);
	w->settled = 1;
	contest_note(w, &v);
	if (now - w->changed_at < CHANGE_MS)
		return;
	w->settled = 0;
	w->changed_at = now;
	contest_change(w, &v);
}
