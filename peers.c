#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "chain.h"
#include "fail.h"
#include "peers.h"

#define DELAY_MIN_MS 10 /* of a back-off, whatever is drawn */
#define DOUBLINGS    7	/* until the back-off is at its maximum */
#define STOOD_MS     PEERS_BACKOFF_MAX_MS /* a link that stood this long was
					     a good one */
#define KEY_SIZE     (ID_SIZE + 2)

/* Reasons why there was no link, as far as the log distinguishes them. */
enum { FAULT_SELF = 1, FAULT_FINAL = 2, FAULT_OTHER = 4 };

/* A waiting target is in the heap, and no other target is. */
enum target_state {
	WAITING,  /* until it is due */
	DIALLING, /* and shaking hands */
	RESTING	  /* its peer is linked */
};

/* An address to keep a link to. */
struct target {
	struct instance *peer; /* the one that it reached last, or NULL */
	struct chain sibling;  /* targets of the same peer */
	enum target_state state;
	enum dial keep;
	int64_t until; /* DIAL_HOUR: given up then */
	uint32_t tag;
	unsigned faults;  /* since it was last linked, a bit each */
	unsigned backoff; /* doublings of the next delay */
	size_t place;	  /* in the heap */
	size_t len;
	unsigned char address[];
};

/*
 * An instance that is linked, or was: it stays known as long as a target
 * reached it last, so that such a target rests when the instance dials us.
 */
struct instance {
	unsigned char key[KEY_SIZE]; /* instance and role */
	uint32_t handle;	     /* of the present link; 0: none */
	int ours;		     /* it was we who dialled it */
	uint64_t dialled;	     /* its dialler's count then */
	int64_t since;		     /* it is linked */
	struct chain targets;
};

/* Instances. */

static struct slice
instance_key(unsigned char key[KEY_SIZE], unsigned role, const struct id *id)
{
	memcpy(key, id->b, ID_SIZE);
	key[ID_SIZE] = (unsigned char)(role >> 8);
	key[ID_SIZE + 1] = (unsigned char)role;
	return slice_of(key, KEY_SIZE);
}

static struct instance *
instance_find(const struct peers *p, unsigned role, const struct id *id)
{
	unsigned char key[KEY_SIZE];

	return map_get(&p->instances, instance_key(key, role, id));
}

/* Found or made; NULL without memory. */
static struct instance *
instance_need(struct peers *p, unsigned role, const struct id *id)
{
	struct instance *k = instance_find(p, role, id);

	if (k != NULL || (k = calloc(1, sizeof(*k))) == NULL)
		return k;
	chain_init(&k->targets);
	if (map_put(&p->instances, instance_key(k->key, role, id), k) == -1) {
		free(k);
		return NULL;
	}
	return k;
}

static void
instance_drop_unused(struct peers *p, struct instance *k)
{
	if (k->handle != 0 || !chain_empty(&k->targets))
		return;
	map_del(&p->instances, slice_of(k->key, KEY_SIZE));
	free(k);
}

/* Targets. */

static void
target_detach(struct peers *p, struct target *t)
{
	struct instance *k = t->peer;

	if (k == NULL)
		return;
	chain_remove(&t->sibling);
	t->peer = NULL;
	instance_drop_unused(p, k);
}

static void
target_attach(struct peers *p, struct target *t, struct instance *k)
{
	if (t->peer == k)
		return;
	target_detach(p, t);
	t->peer = k;
	chain_append(&k->targets, &t->sibling);
}

/* There is room in the heap for all targets (target_add()). */
static void
target_wait(struct peers *p, struct target *t, int64_t due)
{
	int r = heap_put(&p->waiting, &t->place, due, 0);

	assert(r == 0);
	t->state = WAITING;
}

static void
target_leave(struct peers *p, struct target *t, enum target_state state)
{
	heap_remove(&p->waiting, &t->place);
	t->state = state;
}

static void
target_forget(struct peers *p, struct target *t)
{
	heap_remove(&p->waiting, &t->place);
	target_detach(p, t);
	map_del(&p->targets, slice_of(t->address, t->len));
	free(t);
}

/* A new one, RESTING; NULL with errno. */
static struct target *
target_add(struct peers *p, struct slice address)
{
	struct target *t = NULL;

	if (p->targets.n >= PEERS_TARGET_MAX) {
		errno = ENOBUFS;
		return NULL;
	}
	if (heap_reserve(&p->waiting, p->targets.n + 1) == -1 ||
	    (t = calloc(1, sizeof(*t) + address.len)) == NULL)
		return NULL;
	memcpy(t->address, address.p, address.len);
	t->len = address.len;
	t->state = RESTING;
	t->keep = DIAL_ONCE;
	chain_init(&t->sibling);
	if (map_put(&p->targets, slice_of(t->address, t->len), t) == -1) {
		free(t);
		return NULL;
	}
	return t;
}

/* Full jitter: uniform up to the bound, which doubles each time. */
static void
target_back_off(struct peers *p, int64_t now, struct target *t)
{
	uint64_t bound = (uint64_t)PEERS_BACKOFF_MIN_MS << t->backoff;

	if (bound > PEERS_BACKOFF_MAX_MS)
		bound = PEERS_BACKOFF_MAX_MS;
	if (t->backoff < DOUBLINGS)
		t->backoff++;
	target_wait(p, t, now + DELAY_MIN_MS +
	    (int64_t)rng_below(&p->rng, bound - DELAY_MIN_MS + 1));
}

static int
target_expired(const struct target *t, int64_t now)
{
	return t->keep == DIAL_HOUR && now >= t->until;
}

int
peers_is_failing(const struct peers *p, struct slice address)
{
	const struct target *t = map_get(&p->targets, address);

	return t != NULL && t->faults != 0;
}

int
peers_is_learnt(const struct peers *p, struct slice address)
{
	const struct target *t = map_get(&p->targets, address);

	return t != NULL && t->keep == DIAL_HOUR;
}

int
peers_final(int error)
{
	return error == EACCES || error == EPROTONOSUPPORT;
}

static unsigned
target_fault(int error)
{
	if (error == ELOOP)
		return FAULT_SELF;
	return peers_final(error) ? FAULT_FINAL : FAULT_OTHER;
}

/*
 * Dialling it failed: wait, rest or forget it. 1 if the reason is new. That it
 * is ourselves is known from a hello that is not authentic yet, and any
 * stranger can send ours back; so it is dialled again, but no sooner than a
 * peer that never answers.
 */
static int
target_failed(struct peers *p, int64_t now, struct target *t, int error)
{
	unsigned had = t->faults;

	t->faults |= target_fault(error);
	if (error == ELOOP) {
		t->backoff = DOUBLINGS;
		target_detach(p, t);
	}
	if (t->keep == DIAL_ONCE || target_expired(t, now))
		target_forget(p, t);
	else if (t->peer == NULL || t->peer->handle == 0)
		target_back_off(p, now, t);
	else
		target_leave(p, t, RESTING);
	return (had & target_fault(error)) == 0;
}

/* It was dialled and reached the peer. A target that is dialled once is done if
 * its link does not stay. */
static void
target_reached(struct peers *p, struct target *t, struct instance *k, int stays)
{
	if (t->keep == DIAL_ONCE && !stays) {
		target_forget(p, t);
		return;
	}
	t->faults = 0;
	target_leave(p, t, RESTING);
	target_attach(p, t, k);
}

/* Its peer's link, which had stood for long or not, is lost. */
static void
target_wake(struct peers *p, int64_t now, struct target *t, int stood)
{
	if (t->state != RESTING)
		return;
	if (t->keep == DIAL_ONCE) {
		target_forget(p, t);
		return;
	}
	t->until = now + PEERS_KEEP_MS;
	if (stood)
		t->backoff = 0;
	target_back_off(p, now, t);
}

/* What the driver asks for. */

void
peers_init(struct peers *p, const struct id *own, uint64_t seed)
{
	memset(p, 0, sizeof(*p));
	p->own = *own;
	rng_seed(&p->rng, seed);
	map_init(&p->targets, rng_next(&p->rng));
	map_init(&p->instances, rng_next(&p->rng));
}

void
peers_free(struct peers *p)
{
	map_free_values(&p->targets);
	map_free_values(&p->instances);
	heap_free(&p->waiting);
}

int
peers_want(struct peers *p, int64_t now, struct slice address, enum dial dial,
    uint32_t tag)
{
	struct target *t;
	int fresh;

	if (address.len == 0 || address.len > ADDRESS_MAX)
		return fail(EINVAL);
	t = map_get(&p->targets, address);
	fresh = t == NULL;
	if (fresh && (t = target_add(p, address)) == NULL)
		return -1;
	/* A request for one try gets it, and its result, unless the target is
	 * kept linked anyway. */
	if (dial == DIAL_ONCE && t->keep == DIAL_ONCE && t->state == RESTING)
		fresh = 1;
	if (dial > t->keep)
		t->keep = dial;
	if (dial == DIAL_HOUR)
		t->until = now + PEERS_KEEP_MS;
	t->tag = tag;
	if (fresh)
		target_wait(p, t, now);
	return 0;
}

void
peers_unwant(struct peers *p, struct slice address)
{
	struct target *t = map_get(&p->targets, address);

	if (t != NULL)
		target_forget(p, t);
}

int
peers_dial(struct peers *p, int64_t now, struct slice *address, uint32_t *tag)
{
	struct target *t;

	while (peers_deadline(p) <= now) {
		t = HEAP_OWNER(heap_first(&p->waiting), struct target, place);
		if (target_expired(t, now)) {
			target_forget(p, t);
			continue;
		}
		target_leave(p, t, DIALLING);
		*address = slice_of(t->address, t->len);
		*tag = t->tag;
		return 1;
	}
	return 0;
}

int64_t
peers_deadline(const struct peers *p)
{
	return p->waiting.n > 0 ? p->waiting.items[0].key : INT64_MAX;
}

int
peers_failed(struct peers *p, int64_t now, struct slice address, int error)
{
	struct target *t = map_get(&p->targets, address);

	return t == NULL || t->state != DIALLING ? 0 :
	    target_failed(p, now, t, error);
}

/*
 * Does the present link stay, rather than a new one? Both ends come to the same
 * answer, whichever of the two they see first. If one end dialled both, it may
 * have lost the earlier one before the other end knows.
 */
static int
peers_present_stays(const struct peers *p, const struct instance *k,
    const struct id *id, int ours, uint64_t dialled)
{
	if (k->ours == ours)
		return k->dialled > dialled;
	return k->ours == (id_compare(&p->own, id) < 0);
}

int
peers_up(struct peers *p, int64_t now, uint32_t handle, unsigned role,
    const struct id *id, struct slice address, uint64_t dialled,
    uint32_t *loser)
{
	struct target *t = map_get(&p->targets, address);
	struct instance *k = instance_need(p, role, id);
	int ours = address.len > 0;

	assert(handle != 0);
	if (k == NULL) {
		if (t != NULL && t->state == DIALLING)
			target_failed(p, now, t, ENOMEM);
		return fail(ENOMEM);
	}
	assert(k->handle != handle);
	*loser = k->handle;
	if (k->handle == 0)
		k->since = now;
	else if (peers_present_stays(p, k, id, ours, dialled))
		*loser = handle;
	if (*loser != handle) {
		k->handle = handle;
		k->ours = ours;
		k->dialled = dialled;
	}
	if (t != NULL)
		target_reached(p, t, k, *loser != handle);
	/* Dial none of its targets while it is linked. */
	for (t = NULL; (t = CHAIN_NEXT(&k->targets, t, struct target,
	    sibling)) != NULL;)
		if (t->state == WAITING && t->keep != DIAL_ONCE)
			target_leave(p, t, RESTING);
	return 0;
}

void
peers_down(struct peers *p, int64_t now, uint32_t handle, unsigned role,
    const struct id *id)
{
	struct instance *k = instance_find(p, role, id);
	struct target *t, *next;

	if (k == NULL || k->handle != handle)
		return;
	t = CHAIN_NEXT(&k->targets, NULL, struct target, sibling);
	for (; t != NULL; t = next) {
		next = CHAIN_NEXT(&k->targets, t, struct target, sibling);
		target_wake(p, now, t, now - k->since >= STOOD_MS);
	}
	k->handle = 0;
	instance_drop_unused(p, k);
}
