/* The core of lambda-call, with a channel that it is given: what it asks of its
 * shell, sends and writes, and how it ends. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "attrs.h"
#include "call.h"
#include "exit.h"
#include "stream.h"

#define CHANNEL 7u
#define GIVEN	.given = &given, .ngiven = 1
#define BROKER	8u

static const struct call_given given = { "10.0.0.1:7", 0 };
static struct call *call;
static struct buf out;
static int64_t now;
static int filtering;
static char said[4096];	     /* what was done, an act a word or line */
static uint64_t sent[16], nsent; /* requests' ids, as the channel has them */

static void
note(const char *fmt, ...)
{
	size_t len = strlen(said);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(said + len, sizeof(said) - len, fmt, ap);
	va_end(ap);
}

static void
carry_out(const struct act *a)
{
	struct msg m;

	if (a->kind == CALL_INPUT)
		note("input %d\n", (int)a->value);
	else if (a->kind == CALL_START || a->kind == CALL_STOP)
		note("%s %d\n", a->kind == CALL_START ? "start" : "stop",
		    (int)a->peer);
	else if (a->kind == CALL_HALT)
		note("halt\n");
	else if (a->kind == CALL_DEAF)
		note("deaf\n");
	else if (a->kind == CALL_WRITE && !filtering)
		note("write\n");
	else if (a->kind == CALL_FINISH || a->kind == CALL_QUIT)
		note("%s %d\n", a->kind == CALL_QUIT ? "quit" : "finish",
		    (int)a->value);
	else if (a->kind == CALL_LINE || a->kind == CALL_PROGRESS ||
	    a->kind == ACT_LOG)
		note("%.*s\n", SLICE_ARG(a->bytes));
	else if (a->kind != ACT_SEND || a->peer == 0)
		call_take(call, now, a);
	else if (act_message(a, &m) == 1 && m.type == MSG_REQUEST) {
		assert_true(nsent < sizeof(sent) / sizeof(sent[0]));
		sent[nsent++] = m.u.request.id;
		note("request %.*s%s\n", SLICE_ARG(m.u.request.body),
		    m.u.request.more ? " and more" : "");
	} else if (act_message(a, &m) == 1 && m.type == MSG_DATA)
		note("data %.*s\n", SLICE_ARG(m.u.data.bytes));
}

/* What a turn of the driver does, until nothing more comes of it. */
static void
turn(void)
{
	struct act a;
	int more = 1;

	while (more) {
		call_ops.tick(call, now);
		for (more = 0; outbox_take(call_out(call), &a); more = 1)
			carry_out(&a);
	}
}

static void
wait_ms(int64_t ms)
{
	int64_t until = now + ms;

	while (call_ops.deadline(call) <= until) {
		now = call_ops.deadline(call);
		turn();
	}
	now = until;
}

static void
expect(const char *what)
{
	turn();
	assert_string_equal(said, what);
	said[0] = '\0';
}

static void
begin(struct call_config *config)
{
	config->module = "calc";
	config->broker = "/run/broker";
	config->records.ordered = 1;
	config->plb.module = slice_str("calc");
	config->plb.capacity = config->plb.wanted = config->filter ? 64 : 1;
	now = 1000;
	filtering = config->filter;
	nsent = 0;
	said[0] = '\0';
	buf_free(&out);
	buf_init(&out, 65536);
	call = call_new(now, 1, config, &out);
	assert_non_null(call);
}

static int
teardown(void **state)
{
	(void)state;
	call_free(call);
	buf_free(&out);
	return 0;
}

static void
say(const struct msg *m)
{
	assert_int_equal(call_ops.message(call, now, CHANNEL, m), 0);
}

static void
link_up(uint64_t tokens)
{
	struct peer_info info = { .role = ROLE_CHANNEL, .tag = PLB_FIXED_TAG };
	struct msg m = { .type = MSG_DEMAND, .u.demand.tokens = tokens };

	call_ops.up(call, now, CHANNEL, &info);
	turn();
	if (tokens > 0)
		say(&m);
}

static void
reply(size_t i, const char *body, uint64_t status)
{
	struct msg m = { .type = MSG_REPLY, .u.reply.id = sent[i],
		.u.reply.status = status, .u.reply.body = slice_str(body),
		.u.reply.demand = 1 };

	say(&m);
}

static void
written(const char *what)
{
	assert_true(slice_is(buf_slice(&out), what));
}

/* One call: its body is what the input holds, and its status how it ends. */
static void
test_one(void **state)
{
	struct call_config config = { .terminal = 1, GIVEN };

	(void)state;
	begin(&config);
	link_up(1);
	expect("input 1\n");
	assert_true(call_readable(call));
	call_input(call, now, slice_str("bo"));
	call_input(call, now, slice_str("dy"));
	expect("");
	call_input_end(call, now, NULL);
	expect("request body\ninput 0\n");
	reply(0, "done", 3);
	expect("write\nwrite\nfinish 3\n");
	written("done\n");
}

static void
test_one_fails(void **state)
{
	struct call_config config = { .limit_ms = 2000, GIVEN };
	struct msg m = { .type = MSG_FAIL, .u.fail.ran = 1,
		.u.fail.reason = slice_str("killed by signal 9") };

	(void)state;
	begin(&config);
	link_up(1);
	call_input_end(call, now, NULL);
	expect("input 1\nrequest \ninput 0\n");
	m.u.fail.id = sent[0];
	say(&m);
	expect("calc: killed by signal 9\nquit 111\n");
	written("");
}

/* A body that does not end at once goes in pieces, and so does the output: as
 * much more may come as was written. */
static void
test_stream(void **state)
{
	struct call_config config = { GIVEN };
	struct msg window = { .type = MSG_WINDOW, .u.window.bytes = 3 };
	struct msg data = { .type = MSG_DATA, .u.data.part = STREAM_OUTPUT };
	struct msg end = { .type = MSG_END };

	(void)state;
	begin(&config);
	link_up(1);
	call_input(call, now, slice_str("bo"));
	expect("input 1\n");
	wait_ms(CALL_WAIT_MS);
	expect("request bo and more\ninput 0\n");
	assert_int_equal(call_readable(call), 0);
	window.u.window.id = data.u.data.id = end.u.end.id = sent[0];
	say(&window);
	expect("input 1\n");
	assert_int_equal(call_readable(call), 3);
	call_input(call, now, slice_str("dy"));
	expect("data dy\n");
	data.u.data.bytes = slice_str("out");
	say(&data);
	expect("write\n");
	written("out");
	say(&end);
	expect("deaf\ninput 0\n");
	reply(0, "put", 3);
	expect("write\nfinish 3\n");
	written("output");
}

/* What came is written, and the reason says how much it was. */
static void
test_stream_fails(void **state)
{
	struct call_config config = { GIVEN };
	struct msg data = { .type = MSG_DATA, .u.data.part = STREAM_OUTPUT };

	(void)state;
	begin(&config);
	link_up(1);
	call_input_end(call, now, NULL);
	expect("input 1\nrequest \ninput 0\n");
	data.u.data.id = sent[0];
	data.u.data.bytes = slice_str("out");
	say(&data);
	expect("write\n");
	call_ops.down(call, now, CHANNEL);
	expect("calc: the channel was lost, after 3 bytes of output\n"
	    "finish 111\n");
	written("out");
}

/* It reads no record before there is a token for it, and writes the results in
 * order. */
static void
test_filter(void **state)
{
	struct call_config config = { .filter = 1, .records.kind = FRAME_LINE,
		.progress_ms = 1000, GIVEN };

	(void)state;
	begin(&config);
	link_up(0);
	expect("input 1\n");
	assert_false(call_readable(call));
	expect("input 0\n");
	link_up(2);
	expect("input 1\n");
	assert_true(call_readable(call));
	call_input(call, now, slice_str("a\nb\nc\nd"));
	expect("request a\nrequest b\ninput 0\n");
	reply(1, "B\n", 0);
	expect("request c\n");
	written("");
	reply(0, "A", 0);
	expect("input 1\n");
	written("A\nB\n");
	call_input_end(call, now, NULL);
	expect("request d\ninput 0\n");
	reply(3, "", 7);
	expect("line 4: exit status 7\n");
	reply(2, "C", 0);
	expect("3 done, 1 failed, 0 in flight, 4000.0/s\nfinish 111\n");
	written("A\nB\nC\n");
}

static void
test_limit(void **state)
{
	struct call_config config = { .limit_ms = 2000, GIVEN };

	(void)state;
	begin(&config);
	link_up(1);
	call_input_end(call, now, NULL);
	expect("input 1\nrequest \ninput 0\n");
	wait_ms(2000 + CALL_GRACE_MS - 1);
	expect("");
	wait_ms(1);
	expect("calc: no answer in 2 s\nquit 99\n");
	wait_ms(60000);
	expect("");
}

/* The given channel is not there, or is gone: another may take over, so it is
 * waited for, and what was read has its line. */
static void
test_lost(void **state)
{
	struct call_config config = { .filter = 1,
		.records.kind = FRAME_LINE, GIVEN, .retries = 1 };

	(void)state;
	begin(&config);
	expect("input 1\n");
	call_ops.failed(call, now, PLB_FIXED_TAG, slice_str("refused"), 0);
	wait_ms(WAY_START_MS - 1);
	expect("");
	wait_ms(1);
	expect("calc: unable to reach 10.0.0.1:7: refused: is it running?\n"
	    "finish 111\ninput 0\n");
	call_free(call);
	begin(&config);
	link_up(2);
	call_input(call, now, slice_str("a\nb\nc\npart"));
	expect("input 1\nrequest a\nrequest b\ninput 0\n");
	wait_ms(1000);
	call_ops.down(call, now, CHANNEL);
	wait_ms(CALL_NOTICE_MS);
	expect("calc: no capacity yet: unable to reach 10.0.0.1:7: is it "
	    "running?; waiting\n");
	wait_ms(WAY_LOST_MS - CALL_NOTICE_MS - 1);
	expect("");
	wait_ms(1);
	expect("calc: unable to reach 10.0.0.1:7: is it running?\n"
	    "line 1: unable to reach 10.0.0.1:7: is it running?\n"
	    "line 2: unable to reach 10.0.0.1:7: is it running?\n"
	    "line 3: unable to reach 10.0.0.1:7: is it running?\n"
	    "line 4: unable to reach 10.0.0.1:7: is it running?\n"
	    "finish 111\n");
}

/* Each record has its time by itself: one that is stuck does not outlive it
 * while others are answered, and takes none of them with it. */
static void
test_limit_each(void **state)
{
	struct call_config config = { .filter = 1,
		.records.kind = FRAME_LINE, .limit_ms = 2000, GIVEN };

	(void)state;
	begin(&config);
	link_up(2);
	call_input(call, now, slice_str("a\n"));
	expect("input 1\nrequest a\n");
	wait_ms(1000);
	call_input(call, now, slice_str("b\n"));
	expect("request b\n");
	wait_ms(900);
	reply(1, "B", 0);
	expect("");
	wait_ms(100 + CALL_GRACE_MS - 1);
	expect("");
	written("");
	wait_ms(1);
	expect("line 1: no answer in 2 s\n");
	written("B\n");
	wait_ms(100); /* its answer comes after all */
	reply(0, "A", 0);
	expect("");
	call_input(call, now, slice_str("c"));
	call_input_end(call, now, NULL);
	expect("request c\ninput 0\n");
	reply(2, "C", 0);
	expect("finish 111\n");
	written("B\nC\n");
}

/* With no capacity at all the records that were read have their lines after
 * that time; of those that were not, the first is read. */
static void
test_limit_input(void **state)
{
	struct call_config config = { .filter = 1,
		.records.kind = FRAME_LINE, .limit_ms = 2000, GIVEN };

	(void)state;
	begin(&config);
	link_up(0);
	expect("input 1\n");
	assert_false(call_readable(call));
	expect("input 0\n");
	wait_ms(999);
	expect("");
	wait_ms(1);
	expect("calc: no capacity yet: nobody has granted any; waiting\n");
	wait_ms(999);
	expect("");
	wait_ms(1);
	expect("input 1\n");
	assert_true(call_readable(call));
	call_input(call, now, slice_str("a\nb\nc"));
	expect("line 1: no capacity in 2 s: nobody has granted any\n"
	    "input 0\n");
	wait_ms(2000);
	expect("line 2: no capacity in 2 s: nobody has granted any\n");
	link_up(1);
	expect("input 1\n");
	call_input_end(call, now, NULL);
	expect("request c\ninput 0\n");
	reply(0, "C", 0);
	expect("finish 111\n");
	written("C\n");
}

/* Told to end: what has no answer has its line, then it writes what it has, for
 * a while; what is not written then has its line, too. */
static void
test_interrupted(void **state)
{
	struct call_config config = { .filter = 1,
		.records.kind = FRAME_LINE, GIVEN };

	(void)state;
	begin(&config);
	link_up(3);
	call_input(call, now, slice_str("a\nb\nc\nd\n"));
	expect("input 1\nrequest a\nrequest b\nrequest c\ninput 0\n");
	reply(1, "B", 0);
	expect("request d\ninput 1\n");
	call_interrupt(call, now, "SIGTERM");
	expect("line 1: ended by SIGTERM\nline 3: ended by SIGTERM\n"
	    "line 4: ended by SIGTERM\nfinish 111\ninput 0\n");
	written("B\n");
	wait_ms(CALL_FLUSH_MS - 1);
	expect("");
	wait_ms(1);
	expect("halt\nline 2: its result is not written: ended by SIGTERM\n"
	    "quit 111\n");
}

/* Standard output takes no more. */
static void
test_broken(void **state)
{
	struct call_config config = { .filter = 1,
		.records.kind = FRAME_NUL, GIVEN, .records.status = 1 };

	(void)state;
	begin(&config);
	link_up(2);
	call_input(call, now, slice_of("a\0b\0c\0", 6));
	expect("input 1\nrequest a\nrequest b\ninput 0\n");
	reply(0, "A", 3);
	expect("request c\ninput 1\n");
	assert_true(buf_len(&out) == 6 &&
	    memcmp(buf_slice(&out).p, "1 3 A", 6) == 0);
	reply(1, "B", 0);
	turn();
	buf_consume(&out, 6);
	call_broken(call, now, 6, "Broken pipe");
	expect("halt\nline 3: Broken pipe\n"
	    "lines 1-2: its result is not written: Broken pipe\nquit 111\n"
	    "input 0\n");
}

/* A command is waited for as long as it lives, started again when it is lost,
 * and given up when it cannot be. */
static void
test_command(void **state)
{
	static const struct call_given ssh = { "ssh host lambda-channel", 1 };
	struct call_config config = { .given = &ssh, .ngiven = 1,
		.filter = 1, .records.kind = FRAME_LINE, .retries = 1 };

	(void)state;
	begin(&config);
	expect("start 1\ninput 1\n");
	wait_ms(CALL_NOTICE_MS);
	expect("calc: no capacity yet: the command `ssh host lambda-channel' "
	    "has said nothing for 3 s yet; waiting\n");
	wait_ms(3600 * 1000);
	expect("");
	link_up(1);
	call_input(call, now, slice_str("a\n"));
	expect("request a\n");
	call_command_ended(call, now, PLB_FIXED_TAG, "ended with status 255");
	call_ops.down(call, now, CHANNEL);
	wait_ms(WAY_BACKOFF_MIN_MS - 1);
	expect("");
	wait_ms(1);
	expect("start 1\n");
	call_ops.failed(call, now, PLB_FIXED_TAG,
	    slice_str(CORE_FOREIGN "`Welcome'"), 0);
	expect("stop 1\n");
	call_command_ended(call, now, PLB_FIXED_TAG, "ended with status 1");
	wait_ms(2 * WAY_BACKOFF_MIN_MS);
	expect("start 1\n");
	link_up(1);
	expect("request a\n");
	reply(1, "A", 0);
	expect("");
	written("A\n");
}

static void
test_command_hopeless(void **state)
{
	static const struct call_given ssh = { "ssh host lambda-channel", 1 };
	struct call_config config = { .given = &ssh, .ngiven = 1 };

	(void)state;
	begin(&config);
	expect("start 1\ninput 1\n");
	call_ops.failed(call, now, PLB_FIXED_TAG, slice_str("closed"), 0);
	expect("");
	call_command_ended(call, now, PLB_FIXED_TAG, "ended with status 255");
	expect("calc: the command `ssh host lambda-channel' ended with status "
	    "255\nquit 111\ninput 0\n");
}

/* Input that cannot be read is the end of a filter's, and of half a body. */
static void
test_unreadable(void **state)
{
	struct call_config config = { .filter = 1,
		.records.kind = FRAME_NETSTRING, GIVEN };

	(void)state;
	begin(&config);
	link_up(2);
	expect("input 1\n");
	call_input(call, now, slice_str("1:a,x"));
	expect("request a\nline 2: the record is not in the framing that was "
	    "asked for; the input is read no further\ninput 0\n");
	reply(0, "A", 0);
	expect("finish 100\n");
	written("1:A,");
	call_free(call);
	config.filter = 0;
	begin(&config);
	link_up(1);
	call_input_end(call, now, "Input/output error");
	expect("input 1\nunable to read standard input: Input/output error\n"
	    "quit 111\ninput 0\n");
}

/* It says once why nothing comes; a function that nobody exports ends it. */
static void
test_no_capacity(void **state)
{
	struct call_config config = { .function = "f", .nargs = 1 };
	struct peer_info info = { .role = ROLE_BROKER };
	struct msg m = { .type = MSG_OFFERS };
	char *exports[] = { (char *)"g/1" };
	unsigned char list[64];
	struct tlv_writer w;
	const char *why, *which;
	struct buf attrs;

	(void)state;
	begin(&config);
	expect("input 1\n");
	wait_ms(2 * CALL_NOTICE_MS);
	expect("input 0\n"
	    "calc: no capacity yet: no broker answers at /run/broker: start "
	    "lambda-broker, or name its socket with -b; waiting\n");
	call_ops.up(call, now, BROKER, &info);
	m.u.offers.reason = slice_str("it is early");
	assert_int_equal(call_ops.message(call, now, BROKER, &m), 0);
	wait_ms(CALL_NOTICE_MS);
	expect("");
	buf_init(&attrs, LIST_MAX);
	assert_int_equal(attrs_build(&attrs, "1", NULL, exports, 1, NULL, 0,
	    &why, &which), 0);
	tlv_writer_init(&w, list, sizeof(list));
	list_put(&w, buf_slice(&attrs));
	buf_free(&attrs);
	m.u.offers.reason = slice_of(NULL, 0);
	m.u.offers.sets = slice_of(list, (size_t)(w.p - list));
	assert_int_equal(call_ops.message(call, now, BROKER, &m), 0);
	expect("");
	wait_ms(999);
	expect("");
	m.u.offers.complete = 1;
	assert_int_equal(call_ops.message(call, now, BROKER, &m), 0);
	expect("");
	wait_ms(1);
	expect("calc: f/1 is not exported; on offer: version 1, exports g/1\n"
	    "quit 100\n");

	/* An exchange that has been up for long is believed sooner. */
	call_free(call);
	begin(&config);
	expect("input 1\n");
	call_ops.up(call, now, BROKER, &info);
	assert_int_equal(call_ops.message(call, now, BROKER, &m), 0);
	expect("");
	wait_ms(49);
	expect("input 0\n");
	wait_ms(1);
	expect("calc: f/1 is not exported; on offer: version 1, exports g/1\n"
	    "quit 100\n");
}

/* A refusal is what there is to say, and the end where it is final. */
static void
test_refused(void **state)
{
	struct call_config config = { .limit_ms = 60000, GIVEN };
	struct msg m = { .type = MSG_REFUSE };

	(void)state;
	begin(&config);
	link_up(0);
	m.u.refuse.reason = slice_str("full");
	say(&m);
	expect("input 1\n");
	wait_ms(CALL_NOTICE_MS);
	expect("input 0\ncalc: no capacity yet: refused: full; waiting\n");
	m.u.refuse.reason = slice_str("it is another module");
	m.u.refuse.final = 1;
	say(&m);
	expect("calc: refused: it is another module\nquit 100\n");
}

/* A record that fails has its line, and the rest goes on. */
static void
test_record_fails(void **state)
{
	struct call_config config = { .filter = 1, .records.kind = FRAME_LINE,
		.limit_ms = 2000, GIVEN };
	struct msg m = { .type = MSG_FAIL, .u.fail.ran = 1,
		.u.fail.reason = slice_str("killed by signal 9") };

	(void)state;
	begin(&config);
	link_up(3);
	expect("input 1\n");
	call_input(call, now, slice_str("a\nb\nc\n"));
	call_input_end(call, now, NULL);
	expect("request a\nrequest b\nrequest c\ninput 0\n");
	m.u.fail.id = sent[0];
	say(&m);
	reply(1, "two\nlines", 0);
	expect("line 1: killed by signal 9\n"
	    "line 2: its reply has several lines: -N takes any bytes, -0 what "
	    "has no NUL, and -B many records at once\n");
	reply(2, "C", 0);
	expect("finish 111\n");
	written("C\n");
}

#define TEST(f) cmocka_unit_test_teardown(f, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one), TEST(test_one_fails), TEST(test_stream),
		TEST(test_stream_fails), TEST(test_filter),
		TEST(test_limit), TEST(test_limit_each),
		TEST(test_limit_input), TEST(test_lost), TEST(test_command),
		TEST(test_command_hopeless), TEST(test_interrupted),
		TEST(test_broken), TEST(test_unreadable),
		TEST(test_no_capacity), TEST(test_refused),
		TEST(test_record_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
