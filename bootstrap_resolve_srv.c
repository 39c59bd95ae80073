#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "bytes.h"
#include "bootstrap_blocking.h"
#include "bootstrap_dns.h"
#include "bootstrap_resolvconf.h"
#include "bootstrap_resolve.h"
#include "env.h"

#define CONF	 "/etc/resolv.conf"
#define CONF_MAX 65536

struct question {
	const struct resolvconf *conf;
	struct slice query;
	unsigned char bytes[DNS_QUERY_MAX];
};

/* Only the server's own answers arrive on a socket that is connected to it;
 * those that are late, or no answer to this, are waited past. */
static int
ask_udp(const struct question *q, const struct addr *server,
    struct dns_answer *a)
{
	int64_t deadline = blocking_now() + 1000 * q->conf->timeout;
	int fd = blocking_dial(server, SOCK_DGRAM, deadline), r = -1;
	unsigned char reply[DNS_UDP_MAX];
	ssize_t n;

	if (fd == -1)
		return -1;
	if (blocking_write(fd, q->query.p, q->query.len, deadline) == 0)
		while ((n = blocking_read(fd, reply, sizeof(reply),
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
read_whole(int fd, unsigned char *to, size_t n, int64_t deadline)
{
	ssize_t r;

	for (; n > 0; to += r, n -= (size_t)r) {
		r = blocking_read(fd, to, n, deadline);
		if (r == 0)
			errno = ECONNRESET;
		if (r <= 0)
			return -1;
	}
	return 0;
}

/* A message on a connection stands behind its length. */
static int
ask_tcp(const struct question *q, const struct addr *server,
    struct dns_answer *a)
{
	static unsigned char reply[DNS_TCP_MAX];
	int64_t deadline = blocking_now() + 1000 * q->conf->timeout;
	int fd = blocking_dial(server, SOCK_STREAM, deadline), r = -1;
	unsigned char head[2], message[2 + DNS_QUERY_MAX];
	size_t len;

	if (fd == -1)
		return -1;
	memcpy(put16(message, (unsigned)q->query.len), q->query.p,
	    q->query.len);
	if (blocking_write(fd, message, 2 + q->query.len, deadline) == 0 &&
	    read_whole(fd, head, sizeof(head), deadline) == 0) {
		len = get16(head);
		if (read_whole(fd, reply, len, deadline) == 0)
			r = dns_answer(a, slice_of(reply, len), q->query);
	}
	close(fd);
	return r;
}

/* One server, once: 0 when it knows, be it that there is no such name; 1 when
 * it says that it does not, -1 when it says nothing of use. */
static int
ask_server(const struct question *q, const struct addr *server,
    struct dns_answer *a)
{
	char text[ADDR_TEXT_MAX];

	if (ask_udp(q, server, a) == -1 ||
	    (a->truncated && ask_tcp(q, server, a) == -1)) {
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

/* As ask_server(), of the best that any of them said. */
static int
ask_servers(const struct resolvconf *conf, const char *name,
    struct dns_answer *a)
{
	struct question q;
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
			if ((r = ask_server(&q, &conf->server[i], a)) == 0)
				return 0;
			if (r == 1)
				best = 1;
		}
	return best;
}

/* Without the file, as if it were empty. */
static void
read_conf(struct resolvconf *conf)
{
	static char text[CONF_MAX];
	FILE *f = fopen(CONF, "r");
	size_t n = 0;

	if (f != NULL) {
		n = fread(text, 1, sizeof(text), f);
		fclose(f);
	}
	resolvconf_parse(conf, slice_of(text, n));
}

int
resolve_srv(struct dns_answer *a, const char *given)
{
	struct resolvconf conf;
	char name[DNS_NAME_MAX];
	int code = DNS_NXDOMAIN, r, failed = 0;
	size_t i;

	read_conf(&conf);
	for (i = 0; resolvconf_name(&conf, given, i, name) != NULL; i++) {
		if ((r = ask_servers(&conf, name, a)) == -1)
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
