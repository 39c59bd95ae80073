#ifndef WORKER_H
#define WORKER_H

/*
 * One process that runs requests, with its three pipes in the loop: what it is
 * given, what it answers, and the lines it has to say on standard error. What
 * the bytes mean is its owner's business.
 *
 * It has ended when the process has: what it wrote until then is read, what a
 * child of its own may write later is not waited for.
 *
 * It leads a process group of its own, and signals are for all of that. Where
 * it was signalled, what is left of the group when it has ended is killed at
 * once: its capacity is sold again then. Where it was not, its children are let
 * be.
 */

#include "buf.h"
#include "program.h"
#include "loop.h"
#include "msg.h"

#define WORKER_LINE_MAX	  512  /* of standard error; longer ones are cut up */
#define WORKER_RETIRE_MS  1000 /* from end of file to the first signal */
#define WORKER_KILL_MS	  5000 /* and to the second */
#define WORKER_OUTPUT_MAX (MSG_MAX + 64) /* bytes kept of its output */

struct worker;

struct worker_ops {
	/* It wrote: returns how many bytes were taken (the rest is shown again
	 * with what follows), or -1 to read no more of it. NULL: all is kept,
	 * in output, and more than output_max bytes end the worker. */
	ssize_t (*input)(struct worker *, const unsigned char *, size_t);
	void (*line)(struct worker *, struct slice);
	/* The last call; the owner may free or reuse the struct in it. */
	void (*ended)(struct worker *);
};

struct worker {
	struct loop *loop;
	const struct worker_ops *ops;
	void *arg;
	pid_t pid;	  /* 0: ended, or not started */
	int status;	  /* as waitpid() said */
	struct watch in;  /* its standard output */
	struct watch out; /* its standard input */
	struct watch err;
	struct buf output, request, line;
	size_t output_max;
	size_t counted;	   /* of request, in *backlog */
	size_t *backlog;   /* what all of the owner's have still to read */
	struct timer timer;
	struct later flush;
	int64_t grace_ms;  /* between the signals */
	unsigned eof : 1;  /* its standard input ends behind the request */
	unsigned over : 1; /* it wrote more than output_max */
	unsigned paused : 1;
	unsigned signalled : 1;
};

/*
 * Start a program, as the launch says (its descriptors are set here). The body
 * is the first that it gets; more: and other things follow, else end of file.
 * 0, or -1 with errno. ops, arg, backlog and output_max are the caller's to set
 * before; all else is zeroed here.
 */
int worker_start(struct worker *, struct loop *, const struct program_start *,
    struct slice body, int more);

/* Queue bytes for it, which are written at the end of the turn; for one that
 * reads no more they are dropped. 0, or -1 with ENOBUFS or ENOMEM. */
int worker_write(struct worker *, struct slice);

/* Do not show input, and go on: what was kept is shown at once then. */
void worker_pause(struct worker *, int paused);

/* SIGTERM now, SIGKILL after grace_ms, to its group. */
void worker_kill(struct worker *, int64_t grace_ms);

/* No more requests: end of file, and the signals if it does not end then. */
void worker_retire(struct worker *);

/* Close and free what it holds, the process left alone: at a program's end. */
void worker_abort(struct worker *);

/* "exit status 1", "killed by signal 9 (Killed)"; returns buf. */
const char *worker_status(int status, char *buf, size_t size);

#endif
