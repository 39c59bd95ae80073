#ifndef BENCH_H
#define BENCH_H

/*
 * What the programs that measure have in common. Each prints its figures as
 * "NAME VALUE", a line each; run.sh knows their units and aims.
 */

#include <stddef.h>
#include <stdint.h>

/* Seconds on the monotonic clock, which all processes of a host share. */
double bench_seconds(void);

/* Seconds of processor time of this process: where nothing but that is spent,
 * it is not disturbed by what else runs on the host. */
double bench_cpu_seconds(void);

/* Ends the program. */
void bench_fail(const char *what);

/* A positive number of an argument, or it ends the program. */
size_t bench_number(const char *text);

/* Sorts them. */
double bench_median(double *values, size_t n);

void bench_print(const char *name, double value);

/* How long requests took: as many as fit are kept. */
struct bench_times {
	uint32_t *ns;
	size_t n, cap;
};

void bench_times_init(struct bench_times *, size_t cap);
void bench_times_add(struct bench_times *, double seconds);

/* Prints PREFIX-p50 and PREFIX-p99, in us, and forgets all. */
void bench_times_print(struct bench_times *, const char *prefix);

#endif
