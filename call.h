#ifndef CALL_H
#define CALL_H

/*
 * The core of lambda-call: one call, or a filter that makes a call of each
 * record of its input. It owns a PLB core, whose program it is, and represents
 * it to the driver: call_ops hands peers and messages on to it. It reads and
 * writes nothing itself: its shell gives it the input, writes the results from
 * a queue to standard output, and carries out the acts below.
 *
 * A filter answers for every record that it was given: each comes to a result,
 * or to a line for standard error, whatever ends it.
 */

#include "call_filter.h"
#include "call_way.h"
#include "plb.h"

#define CALL_NOTICE_MS 3000 /* without a seller: says so; or half of a limit */
#define CALL_GRACE_MS  1500 /* beyond -T: a channel sends TERM, and KILL a
			       second later, and says itself that time was up */
#define CALL_FLUSH_MS  2000 /* told to end: to write what it has */
#define CALL_READ_MAX  (64 * 1024) /* bytes of input at a time */
#define CALL_WAIT_MS   20 /* for the end of a short input, so that a call with a
			     short body takes one message */
#define CALL_ARGS_MAX (64 * 1024) /* bytes of arguments, as a list */
#define CALL_LATE      99 /* exit status: time is up */

enum call_act {
	CALL_LINE = PLB_SENT + 1, /* bytes: a line for standard error */
	CALL_PROGRESS, /* bytes: the same, in place of the last such */
	CALL_ERROR,  /* bytes: for standard error, as they are */
	CALL_INPUT,  /* value: 1, wait for input; 0, let it wait */
	CALL_START,  /* peer: a tag: start that command, and take its link */
	CALL_STOP,   /* peer: a tag: end that command, or close its link */
	CALL_DEAF,   /* read no more input: nobody wants it */
	CALL_WRITE,  /* there are more results in the queue */
	CALL_JOBS,   /* there are lines for the job log: call_jobs() */
	CALL_HALT,   /* write no more of them */
	CALL_FINISH, /* end with status value, once the results are written */
	CALL_QUIT    /* end with status value */
};

struct call_given {
	const char *name; /* a channel's or PLB's address, or a command */
	int command;
};

/* Numbers of records, or of blocks. */
struct call_range {
	uint64_t first, last;
};

struct call_config {
	struct plb_config plb; /* fixed and address are taken from what
				  follows */
	const struct call_given *given;
	size_t ngiven;
	const char *broker;   /* its socket, where it is used at all */
	const char *module;
	const char *function; /* NULL: none */
	struct slice args;    /* list of byte strings */
	size_t nargs;	      /* in it */
	int filter;	      /* a request a record, else one in all */
	struct filter_config records;
	size_t block;	      /* a request for each block: as many whole records
				 as fit these bytes, or one that does not; 0: a
				 request for each record */
	int joblog;	      /* a filter keeps one */
	int64_t epoch_ms;     /* now plus this is the time since the epoch */
	const struct call_range *done; /* by the job log; in order, disjoint */
	size_t ndone;
	int errors;	      /* show the standard error of what runs */
	int64_t progress_ms;  /* report progress this often and at the end; 0:
				 never */
	uint64_t size;	      /* bytes of a filter's input; 0: not known */
	int terminal;	      /* results are for a person to read */
	uint64_t retries;
	int again;	   /* for a status other than 0, too */
	int replace;	   /* of a filter: each {} in the arguments is the
			      record, and the body is empty */
	uint64_t failures; /* of a filter: it stops reading then; 0: never */
	int64_t limit_ms;  /* -T; 0: none */
};

struct call;

extern const struct core_ops call_ops;

/* The configuration is copied, but not what it points at; results go to out.
 * NULL with ENOMEM. */
struct call *call_new(int64_t now, uint64_t seed, const struct call_config *,
    struct buf *out);
/* From now on the log has a line for each request that ends. */
void call_log_requests(struct call *);
void call_free(struct call *);
struct outbox *call_out(struct call *);

/* What the PLB core does to its program: each act that is neither the driver's
 * nor one of the above. Like all calls below it may change what the core wants
 * done: the shell has the driver call tick(). */
void call_take(struct call *, int64_t now, const struct act *);

/* There is input, or its end: how many bytes of it may be read now; 0: not
 * before there is a token for it, or a window. */
size_t call_readable(struct call *);
/* Some of it, at most as many bytes as call_readable() said. */
void call_input(struct call *, int64_t now, struct slice);
/* It has ended; why: a fault in it, or NULL. */
void call_input_end(struct call *, int64_t now, const char *why);

/* The peer that the body of the one call goes to now, or 0: whoever reads the
 * input looks at how much is queued there. */
uint32_t call_peer(const struct call *);

/* Whole lines for the job log, of records whose results are written. The shell
 * takes them out, at CALL_JOBS and when all is over. */
struct buf *call_jobs(struct call *);

/* The command with that tag has ended ("ended with status 1"), or it could not
 * be started. */
void call_command_ended(struct call *, int64_t now, uint32_t tag,
    const char *how);
void call_command_unable(struct call *, int64_t now, uint32_t tag,
    const char *why);

/* A signal of that name came: each record without an answer gets its line, and
 * CALL_FINISH or CALL_QUIT follows. */
void call_interrupt(struct call *, int64_t now, const char *signal);
/* The same for another reason. */
void call_stop(struct call *, int64_t now, const char *why);
/* Standard output takes no more, for that reason, and lost bytes of results
 * that were in the queue are lost. CALL_HALT and CALL_QUIT follow. */
void call_broken(struct call *, int64_t now, size_t lost, const char *why);

#endif
