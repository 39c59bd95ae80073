/*
 * Weighted draws a second: a random number and a descent in the tree of the
 * weights, by how many channels there are. Beside it, the same draw as a walk
 * along the weights.
 */

#include "rng.h"
#include "t/bench/bench.h"

#define ROUNDS 7
#define BATCH  1024
#define WALKS  16
#define SPAN   0.05 /* seconds of a round */

static struct fenwick f;
static struct rng rng;
static volatile size_t sink;

static void
draw_tree(void)
{
	size_t i;

	for (i = 0; i < BATCH; i++)
		sink = fenwick_find(&f, rng_below(&rng, f.total));
}

static void
draw_walk(void)
{
	uint64_t point;
	size_t i, k;

	for (k = 0; k < WALKS; k++) {
		point = rng_below(&rng, f.total);
		for (i = 0; point >= fenwick_get(&f, i); i++)
			point -= fenwick_get(&f, i);
		sink = i;
	}
}

static double
measure(void (*draw)(void), size_t draws)
{
	double took[ROUNDS], start, end;
	size_t done;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		start = bench_cpu_seconds();
		for (done = 0; (end = bench_cpu_seconds()) < start + SPAN;
		     done += draws)
			draw();
		took[i] = (double)done / (end - start);
	}
	return bench_median(took, ROUNDS);
}

int
main(void)
{
	static const size_t sizes[] = { 1, 1024, 65536 };
	static const char *const names[][2] = {
		{ "tree-1", "walk-1" }, { "tree-1024", "walk-1024" },
		{ "tree-65536", "walk-65536" }
	};
	size_t i, k;

	rng_seed(&rng, 1);
	fenwick_init(&f);
	for (i = k = 0; i < 3; i++) {
		if (fenwick_grow(&f, sizes[i]) == -1)
			bench_fail("out of memory");
		for (; k < sizes[i]; k++)
			fenwick_set(&f, k, 1 + (uint32_t)rng_below(&rng, 64));
		bench_print(names[i][0], measure(draw_tree, BATCH));
		bench_print(names[i][1], measure(draw_walk, WALKS));
	}
	fenwick_free(&f);
	return 0;
}
