#ifndef BOOTSTRAP_BLOCKING_H
#define BOOTSTRAP_BLOCKING_H

/*
 * Sockets for a child process that asks one thing and ends: each call waits,
 * and until a deadline at the latest. For nothing that has a loop.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "addr.h"

/* Milliseconds on the monotonic clock, as the deadlines are. */
int64_t blocking_now(void);

/* A connection, of SOCK_STREAM or SOCK_DGRAM: its descriptor, or -1 with errno
 * (ETIMEDOUT: the deadline). */
int blocking_dial(const struct addr *, int type, int64_t deadline);

/* All n bytes: 0 or -1. */
int blocking_write(int fd, const void *, size_t n, int64_t deadline);

/* What has come, n bytes at most: as read(2). */
ssize_t blocking_read(int fd, void *, size_t n, int64_t deadline);

#endif
