#ifndef CALL_WAY_H
#define CALL_WAY_H

/*
 * How one of the channels fares that a caller was given: an address, or a
 * command whose standard input and output are the connection (ssh, say). It
 * knows whether to wait for it, when to start a command again or to end it,
 * whether there is hope, and what there is to say. No I/O and no clock.
 *
 * An address is dialled again and again by the driver. There is hope for
 * WAY_START_MS if it has never been linked, and for WAY_LOST_MS after that. A
 * command is waited for as long as it lives. One that has never been linked,
 * and ends, is hopeless; one that was is started again, and hopeless after
 * WAY_STARTS_MAX starts in a row that came to no link. What is hopeless is
 * tried on, for the case that something else keeps the caller going.
 */

#include <stddef.h>
#include <stdint.h>

#include "slice.h"

#define WAY_START_MS	   2000
#define WAY_LOST_MS	   10000
#define WAY_BACKOFF_MIN_MS 100
#define WAY_BACKOFF_MAX_MS 10000 /* who stood as long begins anew */
#define WAY_STARTS_MAX	   5
#define WAY_END_MS	   1000 /* between the end of a command's link and the
				   signal, or the other way round */
#define WAY_TEXT_MAX	   512

struct way {
	const char *name; /* the address, or the command */
	int command;
	uint32_t peer;	  /* its link, which is up; 0: it is not */
	int known;	  /* it was up once */
	int final;	  /* to try again is of no use */
	int64_t since;	  /* when its link came up, or else when it was started
			     or lost, ms */
	/* Of a command: */
	int running;	  /* the process lives */
	int linked;	  /* its link stands, or is being made */
	int64_t due;	  /* way_tick() has something to do; INT64_MAX */
	int64_t backoff_ms;
	unsigned starts;  /* in vain, in a row */
	char said[WAY_TEXT_MAX];  /* why there was no link, */
	int refused; /* or, of an address, why it granted nothing before its
			link was lost */
	char ended[WAY_TEXT_MAX]; /* how the command ended */
};

/* name stays the caller's. */
void way_init(struct way *, int64_t now, const char *name, int command);

void way_up(struct way *, int64_t now, uint32_t peer);
/* Its link is lost, or will be used no longer. */
void way_down(struct way *, int64_t now);
/* Its link did not come up, for this reason. */
void way_failed(struct way *, int64_t now, struct slice reason, int final);
/* Over its link it has refused for this reason, or (empty) granted something:
 * that is why, where the link is lost next. */
void way_answered(struct way *, struct slice refusal);
/* The command has ended ("ended with status 1"); or it could not be started. */
void way_ended(struct way *, int64_t now, const char *how);
void way_unable(struct way *, int64_t now, const char *why);

/* What is to be done now; way_tick() counts it as done. */
enum way_do { WAY_NOTHING, WAY_START, WAY_STOP };
enum way_do way_tick(struct way *, int64_t now);
int64_t way_deadline(const struct way *);

/* Is there anything to wait for? And until when, where nothing happens;
 * INT64_MAX: until something does. */
int way_hopes(const struct way *, int64_t now);
int64_t way_patience(const struct way *);

/* Why it is not linked, to buf, cut at size; returns buf. */
const char *way_why(const struct way *, int64_t now, char *buf, size_t size);

#endif
