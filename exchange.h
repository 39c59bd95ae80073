#ifndef EXCHANGE_H
#define EXCHANGE_H

/*
 * The exchange core: matches sell and buy orders of one module. Its peers are
 * brokers (orders), authorities (drain) and lambda-ctl (inspect). All its
 * state is soft: the owner of an order sends it again.
 *
 * Orders fall into classes: sells by their attributes, buys by their
 * constraints, at most EXCHANGE_CLASSES of each; an order of one class more is
 * refused with a reason. Which buy class fits which sell class is worked out
 * once a pair.
 *
 * Buys of a class wait in the order of their age; when capacity comes up, the
 * oldest buy of all the classes that it fits is served first. A buy that is
 * served and lacks more goes to the back of the line with the rest; one that
 * waits and is sent again keeps its place; one that lacked nothing, and lacks
 * something again, has the place that its age gives it, and so has one that is
 * older than its place, as what it was served was refused to it.
 *
 * On offer is a seller's stated quantity less its reservations not settled. A
 * fill names at most EXCHANGE_FILL_SELLERS sellers, of as many different zones
 * (label "zone") as there are: zones share the quantity evenly as far as each
 * can, sellers of a zone in proportion to what they offer. A buy of one goes to
 * a zone, then a seller, drawn in proportion to what is on offer.
 *
 * A reservation ends when a sell names it settled, when it is released, when
 * its buyer's broker is lost, or after EXCHANGE_RESERVE_MS. When an order
 * releases a reservation, the seller is not offered to that order again before
 * the seller's next sell. So an order that all sellers refuse tries each seller
 * once between two of its sells, which come every few seconds, and lacks
 * something meanwhile.
 *
 * Costs O(log n + classes) a match and a seller touched; to serve an order, as
 * much for each seller that it is not to be offered, too.
 */

#include "core.h"

#define EXCHANGE_CLASSES      256
#define EXCHANGE_ORDERS_MAX   (1u << 20)
#define EXCHANGE_FILL_SELLERS 16
#define EXCHANGE_RESERVE_MS   15000
#define EXCHANGE_RETIRE_MS    15000 /* from drain to the end, at most */
#define EXCHANGE_ORPHAN_MS    5000  /* authority and brokers gone: retires */
#define EXCHANGE_ALONE_MS     30000 /* no authority ever came: it retires */
#define EXCHANGE_RESERVED_MAX (1u << 20) /* reservations at a time; at the
					    limit no fills until one ends */

struct exchange;

extern const struct core_ops exchange_ops;

/* NULL with ENOMEM. module is copied. */
struct exchange *exchange_new(struct slice module, const struct id *own,
    uint64_t seed);
void exchange_free(struct exchange *);
struct outbox *exchange_out(struct exchange *);

#endif
