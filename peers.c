#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "peers.h"

#define DELAY_MIN_MS 10 /* of a back-off, however the dice fall */
#define DOUBLINGS    7	/* until the back-off is at its maximum */
#define STOOD_MS     PEERS_BACKOFF_MAX_MS /* a link that stood this long was
					     a good one */
#define HEAP_FIRST   16
#define KEY_SIZE     (ID_SIZE + 2)

/* Why there was no link, as far as the log tells them apart. */
enum { FAULT_SELF = 1, FAULT_FINAL = 2, FAULT_OTHER = 4 };

/* A target that waits is in the heap, and no other is. */
enum state {
	WAITING,  /* until it is due */
	DIALLING, /* and shaking hands */
	RESTING	  /* its peer is linked */
};

struct target {
	struct target *next, **back;	 /* all targets */
	struct linked *peer;		 /* whom it reached last, or NULL */
	struct target *sibling, **older; /* targets of the same peer */
	enum state state;
	enum dial keep;
	int64_t due;   /* to be dialled, when waiting */
	int64_t until; /* DIAL_HOUR: given up then */
	uint32_t tag;
	unsigned faults;  /* that it had since it was last linked, a bit each */
	unsigned backoff; /* doublings of the next delay */
	size_t slot;	  /* its place in the heap */
	size_t len;
	unsigned char address[ADDRESS_MAX];
};

/*
 * An instance that is linked, or was: it stays known as long as a target
 * reached it last, so that such a target rests when the instance dials us.
 */
struct linked {
	unsigned char key[KEY_SIZE]; /* instance and role */
	uint32_t handle;	     /* of the present link; 0: none */
	int ours;		     /* it was we who dialled it */
	uint64_t dialled;	     /* its dialler's count then */
	int64_t since;		     /* it is linked */
	struct target *targets;
};

/* The heap: earliest due first. */

static void
place(struct peers *p, size_t slot, struct target *t)
{
	p->heap[slot] = t;
	t->slot = slot;
}

static void
sift_up(struct peers *p, size_t i, struct target *t)
{
	size_t parent;

	for (; i > 0; i = parent) {
		parent = (i - 1) / 2;
		if (p->heap[parent]->due <= t->due)
			break;
		place(p, i, p->heap[parent]);
	}
	place(p, i, t);
}

static void
sift_down(struct peers *p, size_t i, struct target *t)
{
	size_t child;

	for (; (child = 2 * i + 1) < p->waiting; i = child) {
		if (child + 1 < p->waiting &&
		    p->heap[child + 1]->due < p->heap[child]->due)
			child++;
		if (t->due <= p->heap[child]->due)
			break;
		place(p, i, p->heap[child]);
	}
	place(p, i, t);
}

/* There is room: peers_want() saw to one place a target. */
static void
wait_until(struct peers *p, struct target *t, int64_t due)
{
	assert(p->waiting < p->cap && t->state != WAITING);
	t->state = WAITING;
	t->due = due;
	sift_up(p, p->waiting++, t);
}

static void
leave(struct peers *p, struct target *t, enum state state)
{
	struct target *last;

	assert(state != WAITING);
	if (t->state == WAITING) {
		last = p->heap[--p->waiting];
		if (last != t) {
			sift_down(p, t->slot, last);
			sift_up(p, last->slot, last);
		}
	}
	t->state = state;
}

static int
heap_grow(struct peers *p)
{
	struct target **heap;
	size_t cap;

	if (p->n < p->cap)
		return 0;
	cap = p->cap > 0 ? 2 * p->cap : HEAP_FIRST;
	heap = realloc(p->heap, cap * sizeof(*heap));
	if (heap == NULL)
		return fail(ENOMEM);
	p->heap = heap;
	p->cap = cap;
	return 0;
}

/* Instances. */

static struct slice
make_key(unsigned char key[KEY_SIZE], unsigned role, const struct id *instance)
{
	memcpy(key, instance->b, ID_SIZE);
	key[ID_SIZE] = (unsigned char)(role >> 8);
	key[ID_SIZE + 1] = (unsigned char)role;
	return slice_of(key, KEY_SIZE);
}

static struct linked *
linked_find(const struct peers *p, unsigned role, const struct id *instance)
{
	unsigned char key[KEY_SIZE];

	return map_get(&p->instances, make_key(key, role, instance));
}

static struct linked *
linked_need(struct peers *p, unsigned role, const struct id *instance)
{
	struct linked *k = linked_find(p, role, instance);

	if (k != NULL)
		return k;
	k = calloc(1, sizeof(*k));
	if (k == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	k->targets = NULL;
	if (map_put(&p->instances, make_key(k->key, role, instance), k) == -1) {
		free(k);
		return NULL;
	}
	return k;
}

static void
linked_drop_unused(struct peers *p, struct linked *k)
{
	if (k->handle != 0 || k->targets != NULL)
		return;
	map_del(&p->instances, slice_of(k->key, KEY_SIZE));
	free(k);
}

static void
detach(struct peers *p, struct target *t)
{
	struct linked *k = t->peer;

	if (k == NULL)
		return;
	*t->older = t->sibling;
	if (t->sibling != NULL)
		t->sibling->older = t->older;
	t->peer = NULL;
	linked_drop_unused(p, k);
}

static void
attach(struct peers *p, struct target *t, struct linked *k)
{
	if (t->peer == k)
		return;
	detach(p, t);
	t->peer = k;
	t->sibling = k->targets;
	if (t->sibling != NULL)
		t->sibling->older = &t->sibling;
	t->older = &k->targets;
	k->targets = t;
}

/* Targets. */

static struct target *
find(const struct peers *p, struct slice address)
{
	return map_get(&p->targets, address);
}

static void
forget(struct peers *p, struct target *t)
{
	leave(p, t, RESTING);
	detach(p, t);
	*t->back = t->next;
	if (t->next != NULL)
		t->next->back = t->back;
	map_del(&p->targets, slice_of(t->address, t->len));
	p->n--;
	free(t);
}

static int
add(struct peers *p, struct slice address, struct target **out)
{
	struct target *t;

	if (p->n >= PEERS_TARGET_MAX)
		return fail(ENOBUFS);
	if (heap_grow(p) == -1)
		return -1;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return fail(ENOMEM);
	memcpy(t->address, address.p, address.len);
	t->len = address.len;
	t->state = RESTING;
	t->keep = DIAL_ONCE;
	t->peer = NULL;
	if (map_put(&p->targets, slice_of(t->address, t->len), t) == -1) {
		free(t);
		return -1;
	}
	t->next = p->head;
	if (t->next != NULL)
		t->next->back = &t->next;
	t->back = &p->head;
	p->head = t;
	p->n++;
	*out = t;
	return 0;
}

/* Full jitter: uniform up to the bound, which doubles each time. */
static void
back_off(struct peers *p, int64_t now, struct target *t)
{
	uint64_t bound = (uint64_t)PEERS_BACKOFF_MIN_MS << t->backoff;

	if (bound > PEERS_BACKOFF_MAX_MS)
		bound = PEERS_BACKOFF_MAX_MS;
	if (t->backoff < DOUBLINGS)
		t->backoff++;
	wait_until(p, t, now + DELAY_MIN_MS +
	    (int64_t)rng_below(&p->rng, bound - DELAY_MIN_MS + 1));
}

static int
expired(const struct target *t, int64_t now)
{
	return t->keep == DIAL_HOUR && now >= t->until;
}

static int
rests(const struct target *t)
{
	return t->peer != NULL && t->peer->handle != 0;
}

int
peers_final(int error)
{
	return error == EACCES || error == EPROTONOSUPPORT;
}

static unsigned
fault(int error)
{
	if (error == ELOOP)
		return FAULT_SELF;
	return peers_final(error) ? FAULT_FINAL : FAULT_OTHER;
}

/*
 * It was dialled in vain: wait, rest or go. 1 when it is for a new reason. That
 * it is ourselves is what an unproven hello says, and any stranger can send
 * ours back: so it is dialled again, though no sooner than a peer that never
 * answers.
 */
static int
tried(struct peers *p, int64_t now, struct target *t, int error)
{
	unsigned had = t->faults;

	t->faults |= fault(error);
	if (error == ELOOP) {
		t->backoff = DOUBLINGS;
		detach(p, t);
	}
	if (t->keep == DIAL_ONCE || expired(t, now))
		forget(p, t);
	else if (!rests(t))
		back_off(p, now, t);
	else
		leave(p, t, RESTING);
	return (had & fault(error)) == 0;
}

void
peers_init(struct peers *p, const struct id *own, uint64_t seed)
{
	p->own = *own;
	rng_seed(&p->rng, seed);
	map_init(&p->targets, rng_next(&p->rng));
	map_init(&p->instances, rng_next(&p->rng));
	p->head = NULL;
	p->n = 0;
	p->heap = NULL;
	p->waiting = p->cap = 0;
}

void
peers_free(struct peers *p)
{
	struct linked *k;
	size_t pos = 0;

	while (p->head != NULL)
		forget(p, p->head);
	while ((k = map_next(&p->instances, &pos)) != NULL)
		free(k);
	map_free(&p->targets);
	map_free(&p->instances);
	free(p->heap);
	p->heap = NULL;
	p->waiting = p->cap = 0;
}

int
peers_want(struct peers *p, int64_t now, struct slice address, enum dial dial,
    uint32_t tag)
{
	struct target *t;
	int fresh;

	if (address.len == 0 || address.len > ADDRESS_MAX)
		return fail(EINVAL);
	t = find(p, address);
	fresh = t == NULL;
	if (fresh && add(p, address, &t) == -1)
		return -1;
	/* Who asks for one try gets it, and hears how it went, unless the
	 * target is kept linked anyway. */
	if (dial == DIAL_ONCE && t->keep == DIAL_ONCE && t->state == RESTING)
		fresh = 1;
	if (dial > t->keep)
		t->keep = dial;
	if (dial == DIAL_HOUR)
		t->until = now + PEERS_KEEP_MS;
	t->tag = tag;
	if (fresh)
		wait_until(p, t, now);
	return 0;
}

void
peers_unwant(struct peers *p, struct slice address)
{
	struct target *t = find(p, address);

	if (t != NULL)
		forget(p, t);
}

int
peers_dial(struct peers *p, int64_t now, struct slice *address, uint32_t *tag)
{
	struct target *t;

	while (p->waiting > 0 && (t = p->heap[0])->due <= now) {
		if (expired(t, now)) {
			forget(p, t);
			continue;
		}
		leave(p, t, DIALLING);
		*address = slice_of(t->address, t->len);
		*tag = t->tag;
		return 1;
	}
	return 0;
}

int64_t
peers_deadline(const struct peers *p)
{
	return p->waiting > 0 ? p->heap[0]->due : INT64_MAX;
}

int
peers_failed(struct peers *p, int64_t now, struct slice address, int error)
{
	struct target *t = find(p, address);

	return t == NULL || t->state != DIALLING ? 0 : tried(p, now, t, error);
}

/*
 * Of the present link and a new one, does the present stay? Both ends come to
 * the same answer, whichever of the two they see first. Where one end dialled
 * both, it may have lost the earlier one, and the other not know it yet.
 */
static int
present_stays(const struct peers *p, const struct linked *k,
    const struct id *instance, int ours, uint64_t dialled)
{
	if (k->ours == ours)
		return k->dialled > dialled;
	return k->ours == (id_compare(&p->own, instance) < 0);
}

/* The peer is linked: none of its targets is to be dialled meanwhile. */
static void
rest_targets(struct peers *p, struct linked *k)
{
	struct target *t;

	for (t = k->targets; t != NULL; t = t->sibling)
		if (t->state == WAITING && t->keep != DIAL_ONCE)
			leave(p, t, RESTING);
}

/* The target was dialled and reached the peer. One that is dialled once has no
 * more to do where its link does not stay. */
static void
reached(struct peers *p, struct target *t, struct linked *k, int stays)
{
	if (t->keep == DIAL_ONCE && !stays) {
		forget(p, t);
		return;
	}
	t->faults = 0;
	leave(p, t, RESTING);
	attach(p, t, k);
}

int
peers_up(struct peers *p, int64_t now, uint32_t handle, unsigned role,
    const struct id *instance, struct slice address, uint64_t dialled,
    uint32_t *loser)
{
	struct target *t = find(p, address);
	struct linked *k = linked_need(p, role, instance);
	int ours = address.len > 0;

	assert(handle != 0);
	if (k == NULL) {
		if (t != NULL && t->state == DIALLING)
			tried(p, now, t, ENOMEM);
		return fail(ENOMEM);
	}
	assert(k->handle != handle);
	*loser = k->handle;
	if (k->handle == 0)
		k->since = now;
	else if (present_stays(p, k, instance, ours, dialled))
		*loser = handle;
	if (*loser != handle) {
		k->handle = handle;
		k->ours = ours;
		k->dialled = dialled;
	}
	if (t != NULL)
		reached(p, t, k, *loser != handle);
	rest_targets(p, k);
	return 0;
}

static void
wake(struct peers *p, int64_t now, struct target *t, int stood)
{
	if (t->state != RESTING)
		return;
	if (t->keep == DIAL_ONCE) {
		forget(p, t);
		return;
	}
	t->until = now + PEERS_KEEP_MS;
	if (stood)
		t->backoff = 0;
	back_off(p, now, t);
}

void
peers_down(struct peers *p, int64_t now, uint32_t handle, unsigned role,
    const struct id *instance)
{
	struct linked *k = linked_find(p, role, instance);
	struct target *t, *next;

	if (k == NULL || k->handle != handle)
		return;
	for (t = k->targets; t != NULL; t = next) {
		next = t->sibling;
		wake(p, now, t, now - k->since >= STOOD_MS);
	}
	k->handle = 0;
	linked_drop_unused(p, k);
}
