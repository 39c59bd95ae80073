#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "bootstrap.h"
#include "dns.h"
#include "resolve.h"
#include "run.h"

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
print_address(const struct addrinfo *i)
{
	char text[ADDR_TEXT_MAX];
	struct addr a;

	if ((i->ai_family != AF_INET && i->ai_family != AF_INET6) ||
	    i->ai_addrlen > sizeof(a.u))
		return 0;
	memset(&a, 0, sizeof(a));
	memcpy(&a.u, i->ai_addr, i->ai_addrlen);
	a.len = i->ai_addrlen;
	return dprintf(STDOUT_FILENO, "%s\n", addr_print(&a, text)) > 0;
}

int
resolve_host(const char *host, unsigned port)
{
	struct addrinfo want, *list, *i;
	char service[8];
	int error, n = 0;

	memset(&want, 0, sizeof(want));
	want.ai_family = AF_UNSPEC;
	want.ai_socktype = SOCK_STREAM;
	snprintf(service, sizeof(service), "%u", port);
	error = getaddrinfo(host, service, &want, &list);
	if (error != 0) {
		resolve_why("%s: %s", host, gai_strerror(error));
		return -1;
	}
	for (i = list; i != NULL; i = i->ai_next)
		n += print_address(i);
	freeaddrinfo(list);
	if (n == 0)
		resolve_why("%s: it has no address", host);
	return n == 0 ? -1 : n;
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
	random_bytes(&seed, sizeof(seed));
	rng_seed(&rng, seed);
	dns_order(&answer, &rng);
	for (i = 0; i < answer.n; i++)
		if (resolve_host(answer.srv[i].target, answer.srv[i].port) > 0)
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
	return resolve_host(name,
	    (unsigned)strtoul(colon + 1, NULL, 10)) > 0 ? 0 : 1;
}

int
resolve_exec(const char *command)
{
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	resolve_why("unable to run /bin/sh");
	return 1;
}
