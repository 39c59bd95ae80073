#ifndef CHANNEL_TETHER_H
#define CHANNEL_TETHER_H

/*
 * What ties a channel to its listener:
 *
 *	a control link;
 *	the link to its client, with which the listener has shaken hands: bytes
 *	  in a pipe, since its keys must not be in an argument or variable;
 *	a liveness pipe, which closes when nothing of the channel is left;
 *	a file without a name, which the listener opens, in which the channel
 *	  notes the process groups that it has running, one for each worker.
 *
 * When the channel is killed, the listener reads in that file which groups it
 * must end.
 *
 * A group stays listed after its worker has ended, as long as something else is
 * in it. A process that has left its group is not listed, nor is one that was
 * started but not noted yet when the channel was killed.
 */

#include <stddef.h>
#include <sys/types.h>

/* The listener's side. */

struct tether {
	int control[2]; /* ours, and the channel's */
	int live[2];	/* ours, and the channel's */
	int session;	/* the channel's: the link to its client is in it */
	int groups;	/* the file, of both; -1: it could not be made, and
			   the log says so */
};

#define TETHER_TEXT_MAX 64

/* Open all of it, close-on-exec and non-blocking; session has len bytes, less
 * than a pipe holds. groups is a file that groups_clear() has emptied, which
 * becomes the tether's, or -1: one is made. 0, or -1 with errno and nothing
 * open. */
int tether_open(struct tether *, const void *session, size_t len, int groups);

/* Close the channel's ends, which it has by now; or ours. */
void tether_passed(struct tether *);
void tether_cut(struct tether *);

/* "LAMBDA_CONTROL=N,N,N,N", for the channel's environment: the control link,
 * the session, the liveness pipe, and the file of groups where there is one. */
void tether_text(const struct tether *, char text[TETHER_TEXT_MAX]);

/* A file for the groups of one channel, close-on-exec, or -1 with errno. */
int groups_open(void);

/* Make it as new, for another channel, once the one before and all of its
 * groups are gone: 0, or -1 where it has grown large, or cannot be written. */
int groups_clear(int fd);

/* Signal the groups in the file that belong to the session, which is that of
 * the channel that wrote it: a number that was used again does not. */
void groups_signal_file(int fd, pid_t session, int signo);

/* The channel's side. */

/* Has a listener started this process? It says 1 until tether_take(), and 0
 * after that. */
int tether_given(void);

/*
 * The descriptors of the control link and of the file of groups, -1 where there
 * is none, and the session of len bytes where there is a control link. That is
 * adopted, and the variable is unset. Dies (100) when the value makes no sense.
 */
void tether_take(int *control, int *groups, void *session, size_t len);

struct groups {
	int fd;	       /* the listener's file, or -1 */
	pid_t *group;  /* by place; 0: free */
	size_t cap, n; /* places there are; those from n on are free */
	size_t free;   /* no free place below it */
};

/* The descriptor becomes the struct's; -1: nobody reads. */
void groups_init(struct groups *, int fd);
void groups_free(struct groups *);

/* Enter a group: its place, or -1 with ENOBUFS or ENOMEM. Not being able to
 * write it to the file is no error. */
ssize_t groups_enter(struct groups *, pid_t group);

/* Its first process has ended and was waited for just now. */
void groups_ended(struct groups *, size_t place);

/* Is there anything in any of them? */
int groups_any(const struct groups *);
void groups_signal(const struct groups *, int signo);

#endif
