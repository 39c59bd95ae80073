#ifndef ADDR_H
#define ADDR_H

/*
 * Addresses, as people write them and as sockets take them. The written forms:
 *
 *	10.0.0.1:4370	[2001:db8::1]:4370	[fe80::1%eth0]:4370
 *	/run/lambda/broker			a Unix socket (any with a slash)
 *
 * Host names are not resolved here, since that may block: lambda-bootstrap does
 * it.
 */

#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>

#include "slice.h"

#define ADDR_TEXT_MAX 128 /* bytes of the longest written form, with its NUL */

struct addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	} u;
	socklen_t len;
};

/*
 * Parse text (len bytes, no NUL needed). Where the text has no port
 * ("10.0.0.1", "2001:db8::1") it gets default_port; if that is 0, a missing
 * port is an error. Port 0 itself is valid (bind to any). Returns 0, or -1 with
 * EINVAL, and *why (if not NULL) is a static sentence that says what is wrong.
 */
int addr_parse(struct addr *, const char *text, size_t len, int default_port,
    const char **why);

/* The same for an IP address, to listen on over TCP. A path is an error. */
int addr_parse_ip(struct addr *, const char *text, size_t len,
    int default_port, const char **why);

/* The same for an address to connect to: port 0 is an error too. */
int addr_parse_peer(struct addr *, const char *text, size_t len,
    int default_port, const char **why);

/* The written form; returns buf. */
const char *addr_print(const struct addr *, char buf[ADDR_TEXT_MAX]);

int addr_equal(const struct addr *, const struct addr *);
int addr_is_unix(const struct addr *);
int addr_is_loopback(const struct addr *); /* 127/8, ::1 or a Unix socket */
int addr_is_any(const struct addr *);	   /* 0.0.0.0 or :: */
/* Is a equal to b, or all addresses of b's family on b's port? */
int addr_covers(const struct addr *a, const struct addr *b);
/* Of n addresses to listen on: does another one cover that of this index? Of
 * equal ones the first covers the rest. */
int addr_is_covered(const struct addr *all, size_t n, size_t which);
int addr_port(const struct addr *);	   /* 0 for a Unix socket */
void addr_set_port(struct addr *, int port);

/* The 4 or 16 bytes of the IP address; empty for a Unix socket. They are in the
 * struct addr itself. */
struct slice addr_host(const struct addr *);

/*
 * The host and the port of an address as text. Cores need no more, since they
 * pass addresses on and never open one. Text that is no address is split all
 * the same; dialling it fails later.
 */

/* Split it. A part that is missing is empty; the host has no brackets. */
void hostport_split(struct slice address, struct slice *host,
    struct slice *port);

/* Is it the address of a message: a host and a port other than 0, as in
 * 192.0.2.1:4370 or [2001:db8::1]:4370? The host may be 0.0.0.0 or [::], and
 * that of an IPv6 address may have a zone. */
int hostport_is_address(struct slice);

/* Does it name no particular host: is it empty, 0.0.0.0 or ::? */
int hostport_any(struct slice host);
int hostport_loopback(struct slice host);

/* "HOST:PORT" or "[HOST]:PORT", in buf with a NUL after it; empty when it does
 * not fit. */
struct slice hostport_join(struct slice host, struct slice port,
    char buf[ADDR_TEXT_MAX]);

/* The address itself if it names a host, or if host is empty; otherwise the
 * address with this host, in buf. */
struct slice hostport_fill(struct slice address, struct slice host,
    char buf[ADDR_TEXT_MAX]);

/* Copy a host or an address, with a NUL after it. If it does not fit, dst is
 * empty. */
void hostport_copy(char dst[ADDR_TEXT_MAX], struct slice text);

#endif
