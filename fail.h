#ifndef FAIL_H
#define FAIL_H

/*
 * How a function fails: with -1, and errno says why.
 */

#include <errno.h>

static inline int
fail(int error)
{
	errno = error;
	return -1;
}

#endif
