#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "broker_state.h"
#include "peers.h"

/* The authorities that this broker is linked to: which they are, how it finds
 * them, and which it leaves. */

#define HOME_PLACES_MAX 64    /* that others named */
#define HOME_BOOTS_MAX	1024  /* that bootstrap named */
#define HOME_WIDEN_MS	1000  /* until one more place is dialled */
#define HOME_STOOD_MS	10000 /* homes stand so long before others are left */

/* Places. */

static void
place_is_at(struct broker *b, struct broker_place *p, int64_t now,
    const struct id *instance)
{
	p->instance = *instance;
	p->weight = rendezvous_weight(instance, id_slice(&b->gossip.own));
	p->heard_at = now;
}

static void
place_dial(struct broker *b, struct broker_place *p, int64_t now)
{
	if (p->dialled && now < p->dialled_at + PEERS_KEEP_MS)
		return;
	p->dialled = 1;
	p->dialled_at = now;
	outbox_act(&b->out, ACT_DIAL, GOSSIP_TAG, p->boot ? DIAL_FOREVER :
	    DIAL_HOUR, p->address);
}

static void
place_undial(struct broker *b, struct broker_place *p)
{
	if (p->dialled)
		outbox_act(&b->out, ACT_UNDIAL, 0, 0, p->address);
	p->dialled = 0;
}

/* The authority there is left: dial it no more, whether or not there is a place
 * for it. Somebody who has not heard of it yet may name another one there, that
 * comes first: it is not dialled at once, only to be left again. */
static void
place_leave(struct broker *b, int64_t now, struct slice address)
{
	struct broker_place *p = map_get(&b->places, address);

	if (p != NULL) {
		p->dialled = 0;
		p->rests_until = now + HOME_STOOD_MS;
	}
	outbox_act(&b->out, ACT_UNDIAL, 0, 0, address);
}

static void
place_free(struct broker *b, struct broker_place *p)
{
	place_undial(b, p);
	map_del(&b->places, p->address);
	b->nboots -= p->boot;
	free(p);
}

/* Was an authority named at this place, or linked, within the last hour? */
static int
place_is_heard(const struct broker_place *p, int64_t now)
{
	return !id_is_zero(&p->instance) && (p->named ||
	    now < p->heard_at + PEERS_KEEP_MS);
}

static int
home_is_at(const struct gossip_peer *p, struct slice address)
{
	return (p->told != NULL && slice_is(address, p->told)) ||
	    (p->dialled && slice_is(address, p->address));
}

/* Are we linked to the authority at this place? */
static int
home_is_linked(const struct broker *b, const struct broker_place *at)
{
	const struct gossip_peer *p = NULL;

	if (map_get(&b->gossip.instances, id_slice(&at->instance)) != NULL)
		return 1;
	while ((p = gossip_next(&b->gossip.authorities, p)) != NULL)
		if (home_is_at(p, at->address))
			return 1;
	while ((p = gossip_next(&b->gossip.brokers, p)) != NULL)
		if (home_is_at(p, at->address))
			return 1;
	return 0;
}

/* Make room for one more, of that weight, by forgetting the least useful place.
 * 0, or -1 if all are more useful than the new one. */
static int
place_make_room(struct broker *b, int64_t now, uint64_t weight)
{
	enum { GONE, HEARD, NAMED, LINKED } use, least = GONE;
	struct broker_place *p, *worst = NULL;
	size_t at = 0;

	if (b->places.n - b->nboots < HOME_PLACES_MAX)
		return 0;
	while ((p = map_next(&b->places, &at)) != NULL) {
		if (p->boot)
			continue;
		use = home_is_linked(b, p) ? LINKED : p->named ? NAMED :
		    place_is_heard(p, now) ? HEARD : GONE;
		if (worst == NULL || use < least ||
		    (use == least && p->weight < worst->weight)) {
			worst = p;
			least = use;
		}
	}
	assert(worst != NULL);
	if (least == LINKED || (least == NAMED && worst->weight >= weight))
		return -1;
	place_free(b, worst);
	return 0;
}

static struct broker_place *
place_add(struct broker *b, struct slice address)
{
	struct slice key = address;
	struct broker_place *p = map_alloc(&b->places, sizeof(*p), &key);

	if (p != NULL)
		p->address = key;
	return p;
}

/* The authority is at this address. NULL: there is no room for that. */
static struct broker_place *
place_learn(struct broker *b, int64_t now, const struct id *instance,
    struct slice address)
{
	struct broker_place *p = map_get(&b->places, address);

	if (p == NULL && (place_make_room(b, now, rendezvous_weight(instance,
	    id_slice(&b->gossip.own))) == -1 ||
	    (p = place_add(b, address)) == NULL))
		return NULL;
	place_is_at(b, p, now, instance);
	return p;
}

/* Links. */

/* Walk the authorities that are linked and are not left. */
static struct broker_peer *
home_next(const struct broker *b, struct broker_peer *p)
{
	do
		p = (struct broker_peer *)gossip_next(&b->gossip.authorities,
		    p == NULL ? NULL : &p->gossip);
	while (p != NULL && p->leaving);
	return p;
}

/* How many linked authorities come before one of this weight? */
static unsigned
home_rank(const struct broker *b, uint64_t weight)
{
	struct broker_peer *p = NULL;
	unsigned n = 0;

	while ((p = home_next(b, p)) != NULL)
		n += p->weight > weight;
	return n;
}

/* The first of the linked authorities are homes: the broker subscribes there.
 * One that is no longer a home tells of exchanges until the broker leaves
 * it. */
static void
home_subscribe(struct broker *b)
{
	struct broker_peer *p = NULL;

	while ((p = home_next(b, p)) != NULL)
		if (!p->subscribed && home_rank(b, p->weight) < GOSSIP_HOMES) {
			p->subscribed = 1;
			broker_subscribe_all(b, p);
		}
}

/* Dialling. */

/* Mark the places of this list at which the instance that it names was last
 * heard to be. others: another instance may also take a place that is not
 * marked yet. */
static void
home_mark_list(struct broker *b, int64_t now, struct slice list, int others)
{
	struct broker_place *p;
	struct peer_item item;

	while (item_next(&schema_peer_item, &list, &item) == 1) {
		p = map_get(&b->places, item.address);
		if (p == NULL || p->named)
			continue;
		if (others)
			place_is_at(b, p, now, &item.instance);
		p->named = id_equal(&p->instance, &item.instance) != 0;
	}
}

/* Which places do linked authorities name? */
static void
home_mark_named(struct broker *b, int64_t now)
{
	const struct gossip_peer *a = NULL;
	struct broker_place *p;
	size_t at = 0;
	int others;

	while ((p = map_next(&b->places, &at)) != NULL) {
		if (p->named)
			p->heard_at = now;
		p->named = 0;
	}
	for (others = 0; others <= 1; others++)
		while ((a = gossip_next(&b->gossip.authorities, a)) != NULL)
			home_mark_list(b, now,
			    ((const struct broker_peer *)a)->named, others);
}

/* May there be a home, to which we are not linked, at this place? While a home
 * is missing, all places that were heard of in the last hour count. */
static int
home_is_candidate(const struct broker *b, int64_t now,
    const struct broker_place *p)
{
	return (p->named || (b->nhomes < GOSSIP_HOMES &&
	    place_is_heard(p, now))) && !home_is_linked(b, p);
}

/* How many of the linked authorities and the candidates come before it? */
static unsigned
home_place_rank(const struct broker *b, const struct broker_place *of)
{
	unsigned n = home_rank(b, of->weight);
	const struct broker_place *p;
	size_t at = 0;

	while (n < b->width && (p = map_next(&b->places, &at)) != NULL)
		n += p->candidate && p->weight > of->weight;
	return n;
}

/* Where no home is missing, one that was just left has time. */
static void
home_dial_place(struct broker *b, struct broker_place *p, int64_t now)
{
	if (b->nhomes < GOSSIP_HOMES || now >= p->rests_until)
		place_dial(b, p, now);
	else if (p->rests_until < b->rest_at)
		b->rest_at = p->rests_until;
}

/* Dial the places that come first. Is there another one? */
static int
home_dial_first(struct broker *b, int64_t now)
{
	struct broker_place *p;
	size_t at;
	int more = 0;

	for (at = 0; (p = map_next(&b->places, &at)) != NULL;)
		p->candidate = home_is_candidate(b, now, p) != 0;
	for (at = 0; (p = map_next(&b->places, &at)) != NULL;)
		if (p->candidate && home_place_rank(b, p) < b->width)
			home_dial_place(b, p, now);
		else if (p->candidate)
			more = 1;
		else if (!p->boot && b->nhomes == GOSSIP_HOMES &&
		    !home_is_linked(b, p))
			place_undial(b, p);
	return more;
}

/* If it is due, dial bootstrap's resting addresses again. Is there one? */
static int
home_dial_boots(struct broker *b, int64_t now, int due)
{
	struct broker_place *p;
	size_t at = 0;
	int any = 0;

	while ((p = map_next(&b->places, &at)) != NULL)
		if (p->boot && !p->dialled && !home_is_linked(b, p)) {
			any = 1;
			if (due)
				place_dial(b, p, now);
		}
	return any;
}

/*
 * Dial as many places as there are homes; while homes are missing, one more
 * each second. Dial bootstrap's addresses again when there is no home, or no
 * other place is left.
 */
static void
home_dial(struct broker *b, int64_t now)
{
	int more = home_dial_first(b, now);

	if (b->nhomes == GOSSIP_HOMES) {
		b->width = GOSSIP_HOMES;
		b->widen_at = INT64_MAX;
		return;
	}
	if (home_dial_boots(b, now, b->nhomes == 0 ||
	    (!more && b->width > GOSSIP_HOMES)))
		more = 1;
	if (!more)
		b->widen_at = INT64_MAX;
	else if (b->widen_at == INT64_MAX)
		b->widen_at = now + HOME_WIDEN_MS;
}

/* Leaving. */

/* Which are the homes, and since when? */
static void
home_count(struct broker *b, int64_t now)
{
	uint32_t home[GOSSIP_HOMES] = { 0 };
	struct broker_peer *p = NULL;
	unsigned rank;

	b->nhomes = 0;
	while ((p = home_next(b, p)) != NULL)
		if ((rank = home_rank(b, p->weight)) < GOSSIP_HOMES) {
			home[rank] = p->gossip.handle;
			b->nhomes++;
		}
	if (memcmp(home, b->homes, sizeof(home)) != 0 || b->booted)
		b->homes_since = now;
	memcpy(b->homes, home, sizeof(home));
	b->booted = 0;
}

/* It is linked but no home, and it was we who dialled it. */
static int
home_may_leave(const struct broker *b, const struct broker_peer *p)
{
	return p->gossip.dialled && !p->leaving &&
	    home_rank(b, p->weight) >= GOSSIP_HOMES;
}

/* A bootstrap's address that may rest: it leads to no home. */
static int
place_may_rest(const struct broker *b, const struct broker_place *p)
{
	struct broker_peer *h = NULL;

	if (!p->boot || !p->dialled)
		return 0;
	while ((h = home_next(b, h)) != NULL)
		if (home_is_at(&h->gossip, p->address))
			return 0;
	return 1;
}

static void
home_leave(struct broker *b, int64_t now, struct broker_peer *p)
{
	struct slice told = gossip_address(&p->gossip);

	p->leaving = 1;
	outbox_log(&b->out, LOG_INFO, "leaving authority %s: three others come "
	    "before it for this host", p->gossip.address);
	place_leave(b, now, slice_str(p->gossip.address));
	if (!slice_is(told, p->gossip.address))
		place_leave(b, now, told);
	outbox_act(&b->out, ACT_DRAIN, p->gossip.handle, 0, slice_str(""));
}

/* Three homes have stood for a while: leave the others. */
static void
home_leave_others(struct broker *b, int64_t now)
{
	int64_t due = b->homes_since + HOME_STOOD_MS;
	struct broker_peer *a = NULL;
	struct broker_place *p;
	size_t at = 0;

	b->rest_at = INT64_MAX;
	if (b->nhomes < GOSSIP_HOMES)
		return;
	while ((a = home_next(b, a)) != NULL)
		if (home_may_leave(b, a)) {
			if (now < due)
				b->rest_at = due;
			else
				home_leave(b, now, a);
		}
	while ((p = map_next(&b->places, &at)) != NULL)
		if (place_may_rest(b, p)) {
			if (now < due)
				b->rest_at = due;
			else
				place_undial(b, p);
		}
}

void
broker_home_tick(struct broker *b, int64_t now)
{
	if (now >= b->widen_at) {
		b->widen_at = INT64_MAX;
		b->width++;
		b->homes_changed = 1;
	}
	if (!b->homes_changed && now < b->rest_at)
		return;
	b->homes_changed = 0;
	home_mark_named(b, now);
	home_count(b, now);
	home_subscribe(b);
	home_leave_others(b, now);
	home_dial(b, now);
}

/* What happens. */

int
broker_bootstrap(struct broker *b, struct slice address)
{
	struct broker_place *p = map_get(&b->places, address);

	if (p == NULL && (address.len > ADDRESS_MAX ||
	    b->nboots == HOME_BOOTS_MAX ||
	    (p = place_add(b, address)) == NULL))
		return outbox_act(&b->out, ACT_DIAL, GOSSIP_TAG, DIAL_FOREVER,
		    address);
	if (p->boot)
		return 0;
	p->boot = p->dialled = 1;
	b->nboots++;
	b->booted = b->homes_changed = 1;
	return outbox_act(&b->out, ACT_DIAL, GOSSIP_TAG, DIAL_FOREVER, address);
}

void
broker_home_up(struct broker *b, int64_t now, struct broker_peer *a)
{
	a->weight = rendezvous_weight(&a->gossip.instance,
	    id_slice(&b->gossip.own));
	/* It may have been given up meanwhile; that does not change whether it
	 * is dialled. */
	if (a->gossip.dialled)
		place_learn(b, now, &a->gossip.instance,
		    slice_str(a->gossip.address));
	b->homes_changed = 1;
}

void
broker_home_down(struct broker *b, int64_t now, struct broker_peer *a)
{
	struct slice told = slice_str(a->gossip.told);

	free(a->bytes);
	a->bytes = NULL;
	a->named = slice_of(NULL, 0);
	if (!a->leaving && told.len > 0)
		place_learn(b, now, &a->gossip.instance, told);
	if (!a->leaving && a->gossip.dialled)
		place_learn(b, now, &a->gossip.instance,
		    slice_str(a->gossip.address));
	b->homes_changed = 1;
}

void
broker_home_hear(struct broker *b, int64_t now, struct broker_peer *from,
    struct slice list)
{
	unsigned n = 0, max = from->gossip.role == ROLE_AUTHORITY ?
	    GOSSIP_NAMED + 1 : HOME_PLACES_MAX;
	struct slice rest = list, host, port;
	struct peer_item item;

	while (n++ < max && item_next(&schema_peer_item, &rest, &item) == 1) {
		hostport_split(item.address, &host, &port);
		if (!hostport_any(host) &&
		    !id_equal(&item.instance, &b->gossip.own) &&
		    !id_equal(&item.instance, &from->gossip.instance))
			place_learn(b, now, &item.instance, item.address);
	}
	if (from->gossip.role == ROLE_AUTHORITY) {
		free(from->bytes);
		list.len -= rest.len;
		if ((from->bytes = slice_dup(list)) == NULL)
			list.len = 0;
		from->named = slice_of(from->bytes, list.len);
	}
	b->homes_changed = 1;
}

int
broker_home_tell(struct broker *b, const struct broker_peer *to)
{
	const struct broker_place *p;
	struct msg m = { .type = MSG_PEERS };
	struct peer_item item;
	size_t at = 0;
	int r = 0;

	if (scratch_begin(&b->list, LIST_MAX) == -1)
		return -1;
	while ((p = map_next(&b->places, &at)) != NULL) {
		if (!p->named || home_is_linked(b, p))
			continue;
		item.instance = p->instance;
		item.address = p->address;
		scratch_item(&b->list, &schema_peer_item, &item);
	}
	m.u.peers.peers = scratch_slice(&b->list);
	if (m.u.peers.peers.len > 0)
		r = outbox_send(&b->out, to->gossip.handle, &m);
	scratch_free(&b->list);
	return r;
}

int64_t
broker_home_deadline(const struct broker *b)
{
	return b->rest_at < b->widen_at ? b->rest_at : b->widen_at;
}
