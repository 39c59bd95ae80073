#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "hub.h"
#include "net.h"
#include "t/still.h"
#include "t/check.h"

/* The hub on real sockets. */

#define PEERS 300

/* A core that counts, and does what the test says. */

static struct hub hub;
static struct outbox out;
static uint32_t peer; /* the last that came up, while it is up */
static int ups, downs, failures, messages;
static uint32_t failed; /* the tag of the last that did not come up */

static void
on_up(void *core, int64_t now, uint32_t p, const struct peer_info *info)
{
	(void)core, (void)now, (void)info;
	peer = p;
	ups++;
}

static void
on_down(void *core, int64_t now, uint32_t p)
{
	(void)core, (void)now;
	if (p == peer)
		peer = 0;
	downs++;
}

static int
on_message(void *core, int64_t now, uint32_t p, const struct msg *m)
{
	(void)core, (void)now, (void)p, (void)m;
	messages++;
	return 0;
}

static void
on_failed(void *core, int64_t now, uint32_t tag, struct slice why, int final)
{
	(void)core, (void)now, (void)why, (void)final;
	failed = tag;
	failures++;
}

static void
on_tick(void *core, int64_t now)
{
	(void)core, (void)now;
}

static int64_t
on_deadline(const void *core)
{
	(void)core;
	return INT64_MAX;
}

static const struct core_ops ops = { ROLE_CHANNEL, on_up, on_down, on_message,
	on_failed, on_tick, on_deadline };

/* What the log says: a pipe in place of standard error. */

static int log_fd[2], saved;
static char said[64 * 1024];

static const char *
log_said(void)
{
	ssize_t n;

	if ((n = read(log_fd[0], said, sizeof(said) - 1)) < 0)
		n = 0;
	said[n] = '\0';
	return said;
}

static int
count(const char *text, const char *what)
{
	int n = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

static int
setup(void **state)
{
	static struct key key = { { { (unsigned char *)(uintptr_t)
	    "0123456789abcdef0123456789abcdef", 32 } }, 1, 0 };

	turns_setup(state);
	hub_init(&hub, loop, ROLE_CHANNEL, &key);
	hub.serves = ROLE_CALLER;
	outbox_init(&out);
	hub_core(&hub, &ops, &hub, &out);
	peer = 0;
	ups = downs = messages = 0;
	if (pipe(log_fd) == -1 || net_adopt(log_fd[0]) == -1 ||
	    (saved = dup(STDERR_FILENO)) == -1 ||
	    dup2(log_fd[1], STDERR_FILENO) == -1)
		return -1;
	return 0;
}

static int
teardown(void **state)
{
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(log_fd[0]);
	close(log_fd[1]);
	hub_free(&hub);
	outbox_free(&out);
	return turns_teardown(state);
}

/* A caller at the other end of a Unix socket. */

struct caller {
	int fd;
	struct link_self self;
	struct link link;
	struct buf out;
	size_t sent, got; /* bytes of its handshake */
};

/* What it says goes out plain. */
static void
caller_send(struct caller *c)
{
	struct slice s = buf_slice(&c->out);

	if (s.len > 0)
		assert_int_equal(send(c->fd, s.p, s.len, MSG_NOSIGNAL), s.len);
	buf_consume(&c->out, s.len);
	c->sent += s.len;
}

/* What the hub has counted of links: that came up, that were closed for a fault
 * of the peer, and that never came up. */
static void
assert_counts(unsigned made, unsigned faults, unsigned refused)
{
	assert_int_equal(hub.counts.made, made);
	assert_int_equal(hub.counts.faults, faults);
	assert_int_equal(hub.counts.refused, refused);
}

static void
caller_start(struct caller *c)
{
	static const unsigned char secret[X25519_SIZE] = { 1 };
	static unsigned char callers;
	unsigned char hello[512];
	struct slice bytes, value;
	unsigned type;
	ssize_t n;
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_int_equal(net_adopt(fd[0]), 0);
	assert_int_equal(net_adopt(fd[1]), 0);
	memset(c, 0, sizeof(*c));
	c->fd = fd[0];
	c->self.role = ROLE_CALLER;
	c->self.instance.b[0] = ++callers;
	c->self.message_max = MSG_MAX;
	buf_init(&c->out, 4096);
	assert_true(hub_adopt(&hub, fd[1], fd[1], 0, 0) != 0);
	assert_int_equal(link_init(&c->link, &c->self, 1, 0, secret, &c->out,
	    still_ms), 0);
	caller_send(c);
	still_pass(0);
	n = read(c->fd, hello, sizeof(hello));
	assert_true(n > 0);
	c->got = (size_t)n;
	bytes = slice_of(hello, c->got);
	assert_int_equal(link_input(&c->link, still_ms, &bytes, &type, &value),
	    1);
	assert_int_equal(bytes.len, 0);
	assert_int_equal(c->link.phase, LINK_UP);
	assert_true(peer != 0);
}

static void
caller_end(struct caller *c)
{
	close(c->fd);
	link_free(&c->link);
	buf_free(&c->out);
}

static void
say_alive(const struct caller *c)
{
	static const unsigned char alive[] = { MSG_ALIVE, 0 };

	assert_int_equal(send(c->fd, alive, 2, MSG_NOSIGNAL), 2);
}

/* Replies of that many bytes in all are queued for it. */
static void
reply(size_t bytes)
{
	static unsigned char body[100000];
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_REPLY;
	m.u.reply.id = 1;
	m.u.reply.body = slice_of(body, sizeof(body));
	for (; bytes > sizeof(body); bytes -= sizeof(body))
		assert_int_equal(outbox_send(&out, peer, &m), 0);
	hub_deliver(&hub);
	still_pass(0);
	assert_true(hub_queued(&hub, peer) > 0);
}

/* A message that its role may not send. The core never sees it. */
UNIT(test_not_allowed)
{
	static const unsigned char drain[] = { MSG_DRAIN, 0 };
	struct caller c;

	caller_start(&c);
	assert_int_equal(send(c.fd, drain, 2, MSG_NOSIGNAL), 2);
	still_pass(0);
	assert_int_equal(messages, 0);
	assert_int_equal(downs, 1);
	assert_non_null(strstr(log_said(), "bad drain message"));
	assert_counts(1, 1, 0);
	assert_int_equal(hub.counts.messages_in, 1);
	assert_int_equal(hub.counts.bytes_in, c.sent + sizeof(drain));
	assert_int_equal(hub.counts.bytes_out, c.got);
	caller_end(&c);
}

/* Who speaks, and takes nothing of what he is sent. */
UNIT(test_deaf)
{
	struct caller c;
	int s;

	caller_start(&c);
	reply(4 * HUB_HIGH_MARK);
	for (s = 1; s < HUB_STUCK_MS / 1000; s++) {
		say_alive(&c);
		still_pass(1000);
		assert_int_equal(downs, 0);
	}
	still_pass(1000);
	assert_int_equal(downs, 1);
	assert_int_equal(hub.used, 0);
	assert_non_null(strstr(log_said(), "it does not read what it is sent"));
	assert_counts(1, 1, 0);
	caller_end(&c);
}

/* A slow one takes a little now and then, says nothing, and stays. */
UNIT(test_slow)
{
	static char bytes[128 * 1024];
	struct caller c;
	int i;

	caller_start(&c);
	reply(8 * HUB_HIGH_MARK);
	for (i = 0; i < 10; i++) {
		still_pass(HUB_STUCK_MS - 1000);
		assert_int_equal(downs, 0);
		assert_true(read(c.fd, bytes, sizeof(bytes)) > 0);
		while (read(c.fd, bytes, sizeof(bytes)) > 0)
			;
		still_pass(0);
	}
	assert_true(hub_queued(&hub, peer) > HUB_HIGH_MARK);
	/* Its last bytes taken, it has as long again. */
	still_pass(HUB_STUCK_MS - 1);
	assert_int_equal(downs, 0);
	still_pass(1);
	assert_int_equal(downs, 1);
	caller_end(&c);
}

/* It reads on at last; what it said meanwhile counts, and silence from then on
 * is silence. */
UNIT(test_reads_on)
{
	static char bytes[256 * 1024];
	struct caller c;
	int i;

	caller_start(&c);
	reply(2 * HUB_HIGH_MARK);
	still_pass(HUB_STUCK_MS - 1);
	for (i = 0; i < 1000 && hub_queued(&hub, peer) > 0; i++) {
		assert_true(read(c.fd, bytes, sizeof(bytes)) > 0);
		still_pass(0);
	}
	assert_int_equal(hub_queued(&hub, peer), 0);
	still_pass(LINK_DEAD_MS - 1);
	assert_int_equal(downs, 0);
	still_pass(1);
	assert_int_equal(downs, 1);
	assert_non_null(strstr(log_said(), "it is silent"));
	caller_end(&c);
}

/* Its owner will not hear it, so its silence means nothing. */
UNIT(test_paused)
{
	struct caller c;
	int i;

	caller_start(&c);
	hub_pause(&hub, peer, 1);
	for (i = 0; i < 20; i++) {
		still_pass(LINK_ALIVE_MS);
		assert_int_equal(downs, 0);
	}
	hub_pause(&hub, peer, 0);
	still_pass(LINK_DEAD_MS - 1);
	assert_int_equal(downs, 0);
	still_pass(1);
	assert_int_equal(downs, 1);
	caller_end(&c);
}

/* A link that is to end once all is written, to a peer that does not read. */
UNIT(test_drain)
{
	struct caller c;
	int s;

	caller_start(&c);
	reply(HUB_HIGH_MARK / 2);
	assert_int_equal(outbox_act(&out, ACT_DRAIN, peer, 0, slice_str("")),
	    0);
	hub_deliver(&hub);
	for (s = 0; s < HUB_STUCK_MS / 1000; s++) {
		still_pass(0);
		assert_int_equal(downs, 0);
		say_alive(&c);
		still_pass(1000);
	}
	assert_int_equal(downs, 1);
	assert_int_equal(hub.used, 0);
	caller_end(&c);
}

/* Strangers. */

static int fds[PEERS];

static void
connect_one(size_t i, const struct addr *a)
{
	uint32_t before = hub.generation;

	assert_true((fds[i] = net_connect(a)) != -1);
	UNTIL(hub.generation != before);
	still_pass(1);
}

static void
connect_all(const struct addr *a)
{
	size_t i;

	for (i = 0; i < PEERS; i++)
		connect_one(i, a);
}

static void
assert_closed(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };
	char byte;

	assert_int_equal(poll(&p, 1, -1), 1);
	assert_int_equal(read(fd, &byte, 1), 0);
}

static void
close_all(void)
{
	size_t i;

	for (i = 0; i < PEERS; i++)
		close(fds[i]);
}

static void
listen_on(const char *text, struct addr *bound)
{
	struct addr a;
	int fd;

	assert_int_equal(addr_parse(&a, text, strlen(text), 0, NULL), 0);
	assert_true((fd = net_listen(&a, bound)) != -1);
	hub_listen(&hub, fd);
}

/* Of those that connect and say nothing, the oldest go, but none before it has
 * had its time to speak; until then who comes waits. */
UNIT(test_unproven)
{
	const size_t places = PREAUTH_ENTRIES;
	struct addr a;
	size_t i;
	char byte;

	listen_on("127.0.0.1:0", &a);
	for (i = 0; i <= places; i++) /* at once */
		assert_true((fds[i] = net_connect(&a)) != -1);
	UNTIL(hub.used == places);
	assert_int_equal(hub.held, 1);
	still_pass(PREAUTH_GRACE_MS - 1);
	assert_int_equal(hub.used, places);
	assert_int_equal(hub.preauth.entries[0].since, still_ms -
	    PREAUTH_GRACE_MS + 1);
	still_pass(1);
	UNTIL(hub.preauth.entries[places - 1].since == still_ms);
	for (i = places + 1; i < PEERS; i++)
		connect_one(i, &a);
	assert_int_equal(hub.used, places);
	assert_closed(fds[0]);
	assert_closed(fds[PEERS - places - 1]);
	errno = 0;
	assert_int_equal(read(fds[PEERS - places], &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
	assert_non_null(strstr(log_said(), "too many have not authenticated"));
	/* They are not on the books for ever. */
	still_pass(LINK_HANDSHAKE_MS);
	still_pass(LINK_HANDSHAKE_MS);
	assert_int_equal(hub.used, 0);
	assert_int_equal(hub.preauth.n, 0);
	assert_int_equal(hub.held, 0);
	close_all();
}

/* Whoever can open a Unix socket is no stranger. */
UNIT(test_unix)
{
	char dir[] = "/tmp/lambda-hub.XXXXXX", path[64];
	struct addr a;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	listen_on(path, &a);
	connect_all(&a);
	assert_int_equal(hub.used, PEERS);
	close_all();
	unlink(path);
	rmdir(dir);
}

/* Anybody can make them: a line a minute for each host, then the number of the
 * rest. */
UNIT(test_log)
{
	struct addr a;
	size_t i;
	const char *text;

	listen_on("127.0.0.1:0", &a);
	for (i = 0; i < PEERS; i++) {
		connect_one(i, &a);
		assert_int_equal(send(fds[i], "GET / HTTP/1.0\r\n", 16,
		    MSG_NOSIGNAL), 16);
		UNTIL(hub.used == 0);
		still_pass(1);
	}
	close_all();
	assert_counts(0, 0, PEERS);
	text = log_said();
	assert_int_equal(count(text, "closed peer 127.0.0.1:"), 1);
	assert_int_equal(count(text, "\n"), 1);
	hub_stranger(&hub, slice_str("else"), "closed %s", "another");
	assert_non_null(strstr(log_said(), ": closed another\n"));
	still_pass(LOGLIMIT_MS);
	text = log_said();
	assert_non_null(strstr(text, ": more strangers closed: 299\n"));
	assert_int_equal(count(text, "\n"), 1);
	still_pass(2 * LOGLIMIT_MS);
	assert_string_equal(log_said(), "");
	hub_stranger(&hub, slice_str("else"), "closed %s", "one");
	assert_non_null(strstr(log_said(), ": closed one\n"));
}

/* An address of our own: said once, never linked, and tried again, as it may
 * have been a stranger who sent our hello back. */
UNIT(test_ourselves)
{
	char text[ADDR_TEXT_MAX];
	struct addr a;
	int i;

	listen_on("127.0.0.1:0", &a);
	assert_int_equal(hub_dial(&hub, slice_str(addr_print(&a, text)),
	    DIAL_FOREVER, 0), 0);
	for (i = 0; i < 100; i++) {
		still_pass(PEERS_BACKOFF_MAX_MS);
		UNTIL(hub.used == 0);
	}
	assert_int_equal(ups, 0);
	assert_true(hub.generation > 2 * 50); /* links, both ends of each */
	assert_int_equal(count(log_said(), "it is this process itself"), 1);
	assert_int_equal(count(said, "\n"), 1);
	assert_non_null(strstr(said, "no link to 127.0.0.1:"));
}

/* What cannot be dialled at all the core hears like what does not answer, and
 * what it does about it is done. */
UNIT(test_not_to_be_dialled)
{
	char text[ADDRESS_MAX];
	int i;

	for (i = 0; i < PEERS_TARGET_MAX; i++) {
		snprintf(text, sizeof(text), "/nowhere/%d", i);
		assert_int_equal(peers_want(&hub.peers, still_ms + 1000,
		    slice_str(text), DIAL_HOUR, 0), 0);
	}
	failures = 0;
	outbox_act(&out, ACT_DIAL, 78, DIAL_ONCE, slice_str("127.0.0.1:9"));
	outbox_act(&out, ACT_DIAL, 0, DIAL_ONCE, slice_str("127.0.0.1:19"));
	still_pass(1);
	assert_int_equal(failures, 1);
	assert_int_equal(failed, 78);
	assert_int_equal(count(log_said(), "unable to dial 127.0.0.1:19: too "
	    "many others are dialled"), 1);
}

/* What a peer names is an IP address: a path that it names is not even looked
 * for, however it is spelt. */
UNIT(test_named)
{
	static const char *const wrong[] = { "/run/lambda/broker", "./x",
		"here.example.org:1", "", "10.0.0.1", "[::1]" };
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		failures = 0;
		outbox_act(&out, ACT_DIAL, 79, DIAL_ONCE, slice_str(wrong[i]));
		outbox_act(&out, ACT_DIAL, 0, DIAL_HOUR, slice_str(wrong[i]));
		hub_deliver(&hub);
		still_pass(1);
		assert_int_equal(failures, 1);
		assert_int_equal(failed, 79);
	}
	outbox_act(&out, ACT_DIAL, 79, DIAL_ONCE,
	    slice_of("\0" "127.0.0.1:1", 12));
	hub_deliver(&hub);
	still_pass(1);
	assert_int_equal(failures, 2);
	assert_int_equal(hub.peers.targets.n, 0);
}

/* Of addresses that peers name, and where nobody is, each has a line as far as
 * the limit allows. The others are counted, and a minute later it is said how
 * many they are. */
UNIT(test_named_lines)
{
	char address[32], line[96];
	int i, lines = 0, more;

	for (i = 1; i <= 2 * LOGLIMIT_LINES; i++) {
		snprintf(address, sizeof(address), "127.1.1.%d:9", 100 + i);
		outbox_act(&out, ACT_DIAL, 0, DIAL_HOUR, slice_str(address));
	}
	hub_deliver(&hub);
	for (i = 0; i < 50; i++)
		still_pass(20);
	lines = count(log_said(), "unable to link to 127.1.1.");
	assert_int_equal(lines, LOGLIMIT_LINES);
	still_pass(LOGLIMIT_MS);
	more = 2 * LOGLIMIT_LINES - lines;
	snprintf(line, sizeof(line), "more times unable to link to "
	    "addresses that peers named: %d\n", more);
	assert_int_equal(count(log_said(), line), 1);
}

/* A caller's link is of the key whose fingerprint is this byte, again and
 * again. */
static void
start_keyed(struct caller *c, unsigned char byte)
{
	unsigned char print[LINK_PRINT];

	caller_start(c);
	memset(print, byte, sizeof(print));
	hub_keyed(&hub, peer, print);
}

/* The word to close links of that key. */
static void
close_key(const char *fingerprint)
{
	struct msg m = { .type = MSG_INSPECT };

	m.u.inspect.close = slice_str(fingerprint);
	assert_int_equal(hub_report(&hub, peer, &m), 1);
	hub_deliver(&hub);
	still_pass(0);
}

/* Of two keys, the links of the first are closed when the word to close those
 * of the second comes. They are closed once: what is linked later stays. */
UNIT(test_close_keys)
{
	struct caller c[4];
	size_t i;

	hub.self.role = ROLE_PLB;
	start_keyed(&c[0], 0xaa);
	close_key("aaaaaaaaaaaaaaaa");
	start_keyed(&c[1], 0xbb);
	assert_int_equal(downs, 0);
	close_key("bbbbbbbbbbbbbbbb");
	assert_int_equal(downs, 1);
	still_pass(HUB_CLOSE_MS - LINK_DEAD_MS + 1);
	say_alive(&c[1]);
	still_pass(LINK_DEAD_MS - 2);
	assert_int_equal(downs, 1);
	still_pass(1);
	assert_int_equal(downs, 2);
	start_keyed(&c[2], 0xbb);
	start_keyed(&c[3], 0xcc);
	close_key("cccccccccccccccc");
	assert_int_equal(downs, 2);
	assert_counts(4, 0, 0);
	for (i = 0; i < 4; i++)
		caller_end(&c[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

UNITS(TEST(test_not_allowed), TEST(test_deaf), TEST(test_slow),
    TEST(test_reads_on), TEST(test_paused), TEST(test_drain),
    TEST(test_unproven), TEST(test_unix), TEST(test_log), TEST(test_ourselves),
    TEST(test_not_to_be_dialled), TEST(test_named), TEST(test_named_lines),
    TEST(test_close_keys))
