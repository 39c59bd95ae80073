#include <sys/socket.h>

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"
#include "bootstrap.h"
#include "bootstrap_dns.h"
#include "bootstrap_resolve.h"
#include "bytes.h"
#include "env.h"
#include "epmd.h"
#include "fail.h"
#include "net.h"
#include "opt.h"

#define SERVICE	  "_lambda._tcp."
#define CONF_MAX  65536
#define REPLY_MAX 2048 /* bytes of an EPMD's answer */
#define EXIT_MS	  2000 /* before the limit: we say why, and are not ended */
#define ASK_WHY_MS 2000 /* that servers have to tell what getaddrinfo() met */

struct resolve {
	struct dns_conf conf;
	int64_t end; /* by when all must be done, as resolve_now() */
};

/* The name servers are asked about one name. */
struct resolve_question {
	struct resolve *resolve;
	const char *name;
	struct slice query;
	unsigned char bytes[DNS_QUERY_MAX];
	int fd[DNS_SERVERS_MAX]; /* -1: not asked yet */
};

/* What is wrong with resolv.conf, or empty: it stands after every reason. */
static char resolve_wrong[DNS_WRONG_MAX + 40];

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

/* 0 when one of them is ready, or -1 with errno (ETIMEDOUT: the deadline). A
 * descriptor of -1 is skipped. */
static int
resolve_wait(struct pollfd *fds, size_t nfds, int64_t deadline)
{
	int64_t left;
	int n;

	do {
		left = deadline - resolve_now();
		if (left < 0)
			left = 0;
		n = poll(fds, (nfds_t)nfds, left > INT_MAX ? INT_MAX :
		    (int)left);
	} while (n == -1 && errno == EINTR);
	if (n == 0)
		errno = ETIMEDOUT;
	return n > 0 ? 0 : -1;
}

static int
resolve_await(int fd, short events, int64_t deadline)
{
	struct pollfd p;

	p.fd = fd;
	p.events = events;
	return resolve_wait(&p, 1, deadline);
}

/* Connect, with SOCK_STREAM or SOCK_DGRAM: the descriptor, or -1 with errno. */
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
	    resolve_await(fd, POLLOUT, deadline) == -1 ||
	    net_connected(fd) == -1)
		return net_fail(fd);
	return fd;
}

/* All bytes: 0 or -1. This process is there for nothing else, so it may ignore
 * the signal of a peer that has closed. */
static int
resolve_write(int fd, struct slice bytes, int64_t deadline)
{
	ssize_t r;

	signal(SIGPIPE, SIG_IGN);
	while (bytes.len > 0) {
		if (resolve_await(fd, POLLOUT, deadline) == -1)
			return -1;
		r = net_write(fd, bytes.p, bytes.len);
		if (r == -1 && errno != EAGAIN && errno != EINTR)
			return -1;
		if (r > 0)
			bytes = slice_of(bytes.p + r, bytes.len - (size_t)r);
	}
	return 0;
}

/* Read what has come, at most n bytes: returns as read(2) does. */
static ssize_t
resolve_read(int fd, void *to, size_t n, int64_t deadline)
{
	ssize_t r;

	do {
		if (resolve_await(fd, POLLIN, deadline) == -1)
			return -1;
		r = read(fd, to, n);
	} while (r == -1 && (errno == EAGAIN || errno == EINTR));
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

/* What is found, and why it is not. */

/* A #why line, cut where it is longer than BOOTSTRAP_REASON_MAX. */
static void
resolve_why(const char *fmt, ...)
{
	char text[BOOTSTRAP_REASON_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	dprintf(STDOUT_FILENO, "#why %s%s%s\n", text,
	    text[0] == '\0' || resolve_wrong[0] == '\0' ? "" : "; ",
	    resolve_wrong);
}

/* 0, or -1 if it is of no family that we dial. */
static int
resolve_address(const struct addrinfo *i, struct addr *a)
{
	if ((i->ai_family != AF_INET && i->ai_family != AF_INET6) ||
	    i->ai_addrlen > sizeof(a->u))
		return -1;
	memset(a, 0, sizeof(*a));
	memcpy(&a->u, i->ai_addr, i->ai_addrlen);
	a->len = i->ai_addrlen;
	return 0;
}

/* Print every address of the list, with that port, and free the list: the exit
 * status. */
static int
resolve_print(struct addrinfo *list, int port)
{
	const struct addrinfo *i;
	char text[ADDR_TEXT_MAX];
	struct addr a;
	int status = 1;

	for (i = list; i != NULL; i = i->ai_next) {
		if (resolve_address(i, &a) == -1)
			continue;
		addr_set_port(&a, port);
		if (dprintf(STDOUT_FILENO, "%s\n", addr_print(&a, text)) > 0)
			status = 0;
	}
	freeaddrinfo(list);
	return status;
}

/* Read resolv.conf; a missing file counts as empty. */
static void
resolve_begin(struct resolve *r, int64_t limit_ms)
{
	static char text[CONF_MAX];
	FILE *f = fopen("/etc/resolv.conf", "r");
	size_t n = 0;

	r->end = resolve_now() + limit_ms - EXIT_MS;
	if (f != NULL) {
		n = fread(text, 1, sizeof(text), f);
		fclose(f);
	}
	dns_conf_parse(&r->conf, slice_of(text, n));
	if (r->conf.wrong_line == 0)
		return;
	snprintf(resolve_wrong, sizeof(resolve_wrong),
	    "/etc/resolv.conf line %u: %s", r->conf.wrong_line, r->conf.wrong);
	resolve_why("");
}

/* How many names there are to try for this one. */
static size_t
resolve_names(const struct resolve *r, const char *given)
{
	char name[DNS_NAME_MAX];
	size_t n = 0;

	while (dns_conf_name(&r->conf, given, n, name) != NULL)
		n++;
	return n;
}

/* Name servers. */

/*
 * Ask a server, and wait until the deadline for an answer of any that was asked
 * about this name: one that comes late is as good. Only a server's own answers
 * arrive on a socket that is connected to it. The server that answered, or -1
 * with errno.
 */
static int
resolve_udp(struct resolve_question *q, size_t server, int64_t deadline,
    struct dns_answer *a)
{
	struct pollfd fds[DNS_SERVERS_MAX];
	unsigned char reply[DNS_UDP_MAX];
	size_t i, n = q->resolve->conf.servers;
	ssize_t len;

	if (q->fd[server] == -1)
		q->fd[server] = resolve_dial(&q->resolve->conf.server[server],
		    SOCK_DGRAM, deadline);
	if (q->fd[server] == -1 ||
	    resolve_write(q->fd[server], q->query, deadline) == -1)
		return -1;
	for (;;) {
		for (i = 0; i < n; i++) {
			fds[i].fd = q->fd[i];
			fds[i].events = POLLIN;
			fds[i].revents = 0;
		}
		if (resolve_wait(fds, n, deadline) == -1)
			return -1;
		for (i = 0; i < n; i++) {
			if (fds[i].revents == 0)
				continue;
			len = read(q->fd[i], reply, sizeof(reply));
			if (len >= 0 && dns_answer(a, slice_of(reply,
			    (size_t)len), q->query) == 0)
				return (int)i;
			if (i == server && errno != ENOMSG &&
			    errno != EAGAIN && errno != EINTR)
				return -1;
		}
	}
}

/* A message on a connection follows its length. */
static int
resolve_tcp(const struct resolve_question *q, size_t server, int64_t deadline,
    struct dns_answer *a)
{
	static unsigned char reply[DNS_TCP_MAX];
	int fd = resolve_dial(&q->resolve->conf.server[server], SOCK_STREAM,
	    deadline), r = -1;
	unsigned char head[2], message[2 + DNS_QUERY_MAX];
	size_t len;

	if (fd == -1)
		return -1;
	memcpy(put16(message, (unsigned)q->query.len), q->query.p,
	    q->query.len);
	if (resolve_write(fd, slice_of(message, 2 + q->query.len),
	    deadline) == 0 &&
	    resolve_read_whole(fd, head, sizeof(head), deadline) == 0) {
		len = get16(head);
		if (resolve_read_whole(fd, reply, len, deadline) == 0)
			r = dns_answer(a, slice_of(reply, len), q->query);
	}
	close(fd);
	return r;
}

/* One question: 0 when a server knows, also that there is no such name; 1 when
 * it says that it does not, -1 when none says anything of use. */
static int
resolve_ask_once(struct resolve_question *q, struct dns_asking *asking,
    size_t server, int64_t wait_ms, struct dns_answer *a)
{
	const struct addr *addr = &q->resolve->conf.server[server];
	char text[ADDR_TEXT_MAX];
	int by = resolve_udp(q, server, resolve_now() + wait_ms, a);

	if (by >= 0) {
		addr = &q->resolve->conf.server[by];
		dns_asking_heard(asking, (size_t)by);
		if (a->truncated && resolve_tcp(q, (size_t)by, resolve_now() +
		    wait_ms, a) == -1)
			by = -1;
	} else if (errno == ETIMEDOUT) {
		dns_asking_silent(asking, server);
	}
	addr_print(addr, text);
	if (by == -1) {
		resolve_why(errno == ETIMEDOUT ?
		    "server %s: it does not answer about %s" :
		    "server %s: about %s: %s", text, q->name,
		    errno == EPROTO ? "a malformed answer" : strerror(errno));
		return -1;
	}
	if (a->truncated) {
		resolve_why("server %s: its answer is cut short", text);
		return -1;
	}
	if (a->code == DNS_NOERROR || a->code == DNS_NXDOMAIN)
		return 0;
	resolve_why("server %s: about %s: %s", text, q->name,
	    dns_code(a->code));
	return 1;
}

/* Ask the servers about the name, in turn: as resolve_ask_once(), of the best
 * that any of them said. */
static int
resolve_ask(struct resolve *r, struct dns_asking *asking, const char *name,
    enum dns_type type, struct dns_answer *a)
{
	struct resolve_question q;
	int64_t wait_ms;
	uint16_t id;
	int server, said, best = -1;
	size_t i;

	env_random(&id, sizeof(id));
	q.resolve = r;
	q.name = name;
	q.query = slice_of(q.bytes, dns_query(q.bytes, id, name, type));
	for (i = 0; i < DNS_SERVERS_MAX; i++)
		q.fd[i] = -1;
	dns_asking_name(asking, resolve_now());
	if (q.query.len == 0)
		resolve_why("%s: that is no name", name);
	else
		while (best != 0 && (server = dns_asking_next(asking,
		    resolve_now(), &wait_ms)) != -1) {
			said = resolve_ask_once(&q, asking, (size_t)server,
			    wait_ms, a);
			if (said != -1)
				best = said;
		}
	for (i = 0; i < DNS_SERVERS_MAX; i++)
		if (q.fd[i] != -1)
			close(q.fd[i]);
	return best;
}

/* Hosts. */

/*
 * Have getaddrinfo() be done in time, where it asks about that many names:
 * RES_OPTIONS says so to C libraries that ask one server after another. To be
 * called before the first getaddrinfo().
 */
static void
resolve_hurry(const struct resolve *r, size_t names)
{
	size_t questions = names * r->conf.servers * (size_t)r->conf.attempts;
	int64_t each_ms = (r->end - resolve_now()) / (int64_t)questions;
	const char *given = getenv("RES_OPTIONS");
	char options[256];

	if (each_ms >= 1000 * (int64_t)r->conf.timeout)
		return;
	snprintf(options, sizeof(options), "%.200s timeout:%d attempts:%d",
	    given == NULL ? "" : given,
	    each_ms < 1000 ? 1 : (int)(each_ms / 1000),
	    each_ms < 1000 ? 1 : r->conf.attempts);
	setenv("RES_OPTIONS", options, 1);
}

/* As getaddrinfo() returns. */
static int
resolve_lookup(const char *host, struct addrinfo **list)
{
	struct addrinfo want;

	memset(&want, 0, sizeof(want));
	want.ai_family = AF_UNSPEC;
	want.ai_socktype = SOCK_STREAM;
	return getaddrinfo(host, NULL, &want, list);
}

/*
 * getaddrinfo() ends its search at the first name about which no server says
 * anything: try each of the names as it is. NULL if that finds nothing.
 */
static struct addrinfo *
resolve_search(struct resolve *r, const char *given)
{
	struct addrinfo *list;
	char name[DNS_NAME_MAX + 1];
	size_t i, len;

	for (i = 0; resolve_now() < r->end &&
	    dns_conf_name(&r->conf, given, i, name) != NULL; i++) {
		len = strlen(name);
		if (name[len - 1] != '.')
			memcpy(name + len, ".", 2);
		if (resolve_lookup(name, &list) == 0)
			return list;
	}
	return NULL;
}

/* getaddrinfo() does not tell what its servers said: ask them, once. */
static void
resolve_ask_why(struct resolve *r, const char *name)
{
	static struct dns_answer answer;
	static int asked;
	struct dns_asking asking;

	if (asked++ > 0)
		return;
	dns_asking_init(&asking, &r->conf, resolve_now() + ASK_WHY_MS, 1);
	resolve_ask(r, &asking, name, DNS_A, &answer);
}

/* The addresses of a host, for resolve_print(); or NULL after having said why
 * there are none. */
static struct addrinfo *
resolve_host(struct resolve *r, const char *host)
{
	struct addrinfo *list;
	int error = resolve_lookup(host, &list);

	if (error == 0)
		return list;
	if (error == EAI_AGAIN && resolve_names(r, host) > 1 &&
	    (list = resolve_search(r, host)) != NULL)
		return list;
	resolve_why("%s: %s", host, gai_strerror(error));
	if (error == EAI_AGAIN)
		resolve_ask_why(r, host);
	return NULL;
}

/* Print a host's addresses: the exit status. */
static int
resolve_print_host(struct resolve *r, const char *host, int port)
{
	struct addrinfo *list = resolve_host(r, host);
	int status = list == NULL ? 1 : resolve_print(list, port);

	if (list != NULL && status != 0)
		resolve_why("%s: it has no address", host);
	return status;
}

/* Services. */

/* Ask for the SRV records of the name: 0 with at least one, or -1 after saying
 * why there are none. A failure with one name of the search list does not keep
 * it from asking about the others. */
static int
resolve_srv(struct resolve *r, const char *given, struct dns_answer *a)
{
	int64_t now = resolve_now();
	int code = DNS_NXDOMAIN, said, failed = 0;
	char name[DNS_NAME_MAX];
	struct dns_asking asking;
	size_t i;

	/* A third of the time is for the addresses. */
	dns_asking_init(&asking, &r->conf, now + 2 * (r->end - now) / 3,
	    resolve_names(r, given));
	for (i = 0; dns_conf_name(&r->conf, given, i, name) != NULL; i++) {
		said = resolve_ask(r, &asking, name, DNS_SRV, a);
		if (said == 0 && a->n > 0)
			return 0;
		if (said == 0 && a->none) {
			resolve_why("%s: the service is not offered there",
			    name);
			return -1;
		}
		if (said != 0)
			failed = 1;
		else if (a->code == DNS_NOERROR)
			code = DNS_NOERROR;
	}
	/* Why is said already. */
	if (!failed)
		resolve_why(code == DNS_NXDOMAIN ?
		    "%s: there is no such name" : "%s: it has no SRV records",
		    given);
	return -1;
}

/*
 * A target is absolute (RFC 2782): no search list goes after it. An empty
 * LOCALDOMAIN is an empty search list, and leaves the hosts file to be looked
 * at. Where that variable may be unknown (musl) a dot after the name says it
 * too, though no hosts file has names with one.
 */
static int
resolve_target(struct resolve *r, const struct dns_srv *s)
{
	char name[DNS_NAME_MAX + 1];
	const char *dot = ".";

#ifdef __GLIBC__
	if (setenv("LOCALDOMAIN", "", 1) == 0)
		dot = "";
#endif
	snprintf(name, sizeof(name), "%s%s", s->target, dot);
	return resolve_print_host(r, name, s->port);
}

static int
resolve_service(struct resolve *r, const char *name)
{
	static struct dns_answer answer;
	char full[DNS_NAME_MAX];
	struct rng rng;
	uint64_t seed;
	int status = 1;
	size_t i;

	if (snprintf(full, sizeof(full), "%s%s", name[0] == '_' ? "" : SERVICE,
	    name) >= (int)sizeof(full)) {
		resolve_why("that name is too long");
		return 1;
	}
	if (resolve_srv(r, full, &answer) == -1)
		return 1;
	dprintf(STDOUT_FILENO, "#ttl %lu\n", (unsigned long)answer.ttl);
	env_random(&seed, sizeof(seed));
	rng_seed(&rng, seed);
	dns_order(&answer, &rng);
	resolve_hurry(r, answer.n);
	r->conf.searches = 0;
	for (i = 0; i < answer.n && resolve_now() < r->end; i++)
		if (resolve_target(r, &answer.srv[i]) == 0)
			status = 0;
	if (i < answer.n)
		resolve_why("no time was left for the last %lu of %lu hosts",
		    (unsigned long)(answer.n - i), (unsigned long)answer.n);
	return status;
}

int
resolve_dns(const char *what)
{
	static struct resolve r;
	char name[DNS_NAME_MAX + 1];
	size_t n = strcspn(what, ":");

	resolve_begin(&r, RESOLVE_DNS_MS);
	slice_lower(name, slice_of(what, n));
	if (what[n] == '\0')
		return resolve_service(&r, name);
	/* The silent one of them is asked about twice: resolve_search(). */
	resolve_hurry(&r, resolve_names(&r, name) + 1);
	return resolve_print_host(&r, name,
	    (int)strtol(what + n + 1, NULL, 10));
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
resolve_epmd_ask(const struct addr *a, const char *node, int64_t deadline)
{
	struct epmd_node answer;
	struct buf request;
	int fd, r = -1;

	buf_init(&request, EPMD_BYTES_MAX);
	if (epmd_ask_port_please2(&request, slice_str(node)) == -1)
		return -1;
	if ((fd = resolve_dial(a, SOCK_STREAM, deadline)) != -1) {
		if (resolve_write(fd, buf_slice(&request), deadline) == 0 &&
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
 * of them the node listens it does not know: all are printed. One that does not
 * answer has its share of the time, so that all are asked.
 */
int
resolve_epmd(const char *what)
{
	static struct resolve r;
	char node[EPMD_NAME_MAX + 1], host[DNS_NAME_MAX], text[ADDR_TEXT_MAX];
	size_t len = strcspn(what, "@");
	struct addrinfo *list, *i;
	struct addr a;
	int64_t now, n = 0;
	int port;

	snprintf(node, sizeof(node), "%.*s", (int)len, what);
	slice_lower(host, slice_str(what[len] == '\0' ? "localhost" :
	    what + len + 1));
	resolve_begin(&r, RESOLVE_EPMD_MS);
	resolve_hurry(&r, resolve_names(&r, host) + 1);
	list = resolve_host(&r, host);
	for (i = list; i != NULL; i = i->ai_next)
		n++;
	for (i = list; i != NULL; i = i->ai_next, n--) {
		if (resolve_address(i, &a) == -1)
			continue;
		addr_set_port(&a, opt_epmd_port());
		now = resolve_now();
		port = resolve_epmd_ask(&a, node, now + (r.end - now) / n);
		if (port > 0)
			return resolve_print(list, port);
		resolve_why("EPMD at %s: %s", addr_print(&a, text),
		    port == 0 ? "the node has no port" :
		    resolve_epmd_why(errno));
	}
	return 1;
}

/* Commands. */

int
resolve_exec(const char *command)
{
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	resolve_why("unable to run /bin/sh");
	return 1;
}
