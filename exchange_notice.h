#ifndef EXCHANGE_NOTICE_H
#define EXCHANGE_NOTICE_H

/*
 * What an exchange tells brokers about their orders besides fills: `waiting`,
 * `offers`, `refuse`. All return 0, or -1 as outbox_send().
 */

#include "exchange_book.h"

#define NOTICE_WAITING_MS 100 /* between two rounds of `waiting` */
#define NOTICE_BATCH	  8192 /* sells told in a round */
#define NOTICE_SETS_BYTES (16u * 1024) /* of attributes in one `offers` */

int notice_refuse(struct market *, const struct peer *, uint64_t order,
    const char *reason);

/* A buy stands unmet: what is on offer where nothing fits, else, when it is
 * not new, that all is taken. */
int notice_offers(struct market *, const struct buy *, int new);

/* Answer a sell: which buys wait for it, where any do or it was told others
 * last. */
int notice_waiting(struct market *, struct sell *);

/* Is there anything to be told by a round? */
int notice_due(const struct market *);

/* Buys began or ceased to wait for some sells: tell the next NOTICE_BATCH of
 * them. */
int notice_round(struct market *);

#endif
