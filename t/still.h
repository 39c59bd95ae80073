#ifndef STILL_H
#define STILL_H

/*
 * A clock that stands still until the test lets time pass, in place of the
 * system's: linked with it, the loop reads this one. What takes minutes is over
 * in a moment, and how fast the machine is does not matter.
 */

#include <stdint.h>

#include "t/loop_turns.h"

extern int64_t still_ms;

/* Time passes, and all that is due then is done. */
void still_pass(int64_t ms);

#endif
