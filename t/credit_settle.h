#ifndef CREDIT_SETTLE_H
#define CREDIT_SETTLE_H

/*
 * How these cores (credit_links.h) come to rest, for tests: nothing happens but
 * what is there to be done, and the broker is honest.
 */

#include "t/credit_action.h"

/* All that there is to be done is; by workers, too. No time passes. */
void settle_down(int workers);

/*
 * Everybody is linked, and time passes, until all is answered, and one request
 * more of each PLB's; then nobody wants anything, and all that was granted must
 * come back; then all end, and must be able to.
 */
void settle_settle(void);

#endif
