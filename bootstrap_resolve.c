#include <sys/socket.h>

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"
#include "bytes.h"
#include "bootstrap.h"
#include "bootstrap_dns.h"
#include "bootstrap_resolve.h"
#include "env.h"
#include "epmd.h"
#include "fail.h"
#include "net.h"
#include "opt.h"

#define SERVICE "_lambda._tcp."
#define ANSWER_MS 5000 /* of one address */
#define REPLY_MAX 2048
#define CONF	 "/etc/resolv.conf"
#define CONF_MAX 65536

/*
 * Sockets. Each call waits until it is done or a deadline is reached, which is
 * on the monotonic clock, in ms.
 */

static int64_t
resolve_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int
resolve_wait(int fd, short events, int64_t deadline)
{
	struct pollfd p;
	int64_t left;
	int n;

	p.fd = fd;
	p.events = events;
	do {
		left = deadline - resolve_now();
		if (left < 0)
			left = 0;
		n = poll(&p, 1, left > INT_MAX ? INT_MAX : (int)left);
	} while (n == -1 && errno == EINTR);
	if (n == 0)
		errno = ETIMEDOUT;
	return n == 1 ? 0 : -1;
}

static int
resolve_dial(const struct addr *a, int type, int64_t deadline)
{
	int fd = socket(a->u.sa.sa_family, type, 0);

	if (fd == -1)
		return -1;
	if (net_adopt(fd) == -1)
		return net_fail(fd);
	if (connect(fd, &a->u.sa, a->len) == 0)
		return fd;
	if (errno != EINPROGRESS ||
	    resolve_wait(fd, POLLOUT, deadline) == -1 ||
	    net_connected(fd) == -1)
		return net_fail(fd);
	return fd;
}

static int
resolve_write(int fd, const void *bytes, size_t n, int64_t deadline)
{
	const unsigned char *p = bytes;
	ssize_t r;

	while (n > 0) {
		if (resolve_wait(fd, POLLOUT, deadline) == -1)
			return -1;
		r = send(fd, p, n, MSG_NOSIGNAL);
		if (r == -1 && errno != EAGAIN && errno != EINTR)
			return -1;
		if (r > 0) {
			p += r;
			n -= (size_t)r;
		}
	}
	return 0;
}

static ssize_t
resolve_read(int fd, void *to, size_t n, int64_t deadline)
{
	ssize_t r;

	do {
		if (resolve_wait(fd, POLLIN, deadline) == -1)
			return -1;
		r = read(fd, to, n);
	} while (r == -1 && (errno == EAGAIN || errno == EINTR));
	return r;
}

/* What is found. */

static void
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
resolve_print_one(const struct addrinfo *i, int port)
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

static int
resolve_print(const struct addrinfo *list, int port)
{
	int n = 0;

	for (; list != NULL; list = list->ai_next)
		n += resolve_print_one(list, port);
	return n;
}

static int
resolve_host(const char *host, int port)
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

/* The DNS. */

struct resolve_question {
	const struct dns_conf *conf;
	struct slice query;
	unsigned char bytes[DNS_QUERY_MAX];
};

/* Only the server's own answers arrive on a socket that is connected to it;
 * those that are late, or no answer to this, are waited past. */
static int
resolve_udp(const struct resolve_question *q, const struct addr *server,
    struct dns_answer *a)
{
	int64_t deadline = resolve_now() + 1000 * q->conf->timeout;
	int fd = resolve_dial(server, SOCK_DGRAM, deadline), r = -1;
	unsigned char reply[DNS_UDP_MAX];
	ssize_t n;

	if (fd == -1)
		return -1;
	if (resolve_write(fd, q->query.p, q->query.len, deadline) == 0)
		while ((n = resolve_read(fd, reply, sizeof(reply),
		    deadline)) != -1) {
			r = dns_answer(a, slice_of(reply, (size_t)n),
			    q->query);
			if (r == 0 || errno != ENOMSG)
				break;
		}
	close(fd);
	return r;
}

static int
resolve_read_whole(int fd, unsigned char *to, size_t n, int64_t deadline)
{
	ssize_t r;

	for (; n > 0; to += r, n -= (size_t)r) {
		r = resolve_read(fd, to, n, deadline);
		if (r == 0)
			errno = ECONNRESET;
		if (r <= 0)
			return -1;
	}
	return 0;
}

/* A message on a connection stands behind its length. */
static int
resolve_tcp(const struct resolve_question *q, const struct addr *server,
    struct dns_answer *a)
{
	static unsigned char reply[DNS_TCP_MAX];
	int64_t deadline = resolve_now() + 1000 * q->conf->timeout;
	int fd = resolve_dial(server, SOCK_STREAM, deadline), r = -1;
	unsigned char head[2], message[2 + DNS_QUERY_MAX];
	size_t len;

	if (fd == -1)
		return -1;
	memcpy(put16(message, (unsigned)q->query.len), q->query.p,
	    q->query.len);
	if (resolve_write(fd, message, 2 + q->query.len, deadline) == 0 &&
	    resolve_read_whole(fd, head, sizeof(head), deadline) == 0) {
		len = get16(head);
		if (resolve_read_whole(fd, reply, len, deadline) == 0)
			r = dns_answer(a, slice_of(reply, len), q->query);
	}
	close(fd);
	return r;
}

/* One server, once: 0 when it knows, be it that there is no such name; 1 when
 * it says that it does not, -1 when it says nothing of use. */
static int
resolve_ask_server(const struct resolve_question *q, const struct addr *server,
    struct dns_answer *a)
{
	char text[ADDR_TEXT_MAX];

	if (resolve_udp(q, server, a) == -1 ||
	    (a->truncated && resolve_tcp(q, server, a) == -1)) {
		resolve_why("server %s: %s", addr_print(server, text),
		    errno == EPROTO ? "a malformed answer" : strerror(errno));
		return -1;
	}
	if (!a->truncated &&
	    (a->code == DNS_NOERROR || a->code == DNS_NXDOMAIN))
		return 0;
	if (a->truncated)
		resolve_why("server %s: its answer is cut short",
		    addr_print(server, text));
	else
		resolve_why("server %s: it fails with code %d",
		    addr_print(server, text), a->code);
	return a->truncated ? -1 : 1;
}

/* As resolve_ask_server(), of the best that any of them said. */
static int
resolve_ask_servers(const struct dns_conf *conf, const char *name,
    struct dns_answer *a)
{
	struct resolve_question q;
	uint16_t id;
	size_t i;
	int n, r, best = -1;

	env_random(&id, sizeof(id));
	q.conf = conf;
	q.query = slice_of(q.bytes, dns_query(q.bytes, id, name));
	if (q.query.len == 0) {
		resolve_why("%s: that is no name", name);
		return -1;
	}
	for (n = 0; n < conf->attempts; n++)
		for (i = 0; i < conf->servers; i++) {
			if ((r = resolve_ask_server(&q, &conf->server[i],
			    a)) == 0)
				return 0;
			if (r == 1)
				best = 1;
		}
	return best;
}

/* Without the file, as if it were empty. */
static void
resolve_conf(struct dns_conf *conf)
{
	static char text[CONF_MAX];
	FILE *f = fopen(CONF, "r");
	size_t n = 0;

	if (f != NULL) {
		n = fread(text, 1, sizeof(text), f);
		fclose(f);
	}
	dns_conf_parse(conf, slice_of(text, n));
}

static int
resolve_srv(struct dns_answer *a, const char *given)
{
	struct dns_conf conf;
	char name[DNS_NAME_MAX];
	int code = DNS_NXDOMAIN, r, failed = 0;
	size_t i;

	resolve_conf(&conf);
	for (i = 0; dns_conf_name(&conf, given, i, name) != NULL; i++) {
		if ((r = resolve_ask_servers(&conf, name, a)) == -1)
			return -1;
		if (r == 0 && a->n > 0)
			return 0;
		if (r == 1)
			failed = 1;
		else if (a->code == DNS_NOERROR)
			code = DNS_NOERROR;
	}
	/* Why is said already. */
	if (failed)
		return -1;
	resolve_why(code == DNS_NXDOMAIN ? "%s: there is no such name" :
	    "%s: it has no SRV records", given);
	return -1;
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
	return resolve_host(name, s->port);
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
	return resolve_host(name, (int)strtol(colon + 1, NULL, 10)) > 0 ? 0 : 1;
}

/* EPMD. */

/* Its answer ends with the connection, or where its fields do. */
static int
resolve_epmd_read(int fd, struct epmd_node *node, int64_t deadline)
{
	static unsigned char reply[REPLY_MAX];
	size_t len = 0;
	ssize_t n;
	int r;

	while (len < sizeof(reply)) {
		n = resolve_read(fd, reply + len, sizeof(reply) - len,
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
resolve_epmd_ask(const struct addr *a, const char *node)
{
	int64_t deadline = resolve_now() + ANSWER_MS;
	struct epmd_node answer;
	struct buf request;
	struct slice bytes;
	int fd, r = -1;

	buf_init(&request, EPMD_BYTES_MAX);
	if (epmd_ask_port_please2(&request, slice_str(node)) == -1)
		return -1;
	if ((fd = resolve_dial(a, SOCK_STREAM, deadline)) != -1) {
		bytes = buf_slice(&request);
		if (resolve_write(fd, bytes.p, bytes.len, deadline) == 0 &&
		    resolve_epmd_read(fd, &answer, deadline) == 0)
			r = answer.port;
		close(fd);
	}
	buf_free(&request);
	return r;
}

static const char *
resolve_epmd_why(int error)
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
resolve_epmd_host(const struct addrinfo *list, const char *node)
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
		if ((port = resolve_epmd_ask(&a, node)) > 0)
			return resolve_print(list, port) > 0 ? 0 : 1;
		snprintf(why, sizeof(why), "EPMD at %s: %s",
		    addr_print(&a, text), port == 0 ? "the node has no port" :
		    resolve_epmd_why(errno));
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
	error = resolve_epmd_host(list, node);
	freeaddrinfo(list);
	return error;
}

/* Commands. */

int
resolve_exec(const char *command)
{
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	resolve_why("unable to run /bin/sh");
	return 1;
}
