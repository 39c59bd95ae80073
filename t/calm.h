#ifndef CALM_H
#define CALM_H

/*
 * How a street (street.h) comes to rest, for tests: nothing happens any more
 * but what is there to be done, and the broker is honest.
 */

#include "t/action.h"

/* All that there is to be done is; by workers, too. No time passes. */
void calm_down(int workers);

/*
 * Everybody is linked, and time passes, until all is answered, and one request
 * more of each PLB's; then nobody wants anything, and all that was granted must
 * come back; then all end, and must be able to.
 */
void calm_settle(void);

#endif
