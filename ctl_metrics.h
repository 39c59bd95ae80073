#ifndef CTL_METRICS_H
#define CTL_METRICS_H

/*
 * What lambda-ctl makes of rows in numbers: the text that Prometheus reads, and
 * what a process has counted, for top. It has no I/O: lines go to the caller.
 */

#include "ctl_row.h"
#include "stats.h"

/* The numbers of stats.h. */
struct metrics_stats {
	uint64_t n[STATS];
};

/* Add what a row of requests or times says: 1, or 0 if it is no such row. */
int metrics_add(struct metrics_stats *, const struct row *);

/* Lines of the Prometheus text format, each without its newline, of rows that
 * each end in one. */
void metrics_print(struct slice rows, void (*line)(void *arg, struct slice),
    void *arg);

#endif
