#ifndef DRIVE_H
#define DRIVE_H

/*
 * For tests of cores: brings peers up, gives the core messages, and keeps the
 * acts of its outbox, to be looked for. Each find marks what it found, so that
 * whatever is left unmarked was not expected.
 */

#include "core.h"

#define DRIVE_ACTS 8192

struct drive {
	const struct core_ops *ops;
	void *core;
	struct outbox *out;
	int64_t now;
	struct kept {
		struct act act;
		unsigned char *bytes;
		int found;
	} kept[DRIVE_ACTS];
	size_t n;
};

void drive_init(struct drive *, const struct core_ops *, void *core,
    struct outbox *);

/* An id whose bytes are all the same. */
struct id drive_id(unsigned byte);

/* The instance is drive_id(handle). tag 0: it dialled us. */
void drive_up(struct drive *, uint32_t handle, unsigned role, uint32_t tag,
    const char *address, const char *local);
void drive_down(struct drive *, uint32_t handle);

/* Encoded and decoded on the way, as on a wire; what the handler returned. */
int drive_message(struct drive *, uint32_t from, const struct msg *);

/* A batch was delivered. */
void drive_tick(struct drive *);

/* ms go by, with a tick at each deadline. */
void drive_wait(struct drive *, int64_t ms);

/* Find the first such message to the peer: 1, or 0 when there is none. Its
 * slices are good until drive_forget(). */
int drive_sent(struct drive *, uint32_t to, enum msg_type, struct msg *);

/* Find the first such act with these bytes (NULL: any): 1 or 0. peer, if not
 * NULL, gets its peer. */
int drive_did(struct drive *, unsigned kind, const char *bytes, uint32_t *peer);

/* Forget all that is kept; how many messages and acts were not found, logs not
 * counted. */
size_t drive_forget(struct drive *);

#endif
