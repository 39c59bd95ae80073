#include "t/credit_calls.h"

static struct {
	uint64_t n;
	struct {
		int answered, denied; /* denied: it surely did not run */
		unsigned retries, runs;
	} call[CALLS];
} asked[PLBS];
uint64_t calls_ran;

void
calls_begin(void)
{
	memset(asked, 0, sizeof(asked));
}

uint64_t
calls_new(unsigned plb, unsigned retries)
{
	uint64_t call = ++asked[plb].n;

	CHECK(call < CALLS);
	asked[plb].call[call].retries = retries;
	return call;
}

void
calls_answered(unsigned plb, const struct msg *m)
{
	uint64_t call;
	int ran;

	if (m->type != MSG_REPLY && m->type != MSG_FAIL)
		return;
	call = m->type == MSG_REPLY ? m->u.reply.id : m->u.fail.id;
	CHECK(calls_is_pending(plb, call));
	ran = asked[plb].call[call].runs > 0;
	asked[plb].call[call].answered = 1;
	asked[plb].call[call].denied = m->type == MSG_FAIL && !m->u.fail.ran;
	CHECK(ran ? !asked[plb].call[call].denied : m->type == MSG_FAIL);
}

void
calls_gone(unsigned plb)
{
	uint64_t i;

	for (i = 1; i <= asked[plb].n; i++)
		asked[plb].call[i].answered = 1;
}

void
calls_runs(unsigned plb, uint64_t call)
{
	CHECK(call > 0 && call <= asked[plb].n);
	CHECK(!asked[plb].call[call].denied);
	CHECK(asked[plb].call[call].runs++ <= asked[plb].call[call].retries);
	calls_ran++;
}

int
calls_is_pending(unsigned plb, uint64_t call)
{
	return call > 0 && call <= asked[plb].n &&
	    !asked[plb].call[call].answered;
}

uint64_t
calls_last(unsigned plb)
{
	uint64_t i = asked[plb].n;

	while (i > 0 && asked[plb].call[i].answered)
		i--;
	return i;
}
