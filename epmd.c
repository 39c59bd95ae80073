#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "epmd.h"
#include "fail.h"

#define HEAD	    2  /* bytes of a request's length */
#define ALIVE2_MIN  14 /* of its body; epmd wants more than the bare fields */
#define ALIVE2_HEAD 11 /* up to the name */
#define PORT2_HEAD  12

/* Bytes after their length: returns where to go on. */
static unsigned char *
epmd_put_bytes(unsigned char *p, struct slice s)
{
	p = put16(p, (unsigned)s.len);
	if (s.len > 0)
		memcpy(p, s.p, s.len);
	return p + s.len;
}

/* The fields that ALIVE2_REQ and PORT2_RESP share, between the two lengths. */
static void
epmd_get_fields(const unsigned char *p, struct epmd_node *n)
{
	n->port = (uint16_t)get16(p);
	n->type = p[2];
	n->protocol = p[3];
	n->highest = (uint16_t)get16(p + 4);
	n->lowest = (uint16_t)get16(p + 6);
}

static unsigned char *
epmd_put_node(unsigned char *p, const struct epmd_node *n)
{
	p = put16(p, n->port);
	*p++ = n->type;
	*p++ = n->protocol;
	p = put16(p, n->highest);
	p = put16(p, n->lowest);
	p = epmd_put_bytes(p, n->name);
	return epmd_put_bytes(p, n->extra);
}

static int
epmd_fits(const struct epmd_node *n)
{
	return n->name.len > 0 && n->name.len <= EPMD_NAME_MAX &&
	    n->extra.len <= EPMD_EXTRA_MAX;
}

/* For the side that asks. */

static int
epmd_ask(struct buf *out, int type, struct slice body)
{
	unsigned char head[HEAD + 1];

	put16(head, (unsigned)(1 + body.len));
	head[HEAD] = (unsigned char)type;
	if (buf_reserve(out, sizeof(head) + body.len) == NULL)
		return -1;
	buf_append(out, head, sizeof(head));
	return buf_append(out, body.p, body.len);
}

int
epmd_ask_port_please2(struct buf *out, struct slice name)
{
	if (name.len == 0 || name.len > EPMD_NAME_MAX)
		return fail(ERANGE);
	return epmd_ask(out, EPMD_PORT_PLEASE2_REQ, name);
}

int
epmd_ask_alive2(struct buf *out, const struct epmd_node *node)
{
	unsigned char body[EPMD_REQUEST_MAX];
	struct epmd_node n = *node;

	if (!epmd_fits(&n))
		return fail(ERANGE);
	if (n.highest == 0) {
		n.highest = EPMD_HIGHEST;
		n.lowest = EPMD_LOWEST;
	}
	return epmd_ask(out, EPMD_ALIVE2_REQ,
	    slice_of(body, (size_t)(epmd_put_node(body, &n) - body)));
}

int
epmd_port2(struct slice reply, struct epmd_node *n)
{
	const unsigned char *p = reply.p, *end = p + reply.len;
	size_t len;

	if (reply.len > 0 && p[0] != EPMD_PORT2_RESP)
		return fail(EPROTO);
	if (reply.len < 2)
		return 0;
	if (p[1] != 0)
		return fail(ENOENT);
	if (reply.len < PORT2_HEAD)
		return 0;
	epmd_get_fields(p + 2, n);
	len = get16(p + PORT2_HEAD - 2);
	p += PORT2_HEAD;
	if (len > EPMD_NAME_MAX)
		return fail(EPROTO);
	if (len + 2 > (size_t)(end - p))
		return 0;
	n->name = slice_of(p, len);
	p += len;
	len = get16(p);
	p += 2;
	if (len > EPMD_EXTRA_MAX)
		return fail(EPROTO);
	if (len > (size_t)(end - p))
		return 0;
	n->extra = slice_of(p, len);
	return 1;
}

int
epmd_alive2(struct slice reply, uint32_t *creation)
{
	const unsigned char *p = reply.p;
	size_t whole;

	if (reply.len == 0)
		return 0;
	if (p[0] != EPMD_ALIVE2_RESP && p[0] != EPMD_ALIVE2_X_RESP)
		return fail(EPROTO);
	whole = p[0] == EPMD_ALIVE2_RESP ? 4 : 6;
	if (reply.len < whole)
		return 0;
	if (reply.len > whole)
		return fail(EPROTO);
	if (p[1] != 0)
		return fail(EEXIST);
	*creation = whole == 4 ? get16(p + 2) : get32(p + 2);
	return 1;
}

/* For the side that answers. */

int
epmd_length(struct slice bytes)
{
	unsigned len;

	if (bytes.len < HEAD)
		return 0;
	len = get16(bytes.p);
	if (len == 0 || len > EPMD_REQUEST_MAX)
		return fail(EPROTO);
	return (int)(HEAD + len);
}

/* What follows extra is no concern of epmd's. */
static int
epmd_request_alive2(struct slice body, struct epmd_node *n)
{
	const unsigned char *p = body.p;
	size_t len;

	if (body.len < ALIVE2_MIN)
		return fail(EPROTO);
	epmd_get_fields(p + 1, n);
	len = get16(p + ALIVE2_HEAD - 2);
	if (len > body.len - ALIVE2_HEAD - 2)
		return fail(EPROTO);
	n->name = slice_of(p + ALIVE2_HEAD, len);
	if (len > 0 && memchr(n->name.p, '\0', len) != NULL)
		return fail(EPROTO);
	p += ALIVE2_HEAD + len;
	len = get16(p);
	p += 2;
	if (len > body.len - (size_t)(p - body.p))
		return fail(EPROTO);
	n->extra = slice_of(p, len);
	return 0;
}

static int
epmd_request_port_please2(struct slice body, struct slice *name)
{
	int symbols;

	*name = slice_of(body.p + 1, body.len - 1);
	if (name->len > 0 && name->p[name->len - 1] == '\0')
		name->len--;
	if (name->len == 0 || memchr(name->p, '\0', name->len) != NULL)
		return fail(EPROTO);
	symbols = epmd_symbols(*name);
	if (symbols == -1 || symbols > EPMD_LOOKUP_MAX)
		return fail(EPROTO);
	return 0;
}

/* The name goes up to a NUL, if there is one. */
static int
epmd_request_stop(struct slice body, struct slice *name)
{
	const unsigned char *nul;

	*name = slice_of(body.p + 1, body.len - 1);
	if (name->len == 0)
		return fail(EPROTO);
	if ((nul = memchr(name->p, '\0', name->len)) != NULL)
		name->len = (size_t)(nul - name->p);
	return 0;
}

int
epmd_request(struct slice bytes, struct epmd_request *r)
{
	struct slice body = slice_of(bytes.p + HEAD, bytes.len - HEAD);

	memset(r, 0, sizeof(*r));
	r->type = body.p[0];
	switch (r->type) {
	case EPMD_ALIVE2_REQ:
		return epmd_request_alive2(body, &r->node);
	case EPMD_PORT_PLEASE2_REQ:
		return epmd_request_port_please2(body, &r->node.name);
	case EPMD_STOP_REQ:
		return epmd_request_stop(body, &r->node.name);
	case EPMD_NAMES_REQ:
	case EPMD_DUMP_REQ:
	case EPMD_KILL_REQ:
		return 0;
	default:
		return fail(EPROTO);
	}
}

int
epmd_say_alive2(struct buf *out, int highest, int result, uint32_t creation)
{
	unsigned char reply[6];

	reply[1] = (unsigned char)result;
	if (highest >= EPMD_X_VERSION) {
		reply[0] = EPMD_ALIVE2_X_RESP;
		put32(reply + 2, creation);
		return buf_append(out, reply, 6);
	}
	reply[0] = EPMD_ALIVE2_RESP;
	put16(reply + 2, creation & 0xffff);
	return buf_append(out, reply, 4);
}

int
epmd_say_port2(struct buf *out, const struct epmd_node *n)
{
	unsigned char reply[EPMD_REQUEST_MAX];

	reply[0] = EPMD_PORT2_RESP;
	reply[1] = n == NULL;
	if (n == NULL)
		return buf_append(out, reply, 2);
	if (n->name.len > EPMD_NAME_MAX || n->extra.len > EPMD_EXTRA_MAX)
		return fail(ERANGE);
	return buf_append(out, reply,
	    (size_t)(epmd_put_node(reply + 2, n) - reply));
}

int
epmd_say_text(struct buf *out, const char *text)
{
	return buf_append(out, text, strlen(text));
}

int
epmd_say_port(struct buf *out, uint32_t port)
{
	unsigned char reply[4];

	put32(reply, port);
	return buf_append(out, reply, sizeof(reply));
}

/* A name may hold anything but a NUL: it is copied, not printed. */
static int
epmd_say_line(struct buf *out, const char *before, struct slice name,
    const char *after, size_t n)
{
	size_t len = strlen(before);
	unsigned char *p = buf_reserve(out, len + name.len + n);

	if (p == NULL)
		return -1;
	memcpy(p, before, len);
	if (name.len > 0)
		memcpy(p + len, name.p, name.len);
	memcpy(p + len + name.len, after, n);
	buf_commit(out, len + name.len + n);
	return 0;
}

int
epmd_say_name(struct buf *out, const struct epmd_node *node)
{
	char after[32];
	int n = snprintf(after, sizeof(after), " at port %u\n",
	    (unsigned)node->port);

	return epmd_say_line(out, "name ", node->name, after, (size_t)n);
}

int
epmd_say_active(struct buf *out, const struct epmd_node *node, uint32_t fd)
{
	char after[64];
	int n = snprintf(after, sizeof(after), "> at port %u, fd = %u\n",
	    (unsigned)node->port, (unsigned)fd);

	return epmd_say_line(out, "active name     <", node->name, after,
	    (size_t)n + 1);
}

int
epmd_say_unused(struct buf *out, const struct epmd_node *node, uint32_t fd)
{
	char after[64];
	int n = snprintf(after, sizeof(after), ">, port = %u, fd = %u \n",
	    (unsigned)node->port, (unsigned)fd);

	return epmd_say_line(out, "old/unused name <", node->name, after,
	    (size_t)n + 1);
}

/* UTF-8. */

/* Bytes of the character at p, 0 where there is none. A lead byte bounds the
 * byte after it: no overlong forms, no surrogates, nothing above U+10FFFF. */
static size_t
epmd_symbol(const unsigned char *p, size_t left)
{
	unsigned low = 0x80, high = 0xbf;
	size_t n, i;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (n > left)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (i = 2; i < n; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return n;
}

int
epmd_symbols(struct slice s)
{
	size_t at = 0, n;
	int symbols = 0;

	while (at < s.len) {
		if ((n = epmd_symbol(s.p + at, s.len - at)) == 0)
			return -1;
		at += n;
		symbols++;
	}
	return symbols;
}
