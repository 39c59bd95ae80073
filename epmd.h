#ifndef EPMD_H
#define EPMD_H

/*
 * The messages of the Erlang Port Mapper Daemon, both ways: bytes to structs
 * and back, for the side that serves and the side that asks. No I/O, no state
 * and no allocation; what is decoded points into the bytes it was decoded from.
 *
 * A request is two bytes of length and that many bytes, the first of which is
 * its type. A reply has no length: it ends where its fields do, or, for the
 * lists, with the connection. Integers are big-endian.
 *
 *	ALIVE2_REQ	  x port:2 type:1 protocol:1 highest:2 lowest:2
 *			    namelen:2 name extralen:2 extra
 *	ALIVE2_RESP	  y result:1 creation:2		(highest version < 6)
 *	ALIVE2_X_RESP	  v result:1 creation:4		(highest version >= 6)
 *	PORT_PLEASE2_REQ  z name
 *	PORT2_RESP	  w 1				(no such node)
 *			  w 0 port:2 type:1 protocol:1 highest:2 lowest:2
 *			    namelen:2 name extralen:2 extra
 *	NAMES_REQ	  n -> port:4 and a line of text a node
 *	DUMP_REQ	  d -> port:4 and a longer line a node
 *	KILL_REQ	  k -> OK
 *	STOP_REQ	  s name -> STOPPED or NOEXIST
 *
 * An epmd client asks on a connection of its own each time. To register, it
 * sends ALIVE2_REQ and keeps the connection for as long as it wants to be
 * registered, sending nothing more.
 */

#include <stdint.h>

#include "buf.h"
#include "slice.h"

#define EPMD_PORT	 4369
#define EPMD_REQUEST_MAX 3057	/* bytes after the length, as epmd has it */
#define EPMD_SYMBOLS_MAX 255	/* characters of a name that registers */
#define EPMD_LOOKUP_MAX	 254	/* of one that is asked for, less its NUL */
#define EPMD_NAME_MAX	 (4 * EPMD_SYMBOLS_MAX) /* a name's bytes, UTF-8 */
#define EPMD_EXTRA_MAX	 (4 * EPMD_SYMBOLS_MAX)
#define EPMD_NORMAL	 77	/* type of a node that is listed */
#define EPMD_HIDDEN	 72	/* and of one that net_kernel keeps apart */
#define EPMD_X_VERSION	 6	/* from which on creation has 32 bits */
#define EPMD_LOWEST	 5	/* distribution protocol of OTP 6 to 25 */
#define EPMD_HIGHEST	 6	/* and of OTP 23 and later */
/* No request and no reply that is not a list is longer. */
#define EPMD_BYTES_MAX	 (2 + EPMD_REQUEST_MAX)

enum epmd_type {
	EPMD_ALIVE2_REQ = 'x',
	EPMD_ALIVE2_RESP = 'y',
	EPMD_ALIVE2_X_RESP = 'v',
	EPMD_PORT_PLEASE2_REQ = 'z',
	EPMD_PORT2_RESP = 'w',
	EPMD_NAMES_REQ = 'n',
	EPMD_DUMP_REQ = 'd',
	EPMD_KILL_REQ = 'k',
	EPMD_STOP_REQ = 's'
};

/* A node as it registers, and as it is answered. */
struct epmd_node {
	struct slice name;  /* without @host */
	struct slice extra; /* empty, or the address (lambda-discovery) */
	uint16_t port;	    /* of its distribution */
	uint8_t type;	    /* EPMD_NORMAL or EPMD_HIDDEN */
	uint8_t protocol;   /* 0: TCP */
	uint16_t highest;   /* distribution version */
	uint16_t lowest;
};

struct epmd_request {
	int type;	       /* enum epmd_type, one of the requests */
	struct epmd_node node; /* ALIVE2_REQ; name: PORT_PLEASE2, STOP too */
};

/* For the side that asks. */

/*
 * Append a request to out: 0, or -1 with ERANGE (a field is too long, or a
 * name empty) and with what buf_append() says. For epmd_ask_alive2(), name,
 * port and type are the caller's; with highest 0 the versions are filled in.
 */
int epmd_ask_port_please2(struct buf *out, struct slice name);
int epmd_ask_alive2(struct buf *out, const struct epmd_node *);

/*
 * Read a reply from all bytes that came so far: 1 when it is whole, 0 when
 * more is needed (at end of file that means: no answer), or -1 with ENOENT (no
 * such node), EEXIST (the name is taken, or refused) or EPROTO.
 */
int epmd_port2(struct slice reply, struct epmd_node *);
int epmd_alive2(struct slice reply, uint32_t *creation);

/* For the side that answers. */

/*
 * How long the request is, its length included, as far as what came so far on
 * a connection tells: 0 when more is needed to know, -1 with EPROTO for a
 * length of 0 or above EPMD_REQUEST_MAX.
 */
int epmd_length(struct slice bytes);

/*
 * Take a whole request, of epmd_length() bytes: 0 with *r filled, or -1 with
 * EPROTO where epmd closes without an answer: lengths inside that do not fit,
 * a name with a NUL in it, an unknown type. A name that registers and is too
 * long, or no UTF-8, passes here: it is refused with an answer (discovery.c).
 */
int epmd_request(struct slice bytes, struct epmd_request *r);

/* Append a reply: 0 or -1 as buf_append(). ALIVE2 answers in the form that the
 * node's highest version asks for; no such node: node is NULL. */
int epmd_say_alive2(struct buf *out, int highest, int result,
    uint32_t creation);
int epmd_say_port2(struct buf *out, const struct epmd_node *node);
int epmd_say_text(struct buf *out, const char *);

/* Lists: the port that epmd itself is on, then a line a node. DUMP has epmd's
 * two kinds of lines, each ended with a NUL; fd is any number. */
int epmd_say_port(struct buf *out, uint32_t port);
int epmd_say_name(struct buf *out, const struct epmd_node *);
int epmd_say_active(struct buf *out, const struct epmd_node *, uint32_t fd);
int epmd_say_unused(struct buf *out, const struct epmd_node *, uint32_t fd);

/* How many characters of UTF-8 there are, as epmd counts them; -1 where it is
 * not UTF-8 (overlong forms and surrogates included). */
int epmd_symbols(struct slice);

#endif
