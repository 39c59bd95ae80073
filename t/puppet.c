/*
 * A process of any role that does what a script tells it, for what no real one
 * can be made to do:
 *
 *	t/puppet ROLE dial ADDRESS
 *	t/puppet ROLE listen ADDRESS
 *
 * Peers are numbered as they come up. A line of standard output is the number,
 * and then `up ROLE INSTANCE', `down', or a message that the peer sent; a line
 * of standard input is the number and a message to send. A message is its name
 * and its fields, each a name and a value:
 *
 *	1 buy order 1 module calc missing 4
 *	1 fill order 1 exchange 5d.. sellers [ ( seller 0a.. quantity 4 ) ]
 *
 * Bytes are text, with \xHH for what would end a word; an id is hexadecimal; a
 * group is in ( ), a list in [ ]. What is absent is not printed. Heartbeat and
 * handshake are the links' own. It goes on until it is killed.
 */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "die.h"
#include "hub.h"
#include "program.h"
#include "lines.h"
#include "log.h"
#include "net.h"
#include "opt.h"

#define PEERS_MAX 64
#define ROOM	  65536 /* bytes of what one line stands for */

static struct outbox out;
static struct hub hub;
static uint32_t peers[PEERS_MAX]; /* handles, by number */
static unsigned npeers;

/* A group that is read or printed, whatever it is made of. */
union group {
	struct peer_item peer;
	struct contact contact;
	struct reservation reservation;
	struct attrs attrs;
	struct constraints constraints;
	struct seller seller;
};

/* Printing. */

static void
print_bytes(struct slice s)
{
	size_t i;

	putchar(' ');
	for (i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '\\')
			printf("\\x%02x", s.p[i]);
		else
			putchar(s.p[i]);
}

static void print_fields(const struct schema *, const void *base);

static void
print_group(const struct schema *s, struct slice value)
{
	union group g;

	group_decode(s, value, &g);
	printf(" (");
	print_fields(s, &g);
	printf(" )");
}

static void
print_list(const struct schema *of, struct slice list)
{
	struct slice item;

	printf(" [");
	while (list_next(&list, &item) == 1)
		if (of == NULL)
			print_bytes(item);
		else
			print_group(of, item);
	printf(" ]");
}

static void
print_field(const struct field *f, const void *p)
{
	char text[ID_TEXT];

	if (f->kind == FIELD_UINT)
		printf(" %llu", (unsigned long long)*(const uint64_t *)p);
	else if (f->kind == FIELD_ID)
		printf(" %s", id_print(p, text));
	else if (f->kind == FIELD_GROUP)
		print_group(f->of, *(const struct slice *)p);
	else if (f->kind == FIELD_LIST)
		print_list(f->of, *(const struct slice *)p);
	else
		print_bytes(*(const struct slice *)p);
}

static int
is_absent(const struct field *f, const void *p)
{
	if (f->kind == FIELD_UINT)
		return *(const uint64_t *)p == 0;
	if (f->kind == FIELD_ID)
		return id_is_zero(p);
	return ((const struct slice *)p)->len == 0;
}

static void
print_fields(const struct schema *s, const void *base)
{
	const struct field *f = s->fields;
	const void *p;

	for (; f < s->fields + s->n; f++) {
		p = (const unsigned char *)base + f->offset;
		if (is_absent(f, p))
			continue;
		printf(" %s", f->name);
		print_field(f, p);
	}
}

/* Reading: the rest of the line, and the bytes that it stands for. */

static struct slice rest;
static unsigned char room[ROOM];
static size_t used;

static struct slice
word(void)
{
	struct slice w = slice_word(&rest);

	if (w.len == 0)
		die(EXIT_USAGE, "the line ends too early");
	return w;
}

static unsigned char *
keep(size_t n)
{
	assert(n <= ROOM - used);
	used += n;
	return room + used - n;
}

/* Two hexadecimal digits. */
static unsigned char
hex(const unsigned char *p)
{
	char digits[3] = { (char)p[0], (char)p[1], '\0' };

	return (unsigned char)strtoul(digits, NULL, 16);
}

static struct slice
read_bytes(struct slice w)
{
	unsigned char *p = keep(w.len);
	size_t i, n = 0;

	for (i = 0; i < w.len; i++)
		if (w.p[i] == '\\' && w.len - i >= 4) {
			p[n++] = hex(w.p + i + 2);
			i += 3;
		} else
			p[n++] = w.p[i];
	return slice_of(p, n);
}

static void read_fields(const struct schema *, void *base, const char *end);

/* What stands behind an opening ( that was read. */
static struct slice
read_group(const struct schema *s)
{
	struct tlv_writer w;
	unsigned char *p;
	union group g;
	size_t len;

	memset(&g, 0, sizeof(g));
	read_fields(s, &g, ")");
	len = group_size(s, &g);
	p = keep(len);
	tlv_writer_init(&w, p, len);
	group_encode(s, &g, &w);
	return slice_of(p, len);
}

static struct slice
read_list(const struct schema *of)
{
	unsigned char list[4096], *p;
	struct tlv_writer w;
	struct slice item;
	size_t len;

	tlv_writer_init(&w, list, sizeof(list));
	while (!slice_is(item = word(), "]"))
		list_put(&w, of == NULL ? read_bytes(item) : read_group(of));
	assert(!w.failed);
	len = (size_t)(w.p - list);
	p = keep(len);
	memcpy(p, list, len);
	return slice_of(p, len);
}

static void
read_field(const struct field *f, void *p)
{
	struct slice w = word();
	char digits[24];
	size_t i;

	if (f->kind == FIELD_UINT) {
		snprintf(digits, sizeof(digits), "%.*s", SLICE_ARG(w));
		*(uint64_t *)p = strtoull(digits, NULL, 10);
	} else if (f->kind == FIELD_ID) {
		for (i = 0; i < ID_SIZE && 2 * i + 1 < w.len; i++)
			((struct id *)p)->b[i] = hex(w.p + 2 * i);
	} else if (f->kind == FIELD_GROUP)
		*(struct slice *)p = read_group(f->of);
	else if (f->kind == FIELD_LIST)
		*(struct slice *)p = read_list(f->of);
	else
		*(struct slice *)p = read_bytes(w);
}

/* Up to a word that is the end; NULL: up to the line's. */
static void
read_fields(const struct schema *s, void *base, const char *end)
{
	const struct field *f;
	struct slice name;

	while ((name = slice_word(&rest)).len > 0) {
		if (end != NULL && slice_is(name, end))
			return;
		for (f = s->fields; f < s->fields + s->n; f++)
			if (slice_is(name, f->name))
				break;
		if (f == s->fields + s->n)
			die(EXIT_USAGE, "%s has no field %.*s", s->name,
			    SLICE_ARG(name));
		read_field(f, (unsigned char *)base + f->offset);
	}
	if (end != NULL)
		die(EXIT_USAGE, "a group of %s has no end", s->name);
}

static const struct msg_row *
row_named(struct slice name)
{
	const struct msg_row *row = NULL;

	while ((row = msg_row_next(row)) != NULL)
		if (slice_is(name, row->schema.name))
			return row;
	die(EXIT_USAGE, "%.*s: no such message", SLICE_ARG(name));
	return NULL;
}

static void
on_line(void *arg, const char *line, size_t len, unsigned long number)
{
	const struct msg_row *row;
	unsigned long peer;
	struct msg m;

	(void)arg;
	(void)number;
	rest = slice_of(line, len);
	used = 0;
	peer = strtoul(line, NULL, 10);
	word();
	if (peer == 0 || peer > npeers)
		die(EXIT_USAGE, "%lu: no such peer", peer);
	row = row_named(word());
	memset(&m, 0, sizeof(m));
	m.type = row->type;
	read_fields(&row->schema, &m.u, NULL);
	if (peers[peer - 1] != 0 &&
	    outbox_send(&out, peers[peer - 1], &m) == -1)
		die_errno(EXIT_TEMPORARY, "unable to send");
	hub_deliver(&hub);
}

/* The core. */

static unsigned
number_of(uint32_t handle)
{
	unsigned i;

	for (i = 0; i < npeers && peers[i] != handle; i++)
		;
	assert(i < npeers);
	return i + 1;
}

static void
up(void *core, int64_t now, uint32_t peer, const struct peer_info *info)
{
	char id[ID_TEXT];

	(void)core;
	(void)now;
	if (npeers == PEERS_MAX)
		die(EXIT_TEMPORARY, "more than %d peers", PEERS_MAX);
	peers[npeers++] = peer;
	printf("%u up %s %s\n", npeers, role_name(info->role),
	    id_print(&info->instance, id));
}

static void
down(void *core, int64_t now, uint32_t peer)
{
	unsigned n = number_of(peer);

	(void)core;
	(void)now;
	peers[n - 1] = 0;
	printf("%u down\n", n);
}

static int
message(void *core, int64_t now, uint32_t peer, const struct msg *m)
{
	const struct schema *s = &msg_row(m->type)->schema;

	(void)core;
	(void)now;
	printf("%u %s", number_of(peer), s->name);
	print_fields(s, &m->u);
	printf("\n");
	return 0;
}

static void
failed(void *core, int64_t now, uint32_t tag, struct slice reason, int final)
{
	(void)core;
	(void)now;
	(void)tag;
	(void)final;
	log_error("not linked: %.*s", SLICE_ARG(reason));
	hub_stop(&hub, 0, EXIT_TEMPORARY);
}

static void
tick(void *core, int64_t now)
{
	(void)core;
	(void)now;
}

static int64_t
deadline(const void *core)
{
	(void)core;
	return INT64_MAX;
}

static struct core_ops ops = {
	0, up, down, message, failed, tick, deadline
};

static unsigned
role_of(const char *name)
{
	unsigned role;

	for (role = 1; role < 1u << ROLE_COUNT; role <<= 1)
		if (strcmp(role_name(role), name) == 0)
			return role;
	die(EXIT_USAGE, "%s: no such role", name);
	return 0;
}

static void
begin(int listens, const struct addr *a)
{
	char text[ADDR_TEXT_MAX];
	struct addr bound;
	int fd;

	if (!listens) {
		hub_dial(&hub, slice_str(addr_print(a, text)), DIAL_ONCE, 1);
		return;
	}
	if ((fd = net_listen(a, &bound)) == -1)
		die_errno(EXIT_TEMPORARY, "unable to listen");
	hub_listen(&hub, fd);
	log_info("listening on %s", addr_print(&bound, text));
}

int
main(int argc, char **argv)
{
	static struct lines lines;
	struct addr a;
	struct key key;

	die_name(argv[0]);
	env_argv0(argv[0]);
	program_reserve();
	if (argc != 4 || (strcmp(argv[2], "dial") != 0 &&
	    strcmp(argv[2], "listen") != 0))
		die_usage("role dial|listen address");
	setvbuf(stdout, NULL, _IOLBF, 0);
	opt_address('l', argv[3], 0, &a);
	env_key(&key, NULL);
	ops.role = role_of(argv[1]);
	hub_init(&hub, loop_new(), ops.role, &key);
	outbox_init(&out);
	hub_core(&hub, &ops, &out, &out);
	begin(strcmp(argv[2], "listen") == 0, &a);
	lines_init(&lines, hub.loop, 0, on_line, NULL);
	loop_run(hub.loop);
	return hub.status;
}
