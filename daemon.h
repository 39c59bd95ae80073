#ifndef DAEMON_H
#define DAEMON_H

/*
 * What all daemons do in the same way: the start of main(), sockets to listen
 * on, keys, and addresses on standard input. If a daemon cannot start, these
 * functions die with a message and an exit code (log.h).
 */

#include "hub.h"
#include "lines.h"
#include "net.h"
#include "opt.h"

#define DAEMON_LISTEN_MAX 8 /* TCP sockets */

struct daemon {
	struct key_names keys; /* -k */
	int ready_fd;	       /* -d; -1: none */
	struct opt_list where; /* -l */
	char *where_at[DAEMON_LISTEN_MAX];
	struct key key;
	struct loop *loop;
	struct hub hub;
	struct daemon_socket {
		struct addr bound;
		int fd;
		struct hub_listen *listen; /* NULL until daemon_serve() */
	} tcp[DAEMON_LISTEN_MAX];
	size_t ntcp;
	/* Addresses on standard input: daemon_read(). */
	struct lines input;
	unsigned long given; /* addresses in it so far */
	int port;
	int first;
	void (*address)(void *arg, struct slice text);
	void *arg;
};

/* First thing in main(): notes the program's name and where its siblings are,
 * and makes sure that descriptors 0 to 2 are open. */
void daemon_begin(char **argv);

/* Before options are taken: no key file, no -d, no -l. */
void daemon_init(struct daemon *);

/* After them: the key, then the loop, then a hub of this role. */
void daemon_key(struct daemon *);
void daemon_hub(struct daemon *, unsigned role);

/* Open a TCP socket; default_port if where has no port. -1 with errno if it
 * cannot be opened. Dies (100) if the text is no IP address, or the key does
 * not allow it. */
int daemon_open(struct daemon *, const char *where, int default_port);

/* Die, since it was not possible to listen there; errno says why: 100 if
 * something else has the name of the Unix socket (EEXIST), else 111. */
void daemon_unlistened(const char *where);

/* Open those of -l, or usual if -l is not given. Dies (111) if one cannot be
 * opened. */
void daemon_open_all(struct daemon *, const char *usual, int default_port);

/* Take the TCP sockets that LISTEN_FDS passes: their number, 0 where it passes
 * none. name as in net_inherited(). */
size_t daemon_passed(struct daemon *, const char *name);

/* Accept connections on all open sockets, and log their addresses; or accept no
 * more. */
void daemon_serve(struct daemon *);
void daemon_unserve(struct daemon *);

/* Begin to read addresses of peers from standard input, one on each line. port
 * is the default. address() gets each as text; then the hub delivers. An input
 * that ends without an address is an error in the log; the first daemon of a
 * tier (first) may have an empty one. */
void daemon_read(struct daemon *, int port, int first,
    void (*address)(void *arg, struct slice text), void *arg);

/* SIGHUP: read the keys again. If one of them is not as it must be, the keys in
 * use stay. */
void daemon_key_again(struct hub *, struct key *, const struct key_names *);

/* SIGHUP: read the keys again, and the input if it is a regular file. */
void daemon_read_again(struct daemon *);

/* Say that the daemon is ready, on the descriptor of -d and in the log. */
void daemon_ready(const struct daemon *);

#endif
