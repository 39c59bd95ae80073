/*
 * A process of any role that does what a script tells it, for what no real one
 * can be made to do:
 *
 *	t/puppet ROLE dial ADDRESS
 *	t/puppet ROLE listen ADDRESS
 *
 * Peers are numbered as they come up. A line of standard output is the number,
 * and then `up ROLE INSTANCE', `down', or a message that the peer sent; a line
 * of standard input is the number and a message to send, as text (text.h):
 *
 *	1 buy order 1 module calc missing 4
 *
 * Heartbeat and handshake are the links' own. It goes on until it is killed.
 */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub.h"
#include "program.h"
#include "lines.h"
#include "log.h"
#include "net.h"
#include "opt.h"
#include "t/text.h"

#define PEERS_MAX 64
#define ROOM	  65536 /* bytes of what a line stands for */

static struct outbox out;
static struct hub hub;
static uint32_t peers[PEERS_MAX]; /* handles, by number */
static unsigned npeers;
static struct text reader;

static void
on_line(void *arg, const char *line, size_t len, unsigned long number)
{
	unsigned long peer;
	struct msg m;

	(void)arg;
	(void)number;
	text_line(&reader, slice_of(line, len));
	peer = strtoul(line, NULL, 10);
	text_word(&reader);
	if (peer == 0 || peer > npeers)
		die(EXIT_USAGE, "%lu: no such peer", peer);
	if (text_message(&reader, &m) == -1)
		die(EXIT_USAGE, "%s", reader.error);
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
	struct buf b;

	(void)core;
	(void)now;
	buf_init(&b, 4 * MSG_MAX);
	text_put_message(&b, m);
	printf("%u %.*s\n", number_of(peer), SLICE_ARG(buf_slice(&b)));
	buf_free(&b);
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
	text_init(&reader, ROOM);
	lines_init(&lines, hub.loop, 0, on_line, NULL);
	loop_run(hub.loop);
	return hub.status;
}
