#ifndef BOOTSTRAP_DNS_H
#define BOOTSTRAP_DNS_H

/*
 * The part of the DNS (RFC 1035) that asks for SRV records (RFC 2782): a
 * question to bytes, the bytes of an answer to records, and the order in which
 * to use them. No I/O and no allocation. getaddrinfo(3), which cannot ask for
 * these, does the rest.
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
#define DNS_SEARCH_MAX	6
#define DNS_WRONG_MAX	192

enum dns_type {
	DNS_A = 1,
	DNS_SRV = 33
};

enum dns_code {
	DNS_NOERROR = 0,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3
};

struct dns_srv {
	uint16_t priority; /* the least is used first */
	uint16_t weight;   /* share among those of one priority */
	uint16_t port;
	char target[DNS_NAME_MAX]; /* in lower case, without the last dot */
};

struct dns_answer {
	int truncated; /* ask again over TCP: there are no records here */
	int code;      /* enum dns_code, or another of RFC 1035 */
	int none;      /* a record says that the service is not offered */
	uint32_t ttl;  /* seconds: the least of the records, 0 without any */
	size_t n;
	struct dns_srv srv[DNS_SRV_MAX];
};

/*
 * The question for the records of a name, with or without a dot at its end: its
 * length, or 0 with EINVAL where that is no name: a label is empty or longer
 * than 63 bytes, or all is longer than 253.
 */
size_t dns_query(unsigned char to[DNS_QUERY_MAX], uint16_t id,
    const char *name, enum dns_type);

/*
 * The answer to that question: 0; or -1 with EPROTO, where it is malformed, or
 * ENOMSG, where it is the answer to another question. Of its records the SRV
 * records are taken, but not those whose target is the root (the service is not
 * offered) or could not be a host's name.
 */
int dns_answer(struct dns_answer *, struct slice message, struct slice query);

/* What such a code says, as a part of a sentence about the server. */
const char *dns_code(int code);

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
	char search[DNS_SEARCH_MAX][DNS_NAME_MAX]; /* in lower case */
	size_t searches;
	int ndots;    /* a name with this many dots is first tried as it is */
	int timeout;  /* seconds to wait for an answer */
	int attempts; /* rounds through all servers */
	unsigned lines; /* read */
	unsigned wrong_line; /* the first that is of no use, 0: none, */
	char wrong[DNS_WRONG_MAX]; /* its word, and why */
};

/* Unknown lines and options are skipped. */
void dns_conf_parse(struct dns_conf *, struct slice text);

/*
 * The names to try for a given one, in order: number i, from 0, into name; or
 * NULL when there are no more, or it would be too long. A name that ends in a
 * dot is tried only as it is.
 */
const char *dns_conf_name(const struct dns_conf *, const char *given,
    size_t i, char name[DNS_NAME_MAX]);

/*
 * Which server to ask about each of several names, and how long to wait, so
 * that all names are asked about before a given time, whichever servers are
 * silent. A name has an equal share of the time that is left. From the next
 * name on, a server that was silent is asked after the others, until it answers
 * again.
 */
struct dns_asking {
	const struct dns_conf *conf;
	int64_t end;	  /* ms */
	size_t names;	  /* to ask about after this one */
	int64_t name_end;
	size_t left, at;  /* questions about this name: to come, asked */
	size_t order[DNS_SERVERS_MAX]; /* in which they are asked about it */
	int silent[DNS_SERVERS_MAX];   /* when last asked */
};

/* The conf stays the caller's. */
void dns_asking_init(struct dns_asking *, const struct dns_conf *, int64_t end,
    size_t names);

/* Go on to the next name. */
void dns_asking_name(struct dns_asking *, int64_t now);

/* The next question about it: the server's number, and how long to wait for an
 * answer; -1 when there is none. */
int dns_asking_next(struct dns_asking *, int64_t now, int64_t *wait_ms);

/* The server has answered; it has not, in the time that it had. */
void dns_asking_heard(struct dns_asking *, size_t server);
void dns_asking_silent(struct dns_asking *, size_t server);

#endif
