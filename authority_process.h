#ifndef AUTHORITY_PROCESS_H
#define AUTHORITY_PROCESS_H

/*
 * The exchanges that an authority runs, as processes. Each has a listening
 * socket on its descriptor 0 and /dev/null on 1. Its end is logged and
 * reported.
 */

#include <stdint.h>

#include "addr.h"
#include "chain.h"
#include "loop.h"
#include "slice.h"

struct authority_processes {
	struct loop *loop;
	struct addr address; /* where they listen, on a port of their own */
	char *const *options; /* passed to each, NULL at the end, 8 at most */
	char *program;
	char **env;
	/* The process of the tag has ended. */
	void (*ended)(void *arg, uint32_t tag);
	void *arg;
	struct chain chain;
};

/* loop, address, options, ended and arg are set. Dies (111). */
void authority_process_init(struct authority_processes *);
void authority_process_free(struct authority_processes *);

/* Start one for the module; *bound gets where it listens. 0, or -1 after
 * having logged why. */
int authority_process_start(struct authority_processes *, uint32_t tag,
    struct slice module, struct addr *bound);

/* SIGTERM, and SIGKILL when it is still there after CHILD_KILL_MS. */
void authority_process_kill(struct authority_processes *, uint32_t tag);
void authority_process_kill_all(struct authority_processes *);

int authority_process_any(const struct authority_processes *);

#endif
