#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "fail.h"

/* The longest IPv6 address with a zone. */
#define HOST_MAX (INET6_ADDRSTRLEN + 1 + IF_NAMESIZE)

static const char *
addr_parse_unix(struct addr *a, const char *text, size_t len)
{
	if (len >= sizeof(a->u.un.sun_path))
		return "it is too long for a Unix socket's name";
	a->u.un.sun_family = AF_UNIX;
	memcpy(a->u.un.sun_path, text, len);
	a->len = sizeof(a->u.un);
	return NULL;
}

/* The port after a host: none (text is empty), or a colon and a number. */
static const char *
addr_parse_port(const char *text, size_t len, int default_port, int *port)
{
	size_t i;

	*port = default_port;
	if (len == 0)
		return default_port > 0 ? NULL :
		    "the port is missing: write ADDRESS:PORT, or "
		    "[ADDRESS]:PORT for IPv6";
	if (text[0] != ':')
		return "only a colon and a port may follow the bracket";
	if (len == 1 || len > 6)
		return "the port must be a number from 0 to 65535";
	for (*port = 0, i = 1; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return "the port must be a number from 0 to 65535";
		*port = *port * 10 + (text[i] - '0');
	}
	return *port <= 65535 ? NULL :
	    "the port must be a number from 0 to 65535";
}

/* An interface's name or number. */
static unsigned
addr_parse_zone(const char *zone)
{
	unsigned long n = if_nametoindex(zone);
	char *end;

	if (n != 0 || zone[0] < '0' || zone[0] > '9')
		return (unsigned)n;
	n = strtoul(zone, &end, 10);
	return *end == '\0' && n <= 0x7fffffff ? (unsigned)n : 0;
}

static const char *
addr_parse_ipv6(struct addr *a, const char *text, size_t len, int port)
{
	char host[HOST_MAX], *zone;

	if (len >= sizeof(host))
		return "that is not an IPv6 address";
	memcpy(host, text, len);
	host[len] = '\0';
	if ((zone = strchr(host, '%')) != NULL)
		*zone++ = '\0';
	if (inet_pton(AF_INET6, host, &a->u.in6.sin6_addr) != 1)
		return "that is not an IPv6 address";
	if (zone != NULL)
		a->u.in6.sin6_scope_id = addr_parse_zone(zone);
	if (zone != NULL && a->u.in6.sin6_scope_id == 0)
		return "there is no network interface of the name behind %";
	a->u.in6.sin6_family = AF_INET6;
	a->u.in6.sin6_port = htons((uint16_t)port);
	a->len = sizeof(a->u.in6);
	return NULL;
}

/* What is not a number is taken for a name: named says what to write then. */
static const char *
addr_parse_ipv4(struct addr *a, const char *text, size_t len, int port,
    const char *named)
{
	char host[INET_ADDRSTRLEN];
	size_t i;

	for (i = 0; i < len; i++)
		if ((text[i] < '0' || text[i] > '9') && text[i] != '.')
			return named;
	if (len >= sizeof(host))
		return "an IPv4 address is four numbers up to 255 with dots";
	memcpy(host, text, len);
	host[len] = '\0';
	if (inet_pton(AF_INET, host, &a->u.in.sin_addr) != 1)
		return "an IPv4 address is four numbers up to 255 with dots";
	a->u.in.sin_family = AF_INET;
	a->u.in.sin_port = htons((uint16_t)port);
	a->len = sizeof(a->u.in);
	return NULL;
}

static const char *
addr_parse_bracket(struct addr *a, const char *text, size_t len,
    int default_port)
{
	const char *close = memchr(text, ']', len), *why;
	size_t host;
	int port;

	if (close == NULL)
		return "the closing bracket is missing";
	host = (size_t)(close - text);
	why = addr_parse_port(close + 1, len - host - 1, default_port, &port);
	return why != NULL ? why : addr_parse_ipv6(a, text + 1, host - 1, port);
}

static const char *
addr_parse_host(struct addr *a, const char *text, size_t len, int default_port,
    const char *named)
{
	const char *colon, *why, *wrong;
	size_t host;
	int port;

	if (text[0] == '[')
		return addr_parse_bracket(a, text, len, default_port);
	colon = memchr(text, ':', len);
	host = colon == NULL ? len : (size_t)(colon - text);
	if (colon != NULL && memchr(colon + 1, ':', len - host - 1) != NULL) {
		if (default_port == 0)
			return "an IPv6 address with a port is written "
			       "[ADDRESS]:PORT";
		return addr_parse_ipv6(a, text, len, default_port);
	}
	if (host == 0)
		return "the address before the port is missing";
	why = addr_parse_port(text + host, len - host, default_port, &port);
	if (why != NULL && colon != NULL)
		return why;
	wrong = addr_parse_ipv4(a, text, host, port, named);
	return wrong != NULL ? wrong : why;
}

static int
addr_done(const char *wrong, const char **why)
{
	if (wrong == NULL)
		return 0;
	if (why != NULL)
		*why = wrong;
	return fail(EINVAL);
}

/* What to write in place of a host's name. */
static const char *
addr_named(int default_port, int paths)
{
	if (default_port > 0)
		return paths ? "host names are not looked up here: write an IP "
			       "address, or a path with a slash" :
		    "host names are not looked up here: write an IP address";
	return paths ? "host names are not looked up here: write ADDRESS:PORT, "
		       "ADDRESS an IP address, or a path with a slash" :
	    "host names are not looked up here: write ADDRESS:PORT, ADDRESS an "
	    "IP address";
}

/* paths: may it be a Unix socket's? */
static int
addr_parse_text(struct addr *a, const char *text, size_t len, int default_port,
    int paths, const char **why)
{
	const char *wrong;

	memset(a, 0, sizeof(*a));
	if (len == 0)
		wrong = "the address is empty";
	else if (memchr(text, '\0', len) != NULL)
		wrong = "there is a NUL byte in it";
	else if (memchr(text, '/', len) != NULL)
		wrong = paths ? addr_parse_unix(a, text, len) :
		    "that is a path: write an IP address";
	else
		wrong = addr_parse_host(a, text, len, default_port,
		    addr_named(default_port, paths));
	return addr_done(wrong, why);
}

int
addr_parse(struct addr *a, const char *text, size_t len, int default_port,
    const char **why)
{
	return addr_parse_text(a, text, len, default_port, 1, why);
}

int
addr_parse_ip(struct addr *a, const char *text, size_t len, int default_port,
    const char **why)
{
	return addr_parse_text(a, text, len, default_port, 0, why);
}

int
addr_parse_peer(struct addr *a, const char *text, size_t len,
    int default_port, const char **why)
{
	if (addr_parse_ip(a, text, len, default_port, why) == -1)
		return -1;
	return addr_done(addr_port(a) == 0 ?
	    "nobody can be reached at port 0" : NULL, why);
}

static void
addr_print_ipv6(const struct addr *a, char buf[ADDR_TEXT_MAX])
{
	char host[INET6_ADDRSTRLEN], name[IF_NAMESIZE], zone[IF_NAMESIZE + 2];
	unsigned scope = a->u.in6.sin6_scope_id;

	inet_ntop(AF_INET6, &a->u.in6.sin6_addr, host, sizeof(host));
	zone[0] = '\0';
	if (scope != 0 && if_indextoname(scope, name) != NULL)
		snprintf(zone, sizeof(zone), "%%%s", name);
	else if (scope != 0)
		snprintf(zone, sizeof(zone), "%%%u", scope);
	snprintf(buf, ADDR_TEXT_MAX, "[%s%s]:%d", host, zone, addr_port(a));
}

const char *
addr_print(const struct addr *a, char buf[ADDR_TEXT_MAX])
{
	char host[INET_ADDRSTRLEN];

	switch (a->u.sa.sa_family) {
	case AF_INET:
		inet_ntop(AF_INET, &a->u.in.sin_addr, host, sizeof(host));
		snprintf(buf, ADDR_TEXT_MAX, "%s:%d", host, addr_port(a));
		break;
	case AF_INET6:
		addr_print_ipv6(a, buf);
		break;
	case AF_UNIX:
		/* The name of a client's socket is empty. */
		snprintf(buf, ADDR_TEXT_MAX, "%.*s",
		    (int)sizeof(a->u.un.sun_path),
		    a->u.un.sun_path[0] == '\0' ? "local" : a->u.un.sun_path);
		break;
	default:
		snprintf(buf, ADDR_TEXT_MAX, "unknown");
	}
	return buf;
}

int
addr_equal(const struct addr *a, const struct addr *b)
{
	if (a->u.sa.sa_family != b->u.sa.sa_family)
		return 0;
	if (addr_is_unix(a))
		return strncmp(a->u.un.sun_path, b->u.un.sun_path,
			   sizeof(a->u.un.sun_path)) == 0;
	if (a->u.sa.sa_family == AF_INET6 &&
	    a->u.in6.sin6_scope_id != b->u.in6.sin6_scope_id)
		return 0;
	return addr_host(a).len > 0 && addr_port(a) == addr_port(b) &&
	    slice_equal(addr_host(a), addr_host(b));
}

int
addr_is_unix(const struct addr *a)
{
	return a->u.sa.sa_family == AF_UNIX;
}

int
addr_is_loopback(const struct addr *a)
{
	switch (a->u.sa.sa_family) {
	case AF_INET:
		return ntohl(a->u.in.sin_addr.s_addr) >> 24 == 127;
	case AF_INET6:
		return IN6_IS_ADDR_LOOPBACK(&a->u.in6.sin6_addr);
	}
	return addr_is_unix(a);
}

int
addr_is_any(const struct addr *a)
{
	switch (a->u.sa.sa_family) {
	case AF_INET:
		return a->u.in.sin_addr.s_addr == htonl(INADDR_ANY);
	case AF_INET6:
		return IN6_IS_ADDR_UNSPECIFIED(&a->u.in6.sin6_addr);
	}
	return 0;
}

int
addr_covers(const struct addr *a, const struct addr *b)
{
	return addr_equal(a, b) || (addr_is_any(a) &&
	    a->u.sa.sa_family == b->u.sa.sa_family &&
	    addr_port(a) == addr_port(b));
}

int
addr_is_covered(const struct addr *all, size_t n, size_t which)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (i != which && addr_covers(&all[i], &all[which]) &&
		    (i < which || !addr_equal(&all[i], &all[which])))
			return 1;
	return 0;
}

int
addr_port(const struct addr *a)
{
	switch (a->u.sa.sa_family) {
	case AF_INET:
		return ntohs(a->u.in.sin_port);
	case AF_INET6:
		return ntohs(a->u.in6.sin6_port);
	}
	return 0;
}

void
addr_set_port(struct addr *a, int port)
{
	if (a->u.sa.sa_family == AF_INET)
		a->u.in.sin_port = htons((uint16_t)port);
	else if (a->u.sa.sa_family == AF_INET6)
		a->u.in6.sin6_port = htons((uint16_t)port);
}

struct slice
addr_host(const struct addr *a)
{
	switch (a->u.sa.sa_family) {
	case AF_INET:
		return slice_of(&a->u.in.sin_addr, sizeof(a->u.in.sin_addr));
	case AF_INET6:
		return slice_of(&a->u.in6.sin6_addr,
		    sizeof(a->u.in6.sin6_addr));
	default:
		return slice_of(NULL, 0);
	}
}

/* Hosts and ports as text. */

static void
hostport_split_bracketed(struct slice a, struct slice *host, struct slice *port)
{
	const unsigned char *close = memchr(a.p, ']', a.len);
	size_t len = close == NULL ? a.len : (size_t)(close - a.p);

	*host = slice_of(a.p + 1, len - 1);
	if (a.len - len >= 2 && close[1] == ':')
		*port = slice_of(close + 2, a.len - len - 2);
}

/* Two colons without brackets: an IPv6 host with no port. */
void
hostport_split(struct slice address, struct slice *host, struct slice *port)
{
	const unsigned char *colon;
	size_t n;

	*host = address;
	*port = slice_of(NULL, 0);
	if (address.len == 0)
		return;
	if (address.p[0] == '[') {
		hostport_split_bracketed(address, host, port);
		return;
	}
	colon = memchr(address.p, ':', address.len);
	if (colon == NULL)
		return;
	n = (size_t)(colon - address.p);
	if (memchr(colon + 1, ':', address.len - n - 1) != NULL)
		return;
	*host = slice_of(address.p, n);
	*port = slice_of(colon + 1, address.len - n - 1);
}

/* Each of four numbers up to 255, without zeros in front. */
static int
hostport_is_ipv4(struct slice host)
{
	unsigned n = 0, numbers = 1, digits = 0;
	size_t i;

	for (i = 0; i < host.len; i++) {
		if (host.p[i] == '.' && digits > 0) {
			numbers++;
			n = digits = 0;
			continue;
		}
		if (host.p[i] < '0' || host.p[i] > '9' ||
		    (digits > 0 && n == 0))
			return 0;
		n = 10 * n + (unsigned)(host.p[i] - '0');
		digits++;
		if (n > 255)
			return 0;
	}
	return numbers == 4 && digits > 0;
}

/* A zone is the name of an interface of the host that dials. */
static int
hostport_is_ipv6(struct slice host)
{
	char text[HOST_MAX], *zone;
	struct in6_addr in6;

	if (host.len == 0 || host.len >= sizeof(text) ||
	    memchr(host.p, '\0', host.len) != NULL)
		return 0;
	memcpy(text, host.p, host.len);
	text[host.len] = '\0';
	if ((zone = strchr(text, '%')) != NULL) {
		*zone++ = '\0';
		if (!slice_is_word(slice_str(zone)) ||
		    strlen(zone) >= IF_NAMESIZE)
			return 0;
	}
	return inet_pton(AF_INET6, text, &in6) == 1;
}

int
hostport_is_address(struct slice address)
{
	struct slice host, port;
	unsigned long n = 0;
	size_t i;

	hostport_split(address, &host, &port);
	if (port.len == 0 || port.len > 5 || port.p[0] == '0')
		return 0;
	for (i = 0; i < port.len; i++) {
		if (port.p[i] < '0' || port.p[i] > '9')
			return 0;
		n = 10 * n + (unsigned long)(port.p[i] - '0');
	}
	if (n > 65535)
		return 0;
	if (address.p[0] != '[')
		return hostport_is_ipv4(host);
	return port.p + port.len == address.p + address.len &&
	    port.p == host.p + host.len + 2 && hostport_is_ipv6(host);
}

int
hostport_any(struct slice host)
{
	return host.len == 0 || slice_is(host, "0.0.0.0") ||
	    slice_is(host, "::");
}

int
hostport_loopback(struct slice host)
{
	return slice_is(host, "::1") || (host.len >= 4 &&
	    memcmp(host.p, "127.", 4) == 0);
}

struct slice
hostport_join(struct slice host, struct slice port, char buf[ADDR_TEXT_MAX])
{
	int v6 = host.len > 0 && memchr(host.p, ':', host.len) != NULL;
	int n = snprintf(buf, ADDR_TEXT_MAX, v6 ? "[%.*s]:%.*s" : "%.*s:%.*s",
	    SLICE_ARG(host), SLICE_ARG(port));

	if (n < 0 || n >= ADDR_TEXT_MAX)
		buf[0] = '\0';
	return slice_str(buf);
}

struct slice
hostport_fill(struct slice address, struct slice host,
    char buf[ADDR_TEXT_MAX])
{
	struct slice own, port;

	hostport_split(address, &own, &port);
	if (!hostport_any(own) || host.len == 0)
		return address;
	return hostport_join(host, port, buf);
}

void
hostport_copy(char dst[ADDR_TEXT_MAX], struct slice text)
{
	size_t len = text.len < ADDR_TEXT_MAX ? text.len : 0;

	if (len > 0)
		memcpy(dst, text.p, len);
	dst[len] = '\0';
}
