#include <sys/socket.h>

#include <errno.h>
#include <string.h>

#include "env.h"
#include "fail.h"
#include "listener_door.h"
#include "net.h"

#define DOOR_OUT_MAX 512 /* bytes of our answer */
#define DOOR_READS   16	 /* of what came, where there is no channel for it */

void
listener_door_open(struct listener_door *d, const struct link_self *keys,
    int64_t now)
{
	unsigned char secret[X25519_SIZE];

	memset(d, 0, sizeof(*d));
	d->self = *keys;
	d->self.role = ROLE_CHANNEL;
	d->self.to_ctl = ROLE_LISTENER;
	env_random(&d->self.instance, sizeof(d->self.instance));
	env_random(secret, sizeof(secret));
	buf_init(&d->out, DOOR_OUT_MAX);
	link_init(&d->link, &d->self, 0, 1, secret, &d->out, now);
	noise_wipe(secret, sizeof(secret));
}

void
listener_door_close(struct listener_door *d)
{
	link_free(&d->link);
	buf_free(&d->out);
	noise_wipe(&d->self, sizeof(d->self));
}

static int
listener_door_fail(struct listener_door *d, int error, const char *why)
{
	d->why = why;
	return fail(error);
}

/* A socket that has sent nothing yet takes as little as that at once, or else
 * it never will. */
static int
listener_door_answer(struct listener_door *d, int fd)
{
	struct slice bytes = buf_slice(&d->out);
	ssize_t n = 0;

	if (bytes.len > 0)
		n = net_write(fd, bytes.p, bytes.len);
	if (n != (ssize_t)bytes.len)
		return listener_door_fail(d, n == -1 ? errno : EIO,
		    "it does not take our answer");
	buf_consume(&d->out, bytes.len);
	d->link.raw = 0;
	return 0;
}

/* Closing a connection with unread bytes resets it, and loses what it was told
 * last; so read them first. */
void
listener_door_refuse(struct listener_door *d, int fd, const char *reason)
{
	unsigned char came[4096];
	struct msg m = { .type = MSG_REFUSE };
	struct slice bytes;
	struct buf wire;
	int i;

	for (i = 0; i < DOOR_READS &&
	    net_read(fd, came, sizeof(came)) == sizeof(came); i++)
		;
	m.u.refuse.reason = slice_str(reason);
	buf_init(&wire, LINK_SEAL_MAX);
	if (msg_append(&d->out, &m) == 0 && link_seal(&d->link, &wire) == 0) {
		bytes = buf_slice(&wire);
		(void)net_write(fd, bytes.p, bytes.len);
		(void)shutdown(fd, SHUT_WR);
	}
	buf_free(&wire);
}

/* 0 when nothing came, or a part; -1 as listener_door_look(). */
static int
listener_door_ended(struct listener_door *d, ssize_t n)
{
	if (n == -1 && errno == EAGAIN)
		return 0;
	return listener_door_fail(d, n == -1 ? errno : 0,
	    n == -1 ? strerror(errno) : link_eof_reason(&d->link));
}

/* Message 1. */
static int
listener_door_read(struct listener_door *d, int fd, int64_t now)
{
	struct slice bytes, value;
	unsigned type;
	ssize_t n = net_read(fd, d->in + d->have, sizeof(d->in) - d->have);
	int r, error;

	if (n <= 0)
		return listener_door_ended(d, n);
	d->have += (size_t)n;
	bytes = slice_of(d->in, d->have);
	r = link_input(&d->link, now, &bytes, &type, &value);
	error = errno;
	if (r == 0)
		return 0;
	if (r == 1 && bytes.len > 0)
		return listener_door_fail(d, EPROTO,
		    "it does not wait for our answer");
	if (listener_door_answer(d, fd) == 0 && r == 1)
		return 0;
	return r == 1 ? -1 : listener_door_fail(d, error, d->link.why);
}

int
listener_door_look(struct listener_door *d, int fd, int64_t now)
{
	unsigned char record[LINK_FIRST_MAX + LINK_RECORD_HEAD];
	ssize_t n;
	int r;

	if (d->link.phase == LINK_HELLO &&
	    (listener_door_read(d, fd, now) == -1))
		return -1;
	if (d->link.phase != LINK_FIRST)
		return 0;
	n = net_peek(fd, record, sizeof(record));
	if (n <= 0)
		return listener_door_ended(d, n);
	r = link_is_first(&d->link, record, (size_t)n);
	d->partial = r == 0;
	return r != -1 ? r : listener_door_fail(d, EBADMSG,
	    "its first record is not authentic");
}
