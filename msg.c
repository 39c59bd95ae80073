#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "fail.h"
#include "msg.h"

#define LIST_ELEMENT 1

int
id_equal(const struct id *a, const struct id *b)
{
	return memcmp(a->b, b->b, ID_SIZE) == 0;
}

int
id_compare(const struct id *a, const struct id *b)
{
	return memcmp(a->b, b->b, ID_SIZE);
}

int
id_is_zero(const struct id *id)
{
	static const struct id zero;

	return id_equal(id, &zero);
}

struct slice
id_slice(const struct id *id)
{
	return slice_of(id->b, ID_SIZE);
}

const char *
id_print(const struct id *id, char buf[ID_TEXT])
{
	size_t i;

	for (i = 0; i < ID_SIZE; i++)
		snprintf(buf + 2 * i, 3, "%02x", id->b[i]);
	return buf;
}

/* Decoding. */

static int
msg_check_list(struct slice list, const struct schema *of)
{
	struct tlv item;
	int r;

	while ((r = tlv_next(&list, &item)) == 1) {
		if (item.type != LIST_ELEMENT)
			return fail(EPROTO);
		if (of != NULL && group_decode(of, item.value, NULL) == -1)
			return -1;
	}
	return r;
}

static int
msg_decode_uint(const struct field *f, struct slice value, uint64_t *out)
{
	uint64_t n;

	if (tlv_uint(value, &n) == -1)
		return -1;
	if (n > f->max)
		return fail(ERANGE);
	if (out != NULL)
		*out = n;
	return 0;
}

static int
msg_decode_id(const struct field *f, struct slice value, unsigned char *out)
{
	struct id id;

	if (value.len != ID_SIZE)
		return fail(ERANGE);
	memcpy(id.b, value.p, ID_SIZE);
	if (f->required && id_is_zero(&id))
		return fail(EPROTO);
	if (out != NULL)
		memcpy(out, id.b, ID_SIZE);
	return 0;
}

/* base is NULL where the value is only to be checked. */
static int
msg_decode_field(const struct field *f, struct slice value, unsigned char *base)
{
	if (f->required && value.len == 0)
		return fail(EPROTO);
	if (f->kind == FIELD_UINT)
		return msg_decode_uint(f, value, base == NULL ? NULL :
		    (uint64_t *)(void *)(base + f->offset));
	if (value.len > f->max)
		return fail(ERANGE);
	if (f->kind == FIELD_ID)
		return msg_decode_id(f, value,
		    base == NULL ? NULL : base + f->offset);
	if (value.len == 0)
		return 0; /* as if it were absent */
	if (f->kind == FIELD_NAME && !slice_is_name(value))
		return fail(EPROTO);
	if (f->kind == FIELD_ADDRESS && !hostport_is_address(value))
		return fail(EPROTO);
	if (f->kind == FIELD_LIST && msg_check_list(value, f->of) == -1)
		return -1;
	if (f->kind == FIELD_GROUP && group_decode(f->of, value, NULL) == -1)
		return -1;
	if (base != NULL)
		*(struct slice *)(void *)(base + f->offset) = value;
	return 0;
}

/*
 * Fields come in ascending order, once each: so the table is walked along with
 * them, and a field that is passed over was absent.
 */
int
group_decode(const struct schema *s, struct slice value, void *out)
{
	const struct field *f = s->fields, *end = s->fields + s->n;
	struct tlv t;
	unsigned last = 0;
	int r;

	if (out != NULL)
		memset(out, 0, s->size);
	while ((r = tlv_next(&value, &t)) == 1) {
		if (t.type <= last)
			return fail(EPROTO);
		last = t.type;
		for (; f < end && f->type < t.type; f++)
			if (f->required)
				return fail(EPROTO);
		if (f < end && f->type == t.type) {
			if (msg_decode_field(f++, t.value, out) == -1)
				return -1;
		} else if (t.type % 2 == 0)
			return fail(EPROTO);
	}
	for (; r == 0 && f < end; f++)
		if (f->required)
			return fail(EPROTO);
	return r;
}

int
msg_decode(struct msg *m, unsigned type, struct slice value)
{
	const struct msg_row *row = msg_row(type);

	if (row == NULL)
		return type % 2 == 1 ? 0 : fail(EPROTO);
	m->type = row->type;
	return group_decode(&row->schema, value, &m->u) == -1 ? -1 : 1;
}

/* Encoding. */

static const void *
msg_member(const struct field *f, const void *base)
{
	return (const unsigned char *)base + f->offset;
}

/* The bytes of a field's value; 0 when it is not to be written. */
static size_t
field_len(const struct field *f, const void *base)
{
	const void *p = msg_member(f, base);

	if (f->kind == FIELD_UINT)
		return tlv_uint_size(*(const uint64_t *)p);
	if (f->kind == FIELD_ID)
		return id_is_zero(p) ? 0 : ID_SIZE;
	return ((const struct slice *)p)->len;
}

size_t
group_size(const struct schema *s, const void *base)
{
	const struct field *f, *end = s->fields + s->n;
	size_t len, size = 0;

	for (f = s->fields; f < end; f++)
		if ((len = field_len(f, base)) > 0)
			size += tlv_size(len);
	return size;
}

/* The value of a field, in the len bytes that are left for it. */
static void
msg_put_value(const struct field *f, const void *p, unsigned char *to,
    size_t len)
{
	if (f->kind == FIELD_UINT)
		tlv_uint_write(to, *(const uint64_t *)p, len);
	else if (f->kind == FIELD_ID)
		memcpy(to, ((const struct id *)p)->b, len);
	else
		memcpy(to, ((const struct slice *)p)->p, len);
}

void
group_encode(const struct schema *s, const void *base, struct tlv_writer *w)
{
	const struct field *f, *end = s->fields + s->n;
	size_t len;

	for (f = s->fields; f < end; f++) {
		if ((len = field_len(f, base)) == 0)
			continue;
		tlv_put_head(w, f->type, len);
		if (w->failed)
			return;
		msg_put_value(f, msg_member(f, base), w->p, len);
		w->p += len;
	}
}

size_t
msg_size(const struct msg *m)
{
	const struct msg_row *row = msg_row(m->type);

	assert(row != NULL);
	return tlv_size(group_size(&row->schema, &m->u));
}

int
msg_encode(const struct msg *m, struct tlv_writer *w)
{
	const struct msg_row *row = msg_row(m->type);

	assert(row != NULL);
	tlv_put_head(w, m->type, group_size(&row->schema, &m->u));
	group_encode(&row->schema, &m->u, w);
	return w->failed ? fail(ERANGE) : 0;
}

int
msg_append(struct buf *b, const struct msg *m)
{
	size_t len = msg_size(m);
	struct tlv_writer w;
	void *p = buf_reserve(b, len);

	if (p == NULL)
		return -1;
	tlv_writer_init(&w, p, len);
	msg_encode(m, &w);
	buf_commit(b, len);
	return 0;
}

/* Lists. */

int
list_next(struct slice *list, struct slice *item)
{
	struct tlv t;
	int r = tlv_next(list, &t);

	if (r != 1)
		return r;
	if (t.type != LIST_ELEMENT)
		return fail(EPROTO);
	*item = t.value;
	return 1;
}

int
item_next(const struct schema *s, struct slice *list, void *item)
{
	struct slice value;
	int r = list_next(list, &value);

	if (r != 1)
		return r;
	return group_decode(s, value, item) == -1 ? -1 : 1;
}

void
list_put(struct tlv_writer *w, struct slice item)
{
	tlv_put_bytes(w, LIST_ELEMENT, item);
}

void
item_put(const struct schema *s, struct tlv_writer *w, const void *item)
{
	tlv_put_head(w, LIST_ELEMENT, group_size(s, item));
	group_encode(s, item, w);
}

int
item_append(struct buf *b, const struct schema *s, const void *item)
{
	size_t len = tlv_size(group_size(s, item));
	struct tlv_writer w;
	void *p = buf_reserve(b, len);

	if (p == NULL)
		return -1;
	tlv_writer_init(&w, p, len);
	item_put(s, &w, item);
	buf_commit(b, len);
	return 0;
}

struct slice
item_list(const struct schema *s, const void *item, unsigned char *bytes,
    size_t size)
{
	struct tlv_writer w;

	tlv_writer_init(&w, bytes, size);
	item_put(s, &w, item);
	assert(!w.failed);
	return slice_of(bytes, (size_t)(w.p - bytes));
}

/* The messages' table: their fields, who may send them to whom, their names. */

#define LEN(a)	     (sizeof(a) / sizeof((a)[0]))
#define UINT_ANY     UINT64_MAX
#define COUNT_MAX    UINT32_MAX
#define FLAG	     1
#define TIME_MAX_MS  UINT32_MAX
#define STATUS_MAX   255
#define PART_MAX     2
#define ROLE_MAX     (ROLE_COUNT - 1)
#define DIGEST_SIZE  32
#define FINGERPRINT  16 /* hexadecimal digits */
#define REQUIRED     1

/* A row of a field table: T is the struct, m its member. */
#define FIELD(T, type, kind, m, req, max, of) \
	{ type, kind, req, offsetof(struct T, m), max, of, #m }
#define UINT(T, type, m, req, max) \
	FIELD(T, type, FIELD_UINT, m, req, max, NULL)
#define BYTES(T, type, m, req, max) \
	FIELD(T, type, FIELD_BYTES, m, req, max, NULL)
#define ADDRESS(T, type, m, req) \
	FIELD(T, type, FIELD_ADDRESS, m, req, ADDRESS_MAX, NULL)
#define NAME(T, type, m, req) \
	FIELD(T, type, FIELD_NAME, m, req, NAME_BYTES_MAX, NULL)
#define IDENT(T, type, m, req) \
	FIELD(T, type, FIELD_ID, m, req, ID_SIZE, NULL)
#define LIST(T, type, m, req, max, of) \
	FIELD(T, type, FIELD_LIST, m, req, max, of)
#define GROUP(T, type, m, req, of) \
	FIELD(T, type, FIELD_GROUP, m, req, LIST_MAX, of)

#define SCHEMA(name, table, T) { name, table, LEN(table), sizeof(struct T) }

static const struct field peer_item_fields[] = {
	IDENT(peer_item, 2, instance, REQUIRED),
	ADDRESS(peer_item, 4, address, REQUIRED),
};
const struct schema schema_peer_item =
    SCHEMA("peer", peer_item_fields, peer_item);

static const struct field contact_fields[] = {
	BYTES(contact, 1, node, 0, NAME_BYTES_MAX),
	ADDRESS(contact, 2, address, REQUIRED),
	ADDRESS(contact, 3, dist, 0),
};
const struct schema schema_contact = SCHEMA("contact", contact_fields, contact);

static const struct field reservation_fields[] = {
	IDENT(reservation, 2, exchange, 0),
	UINT(reservation, 4, counter, REQUIRED, UINT_ANY),
	UINT(reservation, 6, quantity, 0, COUNT_MAX),
};
const struct schema schema_reservation =
    SCHEMA("reservation", reservation_fields, reservation);

static const struct field attrs_fields[] = {
	BYTES(attrs, 1, version, 0, NAME_BYTES_MAX),
	BYTES(attrs, 3, digest, 0, DIGEST_SIZE),
	LIST(attrs, 5, exports, 0, LIST_MAX, NULL),
	LIST(attrs, 7, labels, 0, LIST_MAX, NULL),
};
const struct schema schema_attrs = SCHEMA("attributes", attrs_fields, attrs);

static const struct field constraints_fields[] = {
	BYTES(constraints, 2, version, 0, NAME_BYTES_MAX),
	LIST(constraints, 4, labels, 0, LIST_MAX, NULL),
	BYTES(constraints, 5, export, 0, NAME_BYTES_MAX + 4),
	LIST(constraints, 7, near, 0, LIST_MAX, NULL),
};
const struct schema schema_constraints =
    SCHEMA("constraints", constraints_fields, constraints);

static const struct field seller_fields[] = {
	IDENT(seller, 2, seller, REQUIRED),
	GROUP(seller, 4, contact, REQUIRED, &schema_contact),
	UINT(seller, 6, quantity, 0, COUNT_MAX),
	GROUP(seller, 7, attrs, 0, &schema_attrs),
	UINT(seller, 8, counter, 0, UINT_ANY),
};
const struct schema schema_seller = SCHEMA("seller", seller_fields, seller);

static const struct field count_fields[] = {
	UINT(count, 1, number, 0, UINT_ANY),
	UINT(count, 3, n, 0, UINT_ANY),
};
const struct schema schema_count = SCHEMA("count", count_fields, count);

/* For messages without fields: a place to point at, as NULL has no end. */
static const struct field no_fields[1];

static const struct field hello_fields[] = {
	UINT(msg_hello, 2, low, REQUIRED, UINT_ANY),
	UINT(msg_hello, 4, high, REQUIRED, UINT_ANY),
	UINT(msg_hello, 6, role, 0, ROLE_MAX),
	IDENT(msg_hello, 10, instance, REQUIRED),
	UINT(msg_hello, 13, dialled, 0, UINT_ANY),
	UINT(msg_hello, 15, beat, 0, UINT_ANY),
};
static const struct field peers_fields[] = {
	LIST(msg_peers, 2, peers, 0, LIST_MAX, &schema_peer_item),
	NAME(msg_peers, 3, node, 0),
};
static const struct field subscribe_fields[] = {
	NAME(msg_subscribe, 2, module, REQUIRED),
};
static const struct field exchanges_fields[] = {
	NAME(msg_exchanges, 2, module, REQUIRED),
	LIST(msg_exchanges, 4, exchanges, 0, LIST_MAX, &schema_peer_item),
};
static const struct field sell_fields[] = {
	UINT(msg_sell, 2, order, REQUIRED, UINT_ANY),
	NAME(msg_sell, 4, module, REQUIRED),
	UINT(msg_sell, 6, quantity, 0, COUNT_MAX),
	GROUP(msg_sell, 7, attrs, 0, &schema_attrs),
	GROUP(msg_sell, 8, contact, 0, &schema_contact),
	IDENT(msg_sell, 10, seller, 0),
	LIST(msg_sell, 12, settled, 0, LIST_MAX, &schema_reservation),
	UINT(msg_sell, 13, capacity, 0, COUNT_MAX),
};
static const struct field buy_fields[] = {
	UINT(msg_buy, 2, order, REQUIRED, UINT_ANY),
	NAME(msg_buy, 4, module, REQUIRED),
	UINT(msg_buy, 6, missing, 0, COUNT_MAX),
	UINT(msg_buy, 8, settled, 0, UINT_ANY),
	UINT(msg_buy, 9, held, 0, COUNT_MAX),
	UINT(msg_buy, 11, age_ms, 0, TIME_MAX_MS),
	GROUP(msg_buy, 12, constraints, 0, &schema_constraints),
};
static const struct field cancel_fields[] = {
	UINT(msg_cancel, 2, order, REQUIRED, UINT_ANY),
};
static const struct field fill_fields[] = {
	UINT(msg_fill, 2, order, REQUIRED, UINT_ANY),
	IDENT(msg_fill, 4, exchange, REQUIRED),
	LIST(msg_fill, 6, sellers, REQUIRED, MSG_MAX, &schema_seller),
};
static const struct field release_fields[] = {
	UINT(msg_release, 2, order, REQUIRED, UINT_ANY),
	LIST(msg_release, 4, reservations, REQUIRED, LIST_MAX,
	    &schema_reservation),
};
static const struct field offers_fields[] = {
	UINT(msg_offers, 2, order, 0, UINT_ANY),
	LIST(msg_offers, 3, sets, 0, MSG_MAX, &schema_attrs),
	BYTES(msg_offers, 5, reason, 0, REASON_MAX),
	UINT(msg_offers, 6, complete, 0, 1),
};
static const struct field waiting_fields[] = {
	UINT(msg_waiting, 1, order, 0, UINT_ANY),
	UINT(msg_waiting, 3, buyers, 0, COUNT_MAX),
	UINT(msg_waiting, 5, least, 0, COUNT_MAX),
	UINT(msg_waiting, 7, share, 0, COUNT_MAX),
};
static const struct field connect_fields[] = {
	UINT(msg_connect, 2, quantity, REQUIRED, COUNT_MAX),
	NAME(msg_connect, 4, module, REQUIRED),
	IDENT(msg_connect, 6, seller, 0),
	IDENT(msg_connect, 8, exchange, 0),
	UINT(msg_connect, 10, counter, 0, UINT_ANY),
	GROUP(msg_connect, 13, constraints, 0, &schema_constraints),
};
static const struct field tokens_fields[] = {
	UINT(msg_demand, 2, tokens, REQUIRED, COUNT_MAX),
};
static const struct field refuse_fields[] = {
	UINT(msg_refuse, 2, order, 0, UINT_ANY),
	BYTES(msg_refuse, 4, reason, 0, REASON_MAX),
	UINT(msg_refuse, 5, final, 0, FLAG),
};
static const struct field request_fields[] = {
	UINT(msg_request, 2, id, REQUIRED, UINT_ANY),
	BYTES(msg_request, 4, function, 0, NAME_BYTES_MAX),
	LIST(msg_request, 6, args, 0, MSG_MAX, NULL),
	BYTES(msg_request, 8, body, 0, MSG_MAX),
	UINT(msg_request, 10, left_ms, 0, TIME_MAX_MS),
	UINT(msg_request, 12, cast, 0, FLAG),
	UINT(msg_request, 14, retries, 0, 255),
	UINT(msg_request, 15, window, 0, COUNT_MAX),
	UINT(msg_request, 16, more, 0, FLAG),
	UINT(msg_request, 17, errors, 0, COUNT_MAX),
	UINT(msg_request, 19, named, 0, FLAG),
	UINT(msg_request, 21, again, 0, FLAG),
};
static const struct field reply_fields[] = {
	UINT(msg_reply, 2, id, REQUIRED, UINT_ANY),
	UINT(msg_reply, 4, status, 0, STATUS_MAX),
	BYTES(msg_reply, 6, body, 0, MSG_MAX),
	UINT(msg_reply, 8, demand, 0, COUNT_MAX),
	BYTES(msg_reply, 9, said, 0, SAID_MAX),
	BYTES(msg_reply, 11, host, 0, NAME_BYTES_MAX),
};
static const struct field fail_fields[] = {
	UINT(msg_fail, 2, id, REQUIRED, UINT_ANY),
	UINT(msg_fail, 4, ran, 0, FLAG),
	BYTES(msg_fail, 6, reason, 0, REASON_MAX),
	UINT(msg_fail, 8, demand, 0, COUNT_MAX),
	UINT(msg_fail, 9, late, 0, FLAG),
	UINT(msg_fail, 11, final, 0, FLAG),
	BYTES(msg_fail, 13, said, 0, SAID_MAX),
	BYTES(msg_fail, 15, host, 0, NAME_BYTES_MAX),
};
static const struct field abandon_fields[] = {
	UINT(msg_abandon, 2, id, REQUIRED, UINT_ANY),
};
static const struct field data_fields[] = {
	UINT(msg_data, 2, id, REQUIRED, UINT_ANY),
	UINT(msg_data, 4, part, 0, PART_MAX),
	BYTES(msg_data, 6, bytes, REQUIRED, MSG_PIECE_MAX),
};
static const struct field end_fields[] = {
	UINT(msg_end, 2, id, REQUIRED, UINT_ANY),
	UINT(msg_end, 4, part, 0, PART_MAX),
};
static const struct field window_fields[] = {
	UINT(msg_window, 2, id, REQUIRED, UINT_ANY),
	UINT(msg_window, 4, part, 0, PART_MAX),
	UINT(msg_window, 6, bytes, REQUIRED, COUNT_MAX),
};
static const struct field counts_fields[] = {
	LIST(msg_counts, 1, counts, 0, LIST_MAX, &schema_count),
};
static const struct field drain_fields[] = {
	UINT(msg_drain, 1, over, 0, FLAG),
	NAME(msg_drain, 3, module, 0),
	BYTES(msg_drain, 5, address, 0, ADDRESS_MAX),
};
static const struct field inspect_fields[] = {
	BYTES(msg_inspect, 2, what, 0, NAME_BYTES_MAX),
	UINT(msg_inspect, 3, serial, 0, UINT_ANY),
	IDENT(msg_inspect, 5, to, 0),
	UINT(msg_inspect, 7, all, 0, FLAG),
	BYTES(msg_inspect, 9, close, 0, FINGERPRINT),
};
static const struct field report_fields[] = {
	LIST(msg_report, 2, rows, 0, MSG_MAX, NULL),
	UINT(msg_report, 3, more, 0, FLAG),
	UINT(msg_report, 5, serial, 0, UINT_ANY),
};

#define AUTHORITY ROLE_AUTHORITY
#define BROKER	  ROLE_BROKER
#define EXCHANGE  ROLE_EXCHANGE
#define LISTENER  ROLE_LISTENER
#define CHANNEL	  ROLE_CHANNEL
#define PLB	  ROLE_PLB
#define CALLER	  ROLE_CALLER
#define CTL	  ROLE_CTL
#define END	  { 0, 0 }

/* A PLB is to its callers what a channel is to it, and a caller may run a PLB
 * of its own. */
#define SERVER (CHANNEL | PLB)
#define CLIENT (PLB | CALLER)

static const struct msg_path peers_paths[] = {
    { AUTHORITY | BROKER, AUTHORITY | BROKER }, END };
static const struct msg_path subscribe_paths[] = {
    { BROKER | AUTHORITY, AUTHORITY }, END };
static const struct msg_path exchanges_paths[] = {
    { AUTHORITY, BROKER | AUTHORITY }, END };
static const struct msg_path sell_paths[] = {
    { LISTENER, BROKER }, { BROKER, EXCHANGE }, END };
static const struct msg_path buy_paths[] = {
    { CLIENT, BROKER }, { BROKER, EXCHANGE }, END };
static const struct msg_path order_paths[] = {
    { LISTENER | CLIENT, BROKER }, { BROKER, EXCHANGE }, END };
static const struct msg_path fill_paths[] = {
    { EXCHANGE, BROKER }, { BROKER, CLIENT }, END };
static const struct msg_path offers_paths[] = {
    { EXCHANGE, BROKER }, { BROKER, CLIENT }, { PLB, CALLER }, END };
static const struct msg_path waiting_paths[] = {
    { EXCHANGE, BROKER }, { BROKER, LISTENER | CLIENT },
    { LISTENER, CHANNEL },
    { CHANNEL, CLIENT }, END };
static const struct msg_path connect_paths[] = {
    { CLIENT, SERVER }, { CHANNEL, LISTENER }, END };
static const struct msg_path demand_paths[] = {
    { SERVER, CLIENT }, { LISTENER, CHANNEL }, END };
static const struct msg_path refuse_paths[] = {
    { SERVER, CLIENT }, { LISTENER, CHANNEL }, { EXCHANGE, BROKER },
    { BROKER, LISTENER | CLIENT }, END };
static const struct msg_path request_paths[] = { { CLIENT, SERVER }, END };
static const struct msg_path reply_paths[] = { { SERVER, CLIENT }, END };
static const struct msg_path stream_paths[] = {
    { CLIENT, SERVER }, { SERVER, CLIENT }, END };
static const struct msg_path drain_paths[] = {
    { SERVER, CLIENT }, { LISTENER, CHANNEL }, { AUTHORITY, EXCHANGE },
    { EXCHANGE, BROKER }, { CTL, AUTHORITY | BROKER },
    { BROKER, LISTENER | AUTHORITY }, END };
static const struct msg_path inspect_paths[] = {
    { CTL, AUTHORITY | BROKER | EXCHANGE | LISTENER | PLB }, END };
static const struct msg_path counts_paths[] = {
    { LISTENER, CHANNEL }, { CHANNEL, LISTENER }, END };
static const struct msg_path report_paths[] = {
    { AUTHORITY | BROKER | EXCHANGE | LISTENER | PLB, CTL }, END };
static const struct msg_path ask_paths[] = {
    { AUTHORITY, BROKER }, { BROKER, LISTENER | CLIENT },
    { LISTENER, CHANNEL }, END };
static const struct msg_path answer_paths[] = {
    { BROKER, AUTHORITY }, { LISTENER | CLIENT, BROKER },
    { CHANNEL, LISTENER }, END };

/* A row is a message's type, name, fields, struct, and paths. */
#define MESSAGE(type, name, fields, s, paths) \
	[type] = { type, SCHEMA(name, fields, s), paths }

static const struct msg_row rows[] = { /* by type; no name: no message */
	[MSG_ALIVE] = { MSG_ALIVE, { "alive", no_fields, 0, 0 }, NULL },
	MESSAGE(MSG_HELLO, "hello", hello_fields, msg_hello, NULL),
	MESSAGE(MSG_PEERS, "peers", peers_fields, msg_peers, peers_paths),
	MESSAGE(MSG_SUBSCRIBE, "subscribe", subscribe_fields, msg_subscribe,
	    subscribe_paths),
	MESSAGE(MSG_UNSUBSCRIBE, "unsubscribe", subscribe_fields,
	    msg_subscribe, subscribe_paths),
	MESSAGE(MSG_EXCHANGES, "exchanges", exchanges_fields, msg_exchanges,
	    exchanges_paths),
	MESSAGE(MSG_SELL, "sell", sell_fields, msg_sell, sell_paths),
	MESSAGE(MSG_BUY, "buy", buy_fields, msg_buy, buy_paths),
	MESSAGE(MSG_CANCEL, "cancel", cancel_fields, msg_cancel, order_paths),
	MESSAGE(MSG_FILL, "fill", fill_fields, msg_fill, fill_paths),
	MESSAGE(MSG_RELEASE, "release", release_fields, msg_release,
	    buy_paths),
	MESSAGE(MSG_OFFERS, "offers", offers_fields, msg_offers, offers_paths),
	MESSAGE(MSG_WAITING, "waiting", waiting_fields, msg_waiting,
	    waiting_paths),
	MESSAGE(MSG_CONNECT, "connect", connect_fields, msg_connect,
	    connect_paths),
	MESSAGE(MSG_DEMAND, "demand", tokens_fields, msg_demand, demand_paths),
	MESSAGE(MSG_REFUSE, "refuse", refuse_fields, msg_refuse, refuse_paths),
	MESSAGE(MSG_RETURN, "return", tokens_fields, msg_demand,
	    connect_paths),
	MESSAGE(MSG_REQUEST, "request", request_fields, msg_request,
	    request_paths),
	MESSAGE(MSG_REPLY, "reply", reply_fields, msg_reply, reply_paths),
	MESSAGE(MSG_FAIL, "fail", fail_fields, msg_fail, reply_paths),
	MESSAGE(MSG_ABANDON, "abandon", abandon_fields, msg_abandon,
	    request_paths),
	MESSAGE(MSG_DRAIN, "drain", drain_fields, msg_drain, drain_paths),
	MESSAGE(MSG_ASK, "ask", inspect_fields, msg_inspect, ask_paths),
	MESSAGE(MSG_INSPECT, "inspect", inspect_fields, msg_inspect,
	    inspect_paths),
	MESSAGE(MSG_ANSWER, "answer", report_fields, msg_report,
	    answer_paths),
	MESSAGE(MSG_REPORT, "report", report_fields, msg_report,
	    report_paths),
	MESSAGE(MSG_DATA, "data", data_fields, msg_data, stream_paths),
	MESSAGE(MSG_END, "end", end_fields, msg_end, stream_paths),
	MESSAGE(MSG_WINDOW, "window", window_fields, msg_window,
	    stream_paths),
	MESSAGE(MSG_COUNTS, "counts", counts_fields, msg_counts,
	    counts_paths),
};

const struct msg_row *
msg_row(unsigned type)
{
	if (type >= LEN(rows) || rows[type].schema.name == NULL)
		return NULL;
	return &rows[type];
}

const struct msg_row *
msg_row_next(const struct msg_row *row)
{
	size_t i = row == NULL ? 0 : (size_t)(row - rows) + 1;

	for (; i < LEN(rows); i++)
		if (rows[i].schema.name != NULL)
			return &rows[i];
	return NULL;
}

const char *
msg_name(unsigned type)
{
	const struct msg_row *row = msg_row(type);

	return row == NULL ? "unknown" : row->schema.name;
}

const char *
role_name(unsigned role)
{
	static const char *const names[ROLE_COUNT] = { "authority", "broker",
		"exchange", "listener", "channel", "plb", "caller", "ctl" };
	size_t i;

	for (i = 0; i < LEN(names); i++)
		if (role == 1u << i)
			return names[i];
	return "unknown";
}

int
msg_allowed(unsigned type, unsigned from, unsigned to)
{
	const struct msg_row *row = msg_row(type);
	const struct msg_path *path;

	if (row == NULL)
		return 0;
	if (row->paths == NULL)
		return 1;
	for (path = row->paths; path->from != 0; path++)
		if ((path->from & from) && (path->to & to))
			return 1;
	return 0;
}
