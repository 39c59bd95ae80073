#ifndef BOOTSTRAP_RESOLVCONF_H
#define BOOTSTRAP_RESOLVCONF_H

/*
 * What resolv.conf(5) says, as far as it matters to who asks servers himself:
 * nameserver, domain, search, and of the options ndots, timeout and attempts.
 */

#include "addr.h"
#include "bootstrap_dns.h"
#include "slice.h"

#define RESOLVCONF_SERVERS_MAX 3
#define RESOLVCONF_SEARCH_MAX  6

struct resolvconf {
	struct addr server[RESOLVCONF_SERVERS_MAX]; /* port 53 */
	size_t servers; /* at least 1: without any it is 127.0.0.1 */
	char search[RESOLVCONF_SEARCH_MAX][DNS_NAME_MAX];
	size_t searches;
	int ndots;    /* a name with so many dots is tried as it is first */
	int timeout;  /* seconds to wait for an answer */
	int attempts; /* rounds through all servers */
};

/* Whatever is not understood is passed over. */
void resolvconf_parse(struct resolvconf *, struct slice text);

/*
 * The names to try for one that was given, in order: number i, from 0, into
 * name; or NULL when there are no more, or where it would be too long. One that
 * ends in a dot is tried as it is and in no other way.
 */
const char *resolvconf_name(const struct resolvconf *, const char *given,
    size_t i, char name[DNS_NAME_MAX]);

#endif
