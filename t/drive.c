#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "t/drive.h"

void
drive_init(struct drive *d, const struct core_ops *ops, void *core,
    struct outbox *out)
{
	memset(d, 0, sizeof(*d));
	d->ops = ops;
	d->core = core;
	d->out = out;
	d->now = 1000000;
}

struct id
drive_id(unsigned byte)
{
	struct id id;

	memset(&id, (int)byte, sizeof(id));
	return id;
}

static void
keep(struct drive *d)
{
	struct kept *k;
	struct act a;

	while (outbox_take(d->out, &a)) {
		assert(d->n < DRIVE_ACTS);
		k = &d->kept[d->n++];
		k->act = a;
		k->found = 0;
		k->bytes = malloc(a.bytes.len + 1);
		assert(k->bytes != NULL);
		if (a.bytes.len > 0)
			memcpy(k->bytes, a.bytes.p, a.bytes.len);
		k->act.bytes.p = k->bytes;
	}
}

void
drive_up(struct drive *d, uint32_t handle, unsigned role, uint32_t tag,
    const char *address, const char *local)
{
	struct peer_info info;

	memset(&info, 0, sizeof(info));
	info.role = role;
	info.instance = drive_id(handle);
	info.tag = tag;
	info.address = slice_str(address);
	info.local = slice_str(local);
	d->ops->up(d->core, d->now, handle, &info);
	keep(d);
}

void
drive_down(struct drive *d, uint32_t handle)
{
	d->ops->down(d->core, d->now, handle);
	keep(d);
}

int
drive_message(struct drive *d, uint32_t from, const struct msg *m)
{
	size_t len = msg_size(m), value;
	unsigned char *p = malloc(len);
	struct tlv_writer w;
	struct msg decoded;
	unsigned type;
	int r, head;

	assert(p != NULL);
	tlv_writer_init(&w, p, len);
	r = msg_encode(m, &w);
	assert(r == 0);
	head = tlv_head(p, len, &type, &value);
	r = msg_decode(&decoded, type, slice_of(p + head, value));
	assert(r == 1);
	r = d->ops->message(d->core, d->now, from, &decoded);
	free(p);
	keep(d);
	return r;
}

void
drive_tick(struct drive *d)
{
	d->ops->tick(d->core, d->now);
	keep(d);
}

void
drive_wait(struct drive *d, int64_t ms)
{
	int64_t end = d->now + ms, due;

	while ((due = d->ops->deadline(d->core)) <= end) {
		if (due > d->now)
			d->now = due;
		d->ops->tick(d->core, d->now);
		keep(d);
		assert(d->ops->deadline(d->core) > d->now);
	}
	d->now = end;
}

static int
is_sent(const struct kept *k, uint32_t to, enum msg_type type, struct msg *m)
{
	size_t length;
	unsigned t;
	int head;

	if (k->act.kind != ACT_SEND || k->act.peer != to)
		return 0;
	head = tlv_head(k->bytes, k->act.bytes.len, &t, &length);
	assert(head > 0);
	if (t != (unsigned)type)
		return 0;
	head = msg_decode(m, t, slice_of(k->bytes + head, length));
	assert(head == 1);
	return 1;
}

int
drive_sent(struct drive *d, uint32_t to, enum msg_type type, struct msg *m)
{
	struct kept *k;

	for (k = d->kept; k < d->kept + d->n; k++)
		if (!k->found && is_sent(k, to, type, m)) {
			k->found = 1;
			return 1;
		}
	return 0;
}

int
drive_did(struct drive *d, unsigned kind, const char *bytes, uint32_t *peer)
{
	struct kept *k;

	for (k = d->kept; k < d->kept + d->n; k++) {
		if (k->found || k->act.kind != kind || (bytes != NULL &&
		    !slice_equal(k->act.bytes, slice_str(bytes))))
			continue;
		k->found = 1;
		if (peer != NULL)
			*peer = k->act.peer;
		return 1;
	}
	return 0;
}

size_t
drive_forget(struct drive *d)
{
	size_t n = 0;

	while (d->n > 0) {
		d->n--;
		if (!d->kept[d->n].found && d->kept[d->n].act.kind != ACT_LOG)
			n++;
		free(d->kept[d->n].bytes);
	}
	return n;
}
