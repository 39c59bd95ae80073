#ifndef EXCHANGE_H
#define EXCHANGE_H

/*
 * The exchange core: matches the sell and buy orders of one module. Its peers
 * are brokers (orders), authorities (drain) and lambda-ctl (inspect). All of
 * its state is soft: the owner of an order sends it again.
 *
 * Orders fall into classes: sells by their attributes, buys by their
 * constraints, at most EXCHANGE_CLASSES of each; an order of one class more is
 * refused with a reason. Which buy class fits which sell class is worked out
 * once a pair.
 *
 * The buys of a class wait in the order of what they hold, and of equals in
 * that of their age. When there is capacity, the buy that holds least of all
 * the classes that fit it is served first. A buy that is served and lacks more
 * goes to the back of the line. A buy that waits and is sent again keeps its
 * place. A buy that lacked nothing and lacks something again gets the place of
 * its age; so does a buy that is older than its place, because what it was
 * served has been refused, and one that holds less than before, because it gave
 * something back.
 *
 * Where a buy prefers labels, it is filled from the classes that have them
 * first, and from the others after them.
 *
 * While buys lack something, buyers that hold more than an equal share are
 * asked to return it (exchange_share.c).
 *
 * A seller offers its stated quantity less its unsettled reservations. A fill
 * names at most EXCHANGE_FILL_SELLERS sellers, of as many zones (label "zone")
 * as there are. The zones share the quantity evenly, as far as each can; the
 * sellers of a zone share in proportion to what they offer. A buy of one goes
 * to a zone and then a seller that are drawn in proportion to what they offer.
 *
 * A reservation ends when a sell names it as settled, when it is released, when
 * the broker of its buyer is lost, or after EXCHANGE_RESERVE_MS. When an order
 * releases a reservation, the seller is not offered to that order again before
 * its next sell. So an order that all sellers refuse tries each of them once
 * between two of its sells, which come every few seconds.
 *
 * A match costs O(log n + classes) for each seller in it; serving an order
 * costs as much for each seller that it must not be offered.
 */

#include "core.h"

#define EXCHANGE_CLASSES      256
#define EXCHANGE_ORDERS_MAX   (1u << 20)
#define EXCHANGE_FILL_SELLERS 16
#define EXCHANGE_RESERVE_MS   15000
#define EXCHANGE_RETIRE_MS    15000 /* from drain to the end, at most */
#define EXCHANGE_ORPHAN_MS    5000  /* after the last authority and broker are
				       gone: it retires */
#define EXCHANGE_ALONE_MS     30000 /* no authority has come: it retires */
#define EXCHANGE_RESERVED_MAX (1u << 20) /* reservations at a time; then no
					    fills until one ends */

struct exchange;

extern const struct core_ops exchange_ops;

/* This copies module. NULL with ENOMEM. */
struct exchange *exchange_new(struct slice module, const struct id *own,
    uint64_t seed);
void exchange_free(struct exchange *);
struct outbox *exchange_out(struct exchange *);

#endif
