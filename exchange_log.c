#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exchange_log.h"
#include "log.h"

#define RECORD_MAX     (1024L * 1024 * 1024) /* bytes of an order log */
#define REPLAY_DIFFERS 1		     /* exit status */

/* Recording. */

/* It cannot go on, which stops no order. */
static void
record_give_up(struct record *r, const char *why)
{
	log_error("unable to write %s: %s; the order log ends here", r->path,
	    why);
	fclose(r->file);
	r->file = NULL;
}

static void
record_frame(struct record *r, struct slice frame)
{
	static const char hex[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < frame.len; i++) {
		putc(hex[frame.p[i] >> 4], r->file);
		putc(hex[frame.p[i] & 15], r->file);
	}
	putc('\n', r->file);
}

/* way: "in" or "out". */
static void
record_message(struct record *r, int64_t now, const char *way, uint32_t peer,
    const struct msg *m, struct slice frame)
{
	if (r->file == NULL)
		return;
	if (frame.len > RECORD_LINE_MAX / 2 - 128) {
		record_give_up(r, "a message is too long for it");
		return;
	}
	fprintf(r->file, "%" PRId64 " %s %" PRIu32 " %s ", now, way, peer,
	    msg_name(m->type));
	record_frame(r, frame);
}

/* What the core wants done goes on to the hub, and what it sends is recorded.
 * 0, or -1 with errno. */
static int
record_move(struct record *r, int64_t now)
{
	struct outbox *from = exchange_out(r->core);
	struct msg m;
	struct act a;

	while (outbox_take(from, &a)) {
		if (a.kind == ACT_SEND && act_message(&a, &m) == 1 &&
		    m.type != MSG_REPORT)
			record_message(r, now, "out", a.peer, &m, a.bytes);
		if (outbox_act(&r->out, a.kind, a.peer, a.value, a.bytes) == -1)
			return -1;
	}
	return 0;
}

static void
record_up(void *core, int64_t now, uint32_t peer, const struct peer_info *info)
{
	struct record *r = core;
	char id[ID_TEXT];

	if (r->file != NULL)
		fprintf(r->file, "%" PRId64 " up %" PRIu32 " %s %s %.*s\n",
		    now, peer, role_name(info->role),
		    id_print(&info->instance, id), info->address.len == 0 ?
		    1 : (int)info->address.len, info->address.len == 0 ? "-" :
		    (const char *)info->address.p);
	exchange_ops.up(r->core, now, peer, info);
	record_move(r, now);
}

static void
record_down(void *core, int64_t now, uint32_t peer)
{
	struct record *r = core;

	if (r->file != NULL)
		fprintf(r->file, "%" PRId64 " down %" PRIu32 "\n", now, peer);
	exchange_ops.down(r->core, now, peer);
	record_move(r, now);
}

static int
record_in(void *core, int64_t now, uint32_t peer, const struct msg *m)
{
	struct record *r = core;
	int result, error;

	buf_consume(&r->frame, buf_len(&r->frame));
	if (r->file != NULL) {
		if (msg_append(&r->frame, m) == -1)
			record_give_up(r, strerror(errno));
		else
			record_message(r, now, "in", peer, m,
			    buf_slice(&r->frame));
	}
	result = exchange_ops.message(r->core, now, peer, m);
	error = errno;
	if (record_move(r, now) == -1)
		return -1;
	errno = error;
	return result;
}

/* The driver calls this after each batch: what is recorded is written then. */
static void
record_tick(void *core, int64_t now)
{
	struct record *r = core;

	if (r->file != NULL)
		fprintf(r->file, "%" PRId64 " tick\n", now);
	exchange_ops.tick(r->core, now);
	record_move(r, now);
	if (r->file != NULL && fflush(r->file) == EOF)
		record_give_up(r, strerror(errno));
	if (r->file != NULL && ferror(r->file))
		record_give_up(r, "some of it could not be written");
	if (r->file != NULL && ftell(r->file) > RECORD_MAX)
		record_give_up(r, "it has reached its greatest length");
}

static int64_t
record_deadline(const void *core)
{
	return exchange_ops.deadline(((const struct record *)core)->core);
}

const struct core_ops record_ops = {
	ROLE_EXCHANGE, record_up, record_down, record_in, NULL, record_tick,
	record_deadline
};

/* The last process may have ended in the middle of a line. */
void
record_open(struct record *r, const char *path)
{
	int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_NOCTTY |
	    O_NONBLOCK | O_CLOEXEC, 0600);
	struct stat st;
	char last = '\n';

	r->path = path;
	if (fd == -1 || fstat(fd, &st) == -1)
		die_errno(EXIT_USAGE, "-o: unable to open %s", path);
	if (!S_ISREG(st.st_mode))
		die(EXIT_USAGE, "-o %s: it is no regular file: name "
		    "another", path);
	if (st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) != 1)
		die_errno(EXIT_TEMPORARY, "unable to read %s", path);
	if ((r->file = fdopen(fd, "a")) == NULL)
		die_errno(EXIT_TEMPORARY, "unable to write %s", path);
	if (last != '\n')
		fputs(" cut\n", r->file);
	buf_init(&r->frame, RECORD_LINE_MAX);
	outbox_init(&r->out);
}

void
record_start(struct record *r, struct exchange *core, const char *module,
    const struct id *own, uint64_t seed)
{
	char id[ID_TEXT];

	r->core = core;
	fprintf(r->file, "start %s %s %" PRIu64 "\n", module,
	    id_print(own, id), seed);
}

void
record_end(struct record *r)
{
	if (r->file != NULL && (fputs("end\n", r->file) == EOF ||
	    fclose(r->file) == EOF))
		log_error("unable to write %s: %s; the order log ends here",
		    r->path, strerror(errno));
	if (r->path != NULL) {
		outbox_free(&r->out);
		buf_free(&r->frame);
	}
}

/* Doing it again. */

static void
replay_bad(const struct replay *r, const char *why)
{
	die(EXIT_USAGE, "-O %s: line %" PRIu64 ": %s", r->path, r->line, why);
}

static uint64_t
replay_number(const struct replay *r, struct slice word, uint64_t max)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < word.len; i++) {
		unsigned digit = (unsigned)word.p[i] - '0';

		if (digit > 9 || n > (max - digit) / 10)
			break;
		n = n * 10 + digit;
	}
	if (i == 0 || i < word.len)
		replay_bad(r, "it has no number where one must be");
	return n;
}

/* Bytes of hexadecimal; their number is at most max. */
static size_t
replay_hex(const struct replay *r, struct slice word, unsigned char *to,
    size_t max)
{
	static const char hex[] = "0123456789abcdef";
	const char *digit;
	size_t i;

	if (word.len == 0 || word.len % 2 != 0 || word.len / 2 > max)
		replay_bad(r, "a frame or an id is cut off");
	for (i = 0; i < word.len; i++) {
		digit = word.p[i] == '\0' ? NULL : strchr(hex, word.p[i]);
		if (digit == NULL)
			replay_bad(r, "a frame or an id is not hexadecimal");
		to[i / 2] = (unsigned char)(to[i / 2] << 4 | (digit - hex));
	}
	return word.len / 2;
}

static struct id
replay_id(const struct replay *r, struct slice word)
{
	struct id id;

	memset(&id, 0, sizeof(id));
	if (replay_hex(r, word, id.b, sizeof(id.b)) != sizeof(id.b))
		replay_bad(r, "an id is cut off");
	return id;
}

/* What a fill says, a row for each seller. */
static void
replay_print(int64_t now, uint32_t peer, const struct msg_fill *f)
{
	struct slice list = f->sellers;
	struct seller s;
	char id[ID_TEXT];

	while (item_next(&schema_seller, &list, &s) == 1)
		printf("fill %" PRIu64 " at_ms %" PRId64 " peer %" PRIu32
		    " seller %s quantity %" PRIu64 " reservation %" PRIu64
		    "\n", f->order, now, peer, id_print(&s.seller, id),
		    s.quantity, s.counter);
}

/* The next message that the core sends, if there is one: 1 or 0. */
static int
replay_take(struct replay *r, struct act *a, struct msg *m)
{
	if (r->core == NULL)
		return 0;
	while (outbox_take(exchange_out(r->core), a))
		if (a->kind == ACT_SEND && act_message(a, m) == 1 &&
		    m->type != MSG_REPORT)
			return 1;
	return 0;
}

static void
replay_differs(const struct replay *r, const char *how)
{
	die(REPLAY_DIFFERS, "-O %s: line %" PRIu64 ": the replay differs: %s",
	    r->path, r->line, how);
}

/* All that the core sent was in the log. */
static void
replay_settle(struct replay *r)
{
	struct act a;
	struct msg m;

	if (replay_take(r, &a, &m))
		replay_differs(r, "it sends a message more before this line");
}

static void
replay_out(struct replay *r, int64_t now, uint32_t peer, struct slice frame)
{
	struct act a;
	struct msg m;

	if (!replay_take(r, &a, &m))
		replay_differs(r, "it does not send this message");
	if (a.peer != peer || !slice_equal(a.bytes, frame))
		replay_differs(r, "it sends another message");
	r->messages++;
	if (m.type == MSG_FILL) {
		r->fills++;
		replay_print(now, peer, &m.u.fill);
	}
}

static void
replay_start(struct replay *r, struct slice *rest)
{
	struct slice module = slice_word(rest);
	struct id own;
	uint64_t seed;

	if (!slice_is(module, r->module))
		replay_bad(r, "it is the log of another module");
	own = replay_id(r, slice_word(rest));
	seed = replay_number(r, slice_word(rest), UINT64_MAX);
	map_free_values(&r->peers);
	map_init(&r->peers, seed);
	exchange_free(r->core);
	r->core = exchange_new(module, &own, seed);
	if (r->core == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
	r->now = 0;
	r->runs++;
}

/* The role of a peer that is up. */
static unsigned
replay_role(const struct replay *r, uint32_t peer)
{
	unsigned *role = map_get(&r->peers, slice_of(&peer, sizeof(peer)));

	if (role == NULL)
		replay_bad(r, "that peer is not up");
	return *role;
}

static void
replay_up(struct replay *r, int64_t now, uint32_t peer, struct slice *rest)
{
	struct peer_info info;
	struct slice key = slice_of(&peer, sizeof(peer));
	struct slice role = slice_word(rest);
	unsigned *known, i;

	memset(&info, 0, sizeof(info));
	for (i = 0; i < ROLE_COUNT; i++)
		if (slice_is(role, role_name(1u << i)))
			info.role = 1u << i;
	if (info.role == 0)
		replay_bad(r, "it names no role");
	if (map_get(&r->peers, key) != NULL)
		replay_bad(r, "that peer is up already");
	if ((known = map_alloc(&r->peers, sizeof(*known), &key)) == NULL)
		die_errno(EXIT_TEMPORARY, "unable to go on");
	*known = info.role;
	info.instance = replay_id(r, slice_word(rest));
	info.address = slice_word(rest);
	exchange_ops.up(r->core, now, peer, &info);
}

static void
replay_down(struct replay *r, int64_t now, uint32_t peer)
{
	(void)replay_role(r, peer);
	free(map_del(&r->peers, slice_of(&peer, sizeof(peer))));
	exchange_ops.down(r->core, now, peer);
}

static void
replay_message(struct replay *r, int64_t now, uint32_t peer, int in,
    struct slice *rest)
{
	struct act a;
	struct msg m;

	memset(&a, 0, sizeof(a));
	slice_word(rest);
	a.bytes = slice_of(r->frame, replay_hex(r, slice_word(rest), r->frame,
	    sizeof(r->frame)));
	if (!in)
		replay_out(r, now, peer, a.bytes);
	else if (act_message(&a, &m) != 1)
		replay_bad(r, "its frame is no message");
	else if (!msg_allowed(m.type, replay_role(r, peer), ROLE_EXCHANGE))
		replay_bad(r, "a peer of that role does not send this");
	else
		exchange_ops.message(r->core, now, peer, &m);
}

/* A line that begins with a time. */
static void
replay_call(struct replay *r, struct slice first, struct slice *rest)
{
	int64_t now = (int64_t)replay_number(r, first, INT64_MAX / 2);
	struct slice what = slice_word(rest);
	uint32_t peer;

	if (r->core == NULL)
		replay_bad(r, "no line that says start is before it");
	if (now < r->now)
		replay_bad(r, "its time is before that of the line above");
	r->now = now;
	if (!slice_is(what, "out"))
		replay_settle(r);
	if (slice_is(what, "tick")) {
		exchange_ops.tick(r->core, now);
		return;
	}
	peer = (uint32_t)replay_number(r, slice_word(rest), UINT32_MAX);
	if (slice_is(what, "up"))
		replay_up(r, now, peer, rest);
	else if (slice_is(what, "down"))
		replay_down(r, now, peer);
	else if (slice_is(what, "in") || slice_is(what, "out"))
		replay_message(r, now, peer, slice_is(what, "in"), rest);
	else
		replay_bad(r, "it is not a line of an order log");
}

static void
replay_line(struct replay *r, struct slice line)
{
	struct slice first = slice_word(&line);

	if (slice_is(first, "start")) {
		replay_start(r, &line);
	} else if (slice_is(first, "end")) {
		replay_settle(r);
	} else
		replay_call(r, first, &line);
}

/* The process that wrote it was killed while it did. */
static int
replay_is_cut(struct slice line)
{
	static const char cut[] = " cut\n";
	size_t n = sizeof(cut) - 1;

	return line.len == 0 || line.p[line.len - 1] != '\n' ||
	    (line.len >= n && memcmp(line.p + line.len - n, cut, n) == 0);
}

void
replay_init(struct replay *r, FILE *file, const char *path, const char *module)
{
	r->file = file;
	r->path = path;
	r->module = module;
	r->core = NULL;
	map_init(&r->peers, 0);
	r->line = r->runs = r->messages = r->fills = 0;
}

void
replay_read(struct replay *r)
{
	while (fgets(r->text, sizeof(r->text), r->file) != NULL) {
		r->line++;
		if (strlen(r->text) == sizeof(r->text) - 1)
			replay_bad(r, "it is too long");
		if (!replay_is_cut(slice_str(r->text)))
			replay_line(r, slice_str(r->text));
	}
	if (ferror(r->file))
		die_errno(EXIT_TEMPORARY, "unable to read %s", r->path);
	if (r->runs == 0)
		die(EXIT_USAGE, "-O %s: it is no order log: give a file that "
		    "-o has written", r->path);
}

void
replay_free(struct replay *r)
{
	map_free_values(&r->peers);
	exchange_free(r->core);
	fclose(r->file);
}

int
replay_run(const char *path, const char *module)
{
	static struct replay r;
	FILE *file = fopen(path, "r");

	if (file == NULL)
		die_errno(EXIT_USAGE, "-O: unable to open %s", path);
	replay_init(&r, file, path, module);
	replay_read(&r);
	replay_free(&r);
	die_unless_printed();
	log_info("starts: %" PRIu64 ", messages: %" PRIu64 ", fills among "
	    "them: %" PRIu64 ", all as they were", r.runs, r.messages, r.fills);
	return 0;
}
