#include <inttypes.h>
#include <stdio.h>

#include "broker.h"
#include "channel.h"
#include "exchange.h"
#include "hub.h"
#include "msg.h"
#include "plb.h"
#include "channel_pool.h"

/*
 * Prints what lambda-protocol(7) has to say, in its words and in a form that
 * t/manpages.sh makes of the page too: a line for each message, path, group,
 * field, role and limit.
 */

#define GROUPS_MAX 64

/* What fields refer to, each once, in the order of the first mention. */
static const struct schema *groups[GROUPS_MAX];
static size_t ngroups;

static void
note_group(const struct schema *group)
{
	size_t i;

	for (i = 0; i < ngroups; i++)
		if (groups[i] == group)
			return;
	if (ngroups < GROUPS_MAX)
		groups[ngroups++] = group;
}

static void
print_kind(const struct field *f)
{
	switch (f->kind) {
	case FIELD_UINT:
		if (f->max == UINT64_MAX)
			printf("integer of up to 8 bytes");
		else
			printf("integer, at most %" PRIu64, (uint64_t)f->max);
		return;
	case FIELD_ID:
		printf("id, 16 bytes");
		return;
	case FIELD_BYTES:
		printf("bytes");
		break;
	case FIELD_NAME:
		printf("name");
		break;
	case FIELD_ADDRESS:
		printf("address");
		break;
	case FIELD_GROUP:
		printf("group %s", f->of->name);
		break;
	case FIELD_LIST:
		if (f->of == NULL)
			printf("list of byte strings");
		else
			printf("list of %s groups", f->of->name);
		break;
	}
	printf(", at most %" PRIu64, (uint64_t)f->max);
	if (f->kind != FIELD_BYTES && f->kind != FIELD_NAME &&
	    f->kind != FIELD_ADDRESS)
		printf(" bytes");
}

static void
print_fields(const struct schema *schema)
{
	const struct field *f = schema->fields;

	for (; f < schema->fields + schema->n; f++) {
		printf("%s: %u %s (", schema->name, (unsigned)f->type, f->name);
		print_kind(f);
		printf("%s)\n", f->required ? ", required" : "");
		if (f->of != NULL)
			note_group(f->of);
	}
}

static void
print_roles(unsigned mask)
{
	const char *between = "";
	unsigned i;

	for (i = 0; i < ROLE_COUNT; i++)
		if (mask & 1u << i) {
			printf("%s%s", between, role_name(1u << i));
			between = " or ";
		}
}

static void
print_message(const struct msg_row *row)
{
	const char *name = row->schema.name;
	const struct msg_path *path;

	printf("message %u %s\n", (unsigned)row->type, name);
	if (row->paths == NULL)
		printf("%s: any -> any\n", name);
	for (path = row->paths; path != NULL && path->from != 0; path++) {
		printf("%s: ", name);
		print_roles(path->from);
		printf(" -> ");
		print_roles(path->to);
		printf("\n");
	}
	print_fields(&row->schema);
}

static void
print_limits(void)
{
	static const struct {
		const char *what;
		uint64_t limit;
	} limits[] = {
		{ "bytes of a message", MSG_MAX },
		{ "bytes of a hello", MSG_HELLO_MAX },
		{ "bytes of a record, before it is sealed", LINK_RECORD_MAX },
		{ "of these, in the dialler's first one", LINK_FIRST_MAX },
		{ "bytes of message 1 or 2", LINK_HANDSHAKE_MAX },
		{ "bytes of a name (module, function, node)", NAME_BYTES_MAX },
		{ "bytes of an address", ADDRESS_MAX },
		{ "bytes of a reason", REASON_MAX },
		{ "sellers of a fill", EXCHANGE_FILL_SELLERS },
		{ "attribute sets of an offers", OFFERS_MAX },
		{ "connects without an answer, a channel", CHANNEL_ASKS },
		{ "tokens that a PLB grants one client", PLB_WINDOW },
		{ "requests without an answer, a channel", INFLIGHT_MAX },
		{ "bytes of a piece of a body or of output", MSG_PIECE_MAX },
		{ "bytes that may be sent of one part, and were not",
		    STREAM_ALL },
		{ "classes of attributes, and of constraints, an exchange",
		    EXCHANGE_CLASSES },
		{ "orders, an exchange", EXCHANGE_ORDERS_MAX },
		{ "reservations, an exchange", EXCHANGE_RESERVED_MAX },
		{ "orders, a broker", BROKER_ORDERS_MAX },
		{ "modules, a broker or an authority", BROKER_MODULES_MAX },
		{ "links, a process", HUB_LINKS_MAX },
		{ "of them, accepted over TCP and not authenticated",
		    PREAUTH_ENTRIES },
		{ "bytes queued to one peer", HUB_OUT_MAX },
	};
	size_t i;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		printf("limit: %s: %" PRIu64 "\n", limits[i].what,
		    limits[i].limit);
}

int
main(void)
{
	const struct msg_row *row = NULL;
	size_t i;

	while ((row = msg_row_next(row)) != NULL)
		print_message(row);
	for (i = 0; i < ngroups; i++) {
		printf("group %s\n", groups[i]->name);
		print_fields(groups[i]);
	}
	for (i = 0; i < ROLE_COUNT; i++)
		printf("role %s: %u\n", role_name(1u << i), (unsigned)i);
	print_limits();
	return ferror(stdout) || fflush(stdout) == EOF;
}
