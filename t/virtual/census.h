#ifndef SIM_CENSUS_H
#define SIM_CENSUS_H

/*
 * Who there is at a moment, by kind, by instance and by module, so that a look
 * at all of a large world costs what it looks at. Good until the next event.
 */

#include "t/virtual/sim.h"

struct census_list {
	struct proc **proc;
	size_t n;
};

struct census {
	const struct world *world;
	struct map by_instance;
	struct census_list kind[PROC_KINDS];
	struct proc **broker;		/* by host, from 1; NULL: none */
	struct census_list *exchanges;	/* by module */
	struct census_list *listeners;	/* by module */
	unsigned char *used;		/* by module: somebody sells or buys */
};

void census_take(struct census *, const struct world *);
void census_free(struct census *);
struct proc *census_find(const struct census *, const struct id *instance);

#endif
