#ifndef CHILD_H
#define CHILD_H

/*
 * One child process in the loop: this starts a program, feeds it, reads it,
 * signals it and waits for it. What the bytes mean is the owner's business.
 * Each of the three standard descriptors is a pipe to us, or what the start
 * says.
 *
 * A child has ended when its process has. All that it wrote before is read.
 * Nothing waits for what its own children may write later.
 *
 * If the child leads a process group, signals go to the whole group. When a
 * signalled child has ended, the rest of its group is killed at once. The child
 * counts as ended only when that rest has, because its capacity is sold again
 * from then on: when its output and standard error are closed, or after
 * CHILD_REST_MS if a process outside the group has them open. If it was not
 * signalled, its children are left alone.
 */

#include "buf.h"
#include "loop.h"
#include "msg.h"
#include "program.h"

#define CHILD_LINE_MAX	512  /* of standard error; longer ones are cut up */
#define CHILD_RETIRE_MS 1000 /* from end of file to the first signal */
#define CHILD_KILL_MS	5000 /* and to the second */
#define CHILD_REST_MS	1000 /* for a group that was killed to be gone */
#define CHILD_NO_MEMORY "out of memory for what it wrote"
#define CHILD_KEPT_MAX	(MSG_MAX + 64) /* bytes of output, not taken */

/* Which of its descriptors are pipes. */
enum {
	CHILD_INPUT = 1, /* and what it is given first is not all */
	CHILD_OUTPUT = 2,
	CHILD_ERROR = 4
};

struct child;

struct child_ops {
	/* It wrote: returns how many bytes were taken (the rest is kept, and
	 * shown again with what follows), or -1 to read no more of it. NULL:
	 * all is kept. If more than CHILD_KEPT_MAX bytes would be kept, the
	 * child is ended. */
	ssize_t (*output)(struct child *, const unsigned char *, size_t);
	/* A line of its standard error, without the newline. */
	void (*line)(struct child *, struct slice);
	/* It has ended; this is the last call. Output that was not taken is in
	 * kept until child_free(). After that the owner may free or reuse the
	 * struct. */
	void (*ended)(struct child *);
	/* It was given n bytes of what was written for it; 0: it reads no
	 * more, and what is written from now on is dropped. NULL: a child that
	 * reads no more, and was to be given more, is ended. */
	void (*fed)(struct child *, size_t n);
	/* It wrote these bytes to standard error, CHILD_LINE_MAX at most:
	 * returns whether more may be shown; if not, child_resume_error()
	 * goes on. Or NULL. */
	int (*error)(struct child *, struct slice);
};

struct child {
	struct loop *loop;
	const struct child_ops *ops;
	void *arg;
	pid_t pid;	  /* 0: ended, or not started */
	int status;	  /* as waitpid() said */
	struct watch in;  /* our ends of the pipes; fd -1: none */
	struct watch out;
	struct watch err;
	struct buf input; /* to be written to it */
	struct buf kept;  /* of its output, not taken */
	struct buf line;  /* of its standard error, not whole yet */
	size_t counted;	  /* of input, in *backlog */
	size_t *backlog;  /* bytes that all of the owner's have still to read;
			     NULL: not counted */
	struct timer timer; /* of the next signal */
	struct later flush;
	int64_t grace_ms;  /* between the signals */
	const char *fault; /* why it was signalled, where that is its own; or
			      NULL */
	unsigned group : 1;
	unsigned eof : 1;  /* its standard input ends after what is in input */
	unsigned over : 1; /* it wrote too much, */
	unsigned memory : 1; /* or there was no memory for what it wrote */
	unsigned paused : 1;
	unsigned signalled : 1;
};

/*
 * Start a program. pipes is a set of CHILD_INPUT, CHILD_OUTPUT and CHILD_ERROR.
 * The child reads the body first; without CHILD_INPUT, end of file follows. If
 * it has nothing to read and the start names no descriptor, it reads /dev/null.
 * The caller sets ops, arg and backlog before; this sets all else. 0, or -1
 * with errno.
 */
int child_start(struct child *, struct loop *, const struct program_start *,
    unsigned pipes, struct slice body);

/* Queue bytes for it; they are written at the end of the turn. If it reads no
 * more, they are dropped. 0, or -1 with ENOBUFS or ENOMEM. */
int child_write(struct child *, struct slice);

/* Stop showing output, or go on: then what was kept is shown at once. */
void child_pause(struct child *, int paused);

/* Go on with its standard error. */
void child_resume_error(struct child *);

/* Its standard input ends after what was written for it. */
void child_end_input(struct child *);

/* Read no more of its output: what it writes from now on fails (SIGPIPE). What
 * was kept of it is dropped. */
void child_shut_output(struct child *);

/* Send a signal now, to its group if it leads one. */
void child_signal(const struct child *, int signo);

/* Send SIGTERM now and SIGKILL after grace_ms. If this is called again, the
 * earlier time counts. */
void child_kill(struct child *, int64_t grace_ms);

/* Do that in ms milliseconds, unless it has ended by then. 0, or -1 with
 * ENOMEM. */
int child_limit(struct child *, int64_t ms, int64_t grace_ms);

/* Give it no more input: end of file, and then the signals if it does not
 * end. */
void child_retire(struct child *);

/* Close and free what it holds. A process that still runs is left alone. */
void child_free(struct child *);

/* "exit status 1", "killed by signal 9 (Killed)", or what it did to be killed:
 * "it closed its standard output"; returns buf. */
const char *child_status(const struct child *, char *buf, size_t size);

#endif
