#include <stdio.h>
#include <string.h>

#include "hostport.h"

static struct slice
from(struct slice s, size_t n)
{
	return slice_of(s.p + n, s.len - n);
}

static void
split_bracketed(struct slice a, struct slice *host, struct slice *port)
{
	const unsigned char *end = memchr(a.p, ']', a.len);
	size_t len = end == NULL ? a.len : (size_t)(end - a.p);

	*host = slice_of(a.p + 1, len - 1);
	if (len < a.len)
		a = from(a, len + 1);
	else
		a.len = 0;
	*port = a.len > 0 && a.p[0] == ':' ? from(a, 1) : slice_of(NULL, 0);
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
		split_bracketed(address, host, port);
		return;
	}
	colon = memchr(address.p, ':', address.len);
	if (colon == NULL)
		return;
	n = (size_t)(colon - address.p);
	if (memchr(colon + 1, ':', address.len - n - 1) != NULL)
		return;
	*host = slice_of(address.p, n);
	*port = from(address, n + 1);
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
hostport_join(struct slice host, struct slice port, char buf[ADDRESS_MAX + 1])
{
	int v6 = host.len > 0 && memchr(host.p, ':', host.len) != NULL;
	int n = snprintf(buf, ADDRESS_MAX + 1, v6 ? "[%.*s]:%.*s" : "%.*s:%.*s",
	    SLICE_ARG(host), SLICE_ARG(port));

	if (n < 0 || n > ADDRESS_MAX)
		buf[0] = '\0';
	return slice_str(buf);
}

struct slice
hostport_fill(struct slice address, struct slice host,
    char buf[ADDRESS_MAX + 1])
{
	struct slice own, port;

	hostport_split(address, &own, &port);
	if (!hostport_any(own) || host.len == 0)
		return address;
	return hostport_join(host, port, buf);
}
