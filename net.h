#ifndef NET_H
#define NET_H

/*
 * Sockets: listen, connect, adopt, read and write. Every descriptor made here
 * is non-blocking and close-on-exec; TCP ones have TCP_NODELAY. Nothing here
 * blocks. What conn.c, acceptor.c and hub.c ask of a descriptor they ask here,
 * so that the simulator can have a network of its own.
 */

#include <sys/types.h>

#include "addr.h"

/*
 * Listen. TCP: with SO_REUSEADDR. A Unix socket of that name is replaced when
 * no process answers on it, by binding another name and renaming it over; when
 * one does, -1 with EADDRINUSE. Mode 0600. Returns the descriptor, or -1 with
 * errno. *bound (if not NULL) gets the address as bound, port and all.
 */
int net_listen(const struct addr *, struct addr *bound);

/* As net_listen() on a Unix socket, but takes the name over from the process
 * that answers there (rename over it); its socket goes on without a name. */
int net_listen_over(const struct addr *);

/* Unlink the Unix socket's name if it still is the socket with this device and
 * inode, which were noted at the listen. */
void net_unlink(const struct addr *, dev_t, ino_t);

/* Accept one connection: its descriptor, or -1 with errno (EAGAIN: none;
 * ECONNABORTED: try the next; EMFILE and ENFILE: pause). */
int net_accept(int fd, struct addr *from);

/* Read or write what can be without waiting: how many bytes (0 read: end of
 * file), or -1 with errno (EAGAIN: none now). */
ssize_t net_read(int fd, void *, size_t);
ssize_t net_write(int fd, const void *, size_t);

/* As net_read() of a socket, and what is read stays there. */
ssize_t net_peek(int fd, void *, size_t);

/* Close it; errno stays. */
void net_close(int fd);

/* How many descriptors this process may have open. */
size_t net_descriptors(void);

/* Begin to connect: a descriptor, whose connection may be in progress (it is
 * writable when decided: then net_connected() says how it went). */
int net_connect(const struct addr *);

/* Close the descriptor that a call failed on: -1, with that call's errno. */
int net_fail(int fd);

/* 0 when the connection stands, -1 with the errno it failed with. */
int net_connected(int fd);

/* Make an inherited descriptor ours: non-blocking, close-on-exec, TCP_NODELAY
 * where it is TCP. 0, or -1 with errno. */
int net_adopt(int fd);

/* Is the descriptor a socket; is it one that listens; is it TCP? */
int net_is_socket(int fd);
int net_is_listening(int fd);
int net_is_tcp(int fd);

/* Local and remote address: 0, or -1 with errno. */
int net_local(int fd, struct addr *);
int net_remote(int fd, struct addr *);

/*
 * The listening sockets of this kind that LISTEN_FDS passes (sd_listen_fds(3))
 * under that name in LISTEN_FDNAMES. Where none has that name, those under
 * another name that programs here look for; where there is none either, or name
 * is NULL, all. Returns their number, 0 also when they are for another process;
 * fd gets the first max of them, adopted already.
 */
enum net_kind {
	NET_UNIX,
	NET_TCP
};
size_t net_inherited(const char *name, enum net_kind, int fd[], size_t max);

/*
 * How many descriptors LISTEN_FDS passes to this process, from
 * NET_PASSED_FIRST on, whatever they are: 0 to NET_PASSED_MAX. All of them are
 * made close-on-exec, so that no child inherits what is not taken; what is
 * taken needs net_adopt() too.
 */
#define NET_PASSED_FIRST 3 /* sd_listen_fds(3) */
#define NET_PASSED_MAX	 1024
int net_passed(void);

/*
 * Say that we are ready: a newline on descriptor fd (s6; -1: none), which is
 * then closed, and READY=1 to NOTIFY_SOCKET where that is set (also an
 * abstract name, '@' first). Failures are not errors.
 */
void net_ready(int fd);

#endif
