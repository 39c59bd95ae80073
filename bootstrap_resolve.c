#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "bootstrap.h"
#include "bootstrap_dns.h"
#include "bootstrap_resolve.h"
#include "env.h"

#define SERVICE "_lambda._tcp."

void
resolve_why(const char *fmt, ...)
{
	char text[BOOTSTRAP_REASON_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	dprintf(STDOUT_FILENO, "#why %s\n", text);
}

static int
print_address(const struct addrinfo *i, int port)
{
	char text[ADDR_TEXT_MAX];
	struct addr a;

	if ((i->ai_family != AF_INET && i->ai_family != AF_INET6) ||
	    i->ai_addrlen > sizeof(a.u))
		return 0;
	memset(&a, 0, sizeof(a));
	memcpy(&a.u, i->ai_addr, i->ai_addrlen);
	a.len = i->ai_addrlen;
	addr_set_port(&a, port);
	return dprintf(STDOUT_FILENO, "%s\n", addr_print(&a, text)) > 0;
}

int
resolve_print(const struct addrinfo *list, int port)
{
	int n = 0;

	for (; list != NULL; list = list->ai_next)
		n += print_address(list, port);
	return n;
}

static int
print_host(const char *host, int port)
{
	struct addrinfo want, *list;
	int error, n;

	memset(&want, 0, sizeof(want));
	want.ai_family = AF_UNSPEC;
	want.ai_socktype = SOCK_STREAM;
	error = getaddrinfo(host, NULL, &want, &list);
	if (error != 0) {
		resolve_why("%s: %s", host, gai_strerror(error));
		return -1;
	}
	n = resolve_print(list, port);
	freeaddrinfo(list);
	if (n == 0)
		resolve_why("%s: it has no address", host);
	return n == 0 ? -1 : n;
}

/*
 * A target is absolute (RFC 2782): no search list goes behind it. An empty
 * LOCALDOMAIN is an empty search list, and leaves the hosts file to be looked
 * at. Where that variable may be unknown (musl) a dot behind the name says it
 * too, though no hosts file has names with one.
 */
static int
resolve_target(const struct dns_srv *s)
{
	char name[DNS_NAME_MAX + 1];
	const char *dot = ".";

#ifdef __GLIBC__
	if (setenv("LOCALDOMAIN", "", 1) == 0)
		dot = "";
#endif
	snprintf(name, sizeof(name), "%s%s", s->target, dot);
	return print_host(name, s->port);
}

static int
resolve_service(const char *name)
{
	static struct dns_answer answer;
	char full[DNS_NAME_MAX];
	struct rng rng;
	uint64_t seed;
	int found = 0;
	size_t i;

	if (snprintf(full, sizeof(full), "%s%s", name[0] == '_' ? "" : SERVICE,
	    name) >= (int)sizeof(full)) {
		resolve_why("that name is too long");
		return 1;
	}
	if (resolve_srv(&answer, full) == -1)
		return 1;
	dprintf(STDOUT_FILENO, "#ttl %lu\n", (unsigned long)answer.ttl);
	env_random(&seed, sizeof(seed));
	rng_seed(&rng, seed);
	dns_order(&answer, &rng);
	for (i = 0; i < answer.n; i++)
		if (resolve_target(&answer.srv[i]) > 0)
			found = 1;
	return found ? 0 : 1;
}

int
resolve_dns(const char *what)
{
	char name[DNS_NAME_MAX + 1];
	const char *colon = strchr(what, ':');

	if (colon == NULL)
		return resolve_service(what);
	snprintf(name, sizeof(name), "%.*s", (int)(colon - what), what);
	return print_host(name, (int)strtol(colon + 1, NULL, 10)) > 0 ? 0 : 1;
}

int
resolve_exec(const char *command)
{
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	resolve_why("unable to run /bin/sh");
	return 1;
}
