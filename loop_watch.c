#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "loop_state.h"

#define WATCHED_MIN 64		    /* with no more than these all are hot */
#define SILENT_MS   200		    /* cold after so long without an event */
#define BUSY_NS	    (10 * NS_A_MS)  /* busy for so long after an event */
#define LOOK_MAX    256		    /* descriptors a look */
#define LOOK_SHARE  20		    /* looks take one part in so many */
#define ROUND_NS    (50 * NS_A_MS)  /* a round is over in about this */

static void
swap(struct loop *l, size_t i, size_t j)
{
	struct pollfd fd = l->fds[i];
	struct watch *w = l->watches[i];

	l->fds[i] = l->fds[j];
	l->watches[i] = l->watches[j];
	l->watches[i]->slot = i + 1;
	l->fds[j] = fd;
	l->watches[j] = w;
	w->slot = j + 1;
}

/* Move a cold one up among the hot. */
static void
warm(struct loop *l, size_t i)
{
	l->watches[i]->heard = loop_now(l);
	if (i >= l->seen) {
		swap(l, i, l->seen);
		i = l->seen++;
	}
	if (i >= l->hot)
		swap(l, i, l->hot++);
}

/* A few are checked each turn, in proportion to what polling them costs
 * anyway. */
void
loop_cool(struct loop *l)
{
	int64_t since = loop_now(l) - SILENT_MS;
	size_t n;

	if (l->len <= WATCHED_MIN)
		return;
	for (n = 4 + l->hot / 16; n > 0 && l->hot > 0; n--) {
		if (l->ageing >= l->hot)
			l->ageing = 0;
		if (l->watches[l->ageing]->heard > since)
			l->ageing++;
		else
			swap(l, l->ageing, --l->hot);
	}
}

static int
grow(struct loop *l)
{
	size_t cap = l->cap == 0 ? WATCHED_MIN : l->cap * 2;
	struct pollfd *fds;
	struct watch **watches;

	if ((fds = realloc(l->fds, cap * sizeof(*fds))) == NULL)
		return -1;
	l->fds = fds;
	watches = realloc(l->watches, cap * sizeof(struct watch *));
	if (watches == NULL)
		return -1;
	l->watches = watches;
	l->cap = cap;
	return 0;
}

int
loop_watch(struct loop *l, struct watch *w)
{
	struct pollfd *p;

	assert(w->fd >= 0);
	if (w->slot == 0) {
		if (l->len == l->cap && grow(l) == -1)
			return -1;
		l->fds[l->len].revents = 0;
		l->watches[l->len] = w;
		w->slot = ++l->len;
		warm(l, l->len - 1);
	} else if (w->slot > l->hot && w->events != 0) {
		warm(l, w->slot - 1);
	}
	/* poll() tells of hangups unasked, and passes over fd -1. */
	p = &l->fds[w->slot - 1];
	p->fd = w->events == 0 ? -1 : w->fd;
	p->events = w->events;
	return 0;
}

void
loop_unwatch(struct loop *l, struct watch *w)
{
	size_t i = w->slot;

	if (i-- == 0)
		return;
	assert(i < l->len && l->watches[i] == w);
	if (i < l->hot) {
		swap(l, i, --l->hot);
		i = l->hot;
	}
	if (i < l->seen) {
		swap(l, i, --l->seen);
		i = l->seen;
	}
	swap(l, i, --l->len);
	w->slot = 0;
}

size_t
loop_watched(const struct loop *l)
{
	return l->len;
}

size_t
loop_hot(const struct loop *l)
{
	return l->hot;
}

/* Poll what is at from to end; what is found among the cold becomes hot. */
static int
poll_zone(struct loop *l, size_t from, size_t end, int timeout_ms)
{
	size_t i = from < l->hot ? l->hot : from;
	int n = poll(l->fds + from, (nfds_t)(end - from), timeout_ms);

	if (n == -1) {
		assert(errno == EINTR || errno == EAGAIN || errno == ENOMEM);
		return 0;
	}
	/* What warm() swaps into i is from below: scanned, or not wanted. */
	for (; n > 0 && i < end; i++)
		if (l->fds[i].revents != 0)
			warm(l, i);
	return n;
}

/*
 * Look at the next part of the cold ones, without waiting. The next look is
 * put off by a multiple of what this one took, but not so far that a round
 * would take too long.
 */
static int
look(struct loop *l)
{
	int64_t begun, gap, most;
	size_t end;
	int n;

	if (l->seen >= l->len)
		l->seen = l->hot;
	end = l->len - l->seen > LOOK_MAX ? l->seen + LOOK_MAX : l->len;
	most = ROUND_NS * (int64_t)(end - l->seen) / (int64_t)(l->len - l->hot);
	loop_tick(l);
	begun = l->now;
	n = poll_zone(l, l->seen, end, 0);
	l->seen = end;
	loop_tick(l);
	gap = (l->now - begun) * LOOK_SHARE;
	l->look = l->now + (gap < most ? gap : most);
	return n;
}

static int
least_ms(int ms, int64_t ns)
{
	int64_t up = (ns + NS_A_MS - 1) / NS_A_MS;

	if (up < 0)
		up = 0;
	return ms == -1 || up < ms ? (int)up : ms;
}

int
loop_wait(struct loop *l, int ms)
{
	int n;

	loop_tick(l);
	if (l->hot == l->len || l->now - l->event >= BUSY_NS) {
		n = poll_zone(l, 0, l->len, ms);
		l->seen = l->hot;
	} else {
		if (l->now >= l->look && look(l) > 0)
			ms = 0;
		ms = least_ms(ms, l->look - l->now);
		ms = least_ms(ms, l->event + BUSY_NS - l->now);
		n = poll_zone(l, 0, l->hot, ms);
	}
	loop_tick(l);
	if (n > 0)
		l->event = l->now;
	return n;
}

/*
 * Backwards, so that whatever the callbacks do is safe: what loop_unwatch()
 * swaps into a lower place has been called already (its revents are spent) or
 * is yet to be reached, and what loop_watch() adds has none.
 */
void
loop_dispatch(struct loop *l, int mask)
{
	struct pollfd *p;
	struct watch *w;
	size_t i;
	int found;

	for (i = l->hot; i-- > 0;) {
		if (i >= l->hot)
			continue;
		p = &l->fds[i];
		if ((found = p->revents & mask) == 0)
			continue;
		p->revents = (short)(p->revents & ~mask);
		w = l->watches[i];
		w->heard = loop_now(l);
		found &= w->events | POLLERR | POLLHUP | POLLNVAL;
		if (found != 0 && w->events != 0)
			w->fn(w->arg, (short)found);
	}
}
