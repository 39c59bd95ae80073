#ifndef HOSTPORT_H
#define HOSTPORT_H

/*
 * The host and the port of an address, as text: for cores, which hand addresses
 * on and never open one. addr.h says how addresses are written; a text that is
 * no address comes out as some host, and whoever dials it finds out.
 */

#include "msg.h"

/* Split; what is missing is empty. The host comes without brackets. */
void hostport_split(struct slice address, struct slice *host,
    struct slice *port);

/* Is it no particular host: empty, 0.0.0.0 or ::? */
int hostport_any(struct slice host);
int hostport_loopback(struct slice host);

/* "HOST:PORT" or "[HOST]:PORT" into buf, ended with a NUL. Empty when it does
 * not fit. */
struct slice hostport_join(struct slice host, struct slice port,
    char buf[ADDRESS_MAX + 1]);

/* The address itself when it names a host (or host is empty too), else with
 * host in that place, in buf. */
struct slice hostport_fill(struct slice address, struct slice host,
    char buf[ADDRESS_MAX + 1]);

#endif
