#ifndef BOOTSTRAP_BLOCKING_H
#define BOOTSTRAP_BLOCKING_H

/*
 * Sockets for a child process that asks one thing and ends. Each call waits
 * until it is done or a deadline is reached, so a process that has a loop must
 * not use it.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "addr.h"

/* Milliseconds on the monotonic clock, as the deadlines are. */
int64_t blocking_now(void);

/* Connect, with SOCK_STREAM or SOCK_DGRAM: the descriptor, or -1 with errno
 * (ETIMEDOUT: the deadline). */
int blocking_dial(const struct addr *, int type, int64_t deadline);

/* All n bytes: 0 or -1. */
int blocking_write(int fd, const void *, size_t n, int64_t deadline);

/* Read what has come, at most n bytes: returns as read(2) does. */
ssize_t blocking_read(int fd, void *, size_t n, int64_t deadline);

#endif
