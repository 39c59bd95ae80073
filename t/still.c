#include <time.h>

#include "t/still.h"
#include "t/check.h"

int64_t still_ms = 1000000;

int clock_gettime(clockid_t, struct timespec *);

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	(void)id;
	ts->tv_sec = (time_t)(still_ms / 1000);
	ts->tv_nsec = (long)(still_ms % 1000) * 1000000;
	return 0;
}

void
still_pass(int64_t ms)
{
	still_ms += ms;
	turn();
	assert_idle();
}
