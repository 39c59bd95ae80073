#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "die.h"
#include "listener_edition.h"
#include "log.h"

#define REASON_BYTES 1024

static void on_look(void *);
static void on_verdict(void *, const char *);

static void
say_stays(const char *why)
{
	log_error("what was published stays: %s", why);
}

static void
publish_next(struct edition *e)
{
	made_free(&e->now);
	e->now = e->next;
	made_init(&e->next);
	e->publish(e->arg);
}

static void
drop_next(struct edition *e)
{
	if (e->trial != NULL)
		trial_stop(e->trial);
	e->trial = NULL;
	made_free(&e->next);
}

static void
on_verdict(void *arg, const char *why)
{
	struct edition *e = arg;
	char text[REASON_BYTES];
	int first = e->first;

	e->trial = NULL;
	e->first = 0;
	if (why != NULL) {
		snprintf(text, sizeof(text), "%s %s", e->offer->program, why);
		why = text;
	}
	if (first && why != NULL) {
		e->failed(e->arg, why);
	} else if (why != NULL) {
		say_stays(why);
		made_free(&e->next);
	} else if (!first) {
		publish_next(e);
	}
}

/* 0, or -1 with why. */
static int
try(struct edition *e, const struct made *m, char *why, size_t size)
{
	e->launch.file = &m->file;
	e->trial = trial_start(e->loop, &e->launch, on_verdict, e);
	if (e->trial != NULL)
		return 0;
	snprintf(why, size, "unable to run %s: %s%s", e->offer->program,
	    strerror(errno), errno == ENOENT ?
	    ": what its #! line names, or its loader, is not there" : "");
	return -1;
}

/* Try or publish the program as it is now, unless that is what is published (a
 * renewal publishes it all the same) or on trial already. */
static void
consider(struct edition *e, int always)
{
	struct made made;
	char why[REASON_BYTES];

	if (offer_make(e->offer, &made, why, sizeof(why)) == -1) {
		if (!e->first)
			drop_next(e);
		say_stays(why);
		return;
	}
	if (((!always || e->first) && made_equal(&made, &e->now)) ||
	    (e->trial != NULL && made_equal(&made, &e->next))) {
		made_free(&made);
		return;
	}
	e->first = 0;
	drop_next(e);
	e->next = made;
	if (!e->tries)
		publish_next(e);
	else if (try(e, &e->next, why, sizeof(why)) == -1) {
		say_stays(why);
		made_free(&e->next);
	}
}

void
edition_start(struct edition *e)
{
	char why[REASON_BYTES];

	made_init(&e->next);
	e->look.fn = on_look;
	e->look.arg = e;
	e->known = e->seen = stamp_of(e->offer->program);
	if (offer_make(e->offer, &e->now, why, sizeof(why)) == -1)
		die(EXIT_USAGE, "%s", why);
	e->first = e->tries;
	if (e->tries && try(e, &e->now, why, sizeof(why)) == -1)
		die(EXIT_TEMPORARY, "%s", why);
}

/* A file must be the same at two looks, since it may still be being written.
 * What is wrong with it is said once. */
static void
on_look(void *arg)
{
	struct edition *e = arg;
	struct stamp now = stamp_of(e->offer->program);

	loop_timer(e->loop, &e->look, loop_now(e->loop) + EDITION_LOOK_MS);
	if (!stamp_equal(&now, &e->known) && stamp_equal(&now, &e->seen)) {
		e->known = now;
		consider(e, 0);
	}
	e->seen = now;
}

void
edition_watch(struct edition *e)
{
	loop_timer(e->loop, &e->look, loop_now(e->loop) + EDITION_LOOK_MS);
}

void
edition_renew(struct edition *e)
{
	e->known = e->seen = stamp_of(e->offer->program);
	consider(e, 1);
}

void
edition_stop(struct edition *e)
{
	loop_untimer(e->loop, &e->look);
	e->first = 0;
	drop_next(e);
}

void
edition_free(struct edition *e)
{
	edition_stop(e);
	made_free(&e->now);
	trial_end_all();
}
