/* What a seed draws: sizes, rates, what goes wrong; and who runs where. */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "attrs.h"
#include "t/virtual/sim.h"

#define AUTHORITY_PORT 4370
#define BROKER_PORT    4371
#define LARGE	       50    /* hosts; beyond it they are alike */
#define CROWD	       9     /* sellers of one module, at the least */
#define BODY_MAX       100000
#define DESCRIPTORS    1024
#define DESERT_MS      90000 /* an exchange that nobody uses is there for */
/* Where size is looked at: authorities start, then brokers, then those who have
 * orders, each kind within so long; each PLB asks so often. */
#define SIZE_START_MS  5000
#define SIZE_PACE_MS   10000
#define SIZE_END_MS    600000
#define SPLIT_MS       60000 /* where it is split */

const char *
module_name(unsigned module, char buf[16])
{
	snprintf(buf, 16, "m%u", module);
	return buf;
}

unsigned
module_number(struct slice name)
{
	char text[16];

	snprintf(text, sizeof(text), "%.*s", SLICE_ARG(name));
	return (unsigned)strtoul(text + 1, NULL, 10);
}

/* Attributes and constraints. */

static char *
zone_label(const struct post *s, char buf[16])
{
	snprintf(buf, 16, "zone=%c", 'a' + (int)s->zone);
	return buf;
}

struct slice
post_attrs(const struct post *s, struct buf *buf)
{
	char version[16], zone[16], *label = zone_label(s, zone);
	const char *why, *which;
	int r;

	snprintf(version, sizeof(version), "1.%u", s->version);
	buf_init(buf, LIST_MAX);
	r = attrs_build(buf, version, NULL, NULL, 0, &label, s->zone != 0,
	    &why, &which);
	assert(r == 0);
	return buf_slice(buf);
}

struct slice
post_constraints(const struct post *s, struct buf *buf)
{
	char version[16], zone[16], *label = zone_label(s, zone);
	const char *why, *which;
	int r;

	snprintf(version, sizeof(version), "1.%u+", s->version);
	buf_init(buf, LIST_MAX);
	r = constraints_build(buf, s->version == 0 ? NULL : version, NULL,
	    &label, s->zone != 0, &why, &which);
	assert(r == 0);
	return buf_slice(buf);
}

/* Posts. */

static void
on_start(void *arg)
{
	post_start(arg);
}

static int64_t
size_start(struct world *w, enum proc_kind kind)
{
	unsigned first = kind == PROC_AUTHORITY ? 0 :
	    kind == PROC_BROKER ? 1 : 2;

	return (int64_t)first * SIZE_START_MS + draw(w, SIZE_START_MS);
}

static struct post *
post_new(struct world *w, enum proc_kind kind, unsigned host)
{
	struct post *s = &w->posts[w->nposts++];

	s->world = w;
	s->kind = kind;
	s->host = host;
	event_init(&s->start, on_start, s);
	event_init(&s->look, NULL, NULL);
	event_at(&w->clock, &s->start, w->plan.orders > 0 ?
	    size_start(w, kind) : draw(w, chance(w, 50) ? 100 : 3000));
	return s;
}

static void
add_bootstrap(struct post *s, const struct post *of)
{
	if (s->nbootstrap < BOOTSTRAP_MAX)
		s->bootstrap[s->nbootstrap++] = of->address;
}

/* Each authority knows one that was there before it. */
static void
place_authorities(struct world *w)
{
	unsigned i, n = w->plan.authorities;
	struct post *s;

	for (i = 0; i < n; i++) {
		s = post_new(w, PROC_AUTHORITY, 1 + i % w->plan.hosts);
		net_address(s->host, AUTHORITY_PORT + 10 * (i /
		    w->plan.hosts), s->address);
		if (i > 0)
			add_bootstrap(s, &w->posts[draw(w, i)]);
	}
	if (n > 1 && chance(w, 50))
		add_bootstrap(&w->posts[0], &w->posts[1 + draw(w, n - 1)]);
}

/* A world is to be split: bootstrap names an authority of the host's side. */
static void
add_near(struct world *w, struct post *s, unsigned authorities)
{
	unsigned i = draw(w, authorities), n;

	for (n = 0; n < authorities; n++, i = (i + 1) % authorities)
		if (fault_side(w->posts[i].host, w->want_split) ==
		    fault_side(s->host, w->want_split))
			break;
	add_bootstrap(s, &w->posts[i]);
}

/* Each broker knows an authority, or one of the brokers before it. */
static void
place_brokers(struct world *w)
{
	unsigned i, first = (unsigned)w->nposts;
	struct post *s;

	for (i = 0; i < w->plan.hosts; i++) {
		s = post_new(w, PROC_BROKER, i + 1);
		net_address(s->host, BROKER_PORT, s->address);
		s->same_port = chance(w, 50);
		if (i > 0 && chance(w, 20))
			add_bootstrap(s, &w->posts[first + draw(w, i)]);
		else
			add_bootstrap(s, &w->posts[draw(w, first)]);
		if (chance(w, 30))
			add_bootstrap(s, &w->posts[draw(w, first)]);
		if (w->want_split > 0)
			add_near(w, s, first);
	}
}

static void
place_listener(struct world *w, unsigned module)
{
	struct post *s = post_new(w, PROC_LISTENER,
	    between(w, 1, w->plan.hosts));

	s->module = module;
	s->capacity = between(w, 1, chance(w, 30) ? 3 : 12);
	s->mode = (enum channel_mode)draw(w, 3);
	s->version = s->first_version = between(w, 1, 3);
	s->zone = draw(w, 3);
	s->same_port = chance(w, 50);
}

/* A PLB asks for what one of the listeners of the module has. */
static void
place_plb(struct world *w, unsigned module, const struct post *sells)
{
	struct post *s = post_new(w, PROC_PLB, between(w, 1, w->plan.hosts));

	s->module = module;
	snprintf(s->socket, sizeof(s->socket), "/plb%u",
	    (unsigned)(s - w->posts));
	s->capacity = between(w, 1, chance(w, 30) ? 4 : 20);
	s->wanted = chance(w, 50) ? s->capacity : draw(w, 3);
	s->version = chance(w, 20) ? sells->version : 0;
	s->zone = chance(w, 20) ? sells->zone : 0;
	s->pace_ms = between(w, 5, chance(w, 50) ? 100 : 3000);
	s->burst = between(w, 1, 5);
	s->at_once = between(w, 1, 30);
	s->retry_percent = chance(w, 50) ? draw(w, 100) : 0;
	s->cast_percent = chance(w, 30) ? draw(w, 50) : 0;
	s->limit_percent = chance(w, 30) ? draw(w, 50) : 0;
	s->abandon_percent = chance(w, 20) ? draw(w, 20) : 0;
}

static void
place_users(struct world *w)
{
	unsigned m, i, extra, first = (unsigned)w->nposts, n;
	unsigned hosts = w->plan.hosts, modules = w->plan.modules;
	unsigned crowded = draw(w, modules);

	for (m = 0; m < modules; m++)
		place_listener(w, m);
	extra = hosts > LARGE ? hosts / 4 : draw(w, hosts + 1);
	for (i = 0; i < extra; i++)
		place_listener(w, draw(w, modules));
	for (i = 0; w->plan.faults[FAULT_DEAF] && i < CROWD; i++)
		place_listener(w, crowded);
	n = (unsigned)w->nposts - first;
	extra = hosts > LARGE ? hosts / 4 : 1 + draw(w, hosts + 2);
	for (i = 0; i < extra; i++) {
		m = first + draw(w, n);
		place_plb(w, w->posts[m].module, &w->posts[m]);
	}
}

/* A caller that may find a PLB. */
static void
place_at_plb(struct world *w, struct post *s)
{
	const struct post *plb;
	unsigned n = 0;

	for (plb = w->posts; plb < s; plb++)
		if (plb->kind == PROC_PLB && draw(w, ++n) == 0) {
			s->host = plb->host;
			s->module = plb->module;
		}
}

static void
place_callers(struct world *w)
{
	unsigned n = between(w, 1, 3);
	struct post *s;

	while (n-- > 0) {
		s = post_new(w, PROC_CALLER, between(w, 1, w->plan.hosts));
		s->module = draw(w, w->plan.modules);
		s->capacity = between(w, 1, CALLER_CAPACITY);
		if (chance(w, 50))
			place_at_plb(w, s);
		s->deserted = s->module + 1 == w->plan.deserted;
	}
}

/* One seller may have nearly all, which leaves the others what a canary has. */
static void
place_contest_sellers(struct world *w, unsigned n, int zones, int large)
{
	struct post *s;
	unsigned i;

	for (i = 0; i < n; i++) {
		place_listener(w, w->plan.modules - 1);
		s = &w->posts[w->nposts - 1];
		s->capacity = !large ? between(w, 1, 5) :
		    i == 0 ? between(w, 12, 20) : between(w, 1, 3);
		if (!zones)
			s->zone = 0;
	}
}

/* A module whose buyers always want more than there is; one of them comes
 * later, and one may keep what it has. */
static void
place_contest(struct world *w)
{
	unsigned i, n, sellers = between(w, 1, CONTEST_SELLERS);
	int zones = chance(w, 40), large = chance(w, 30);
	const struct post *first = &w->posts[w->nposts];
	struct post *s;

	w->plan.contest = ++w->plan.modules;
	w->plan.service_ms = between(w, 40, 80);
	place_contest_sellers(w, sellers, zones, large);
	n = between(w, 3, CONTEST_BUYERS);
	for (i = 0; i < n; i++) {
		place_plb(w, w->plan.modules - 1, first);
		s = &w->posts[w->nposts - 1];
		s->hungry = 1;
		s->heedless = i == 0 && large && !zones && chance(w, 40);
		s->deserted = i + 1 == n;
		s->capacity = s->wanted = between(w, 1, large ? 20 : 12);
		s->at_once = 2 * (unsigned)s->capacity + 4;
		s->burst = s->at_once;
		s->pace_ms = 400;
		s->version = 0;
		s->zone = zones && chance(w, 50) ?
		    first[draw(w, sellers)].zone : 0;
		s->cast_percent = s->limit_percent = s->abandon_percent = 0;
	}
}

/* Half of the orders sell and half of them buy, of every module as many. */
static void
place_orders(struct world *w)
{
	unsigned i, n = w->plan.orders / 2, first = (unsigned)w->nposts;
	struct post *s;

	for (i = 0; i < n; i++)
		place_listener(w, i % w->plan.modules);
	for (i = 0; i < n; i++) {
		s = &w->posts[first + i];
		place_plb(w, s->module, s);
		s = &w->posts[w->nposts - 1];
		s->capacity = s->wanted = between(w, 1, 3);
		s->pace_ms = SIZE_PACE_MS;
		s->burst = 1;
	}
}

/* Sizes and rates. */

static unsigned
wanted(unsigned want, unsigned drawn)
{
	return want > 0 ? want : drawn;
}

/* None; the control plane; versions come and go, or all that no call may fail
 * of; and then anything. */
static void
draw_faults(struct world *w)
{
	unsigned i, percent = draw(w, 100);
	int *f = w->plan.faults;

	if (percent < 8)
		return;
	f[FAULT_CONTROL] = percent < 15 || (percent >= 22 && chance(w, 50));
	if (percent < 15)
		return;
	f[FAULT_PUBLISH] = percent < 22 || chance(w, 50);
	f[FAULT_TAKEOVER] = percent < 22 || chance(w, 40);
	f[FAULT_TERM] = percent >= 22 && chance(w, 50);
	if (percent < 35)
		return;
	for (i = 0; i < FAULT_KINDS; i++)
		f[i] = chance(w, percent < 60 ? 20 : 55);
}

/* Of no faults but that the control plane dies, somebody is told to end, or
 * there is new code, no call fails. */
int
plan_is_gentle(const struct world *w)
{
	int i;

	for (i = 0; i < FAULT_KINDS; i++)
		if (w->plan.faults[i] && i != FAULT_CONTROL &&
		    i != FAULT_TERM && i != FAULT_PUBLISH &&
		    i != FAULT_TAKEOVER)
			return 0;
	return w->plan.deserted == 0 && w->want_split == 0;
}

static void
draw_times(struct world *w)
{
	struct plan *p = &w->plan;

	p->latency_min_ms = draw(w, 3);
	p->latency_max_ms = p->latency_min_ms +
	    draw(w, chance(w, 30) ? 150 : 8);
	p->service_ms = between(w, 1, chance(w, 50) ? 20 : 250);
	p->fault_every_ms = between(w, 100, chance(w, 50) ? 1500 : 8000);
	p->fault_at = between(w, 2000, 12000);
	p->heal_at = p->fault_at + between(w, 8000, 45000);
	p->quiet_at = p->heal_at + 45000;
	p->end_at = p->quiet_at + REST_MS;
	if (p->deserted != 0)
		p->end_at = p->heal_at + DESERT_MS + REST_MS;
}

/* Bodies of some size, and queues that are full early. */
static void
draw_bodies(struct world *w)
{
	struct plan *p = &w->plan;

	p->mark = HUB_HIGH_MARK;
	if (p->orders == 0 && chance(w, 15)) {
		p->body_max = between(w, 1000, BODY_MAX);
		p->mark = between(w, 8 * 1024, 64 * 1024);
	}
	w->body = malloc(8 + 200 + p->body_max);
	assert(w->body != NULL);
}

static void
draw_sizes(struct world *w)
{
	struct plan *p = &w->plan;

	p->authorities = between(w, 1, 4);
	/* Some have so many that brokers are not linked to all of them. */
	if (w->seed % 4 == 3)
		p->authorities = 4 + (unsigned)(w->seed / 4 % 9);
	p->authorities = wanted(w->want_authorities, p->authorities);
	p->hosts = wanted(w->want_hosts, between(w, 1, 6));
	p->modules = wanted(w->want_modules, between(w, 1, 3));
	p->redundancy = chance(w, 60) ? 2 : between(w, 1, 3);
	p->deserted = chance(w, 8) ? 1 + draw(w, p->modules) : 0;
	p->cursed = chance(w, 30) ? 1 + draw(w, p->modules) : 0;
	p->orders = w->want_orders;
	p->descriptors = p->orders == 0 && chance(w, 15) ? between(w, 4, 16) :
	    DESCRIPTORS;
}

/* Nothing goes wrong, and it takes as long as it takes. */
static void
draw_size_run(struct world *w)
{
	struct plan *p = &w->plan;

	memset(p->faults, 0, sizeof(p->faults));
	p->redundancy = 2;
	p->deserted = p->cursed = 0;
	p->service_ms = 20;
	p->latency_min_ms = 0;
	p->latency_max_ms = 2;
	p->heal_at = SIZE_START_MS;
	p->quiet_at = 6 * SIZE_START_MS;
	p->end_at = SIZE_END_MS;
	if (w->want_split == 0)
		return;
	p->fault_at = 8 * SIZE_START_MS;
	p->heal_at = p->fault_at + SPLIT_MS;
	p->quiet_at = p->heal_at + 6 * SIZE_START_MS;
}

void
plan_draw(struct world *w)
{
	struct plan *p = &w->plan;

	draw_sizes(w);
	draw_times(w);
	draw_faults(w);
	if (p->orders > 0)
		draw_size_run(w);
	if (!p->faults[FAULT_SPAWN])
		p->cursed = 0;
	draw_bodies(w);
	net_init(&w->net, &w->clock, rng_next(&w->rng), p->hosts);
	w->net.changed = loop_changed;
	w->net.latency_min_ms = p->latency_min_ms;
	w->net.latency_max_ms = p->latency_max_ms;
	w->posts = calloc(p->authorities + 2 * p->modules + 4 * p->hosts +
	    CROWD + CONTEST_SELLERS + CONTEST_BUYERS + p->orders + 8,
	    sizeof(*w->posts));
	assert(w->posts != NULL);
	place_authorities(w);
	place_brokers(w);
	if (p->orders > 0)
		place_orders(w);
	else
		place_users(w);
	/* Other seeds mean what they meant before there were any. */
	if (p->orders == 0 && w->seed % 3 == 0)
		place_callers(w);
	if (p->orders == 0 && w->seed % 2 == 1)
		place_contest(w);
}
