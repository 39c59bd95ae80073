#ifndef WIRE_GOLDEN_H
#define WIRE_GOLDEN_H

/* An example of each message, as t/wire/NAME.hex spells it in bytes. */

#include "msg.h"

/* The message of the type with all its fields set, or with those alone that it
 * must have. The slices are static, good until the next call. */
void golden_make(struct msg *, unsigned type, int full);

#endif
