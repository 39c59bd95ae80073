#ifndef AUTHORITY_PROCESS_H
#define AUTHORITY_PROCESS_H

/*
 * The exchanges that an authority runs, as processes: each is started with a
 * listening socket on its descriptor 0, reported when it ends, and ended when
 * it is to.
 */

#include <stdint.h>

#include "addr.h"
#include "loop.h"
#include "slice.h"

struct child;

struct children {
	struct loop *loop;
	struct addr address; /* where they listen; the port is not looked at */
	char *const *options; /* passed to each, NULL at the end, 8 at most */
	char *program;
	char **env;
	int null; /* /dev/null */
	/* The process of the tag has ended. */
	void (*ended)(void *arg, uint32_t tag);
	void *arg;
	struct child *head;
};

/* loop, address, options, ended and arg are set. Dies (111). */
void children_init(struct children *);
void children_free(struct children *);

/* Start one for the module; *bound gets where it listens. 0, or -1 after
 * having logged why. */
int children_start(struct children *, uint32_t tag, struct slice module,
    struct addr *bound);

/* SIGTERM, and SIGKILL when it is still there after a while. */
void children_kill(struct children *, uint32_t tag);
void children_kill_all(struct children *);

int children_any(const struct children *);

#endif
