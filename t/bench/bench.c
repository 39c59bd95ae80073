#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "t/bench/bench.h"

static double
read_clock(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double
bench_seconds(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

double
bench_cpu_seconds(void)
{
	return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

void
bench_fail(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

size_t
bench_number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (n == 0 || *end != '\0')
		bench_fail("an argument is no number");
	return n;
}

static int
compare_doubles(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

double
bench_median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare_doubles);
	return n % 2 == 1 ? values[n / 2] :
	    (values[n / 2 - 1] + values[n / 2]) / 2;
}

void
bench_print(const char *name, double value)
{
	printf("%s %.9g\n", name, value);
	fflush(stdout);
}

void
bench_times_init(struct bench_times *t, size_t cap)
{
	t->n = 0;
	t->cap = cap;
	if ((t->ns = malloc(cap * sizeof(*t->ns))) == NULL)
		bench_fail("out of memory");
}

void
bench_times_add(struct bench_times *t, double seconds)
{
	if (t->n < t->cap)
		t->ns[t->n++] = seconds < 4 ? (uint32_t)(seconds * 1e9) :
					      UINT32_MAX;
}

static int
compare_ns(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void
bench_times_print(struct bench_times *t, const char *prefix)
{
	if (t->n == 0)
		bench_fail("nothing was answered");
	qsort(t->ns, t->n, sizeof(*t->ns), compare_ns);
	printf("%s-p50 %.1f\n", prefix, t->ns[t->n / 2] / 1e3);
	printf("%s-p99 %.1f\n", prefix, t->ns[t->n - 1 - t->n / 100] / 1e3);
	fflush(stdout);
	t->n = 0;
}
