/*
 * Descriptors of processes: what conn.c, acceptor.c and hub.c ask of net.h, on
 * the sockets of the virtual network. They are used again at once, and by any
 * process: whoever uses one that is not its own any more is found out.
 */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "fail.h"
#include "net.h"
#include "t/virtual/sim.h"

static struct sock **socks; /* by descriptor; NULL where free */
static int *unused;	    /* that were used, the last one at the end */
static int nsocks, nunused, cap;

int
descriptor_open(struct sock *s)
{
	int fd = nunused > 0 ? unused[--nunused] : nsocks++;

	if (fd == cap) {
		cap = cap == 0 ? 64 : 2 * cap;
		socks = realloc(socks, (size_t)cap * sizeof(s));
		unused = realloc(unused, (size_t)cap * sizeof(fd));
		assert(socks != NULL && unused != NULL);
	}
	socks[fd] = s;
	s->fd = fd;
	s->owner = proc_running;
	return fd;
}

struct sock *
descriptor_sock(int fd, const char *what)
{
	const struct proc *p = proc_running;

	if (fd < 0 || fd >= nsocks || socks[fd] == NULL ||
	    socks[fd]->owner != p)
		world_fail(p->world, 0, "%s %s descriptor %d, which it has "
		    "closed", p->name, what, fd);
	return socks[fd];
}

void
descriptor_give(int fd, struct proc *to)
{
	struct sock *s = descriptor_sock(fd, "passes on");

	assert(s->watch == NULL);
	s->owner = to;
	s->conn = NULL;
}

/* Addresses: a host's is 10. and its number, in base 250. */

static unsigned
host_of(const struct net *n, const struct addr *a)
{
	const unsigned char *b = addr_host(a).p;
	uint64_t host = ((uint64_t)b[1] * 250 + b[2]) * 250 + b[3] - 1;

	return b[0] != 10 || host > n->hosts ? 0 : (unsigned)host;
}

static struct place_on
place_of(const struct proc *p, const struct addr *a)
{
	struct place_on at = { p->host, 0, NULL };

	if (addr_is_unix(a)) {
		at.path = a->u.un.sun_path;
	} else {
		at.host = host_of(&p->world->net, a);
		at.port = (unsigned)addr_port(a);
	}
	return at;
}

static int
address_of(struct addr *a, const struct sock *s)
{
	unsigned char b[4];
	unsigned host = s->host;

	memset(a, 0, sizeof(*a));
	a->u.sa.sa_family = s->port == 0 ? AF_UNIX : AF_INET;
	if (s->port == 0)
		return 0;
	b[0] = 10;
	b[1] = (unsigned char)(host / 62500);
	b[2] = (unsigned char)(host / 250 % 250);
	b[3] = (unsigned char)(host % 250 + 1);
	memcpy(&a->u.in.sin_addr, b, sizeof(b));
	addr_set_port(a, (int)s->port);
	return 0;
}

int
descriptor_listen(const char *address)
{
	struct proc *p = proc_running;
	struct place_on at;
	struct addr a;
	struct sock *s;
	int r = addr_parse(&a, address, strlen(address), 0, NULL);

	assert(r == 0);
	at = place_of(p, &a);
	s = sock_listen(&p->world->net, &at);
	return s == NULL ? -1 : descriptor_open(s);
}

void
descriptor_close(int fd, enum ending how)
{
	struct sock *s = descriptor_sock(fd, "closes");

	socks[fd] = NULL;
	unused[nunused++] = fd;
	sock_close(s, how);
}

/* net.h */

int
net_accept(int fd, struct addr *from)
{
	struct sock *s = sock_accept(descriptor_sock(fd, "accepts on"));

	if (s == NULL)
		return fail(EAGAIN);
	address_of(from, s->peer);
	return descriptor_open(s);
}

int
net_connect(const struct addr *a)
{
	struct proc *p = proc_running;
	struct place_on at = place_of(p, a);

	check_dial(p);
	return descriptor_open(sock_connect(&p->world->net, p->host, &at));
}

int
net_connected(int fd)
{
	const struct sock *s = descriptor_sock(fd, "looks at");

	assert(!s->connecting || s->error != 0);
	return s->error == 0 ? 0 : fail(s->error);
}

ssize_t
net_read(int fd, void *p, size_t n)
{
	proc_running->turns = 0;
	return sock_read(descriptor_sock(fd, "reads from"), p, n);
}

ssize_t
net_peek(int fd, void *p, size_t max)
{
	const struct sock *s = descriptor_sock(fd, "looks at");
	size_t n = sock_peek(s, p, max);

	if (n > 0)
		return (ssize_t)n;
	if (s->error != 0)
		return fail(s->error);
	return s->eof ? 0 : fail(EAGAIN);
}

ssize_t
net_write(int fd, const void *p, size_t n)
{
	struct sock *s = descriptor_sock(fd, "writes to");

	if (s->linked != NULL)
		check_queue(s->linked, n);
	return sock_write(s, p, n);
}

void
net_close(int fd)
{
	struct sock *s = descriptor_sock(fd, "closes");

	if (!s->listening && s->conn != NULL)
		watcher_closed(proc_running, s);
	descriptor_close(fd, proc_running->ending);
}

int
net_is_tcp(int fd)
{
	return descriptor_sock(fd, "looks at")->port != 0;
}

int
net_local(int fd, struct addr *a)
{
	return address_of(a, descriptor_sock(fd, "looks at"));
}

int
net_remote(int fd, struct addr *a)
{
	return address_of(a, descriptor_sock(fd, "looks at")->peer);
}

size_t
net_descriptors(void)
{
	return proc_running->world->plan.descriptors;
}
