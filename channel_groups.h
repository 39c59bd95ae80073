#ifndef CHANNEL_GROUPS_H
#define CHANNEL_GROUPS_H

/*
 * The process groups that a channel has running, one for each worker. It is
 * kept in memory, and written to a file without a name that the listener
 * opened: when the channel is killed, the listener reads there what is to be
 * ended.
 *
 * A group stays on the roll when its worker has ended, as long as something
 * else is in it. What has left its group, or was started and not entered yet
 * when the channel was killed, is not on the roll.
 */

#include <stddef.h>
#include <sys/types.h>

struct roll {
	int fd;	      /* the listener's file, or -1 */
	pid_t *group; /* by place; 0: free */
	size_t cap, n; /* places there are; those behind n are free */
	size_t free;   /* no free place below it */
};

/* The channel's side. The descriptor becomes the roll's; -1: nobody reads. */
void roll_init(struct roll *, int fd);
void roll_free(struct roll *);

/* Enter a group: its place, or -1 with ENOMEM. Not being able to write it to
 * the file is no error. */
ssize_t roll_enter(struct roll *, pid_t group);

/* Its first process has ended and was waited for just now. */
void roll_ended(struct roll *, size_t place);

/* Is there anything in any of them? */
int roll_any(const struct roll *);
void roll_signal(const struct roll *, int signo);

/* The listener's side: a file for one channel, close-on-exec, or -1 with
 * errno. */
int roll_open(void);

/* Signal the groups on it that belong to the session, which is that of the
 * channel that wrote it: a number used again for something else is not one. */
void roll_signal_file(int fd, pid_t session, int signo);

#endif
