/*
 * Accounts for every record that a filter reads.
 *
 *	account [-S] [-f L|0|N|4] [-n records] [-o how] [-k signal] [-r retries]
 *	    [-s seed] [-h] ran command [argument ...]
 *		runs the command, lambda-call as a filter, with records drawn
 *		from the seed, and exits with 1 where one that it has read has
 *		no result and no line, or more than one, or was run more often
 *		than once and the retries. ran is the file that workers note
 *		in what they run.
 *	account worker ran
 *		is a netstring worker that does what a record says: answers,
 *		soon or late, dies, hangs, hangs on SIGTERM, answers garbage.
 *
 * -o: standard output is read fast, slow, or never, or is closed after a while;
 * -k: the filter gets that signal in the middle; -h: workers may hang, so the
 * command has a -T.
 */

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "frame.h"
#include "rng.h"
#include "t/hang.h"

#define RECORDS_MAX 20000
#define PIPE_BYTES  (64 * 1024) /* that a pipe may hold */

struct record {
	char body[48];
	size_t end;	/* of its frame in the input */
	unsigned results, lines, ran;
};

struct account {
	unsigned long n, retries, seed;
	const char *how; /* standard output is read */
	enum frame_kind kind;
	int status, hangs, signo;
	struct record *record;
	struct buf in;	 /* what is fed */
	size_t fed;
	struct buf out;
	struct frame_reader reader;
	int to, from, err; /* our ends */
	int rest;	 /* the other end of to: what is not read is there */
	pid_t pid;
	int broken;	 /* we closed its output */
	struct rng rng;
};

static void
account_die(const char *what)
{
	perror(what);
	exit(111);
}

static void
account_pause(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* The worker. */

static void
worker_note(const char *file, struct slice body)
{
	int fd = open(file, O_WRONLY | O_APPEND | O_CREAT, 0600);
	char line[64];
	int n = snprintf(line, sizeof(line), "%.*s\n", SLICE_ARG(body));

	if (fd == -1 || write(fd, line, (size_t)n) != n)
		account_die(file);
	close(fd);
}

static void
worker_answer(struct slice body)
{
	char reply[96];
	int n = snprintf(reply, sizeof(reply), "%zu:%.*s,", body.len,
	    SLICE_ARG(body));

	if (write(1, reply, (size_t)n) != n)
		exit(1);
}

/* The first letter says what to do. */
static void
worker_do(struct slice body)
{
	switch (body.p[0]) {
	case 'd':
		exit(3);
	case 'k':
		kill(getpid(), SIGKILL);
		break;
	case 'h':
	case 'i':
		if (body.p[0] == 'i')
			signal(SIGTERM, SIG_IGN);
		for (;;)
			pause();
	case 'g':
		if (write(1, "no netstring", 12) != 12)
			exit(1);
		pause();
		break;
	case 's':
		account_pause(20);
		break;
	}
	worker_answer(body);
}

static int
worker_run(const char *file)
{
	struct frame_reader reader = { .kind = FRAME_NETSTRING };
	static unsigned char bytes[PIPE_BYTES];
	struct frame f;
	size_t len = 0;
	ssize_t n, taken;

	while ((n = read(0, bytes + len, sizeof(bytes) - len)) > 0) {
		len += (size_t)n;
		while ((taken = frame_next(&reader, bytes, len, &f)) > 0) {
			worker_note(file, f.body);
			worker_do(f.body);
			len -= (size_t)taken;
			memmove(bytes, bytes + taken, len);
		}
		if (taken == -1)
			return 1;
	}
	return 0;
}

/* What is fed. */

static void
account_draw(struct account *a)
{
	static const char kinds[] = "aaaaaaaaaaaaaaaaaaaaassssdkg";
	struct record *r;
	const char *why;
	unsigned long i;
	char kind;

	for (i = 0; i < a->n; i++) {
		r = &a->record[i];
		kind = kinds[rng_below(&a->rng, sizeof(kinds) - 1)];
		if (a->hangs && rng_below(&a->rng, 40) == 0)
			kind = rng_below(&a->rng, 2) ? 'h' : 'i';
		snprintf(r->body, sizeof(r->body), "%c%lu.%lu", kind, a->seed,
		    i + 1);
		if (frame_put_body(&a->in, a->kind, slice_str(r->body), &why) ==
		    -1)
			account_die("frame_put_body");
		r->end = buf_len(&a->in);
	}
}

static void
account_start(struct account *a, char **argv)
{
	int in[2], out[2];
	char name[] = "account.XXXXXX";

	if (pipe(in) == -1 || pipe(out) == -1 || (a->err = mkstemp(name)) == -1)
		account_die("pipe");
	unlink(name);
	if ((a->pid = fork()) == -1)
		account_die("fork");
	if (a->pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(a->err, 2);
		close(in[0]);
		close(in[1]);
		close(out[0]);
		close(out[1]);
		close(a->err);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(out[1]);
	a->rest = in[0];
	a->to = in[1];
	a->from = out[0];
	fcntl(a->to, F_SETFL, O_NONBLOCK);
	fcntl(a->from, F_SETFL, O_NONBLOCK);
}

/* Some more of the input. */
static void
account_feed(struct account *a)
{
	size_t len = buf_len(&a->in) - a->fed;
	ssize_t n;

	if (a->to == -1)
		return;
	if (len > 700)
		len = 1 + rng_below(&a->rng, 700);
	n = write(a->to, buf_slice(&a->in).p + a->fed, len);
	if (n > 0)
		a->fed += (size_t)n;
	if (a->fed == buf_len(&a->in)) {
		close(a->to);
		a->to = -1;
	}
}

/* What comes out: 0 when there is nothing now, or no more. */
static int
account_read(struct account *a)
{
	unsigned char bytes[4096];
	ssize_t n = a->from == -1 ? 0 : read(a->from, bytes, sizeof(bytes));

	if (n <= 0)
		return 0;
	if (buf_append(&a->out, bytes, (size_t)n) == -1)
		account_die("buf_append");
	return 1;
}

/* Read it as we were told to. */
static void
account_take(struct account *a)
{
	if (strcmp(a->how, "never") == 0 && a->pid != 0)
		return;
	if (strcmp(a->how, "slow") == 0)
		account_pause((long)rng_below(&a->rng, 20));
	account_read(a);
	if (strcmp(a->how, "closed") == 0 && a->from != -1 &&
	    a->fed > buf_len(&a->in) / 2) {
		close(a->from);
		a->from = -1;
		a->broken = 1;
	}
}

static int
account_has_ended(struct account *a, int *status)
{
	return waitpid(a->pid, status, WNOHANG) == a->pid;
}

static int
account_run(struct account *a)
{
	struct pollfd p[2];
	int status;

	while (!account_has_ended(a, &status)) {
		p[0].fd = a->to;
		p[0].events = POLLOUT;
		p[1].fd = strcmp(a->how, "never") == 0 ? -1 : a->from;
		p[1].events = POLLIN;
		poll(p, 2, 20);
		account_feed(a);
		account_take(a);
		if (a->signo == 0 || (a->fed < buf_len(&a->in) / 2 &&
		    rng_below(&a->rng, 200) > 0))
			continue;
		kill(a->pid, a->signo);
		a->signo = 0;
	}
	a->pid = 0;
	while (account_read(a))
		;
	return status;
}

/* The account. */

static struct record *
account_record(struct account *a, unsigned long number)
{
	if (number < 1 || number > a->n) {
		printf("there is no record %lu\n", number);
		exit(1);
	}
	return &a->record[number - 1];
}

/* A result, whose body says which it is, or with -S its number. */
static void
account_result(struct account *a, struct slice body)
{
	char text[256];
	unsigned long number;
	const char *dot;

	snprintf(text, sizeof(text), "%.*s", SLICE_ARG(body));
	dot = strchr(text, '.');
	if (a->status)
		number = strtoul(text, NULL, 10);
	else
		number = dot == NULL ? 0 : strtoul(dot + 1, NULL, 10);
	account_record(a, number)->results++;
}

static void
account_results(struct account *a)
{
	struct slice s = buf_slice(&a->out);
	struct frame f;
	ssize_t n;

	a->reader.kind = a->kind;
	while ((n = frame_next(&a->reader, s.p, s.len, &f)) > 0) {
		account_result(a, f.body);
		s.p += n;
		s.len -= (size_t)n;
	}
	if (n == -1) {
		printf("the output is not in the framing\n");
		exit(1);
	}
}

static void
account_lines(struct account *a)
{
	FILE *f = fdopen(a->err, "r");
	unsigned long first, last;
	char line[4096];

	rewind(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "lines %lu-%lu: ", &first, &last) != 2) {
			if (sscanf(line, "line %lu: ", &first) != 1)
				continue;
			last = first;
		}
		for (; first <= last; first++)
			account_record(a, first)->lines++;
	}
	rewind(f);
}

static void
account_runs(struct account *a, const char *file)
{
	FILE *f = fopen(file, "r");
	unsigned long seed, number;
	char line[128];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line + 1, "%lu.%lu", &seed, &number) == 2 &&
		    seed == a->seed)
			account_record(a, number)->ran++;
	if (f != NULL)
		fclose(f);
}

/* How much of the input the filter has read: what is left is in the pipe. */
static size_t
account_was_read(struct account *a)
{
	unsigned char bytes[4096];
	size_t left = 0;
	ssize_t n;

	if (a->to != -1)
		close(a->to);
	fcntl(a->rest, F_SETFL, O_NONBLOCK);
	while ((n = read(a->rest, bytes, sizeof(bytes))) > 0)
		left += (size_t)n;
	return a->fed - left;
}

/* Of each record that was read there is one thing to see. What was in the pipe
 * when we closed it was written, and is gone. */
static int
account_judge(struct account *a)
{
	size_t was_read = account_was_read(a), begin = 0, gone = 0;
	unsigned long i, wrong = 0;
	struct record *r;

	for (i = 0; i < a->n; i++, begin = r->end) {
		r = &a->record[i];
		if (begin >= was_read && r->results + r->lines + r->ran == 0)
			continue;
		if (r->results + r->lines == 0 && a->broken && r->ran > 0)
			gone += strlen(r->body) + 24;
		if (r->results + r->lines == 1 && r->ran <= 1 + a->retries)
			continue;
		if (r->results + r->lines == 0 && a->broken && r->ran > 0 &&
		    r->ran <= 1 + a->retries && gone <= PIPE_BYTES)
			continue;
		printf("record %lu (%s) has %u results, %u lines, and ran %u "
		    "times\n", i + 1, r->body, r->results, r->lines, r->ran);
		wrong++;
	}
	return wrong > 0;
}

static void
account_tell(struct account *a, int status)
{
	char bytes[4096];
	ssize_t n;

	printf("seed %lu: %lu records, status %x; it said:\n", a->seed, a->n,
	    (unsigned)status);
	fflush(stdout);
	lseek(a->err, 0, SEEK_SET);
	while ((n = read(a->err, bytes, sizeof(bytes))) > 0)
		fwrite(bytes, 1, (size_t)n, stdout);
}

static void
account_option(struct account *a, int letter)
{
	static const char kinds[] = "L0N4";
	static const enum frame_kind kind[] = { FRAME_LINE, FRAME_NUL,
		FRAME_NETSTRING, FRAME_PACKET4 };

	switch (letter) {
	case 'S':
		a->status = 1;
		break;
	case 'h':
		a->hangs = 1;
		break;
	case 'f':
		a->kind = kind[strcspn(kinds, optarg) % 4];
		break;
	case 'n':
		a->n = strtoul(optarg, NULL, 10) % (RECORDS_MAX + 1);
		break;
	case 'o':
		a->how = optarg;
		break;
	case 'k':
		a->signo = atoi(optarg);
		break;
	case 'r':
		a->retries = strtoul(optarg, NULL, 10);
		break;
	case 's':
		a->seed = strtoul(optarg, NULL, 10);
		break;
	default:
		exit(100);
	}
}

int
main(int argc, char **argv)
{
	static struct account a;
	int letter, status;

	hang_guard();
	if (argc == 3 && strcmp(argv[1], "worker") == 0) {
		alarm(0);
		return worker_run(argv[2]);
	}
	a.how = "fast";
	a.n = 200;
	while ((letter = getopt(argc, argv, "+Sf:hn:o:k:r:s:")) != -1)
		account_option(&a, letter);
	if (argc - optind < 2)
		return 100;
	signal(SIGPIPE, SIG_IGN);
	rng_seed(&a.rng, a.seed);
	buf_init(&a.in, RECORDS_MAX * 64);
	buf_init(&a.out, BUF_MAX);
	if ((a.record = calloc(a.n + 1, sizeof(*a.record))) == NULL)
		account_die("calloc");
	account_draw(&a);
	account_start(&a, argv + optind + 1);
	status = account_run(&a);
	account_results(&a);
	account_lines(&a);
	account_runs(&a, argv[optind]);
	if (account_judge(&a) == 0)
		return 0;
	account_tell(&a, status);
	return 1;
}
