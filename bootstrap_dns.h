#ifndef BOOTSTRAP_DNS_H
#define BOOTSTRAP_DNS_H

/*
 * As much of the DNS (RFC 1035) as it takes to ask for SRV records (RFC 2782):
 * a question to bytes, the bytes of an answer to records, and the order in
 * which these are to be used. No I/O and no allocation. getaddrinfo(3) does the
 * rest, but cannot ask for these.
 *
 * An answer comes from a server that may be anybody: every length and pointer
 * is checked, and a name may refer only to what stands before it.
 */

#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "rng.h"
#include "slice.h"

#define DNS_PORT      53
#define DNS_NAME_MAX  254   /* bytes of a written name, with its NUL */
#define DNS_QUERY_MAX 272   /* bytes of a question */
#define DNS_UDP_MAX   512   /* bytes of an answer over UDP */
#define DNS_TCP_MAX   65535 /* and over TCP */
#define DNS_SRV_MAX   256   /* records of an answer; more are passed over */
#define DNS_SERVERS_MAX 3
#define DNS_SEARCH_MAX  6

enum dns_code {
	DNS_NOERROR = 0,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3
};

struct dns_srv {
	uint16_t priority; /* the least is used first */
	uint16_t weight;   /* share among those of one priority */
	uint16_t port;
	char target[DNS_NAME_MAX]; /* without the last dot */
};

struct dns_answer {
	int truncated; /* ask again over TCP: there are no records here */
	int code;      /* enum dns_code, or another of RFC 1035 */
	uint32_t ttl;  /* seconds: the least of the records, 0 without any */
	size_t n;
	struct dns_srv srv[DNS_SRV_MAX];
};

/*
 * The question for the SRV records of a name, with or without a dot at its end:
 * its length, or 0 with EINVAL where that is no name: a label is empty or
 * longer than 63 bytes, or all is longer than 253.
 */
size_t dns_query(unsigned char to[DNS_QUERY_MAX], uint16_t id,
    const char *name);

/*
 * The answer to that question: 0; or -1 with EPROTO, where it is malformed, or
 * ENOMSG, where it is the answer to another question. Records whose target is
 * the root (there is no such service) or could not be a host's name are passed
 * over.
 */
int dns_answer(struct dns_answer *, struct slice message, struct slice query);

/* Put the records in the order in which to use them: by priority, and in each
 * priority at random, the heavier the sooner. */
void dns_order(struct dns_answer *, struct rng *);

/*
 * What resolv.conf(5) says to one that asks servers itself: nameserver, domain,
 * search, and of the options ndots, timeout and attempts.
 */
struct dns_conf {
	struct addr server[DNS_SERVERS_MAX]; /* port 53 */
	size_t servers; /* at least 1: without any it is 127.0.0.1 */
	char search[DNS_SEARCH_MAX][DNS_NAME_MAX];
	size_t searches;
	int ndots;    /* a name with so many dots is tried as it is first */
	int timeout;  /* seconds to wait for an answer */
	int attempts; /* rounds through all servers */
};

/* Whatever is not understood is passed over. */
void dns_conf_parse(struct dns_conf *, struct slice text);

/*
 * The names to try for one that was given, in order: number i, from 0, into
 * name; or NULL when there are no more, or where it would be too long. One that
 * ends in a dot is tried as it is and in no other way.
 */
const char *dns_conf_name(const struct dns_conf *, const char *given,
    size_t i, char name[DNS_NAME_MAX]);

#endif
