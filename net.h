#ifndef NET_H
#define NET_H

/*
 * Sockets: listen, connect, adopt, read and write. Every descriptor made here
 * is non-blocking and close-on-exec; those of TCP have TCP_NODELAY. Nothing
 * here blocks. conn.c, acceptor.c and hub.c use descriptors only through this
 * module, so the simulator can replace it with a network of its own.
 */

#include <sys/types.h>

#include "addr.h"

/*
 * Listen. TCP sockets get SO_REUSEADDR. Unix sockets have mode 0600; a socket
 * that has the name and on which no process answers is replaced, by binding
 * another name and renaming it. If a process answers there: -1 with EADDRINUSE.
 * Returns the descriptor, or -1 with errno. *bound (if not NULL) gets the
 * address as bound, with its port.
 */
int net_listen(const struct addr *, struct addr *bound);

/* As net_listen() on a Unix socket, but this takes the name from the process
 * that answers there (by rename); the socket of that process goes on without a
 * name. */
int net_listen_over(const struct addr *);

/* Unlink the Unix socket's name if it is still that of the socket with this
 * device and inode, which the caller noted when it listened. */
void net_unlink(const struct addr *, dev_t, ino_t);

/* Accept a connection: its descriptor, or -1 with errno (EAGAIN: there is none;
 * ECONNABORTED: try the next; EMFILE and ENFILE: pause). */
int net_accept(int fd, struct addr *from);

/* Read or write without waiting: the number of bytes (0 read: end of file), or
 * -1 with errno (EAGAIN: none now). */
ssize_t net_read(int fd, void *, size_t);
ssize_t net_write(int fd, const void *, size_t);

/* As net_read() on a socket, but the bytes stay there. */
ssize_t net_peek(int fd, void *, size_t);

/* Close it; errno does not change. */
void net_close(int fd);

/* How many descriptors this process may have open. */
size_t net_descriptors(void);

/* Begin to connect: a descriptor whose connection may be in progress. When that
 * is over it is writable, and net_connected() says how it ended. */
int net_connect(const struct addr *);

/* A call has failed on this descriptor: close it. Returns -1, with the errno of
 * that call. */
int net_fail(int fd);

/* 0 if the connection stands, or -1 with the errno that it failed with. */
int net_connected(int fd);

/* Make an inherited descriptor ours: non-blocking, close-on-exec, and with
 * TCP_NODELAY if it is TCP. 0, or -1 with errno. */
int net_adopt(int fd);

/* Is the descriptor a socket, a listening one, one of TCP? */
int net_is_socket(int fd);
int net_is_listening(int fd);
int net_is_tcp(int fd);

/* Local and remote address: 0, or -1 with errno. */
int net_local(int fd, struct addr *);
int net_remote(int fd, struct addr *);

/*
 * The listening sockets of this kind that LISTEN_FDS passes (sd_listen_fds(3))
 * under that name in LISTEN_FDNAMES. If none has that name: those under another
 * name that a program of ours looks for. If there are none of these, or name is
 * NULL: all. Returns their number, which is 0 if they are for another process;
 * fd gets the first max of them, and they are adopted.
 */
enum net_kind {
	NET_UNIX,
	NET_TCP
};
size_t net_inherited(const char *name, enum net_kind, int fd[], size_t max);

/*
 * The number of descriptors that LISTEN_FDS passes to this process, from
 * NET_PASSED_FIRST on, whatever they are: 0 to NET_PASSED_MAX. This makes all
 * of them close-on-exec, so that no child inherits those that are not used;
 * those that are used need net_adopt() too.
 */
#define NET_PASSED_FIRST 3 /* sd_listen_fds(3) */
#define NET_PASSED_MAX	 1024
int net_passed(void);

/*
 * Say that the program is ready: write a newline to the descriptor (s6; -1:
 * none) and close it; send READY=1 to NOTIFY_SOCKET if that is set (also to an
 * abstract name, with a leading '@'). Failures are ignored.
 */
void net_ready(int fd);

#endif
