#ifndef EXCHANGE_STATE_H
#define EXCHANGE_STATE_H

/*
 * The exchange core's own state, shared by its peers and its time
 * (exchange.c), the orders (exchange_order.c) and reports (exchange_report.c).
 */

#include "exchange_book.h"

struct exchange {
	struct market market;
	struct outbox out;
	struct map peers;    /* by handle */
	struct peer *recent; /* whose message was the last; or NULL */
	unsigned char module[NAME_BYTES_MAX];
	size_t module_len;
	size_t brokers, authorities; /* peers */
	int orphan;	    /* it had an authority, and has none */
	int64_t orphan_at;  /* then, if it still is and has no broker, it
			       retires */
	int64_t alone_at;   /* then, if it has no broker and no authority ever
			       came, it retires; 0: not set yet */
	int64_t retire_at;  /* once it retires: it ends then, at the latest */
	int64_t waiting_at; /* no round of `waiting` before then */
	int stopped;
};

/* A broker's messages. */
int exchange_sell(struct exchange *, int64_t now, struct peer *,
    const struct msg *);
int exchange_buy(struct exchange *, int64_t now, struct peer *,
    const struct msg *);
int exchange_cancel(struct exchange *, int64_t now, struct peer *,
    const struct msg *);
int exchange_release(struct exchange *, int64_t now, struct peer *,
    const struct msg *);

/* Answer inspect: rows of what is "exchange", "sell" or "buy", or of all where
 * it is empty. 0, or -1 as outbox_send(). */
int exchange_report(struct exchange *, int64_t now, uint32_t peer,
    struct slice what);

#endif
