#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"
#include "log.h"
#include "program.h"

void
daemon_begin(char **argv)
{
	program_begin(argv, 0);
}

void
daemon_init(struct daemon *d)
{
	d->ready_fd = -1;
	d->where.at = d->where_at;
	d->where.max = DAEMON_LISTEN_MAX;
	d->where.what = "addresses";
}

void
daemon_key(struct daemon *d)
{
	env_key(&d->key, &d->keys);
}

void
daemon_hub(struct daemon *d, unsigned role)
{
	d->loop = loop_new();
	hub_init(&d->hub, d->loop, role, &d->key);
}

/* Sockets. */

int
daemon_open(struct daemon *d, const char *where, int default_port)
{
	struct daemon_socket *s = &d->tcp[d->ntcp];
	struct addr a;

	opt_ip('l', where, default_port, &a);
	env_key_need(&d->key, 'l', &a);
	if ((s->fd = net_listen(&a, &s->bound)) == -1)
		return -1;
	d->ntcp++;
	return 0;
}

void
daemon_unlistened(const char *where)
{
	if (errno == EEXIST)
		die(EXIT_USAGE, "%s: there is something else of that name: "
		    "remove it, or name another", where);
	die_errno(EXIT_TEMPORARY, "unable to listen on %s", where);
}

void
daemon_open_all(struct daemon *d, const char *usual, int default_port)
{
	struct addr all[DAEMON_LISTEN_MAX];
	char text[ADDR_TEXT_MAX];
	char **where = d->where.at;
	size_t i, n = d->where.n;

	if (n == 0 && daemon_open(d, usual, default_port) == -1)
		daemon_unlistened(usual);
	for (i = 0; i < n; i++)
		opt_ip('l', where[i], default_port, &all[i]);
	/* Each port 0 is another port. */
	for (i = 0; i < n; i++)
		if (addr_port(&all[i]) != 0 && addr_is_covered(all, n, i))
			log_info("-l %s: another one covers it", where[i]);
		else if (daemon_open(d, where[i], default_port) == -1)
			daemon_unlistened(addr_print(&all[i], text));
}

size_t
daemon_passed(struct daemon *d, const char *name)
{
	int fd[DAEMON_LISTEN_MAX];
	size_t n = net_inherited(name, NET_TCP, fd, DAEMON_LISTEN_MAX);
	struct daemon_socket *s = d->tcp;

	env_all_fit(n, DAEMON_LISTEN_MAX);
	for (; s < d->tcp + n; s++) {
		s->fd = fd[s - d->tcp];
		if (net_local(s->fd, &s->bound) == -1)
			die_errno(EXIT_TEMPORARY, "unable to use a socket of "
			    "LISTEN_FDS");
		env_key_need(&d->key, 'l', &s->bound);
	}
	d->ntcp = n;
	return n;
}

void
daemon_serve(struct daemon *d)
{
	char text[ADDR_TEXT_MAX];
	struct daemon_socket *s;

	for (s = d->tcp; s < d->tcp + d->ntcp; s++) {
		s->listen = hub_listen(&d->hub, s->fd);
		log_info("listening on %s", addr_print(&s->bound, text));
	}
}

void
daemon_unserve(struct daemon *d)
{
	size_t i;

	for (i = 0; i < d->ntcp; i++)
		hub_unlisten(d->tcp[i].listen);
}

/* Input. */

static void
daemon_on_line(void *arg, const char *line, size_t len, unsigned long number)
{
	struct daemon *d = arg;
	char text[ADDR_TEXT_MAX];
	struct addr a;

	if (!lines_address(line, len, number, d->port, &a))
		return;
	d->given++;
	d->address(d->arg, slice_str(addr_print(&a, text)));
	hub_deliver(&d->hub);
}

static void
daemon_on_lines_end(void *arg)
{
	struct daemon *d = arg;

	if (d->given == 0 && !(d->first && d->input.number == 0))
		log_error("the input named no authority: give addresses, as "
		    "lambda-bootstrap prints");
}

void
daemon_read(struct daemon *d, int port, int first,
    void (*address)(void *arg, struct slice text), void *arg)
{
	d->port = port;
	d->first = first;
	d->address = address;
	d->arg = arg;
	lines_init(&d->input, d->loop, STDIN_FILENO, daemon_on_line, d);
	d->input.end = daemon_on_lines_end;
}

void
daemon_key_again(struct hub *h, struct key *key, const struct key_names *names)
{
	char why[REASON_MAX];

	if (env_key_again(key, names, why, sizeof(why)) == -1) {
		log_error("%s; going on with the keys as they were", why);
		return;
	}
	hub_key(h, key);
	log_info("reading the keys again");
}

void
daemon_read_again(struct daemon *d)
{
	daemon_key_again(&d->hub, &d->key, &d->keys);
	if (!lines_again(&d->input))
		return;
	d->given = 0;
	log_info("reading standard input again");
}

void
daemon_ready(const struct daemon *d)
{
	net_ready(d->ready_fd);
	log_info("ready");
}
