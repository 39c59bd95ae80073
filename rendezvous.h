#ifndef RENDEZVOUS_H
#define RENDEZVOUS_H

/*
 * Rendezvous hashing (Thaler and Ravishankar, "Using Name-Based Mappings to
 * Increase Hit Rates", 1998): all who know the same authorities agree, without
 * a message, which of them come first for a module. When an authority comes or
 * goes, only the modules that it is among the first for move.
 */

#include "msg.h"

/* The authority's weight for the module: the highest comes first. */
uint64_t rendezvous_weight(const struct id *authority, struct slice module);

/* Does a come before b for the module? Of equal weights, the lower id does. */
int rendezvous_before(const struct id *a, const struct id *b,
    struct slice module);

#endif
