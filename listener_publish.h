#ifndef LISTENER_PUBLISH_H
#define LISTENER_PUBLISH_H

/*
 * Which release of a listener's program is published: its file, held open, and
 * the attributes that the file and the listener's options amount to.
 *
 * A new release goes through a preflight where it can, and is published only
 * when it has passed; until then, and when it has not, the one before stays.
 * The first one is published at once, since there is none before it, and ends
 * the listener when it fails.
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
	int preflight; /* it can be tried, as workers are started before there
			  is a request; else its file is looked at */
};

struct release {
	struct buf attrs; /* encoded */
	struct program_file file;
};

/*
 * Make one as things are now: 0, and it is the caller's to free; or -1 with a
 * sentence in why that says what to do. Where there is no preflight, the file
 * must not be empty, must not be text without a #! line, and the program that
 * such a line names must be there.
 */
int release_make(const struct publish_config *, struct release *, char *why,
    size_t size);

void release_init(struct release *);
void release_free(struct release *);
/* The same attributes of the same file? */
int release_equal(const struct release *, const struct release *);

/*
 * A preflight: can the program be a worker? It is started as one would be, with
 * its pipes open and nothing to do, and has passed when it is still there after
 * PREFLIGHT_MS. Then it is ended as a worker that is no longer needed.
 */

#define PREFLIGHT_MS	   500
#define PREFLIGHT_LINE_MAX 200 /* bytes of its last line that are told */

struct preflight;

/* The verdict, given once: why is NULL, or says how it ended, and its last line
 * on standard error ("ended at once: exit status 3: no such table"). */
typedef void preflight_fn(void *arg, const char *why);

/* Start one. NULL with the errno of what failed, the exec included. It frees
 * itself when it has ended after the verdict. */
struct preflight *preflight_start(struct loop *, const struct program_start *,
    preflight_fn *, void *arg);

/* It ends, and gives no verdict. */
void preflight_stop(struct preflight *);

/* End now all that are still ending: at the program's end. Not for use in a
 * verdict. */
void preflight_end_all(void);

/* What is published. */

#define PUBLISH_LOOK_MS 1000 /* how often a watched file is looked at */

struct publish {
	struct loop *loop; /* set before, as are these: */
	const struct publish_config *config;
	struct program_start start; /* for a preflight: as a worker's */
	/* There is a new release, in now. */
	void (*publish)(void *arg);
	/* The first one has failed, and this is why. */
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

/* Make the first release, and begin its preflight. Dies (100, 111) with what is
 * wrong with it. */
void publish_start(struct publish *);

/* Look at the program's file from now on, and publish what changes. */
void publish_watch(struct publish *);

/* Publish it anew, changed or not. */
void publish_renew(struct publish *);

/* Publish nothing more. */
void publish_stop(struct publish *);
void publish_free(struct publish *);

#endif
