#ifndef CALL_WAY_H
#define CALL_WAY_H

/*
 * The state of one given channel (-x): an address, or a command whose standard
 * input and output are the connection (ssh, say). It knows whether to wait for
 * the channel, when to start a command again or to end it, whether there is
 * hope, and what to say about it. No I/O and no clock.
 *
 * The driver dials an address again and again. There is hope for WAY_START_MS
 * if it has never been linked, and for WAY_LOST_MS after its link is lost. A
 * caller waits for a command as long as it lives. A command that ends before it
 * was ever linked is hopeless; one that was linked is started again, and
 * hopeless after WAY_STARTS_MAX starts in a row without a link. A hopeless
 * channel is still tried, since something else may keep the caller going.
 */

#include <stddef.h>
#include <stdint.h>

#include "slice.h"

#define WAY_START_MS	   2000
#define WAY_LOST_MS	   10000
#define WAY_BACKOFF_MIN_MS 100
#define WAY_BACKOFF_MAX_MS 10000 /* a link that stood as long resets it */
#define WAY_STARTS_MAX	   5
#define WAY_END_MS	   1000 /* between the end of a command's link and the
				   signal, or the other way round */
#define WAY_TEXT_MAX	   512

struct way {
	const char *name; /* the address, or the command */
	int command;
	uint32_t peer;	  /* its link, which is up; 0: it is not */
	int known;	  /* it was up once */
	int final;	  /* trying again will not help */
	int64_t since;	  /* when its link came up, or else when it was started
			     or lost, ms */
	/* Of a command: */
	int running;	  /* the process lives */
	int linked;	  /* its link stands, or is being made */
	int64_t due;	  /* way_tick() has something to do; INT64_MAX */
	int64_t backoff_ms;
	unsigned starts;  /* without a link, in a row */
	char said[WAY_TEXT_MAX];  /* why there was no link, */
	int refused; /* or why an address granted nothing before its link
			was lost */
	char ended[WAY_TEXT_MAX]; /* how the command ended */
};

/* name stays the caller's. */
void way_init(struct way *, int64_t now, const char *name, int command);

void way_up(struct way *, int64_t now, uint32_t peer);
/* Its link is lost, or will be used no longer. */
void way_down(struct way *, int64_t now);
/* Its link did not come up, for this reason. */
void way_failed(struct way *, int64_t now, struct slice reason, int final);
/* Over its link it has refused for this reason, or granted something (empty).
 * If the link is lost next, that is why. */
void way_answered(struct way *, struct slice refusal);
/* The command has ended ("ended with status 1"); or it could not be started. */
void way_ended(struct way *, int64_t now, const char *how);
void way_unable(struct way *, int64_t now, const char *why);

/* What to do now; way_tick() counts it as done. */
enum way_do { WAY_NOTHING, WAY_START, WAY_STOP };
enum way_do way_tick(struct way *, int64_t now);
int64_t way_deadline(const struct way *);

/* Is there anything to wait for? And until when, if nothing happens; INT64_MAX:
 * until something does. */
int way_hopes(const struct way *, int64_t now);
int64_t way_patience(const struct way *);

/* Why it is not linked, to buf, cut at size; returns buf. */
const char *way_why(const struct way *, int64_t now, char *buf, size_t size);

#endif
