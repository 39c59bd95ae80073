#ifndef MSG_H
#define MSG_H

/*
 * The protocol's messages. A table has a row for each, with its number, its
 * name, its fields, and which roles may send it to which; encoding and decoding
 * are two short functions over that table. There is no I/O and no allocation:
 * the slices of a decoded message point into the bytes that it was decoded
 * from.
 *
 * An absent field reads as zero or empty; a field that is zero or empty is not
 * written. The normative text is lambda-protocol(7).
 */

#include <stdint.h>

#include "buf.h"
#include "slice.h"
#include "tlv.h"

#define MSG_VERSION   2
#define MSG_MAX	      (16u * 1024 * 1024) /* bytes of a value, by default */
#define MSG_HELLO_MAX 200		  /* of a hello's value */
#define MSG_HEAD_MAX  TLV_HEAD_MAX

#define ID_SIZE	   16 /* bytes of an instance id */
#define NAME_BYTES_MAX  255 /* bytes of a module's, node's or function's name */
#define ADDRESS_MAX 127
#define REASON_MAX  1024
#define SAID_MAX    512 /* bytes of a line of standard error in an answer */
#define ORDER_NONE  UINT64_MAX /* release: of an order that is no longer known,
				  or that may be offered the same again */
#define OFFERS_MAX  16 /* sets of attributes in offers */
#define LIST_MAX    65535 /* bytes of a list in a control message */
#define MSG_PIECE_MAX (16 * 1024 - 64) /* bytes of a piece in data: it fits one
					  record (link.h) */

enum msg_type {
	MSG_ALIVE = 1,
	MSG_HELLO = 2,
	MSG_PEERS = 6,
	MSG_SUBSCRIBE = 8,
	MSG_UNSUBSCRIBE = 10,
	MSG_EXCHANGES = 12,
	MSG_SELL = 14,
	MSG_BUY = 16,
	MSG_CANCEL = 18,
	MSG_FILL = 20,
	MSG_RELEASE = 22,
	MSG_OFFERS = 23,
	MSG_WAITING = 25,
	MSG_CONNECT = 28,
	MSG_DEMAND = 30,
	MSG_REFUSE = 32,
	MSG_RETURN = 34,
	MSG_REQUEST = 36,
	MSG_REPLY = 38,
	MSG_FAIL = 40,
	MSG_ABANDON = 42,
	MSG_DRAIN = 44,
	MSG_ASK = 45,
	MSG_INSPECT = 46,
	MSG_ANSWER = 47,
	MSG_REPORT = 48,
	MSG_DATA = 50,
	MSG_END = 52,
	MSG_WINDOW = 54,
	MSG_COUNTS = 57
};

/* The role of a process, as its hello says. Each is a bit, for masks. */
enum role {
	ROLE_AUTHORITY = 1 << 0,
	ROLE_BROKER = 1 << 1,
	ROLE_EXCHANGE = 1 << 2,
	ROLE_LISTENER = 1 << 3,
	ROLE_CHANNEL = 1 << 4,
	ROLE_PLB = 1 << 5,
	ROLE_CALLER = 1 << 6, /* lambda-call, a client of a PLB or a channel */
	ROLE_CTL = 1 << 7
};
#define ROLE_COUNT 8
#define ROLE_SERVES (ROLE_CHANNEL | ROLE_PLB) /* takes requests */

/* An instance id: 128 random bits, new with each process. */
struct id {
	unsigned char b[ID_SIZE];
};

int id_equal(const struct id *, const struct id *);
int id_compare(const struct id *, const struct id *); /* as memcmp() */
int id_is_zero(const struct id *);
struct slice id_slice(const struct id *); /* points into the id */

/* Hexadecimal; returns buf. */
#define ID_TEXT (2 * ID_SIZE + 1)
const char *id_print(const struct id *, char buf[ID_TEXT]);

struct msg_alive {
	int none; /* it has no fields */
};

struct msg_hello {
	uint64_t low, high; /* protocol versions spoken */
	uint64_t role;	    /* the bit's number, not the bit */
	struct id instance;
	uint64_t dialled;   /* by its process, with this one; 0: it was not the
			       one to dial */
	uint64_t beat;	    /* s: as far apart its heartbeats may be, and those
			       that it wants to hear; 0: it does not say */
};

struct msg_peers {
	struct slice peers; /* list of struct peer_item: replaces the last */
	struct slice node;  /* a broker's, to an authority: its host's name */
};

struct msg_subscribe { /* and unsubscribe */
	struct slice module;
};

struct msg_exchanges {
	struct slice module;
	struct slice exchanges; /* list of struct peer_item: replaces */
};

struct msg_sell {
	uint64_t order;
	struct slice module;
	uint64_t quantity;   /* left: replaces */
	struct slice attrs;  /* empty in a repeated sell: as they were */
	struct slice contact; /* a struct contact, likewise */
	struct id seller;    /* set by the broker: the listener's instance */
	struct slice settled; /* list of struct reservation */
	uint64_t capacity;   /* all that the seller has; 0: as it was */
};

struct msg_buy {
	uint64_t order;
	struct slice module;
	uint64_t missing; /* wanted and not granted: replaces */
	uint64_t settled; /* of what was filled: granted, refused, released */
	uint64_t held;	  /* what the buyer already has */
	uint64_t age_ms;
	struct slice constraints;
};

struct msg_cancel {
	uint64_t order;
};

struct msg_fill {
	uint64_t order;
	struct id exchange;
	struct slice sellers; /* list of struct seller */
};

struct msg_release {
	uint64_t order;
	struct slice reservations; /* list of struct reservation */
};

struct msg_offers {
	uint64_t order;	     /* 0 from plb to caller */
	struct slice sets;   /* list of struct attrs, 16 at most */
	struct slice reason; /* when it is not the constraints: a sentence */
	uint64_t complete;   /* the exchange knows all that is for sale */
};

struct msg_waiting {
	uint64_t order;	 /* the sell, or the buy; 0 from listener to channel to
			    plb */
	uint64_t buyers; /* whose buys stand unmet; 0: no longer any */
	uint64_t least;	 /* the fewest tokens that one of them holds */
	uint64_t share;	 /* of a sell: the tokens of an equal share, rounded
			    down; of a buy: how many its buyer may keep */
};

struct msg_connect {
	uint64_t quantity;
	struct slice module;
	struct id seller; /* zero: any that answers there */
	struct id exchange;
	uint64_t counter; /* of the reservation; 0: none */
	struct slice constraints; /* of the buy, a struct constraints */
};

struct msg_demand { /* and return */
	uint64_t tokens;
};

struct msg_refuse {
	uint64_t order; /* refused by broker or exchange; 0: a connect's */
	struct slice reason;
	uint64_t final; /* 1: asking again will not help */
};

struct msg_request {
	uint64_t id;
	struct slice function;
	struct slice args; /* list of byte strings */
	struct slice body;
	uint64_t left_ms; /* 0: no limit */
	uint64_t cast;	  /* 1: reply when it is accepted */
	uint64_t retries; /* caller to plb: how often it may be run again */
	uint64_t window;  /* bytes of output that may come in data; 0: all of it
			     comes with the reply */
	uint64_t more;	  /* 1: the rest of the body comes in data */
	uint64_t errors;  /* bytes of standard error that may come in data; 0:
			     none is wanted */
	uint64_t named;	  /* 1: the answer names its host, whatever it is */
	uint64_t again;	  /* caller to plb, 1: retries are for replies with a
			     status other than 0, too */
};

struct msg_reply {
	uint64_t id;
	uint64_t status; /* exit status, 0 to 255 */
	struct slice body;
	uint64_t demand; /* tokens granted with it */
	struct slice said; /* the last line of standard error, where it wrote
			      nothing else and its status is not 0 */
	struct slice host; /* that ran it, likewise */
};

struct msg_fail {
	uint64_t id;
	uint64_t ran; /* 1: it may have run; 0: it has not */
	struct slice reason;
	uint64_t demand;
	uint64_t late;	/* 1: its time was up */
	uint64_t final; /* 1: asking again will not help */
	struct slice said; /* as of a reply */
	struct slice host;
};

struct msg_abandon {
	uint64_t id;
};

struct msg_data { /* part: enum stream_part (stream.h) */
	uint64_t id;
	uint64_t part;
	struct slice bytes;
};

struct msg_end {
	uint64_t id;
	uint64_t part; /* from its sender: no more will come; from its
			  receiver: no more is wanted */
};

struct msg_window {
	uint64_t id;
	uint64_t part;
	uint64_t bytes; /* that may come in addition */
};

struct msg_drain {
	uint64_t over;	      /* listener to channel: the time for it is over */
	struct slice module;  /* ctl to broker: the listeners of this one */
	struct slice address; /* or the authority that is there */
};

struct msg_inspect { /* and ask, which is an inspect that was passed on */
	struct slice what;
	uint64_t serial; /* comes back with the rows; 0: none */
	struct id to;	 /* inspect: pass it on to the broker that this is */
	uint64_t all;	 /* inspect, 1: pass it on to everybody on the host;
			    ask, 1: likewise */
	struct slice close; /* links of the key of this fingerprint */
};

struct msg_report { /* and answer, to an ask */
	struct slice rows; /* list of byte strings, a line each */
	uint64_t more;	   /* 1: another one follows */
	uint64_t serial;   /* of the inspect or the ask */
};

struct msg_counts {
	struct slice counts; /* list of struct count; empty from a listener,
				which asks for them */
};

struct msg {
	enum msg_type type;
	union {
		struct msg_alive alive;
		struct msg_hello hello;
		struct msg_peers peers;
		struct msg_subscribe subscribe, unsubscribe;
		struct msg_exchanges exchanges;
		struct msg_sell sell;
		struct msg_buy buy;
		struct msg_cancel cancel;
		struct msg_fill fill;
		struct msg_release release;
		struct msg_offers offers;
		struct msg_waiting waiting;
		struct msg_connect connect;
		struct msg_demand demand, giveback;
		struct msg_refuse refuse;
		struct msg_request request;
		struct msg_reply reply;
		struct msg_fail fail;
		struct msg_abandon abandon;
		struct msg_drain drain;
		struct msg_inspect inspect; /* and ask */
		struct msg_report report; /* and answer */
		struct msg_data data;
		struct msg_end end;
		struct msg_window window;
		struct msg_counts counts;
	} u;
};

/* What lists are made of, and what stands inside one field. */

struct peer_item { /* of peers and exchanges */
	struct id instance;
	struct slice address;
};

struct contact {
	struct slice node;
	struct slice address; /* where the listener accepts */
	struct slice dist;    /* an Erlang node's distribution address */
};

struct reservation {
	struct id exchange;
	uint64_t counter;
	uint64_t quantity; /* release: how much of it; 0: all */
};

struct attrs {
	struct slice version;
	struct slice digest;  /* SHA-256 of the program */
	struct slice exports; /* list of "name/arity" or "name/arity:cast" */
	struct slice labels;  /* list of "label=value", sorted by label */
};

struct constraints {
	struct slice version; /* "2.1", or "2.1+" for at least; empty: any */
	struct slice labels;  /* list of "label=value" */
	struct slice export;  /* "name/arity" that it must export; empty: any */
	struct slice near;    /* list of "label~value": sellers with these
				 labels come first */
};

struct seller { /* of a fill */
	struct id seller;
	struct slice contact;
	uint64_t quantity;   /* 0: only its contact is told */
	struct slice attrs;
	uint64_t counter; /* of the reservation */
};

struct count {
	uint64_t number; /* which: enum counter (stats.h) */
	uint64_t n;
};

/*
 * The table. msg_row() is NULL for a type that is not a message.
 */
enum field_kind {
	FIELD_UINT,
	FIELD_BYTES,
	FIELD_NAME, /* bytes that are a name: slice_is_name() */
	FIELD_ADDRESS, /* bytes that are one: hostport_is_address() */
	FIELD_ID,
	FIELD_LIST,
	FIELD_GROUP
};

struct field {
	unsigned char type;
	unsigned char kind;
	unsigned char required; /* must be there, so not zero or empty */
	unsigned short offset;	/* in the struct */
	uint64_t max;		/* of the value: its bytes, or the integer */
	const struct schema *of; /* what a list or a group is made of; for a
				    list NULL: byte strings */
	const char *name;	 /* the member's */
};

struct schema {
	const char *name;
	const struct field *fields; /* by ascending type */
	size_t n;
	size_t size; /* of the struct */
};

/* Who may send a message to whom: masks of roles. */
struct msg_path {
	unsigned short from, to;
};

struct msg_row {
	enum msg_type type;
	struct schema schema;
	const struct msg_path *paths; /* ended by {0, 0}; NULL: anybody */
};

extern const struct schema schema_peer_item, schema_contact,
    schema_reservation, schema_attrs, schema_constraints, schema_seller,
    schema_count;

const struct msg_row *msg_row(unsigned type);
/* Walk all messages by type, from NULL to NULL: for tests and man pages. */
const struct msg_row *msg_row_next(const struct msg_row *);
const char *msg_name(unsigned type);
const char *role_name(unsigned role);

/* May a process of role from (one bit) send the type to one of role to? */
int msg_allowed(unsigned type, unsigned from, unsigned to);

/*
 * Decode a message's value. Returns 1; 0 when the type is odd and unknown, to
 * be skipped; -1 with EPROTO (unknown even type or field, a field twice or out
 * of order, one missing), EBADMSG (no TLV) or ERANGE (over its bound). Lists
 * and groups are checked to their depth, so what the readers below are given
 * afterwards cannot fail.
 */
int msg_decode(struct msg *, unsigned type, struct slice value);

/* The bytes that msg_encode() will write, head and all. */
size_t msg_size(const struct msg *);

/* Write head and value: 0, or -1 with ERANGE (no room). */
int msg_encode(const struct msg *, struct tlv_writer *);

/* Append the whole message to the buffer: 0, or -1 as buf_append(). */
int msg_append(struct buf *, const struct msg *);

/*
 * Lists: their elements are TLVs of type 1. Reading moves *list on: 1 with the
 * element, 0 at the end, -1 as msg_decode() (only for bytes that msg_decode()
 * has not seen). The writers append one element.
 */
int list_next(struct slice *list, struct slice *item);
int item_next(const struct schema *, struct slice *list, void *item);
void list_put(struct tlv_writer *, struct slice item);
void item_put(const struct schema *, struct tlv_writer *, const void *item);

/* Append an element to a list in the buffer: 0, or -1 as buf_append(). */
int item_append(struct buf *, const struct schema *, const void *item);

/* A list of one element, which fits, in the size bytes of the caller's. */
struct slice item_list(const struct schema *, const void *item,
    unsigned char *bytes, size_t size);

/* One group's value, as stands in a field such as contact. */
int group_decode(const struct schema *, struct slice value, void *out);
size_t group_size(const struct schema *, const void *);
void group_encode(const struct schema *, const void *, struct tlv_writer *);

#endif
