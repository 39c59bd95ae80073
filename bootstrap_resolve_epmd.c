#include <sys/socket.h>

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "bootstrap_blocking.h"
#include "bootstrap.h"
#include "epmd.h"
#include "fail.h"
#include "opt.h"
#include "bootstrap_resolve.h"

#define ANSWER_MS 5000 /* of one address */
#define REPLY_MAX 2048

/* Its answer ends with the connection, or where its fields do. */
static int
read_answer(int fd, struct epmd_node *node, int64_t deadline)
{
	static unsigned char reply[REPLY_MAX];
	size_t len = 0;
	ssize_t n;
	int r;

	while (len < sizeof(reply)) {
		n = blocking_read(fd, reply + len, sizeof(reply) - len,
		    deadline);
		if (n == -1)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
		if ((r = epmd_port2(slice_of(reply, len), node)) != 0)
			return r == 1 ? 0 : -1;
	}
	return fail(EPROTO);
}

/* The node's port, or -1. */
static int
ask(const struct addr *a, const char *node)
{
	int64_t deadline = blocking_now() + ANSWER_MS;
	struct epmd_node answer;
	struct buf request;
	struct slice bytes;
	int fd, r = -1;

	buf_init(&request, EPMD_BYTES_MAX);
	if (epmd_ask_port_please2(&request, slice_str(node)) == -1)
		return -1;
	if ((fd = blocking_dial(a, SOCK_STREAM, deadline)) != -1) {
		bytes = buf_slice(&request);
		if (blocking_write(fd, bytes.p, bytes.len, deadline) == 0 &&
		    read_answer(fd, &answer, deadline) == 0)
			r = answer.port;
		close(fd);
	}
	buf_free(&request);
	return r;
}

static const char *
explain(int error)
{
	if (error == ENOENT)
		return "it knows no such node";
	if (error == EPROTO)
		return "it does not answer as an EPMD";
	return strerror(error);
}

/*
 * Any of the host's addresses has an EPMD that knows the node's port. At which
 * of them the node listens it does not know: all are printed.
 */
static int
ask_host(const struct addrinfo *list, const char *node)
{
	char text[ADDR_TEXT_MAX], why[BOOTSTRAP_REASON_MAX] = "no address";
	const struct addrinfo *i;
	struct addr a;
	int port;

	for (i = list; i != NULL; i = i->ai_next) {
		if (i->ai_addrlen > sizeof(a.u))
			continue;
		memset(&a, 0, sizeof(a));
		memcpy(&a.u, i->ai_addr, i->ai_addrlen);
		a.len = i->ai_addrlen;
		if ((port = ask(&a, node)) > 0)
			return resolve_print(list, port) > 0 ? 0 : 1;
		snprintf(why, sizeof(why), "EPMD at %s: %s",
		    addr_print(&a, text), port == 0 ? "the node has no port" :
		    explain(errno));
	}
	resolve_why("%s", why);
	return 1;
}

int
resolve_epmd(const char *what)
{
	const char *at = strchr(what, '@');
	const char *host = at == NULL ? "localhost" : at + 1;
	char node[EPMD_NAME_MAX + 1], service[8];
	struct addrinfo want, *list;
	int error;

	snprintf(node, sizeof(node), "%.*s",
	    at == NULL ? (int)strlen(what) : (int)(at - what), what);
	snprintf(service, sizeof(service), "%d", opt_epmd_port());
	memset(&want, 0, sizeof(want));
	want.ai_family = AF_UNSPEC;
	want.ai_socktype = SOCK_STREAM;
	error = getaddrinfo(host, service, &want, &list);
	if (error != 0) {
		resolve_why("%s: %s", host, gai_strerror(error));
		return 1;
	}
	error = ask_host(list, node);
	freeaddrinfo(list);
	return error;
}
