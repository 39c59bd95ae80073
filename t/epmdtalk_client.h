#ifndef EPMDTALK_CLIENT_H
#define EPMDTALK_CLIENT_H

/*
 * Exchanges with an epmd, or with what serves in its place, for epmdtalk: its
 * connections, its requests, and the line that is printed of each exchange.
 * Whatever fails on this side ends the program.
 */

#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "slice.h"

#define QUIET_MS 150   /* no answer so long: none comes */
#define WAIT_MS	 20000 /* for what has to come */

extern struct addr server;
/* What the last hear() got. */
extern unsigned char got[];
extern size_t ngot;
extern int count; /* of the lines that were printed: each has its number */

/* Say why, by errno, and exit 1. */
void broken(const char *what);

/* Connections. */
int dial(void);
void send_to(int fd, struct slice s);
/* Read until the end: 1, or until nothing comes: 0. */
int hear(int fd, int ms);
/* Close with a reset. */
void reset(int fd);

/* What is printed. */
void print_byte(unsigned c);

/* Requests, each good until the next of its kind is made. */
struct slice request(int type, const void *body, size_t len);
struct slice text(int type, const char *body);
/* namelen and extralen lie by so much; tail is bytes behind extra. */
struct slice alive(struct slice name, int highest, struct slice extra,
    int namelie, int extralie, size_t tail);
/* A registration of a node whose highest version is that. */
struct slice node(const char *name, int highest);
/* n times unit: up to 8192 bytes. */
struct slice repeated(const char *unit, size_t n);

/* Exchanges, each printed as a line: in parts of size bytes; 0: in one go. */
void parts(const char *what, struct slice bytes, size_t size);
void one(const char *what, struct slice bytes);
/* With surplus bytes behind. */
void surplus(const char *what, struct slice bytes, size_t size);

/* Ask for the names until the answer has so many bytes, so that what was closed
 * is known to be gone; without nodes it has 4. */
void settle(size_t bytes);
/* Register, and stay: the descriptor. The creation stays as it was where there
 * is no answer. */
int stay(const char *name, int highest, uint32_t *creation);

#endif
