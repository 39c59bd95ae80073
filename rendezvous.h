#ifndef RENDEZVOUS_H
#define RENDEZVOUS_H

/*
 * Rendezvous hashing (Thaler and Ravishankar, "Using Name-Based Mappings to
 * Increase Hit Rates", 1998): everybody who knows the same authorities agrees
 * on the first R of them for a module, with no word between them; when one
 * comes or goes, only what it is among the first for moves.
 */

#include "msg.h"

/* How high the authority stands for the module: the highest is the first. */
uint64_t rendezvous_weight(const struct id *authority, struct slice module);

/* Does a stand before b for the module? Of equals, the lower id. */
int rendezvous_before(const struct id *a, const struct id *b,
    struct slice module);

#endif
