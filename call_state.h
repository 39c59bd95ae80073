#ifndef CALL_STATE_H
#define CALL_STATE_H

/*
 * The state of lambda-call's core, shared by the files that make it up and by
 * nobody else: call.c (requests, answers, the end), call_input.c (what a
 * filter's input is cut into), call_job.c (the job log), call_stream.c (the
 * body and the output of the one call) and call_why.c (why nothing comes).
 */

#include "call.h"
#include "stream.h"

#define NEVER INT64_MAX

/* What became of a record that has no result, as its line begins. */
enum call_fate {
	FATE_OPEN, /* it may have run */
	FATE_NOT_RUN,
	FATE_NOT_WRITTEN,
};
#define NOT_RUN "not run: "

/* How a filter ends before its time: each record that has no result gets a
 * line. There may be many, so it goes by steps, a tick each. */
struct call_ending {
	int begun;
	int broken;	/* standard output takes no more */
	size_t pos;	/* in what is lost */
	uint64_t first, last; /* to be said in one line; 0: none */
	enum call_fate fate;  /* theirs */
	char why[REASON_MAX];
	char lost[REASON_MAX]; /* why standard output takes no more */
};

/* The part of a filter's input that is one request: a record, or a block. Of a
 * block that is not whole yet it says what is known. */
struct call_unit {
	size_t taken;	  /* bytes of the input, from its beginning */
	uint64_t records; /* in them */
	struct slice body; /* in the input */
	const char *why;  /* no more can come */
};

/* What the job log is to say of a record that has no answer. */
struct call_job {
	int64_t came; /* when it was read, */
	int64_t sent; /* and sent to a host last; NEVER: it was not */
	uint64_t bytes;
};

/* The one call, where it is no filter. */
struct call_stream {
	int sent;	   /* its request is out */
	int64_t send_at;   /* it goes with what is there of the body; NEVER */
	int deaf;	   /* nobody wants more of the body */
	uint64_t left;	   /* bytes of the body that may be sent */
	uint64_t read;	   /* bytes of input, in all */
	struct stream output; /* in pieces */
	int last;	   /* byte of the output; -1: none came */
	uint64_t wrote;	   /* bytes of output, in all */
	uint64_t shown;	   /* bytes of both ways at the last look, */
	int64_t shown_at;  /* and when that was */
};

/* The standard error of a request that has written some. */
struct call_error {
	struct call_error *next;
	uint64_t number; /* of the record, or 1 */
	struct stream stream;
	struct buf line; /* of a filter: the line that is not whole */
};

struct call {
	struct call_config config;
	struct plb *plb;
	struct way *way; /* config.ngiven of them */
	struct msg request; /* but for id and body */
	struct buf in; /* read, and not yet sent */
	struct buf *out;
	struct frame_reader reader;
	struct call_unit unit; /* the next */
	int64_t came_at;       /* input did last */
	int64_t began_at;      /* the first was sent, or failed; NEVER */
	uint64_t taken;	       /* bytes of input that have become records, */
	uint64_t skipped;      /* and of these passed over */
	struct call_job *jobs; /* FILTER_WINDOW of them, by number, or NULL */
	unsigned char *args;   /* CALL_ARGS_MAX bytes of them, with a record */
	struct buf word;       /* scratch: one of them */
	int dropping;	       /* one that is not run, told in few lines */
	int stopped;	       /* too many have failed: no more is sent */
	size_t done;	       /* ranges of these that we have passed */
	struct slice host;     /* that has answered, while that is looked at */
	struct filter filter;
	int watching; /* CALL_INPUT said so */
	int ready; /* input is there, and waits for tokens */
	int forced; /* it is read all the same: its time is up */
	int ended; /* of the input */
	int over;  /* CALL_FINISH or CALL_QUIT is out */
	int status;
	struct call_ending ending;
	struct call_stream stream;
	struct call_error *errors;
	int64_t now; /* of the last tick */

	/* Why nothing comes. */
	int64_t notice_at, unknown_at, progress_at; /* or NEVER */
	int64_t asked_at; /* the one call was, or NEVER */
	int64_t waits_at; /* input that is there waits for any capacity at all
			     since then, or NEVER */
	int64_t flush_at; /* to give up on writing, or NEVER */
	int64_t hope_at;  /* the next of what was given is hopeless, or NEVER */
	uint64_t shown;	  /* bytes of results that the shell knows of */
	int told;  /* that there is none */
	int stuck; /* no answer came since the last notice */
	int buying; /* the broker is dialled */
	char trouble[REASON_MAX]; /* what we were told about buying */
	int64_t refused_at; /* when a seller refused, and no offers came */
};

/* call.c */

/* The module is named. A filter goes on until each record that it was given has
 * its line. */
void call_give_up(struct call *, int status, const char *why);

/* End with this status, unless there is one already. */
void call_end(struct call *, enum call_act how, int status);
void call_lose_result(struct call *);
void call_submit(struct call *, int64_t now, uint64_t number,
    struct slice body);

/* Say the failures of consecutive records that waited to share one line. */
void call_say_pending(struct call *);
/* A line about one record of the input, or about consecutive ones. */
void call_say_lines(struct call *, uint64_t first, uint64_t last,
    const char *why);

/* It has no result: an answer with -S, else a line. The job log has it, too,
 * unless it is one of those that are not sent any more. */
void call_fail_record(struct call *, uint64_t number, const char *why);

/* call_input.c: the same for blocks as for records */

/* Send the next record, or fail it if it cannot be sent: 1; 0 if there is
 * none. */
int call_send_record(struct call *, int64_t now);
/* Skip the next record if it had its answer in an earlier run: 1, or 0. */
int call_skip_record(struct call *);
/* Too many have failed: send no more of the records that were read. */
void call_drop_rest(struct call *, int64_t now);
/* Fail the next record that was read, which is not sent: 1, or 0 when there is
 * none. */
int call_drop_record(struct call *, int64_t now, const char *why);
/* The same, on the way to the end: told beside those before it. */
int call_drop_unsent(struct call *, int64_t now);

/* call_job.c: the job log, where there is one */

/* 0, or -1 with ENOMEM. */
int call_job_new(struct call *);
/* The record of this number has that many bytes. */
void call_job_begin(struct call *, uint64_t number, size_t bytes);
void call_job_sent(struct call *, int64_t now, uint64_t number);
/* Its answer, which comes next, has that many bytes; how is its status or a
 * reason. */
void call_job_end(struct call *, uint64_t number, size_t bytes,
    const char *how);
/* Tell the shell which results are written by now. */
void call_job_tell(struct call *);
/* Has the next record had its answer in an earlier run? */
int call_is_done(struct call *);

/* call_stream.c */

/* What the request has written to standard error; and its end. */
void call_error_take(struct call *, int64_t now, const struct msg_data *);
void call_error_end(struct call *, uint64_t number);
/* " on HOST: LINE", as far as it is known, to buf; returns it. */
const char *call_error_where(struct slice host, struct slice said, char *buf,
    size_t size);

int call_stream_wants(const struct call *);
size_t call_stream_room(const struct call *);
void call_stream_input(struct call *, int64_t now, struct slice);
void call_stream_end(struct call *, int64_t now);
/* Data, end and window of it. */
void call_stream_take(struct call *, int64_t now, const struct msg *);
/* Its reply. */
void call_stream_finish(struct call *, const struct msg_reply *);
/* Nobody reads the output: tell the program that writes it. */
void call_stream_break(struct call *, int64_t now);
void call_stream_tick(struct call *, int64_t now);
/* How many streams may share a connection with its output: more than one where
 * it goes by a PLB that serves others, too. */
size_t call_stream_sharers(const struct call *);
/* Bytes in, out, and the rate of both since the last look. */
void call_stream_progress(struct call *, int64_t now);

/* call_why.c */

/* Write to why what there is to say now; returns why. */
const char *call_why_not(const struct call *, int64_t now, char *why,
    size_t size);
/* From now on reasons are said again. */
void call_arm_notice(struct call *, int64_t now);
void call_forget_trouble(struct call *);
/* What the broker, the PLB or a channel says of the order. */
void call_on_offers(struct call *, int64_t now, const struct msg_offers *);
void call_on_refuse(struct call *, int64_t now, const struct msg_refuse *);
/* No capacity has come for a while: say why, once. */
void call_on_notice(struct call *, int64_t now);
/* Give up if the given channels are hopeless, and there is no broker in their
 * place. */
void call_look_for_hope(struct call *, int64_t now);

#endif
