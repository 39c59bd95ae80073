#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bootstrap_dns.h"
#include "rng.h"
#include "fuzz.h"

/*
 * The input is an answer, to whatever question it repeats: from its header to
 * the end of the first name, and the type and class behind it. What is taken is
 * within its bounds, and the order of the records loses none.
 */

const char *const fuzz_corpus[] = { "t/fuzz/corpus/dns", NULL };

static size_t
question_len(const uint8_t *p, size_t n)
{
	size_t at = 12;

	while (at < n && p[at] != 0 && p[at] < 64)
		at += 1 + (size_t)p[at];
	return at < n && n - at >= 5 && p[at] == 0 ? at + 5 : 0;
}

static unsigned
sum_of(const struct dns_answer *a)
{
	unsigned sum = 0;
	size_t i;

	for (i = 0; i < a->n; i++)
		sum += a->srv[i].port + 65536u * a->srv[i].priority;
	return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct dns_answer a;
	struct rng rng;
	unsigned sum;
	size_t i;

	i = question_len(p, n);
	if (i == 0)
		i = n < 12 ? n : 12;
	if (dns_answer(&a, slice_of(p, n), slice_of(p, i)) == -1) {
		assert(errno == EPROTO || errno == ENOMSG);
		return 0;
	}
	assert(a.n <= DNS_SRV_MAX);
	for (i = 0; i < a.n; i++)
		assert(memchr(a.srv[i].target, '\0', DNS_NAME_MAX) != NULL &&
		    a.srv[i].target[0] != '\0');
	rng_seed(&rng, n);
	sum = sum_of(&a);
	dns_order(&a, &rng);
	assert(sum == sum_of(&a));
	for (i = 1; i < a.n; i++)
		assert(a.srv[i - 1].priority <= a.srv[i].priority);
	return 0;
}
