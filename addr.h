#ifndef ADDR_H
#define ADDR_H

/*
 * Addresses as people write them and as sockets take them. The written forms:
 *
 *	10.0.0.1:4370	[2001:db8::1]:4370	[fe80::1%eth0]:4370
 *	/run/lambda/broker			a Unix socket (any with a slash)
 *
 * There are no host names here and nothing is resolved: that may block, so
 * lambda-bootstrap does it.
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
 * Parse text (len bytes, no NUL needed). default_port stands for a port that is
 * missing ("10.0.0.1", "2001:db8::1"); with 0 a missing port is an error. Port
 * 0 itself is good (bind to any). Returns 0, or -1 with EINVAL, and *why (if
 * not NULL) is a static sentence that says what is wrong with it.
 */
int addr_parse(struct addr *, const char *text, size_t len, int default_port,
    const char **why);

/* The same for an IP address, to listen on over TCP. A path is an error. */
int addr_parse_ip(struct addr *, const char *text, size_t len,
    int default_port, const char **why);

/* The same for an address where another listens: port 0 is an error too. */
int addr_parse_peer(struct addr *, const char *text, size_t len,
    int default_port, const char **why);

/* The written form; returns buf. */
const char *addr_print(const struct addr *, char buf[ADDR_TEXT_MAX]);

int addr_equal(const struct addr *, const struct addr *);
int addr_is_unix(const struct addr *);
int addr_is_loopback(const struct addr *); /* 127/8, ::1 or a Unix socket */
int addr_is_any(const struct addr *);	   /* 0.0.0.0 or :: */
int addr_port(const struct addr *);	   /* 0 for a Unix socket */
void addr_set_port(struct addr *, int port);

/* The bytes of the IP address, 4 or 16, which are in the addr; none for a Unix
 * socket. */
struct slice addr_host(const struct addr *);

/*
 * The host and the port of an address as text: for cores, which hand addresses
 * on and never open one. A text that is no address comes out as some host, and
 * whoever dials it finds out.
 */

/* Split; what is missing is empty. The host comes without brackets. */
void hostport_split(struct slice address, struct slice *host,
    struct slice *port);

/* Is it no particular host: empty, 0.0.0.0 or ::? */
int hostport_any(struct slice host);
int hostport_loopback(struct slice host);

/* "HOST:PORT" or "[HOST]:PORT" into buf, ended with a NUL. Empty when it does
 * not fit. */
struct slice hostport_join(struct slice host, struct slice port,
    char buf[ADDR_TEXT_MAX]);

/* The address itself when it names a host (or host is empty too), else with
 * host in that place, in buf. */
struct slice hostport_fill(struct slice address, struct slice host,
    char buf[ADDR_TEXT_MAX]);

/* Copy a host or an address, ended with a NUL; one that does not fit is left
 * out, so that dst is empty. */
void hostport_copy(char dst[ADDR_TEXT_MAX], struct slice text);

#endif
