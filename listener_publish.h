#ifndef LISTENER_PUBLISH_H
#define LISTENER_PUBLISH_H

/*
 * The release of a listener's program that is published: the file, held open,
 * and the attributes that follow from the file and the listener's options.
 *
 * A new release goes through a preflight if it can, and is published only when
 * it has passed. Until then, and if it fails, the release before stays. The
 * first release is published at once, since there is none before it; if its
 * preflight fails, the listener ends.
 */

#include <sys/stat.h>

#include "attrs.h"
#include "child.h"

/* A release. */

struct publish_config {
	const char *program; /* looked up as execvp() does */
	const char *version; /* or "@file", whose first word it is; or NULL */
	char *functions[EXPORTS_MAX];
	size_t nfunctions;
	char *labels[LABELS_MAX];
	size_t nlabels;
	int preflight; /* it can be tried, since workers start before there is
			  a request; otherwise its file is checked */
};

struct release {
	struct buf attrs; /* encoded */
	struct program_file file;
};

/*
 * Make a release of the program as it is now: 0, and the caller frees it; or -1
 * with a sentence in why that says what to do. If there is no preflight, the
 * file must not be empty, must not be text without a #! line, and the program
 * that such a line names must be there.
 */
int release_make(const struct publish_config *, struct release *, char *why,
    size_t size);

void release_init(struct release *);
void release_free(struct release *);
/* Have they the same attributes and the same file? */
int release_equal(const struct release *, const struct release *);

/*
 * A preflight checks whether the program can be a worker. It is started as a
 * worker would be, with open pipes and nothing to do. If it still runs after
 * PREFLIGHT_MS it has passed, and is ended like a worker that is no longer
 * needed.
 */

#define PREFLIGHT_MS	   500
#define PREFLIGHT_LINE_MAX 200 /* bytes of its last line that are logged */

struct preflight;

/* The verdict, given once. why is NULL if it has passed; otherwise it says how
 * the program ended, with its last line on standard error ("ended at once: exit
 * status 3: no such table"). */
typedef void preflight_fn(void *arg, const char *why);

/* Start one. NULL with the errno of what failed, the exec included. It frees
 * itself when it has ended after the verdict. */
struct preflight *preflight_start(struct loop *, const struct program_start *,
    preflight_fn *, void *arg);

/* End it without a verdict. */
void preflight_stop(struct preflight *);

/* Kill all that have not ended, at the end of the listener. Do not call this in
 * a verdict. */
void preflight_end_all(void);

/* What is published. */

#define PUBLISH_LOOK_MS 1000 /* how often a watched file is looked at */

struct publish {
	struct loop *loop; /* set before, as are these: */
	const struct publish_config *config;
	struct program_start start; /* for a preflight: as a worker's */
	/* There is a new release, in now. */
	void (*publish)(void *arg);
	/* The first release has failed its preflight, and this is why. */
	void (*failed)(void *arg, const char *why);
	void *arg;

	struct release now;  /* published */
	struct release next; /* in its preflight */
	struct preflight *preflight; /* NULL: none */
	int first; /* the preflight is that of now */
	struct timer look;
	struct stat seen;  /* the file at the last look */
	struct stat known; /* and as it was published, or refused */
};

/* Make the first release, and begin its preflight. Dies (100, 111) and says
 * what is wrong, if it cannot. */
void publish_start(struct publish *);

/* Look at the program's file from now on, and publish it when it changes. */
void publish_watch(struct publish *);

/* Publish it again, whether it has changed or not. */
void publish_renew(struct publish *);

/* Publish nothing more. */
void publish_stop(struct publish *);
void publish_free(struct publish *);

#endif
