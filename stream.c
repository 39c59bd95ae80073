#include <string.h>

#include "fail.h"
#include "stream.h"

/* The sending end. */

int
stream_allow(uint64_t *left, uint64_t n)
{
	if (n > STREAM_ALL || *left > STREAM_ALL - n)
		return fail(EPROTO);
	*left += n;
	return 0;
}

int
stream_spend(uint64_t *left, uint64_t n)
{
	if (n > *left)
		return fail(EPROTO);
	*left -= n;
	return 0;
}

/* The receiving end. */

/* The largest window when a process has this many streams. */
static size_t
stream_share(size_t streams)
{
	size_t share = STREAM_ALL / (streams == 0 ? 1 : streams);

	if (share < STREAM_LEAST)
		return STREAM_LEAST;
	return share > STREAM_MAX ? STREAM_MAX : share;
}

/* The largest where the other end is near. */
static size_t
stream_near(size_t streams)
{
	size_t near = STREAM_FIRST / (streams == 0 ? 1 : streams);
	size_t share = stream_share(streams);

	if (near < STREAM_NEAR)
		near = STREAM_NEAR;
	return near < share ? near : share;
}

size_t
stream_begin(struct stream *s, size_t streams)
{
	memset(s, 0, sizeof(*s));
	s->window = stream_near(streams);
	s->limit = s->window;
	s->granted = -1;
	return s->window;
}

int
stream_came(struct stream *s, int64_t now, size_t n)
{
	if (n > s->limit - s->came)
		return fail(EPROTO);
	s->came += n;
	if (s->granted != -1 && s->came > s->before) {
		s->far++;
		s->near |= now - s->granted < STREAM_FAR_MS;
		s->granted = -1;
	}
	/* A sender that has more to send ends its last piece there. */
	if (s->came == s->before || s->came == s->limit)
		s->hungry = 1;
	return 0;
}

/* How large the window is from now on. */
static void
stream_fit(struct stream *s, size_t streams)
{
	size_t share = s->near ? stream_near(streams) : stream_share(streams);
	uint64_t queued = s->came - s->done;

	if (s->hungry && queued == 0 && !s->near &&
	    s->far >= STREAM_SAMPLES) {
		s->window *= 2;
		s->hungry = 0;
		s->far = 0;
	} else if (queued > s->window / 4 * 3 && s->window > STREAM_FIRST) {
		s->window /= 2;
	}
	if (s->window > share)
		s->window = share;
}

uint64_t
stream_consumed(struct stream *s, int64_t now, uint64_t n, size_t streams)
{
	uint64_t held, room;

	s->done += n;
	stream_fit(s, streams);
	held = s->limit - s->done;
	room = held < s->window ? s->window - held : 0;
	if (room < s->window / 2)
		return 0;
	s->before = s->limit;
	s->granted = now;
	s->limit += room;
	return room;
}

/* Messages. */

struct slice
stream_piece(struct slice *bytes)
{
	size_t n = bytes->len < MSG_PIECE_MAX ? bytes->len : MSG_PIECE_MAX;
	struct slice piece = slice_of(bytes->p, n);

	bytes->p += n;
	bytes->len -= n;
	return piece;
}

int
stream_send(struct outbox *o, uint32_t peer, uint64_t id,
    enum stream_part part, struct slice bytes)
{
	struct msg m = { .type = MSG_DATA, .u.data = {
		.id = id, .part = part
	} };

	while (bytes.len > 0) {
		m.u.data.bytes = stream_piece(&bytes);
		if (outbox_send(o, peer, &m) == -1)
			return -1;
	}
	return 0;
}

int
stream_send_end(struct outbox *o, uint32_t peer, uint64_t id,
    enum stream_part part)
{
	struct msg m = { .type = MSG_END, .u.end = {
		.id = id, .part = part
	} };

	return outbox_send(o, peer, &m);
}

int
stream_send_window(struct outbox *o, uint32_t peer, uint64_t id,
    enum stream_part part, uint64_t bytes)
{
	struct msg m = { .type = MSG_WINDOW, .u.window = {
		.id = id, .part = part, .bytes = bytes
	} };

	return bytes == 0 ? 0 : outbox_send(o, peer, &m);
}
