#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "array.h"
#include "call_joblog.h"
#include "log.h"

#define HEADER \
	"number\tstart\tqueued\trun\thost\tin\tout\tstatus\tfunction\t"
#define COLUMNS	   9
#define STATUS	   7		 /* the column, from 0 */
#define LINE_MOST  (1024 * 1024) /* bytes of a line, the header's too */
#define READ_CHUNK (256 * 1024)

/* The command. */

/* Append a word; bytes that would end it, or are hard to see, become \xHH. 0,
 * or -1 with errno. */
static int
joblog_put_word(struct buf *b, struct slice word)
{
	char text[8];
	size_t i;

	if (buf_len(b) > 0 && buf_append(b, " ", 1) == -1)
		return -1;
	if (word.len == 0)
		return buf_append(b, "''", 2);
	for (i = 0; i < word.len; i++) {
		snprintf(text, sizeof(text), word.p[i] > ' ' &&
		    word.p[i] != '\\' && word.p[i] != '\'' &&
		    word.p[i] != 0x7f ? "%c" : "\\x%02x", word.p[i]);
		if (buf_append(b, text, strlen(text)) == -1)
			return -1;
	}
	return 0;
}

static int
joblog_put_command(struct buf *b, const struct call_config *c)
{
	static const char *const framing[] = { "-L", "-0", "-N", "-4" };
	struct slice args = c->args, arg;
	char block[24];

	if (joblog_put_word(b, slice_str(framing[c->records.kind])) == -1)
		return -1;
	snprintf(block, sizeof(block), "%zu", c->block);
	if (c->block > 0 && (joblog_put_word(b, slice_str("-B")) == -1 ||
	    joblog_put_word(b, slice_str(block)) == -1))
		return -1;
	if ((c->replace && joblog_put_word(b, slice_str("-I")) == -1) ||
	    joblog_put_word(b, slice_str(c->module)) == -1 ||
	    joblog_put_word(b, slice_str(c->function)) == -1)
		return -1;
	while (list_next(&args, &arg) == 1)
		if (joblog_put_word(b, arg) == -1)
			return -1;
	return 0;
}

char *
joblog_command(const struct call_config *c)
{
	char *text = NULL;
	struct buf b;

	buf_init(&b, LINE_MOST);
	if (joblog_put_command(&b, c) == 0)
		text = (char *)slice_dup(buf_slice(&b));
	buf_free(&b);
	return text;
}

/* Reading. */

struct joblog_reading {
	struct joblog *log;
	size_t lines; /* that were read */
	unsigned long long unknown; /* of them */
};

static void
joblog_done(struct joblog *j, uint64_t number)
{
	struct call_range *done;

	if (j->ndone > 0 && j->done[j->ndone - 1].last + 1 == number) {
		j->done[j->ndone - 1].last = number;
		return;
	}
	done = array_grow(j->done, &j->cap, j->ndone + 1,
	    SIZE_MAX / sizeof(*done), sizeof(*done));
	if (done == NULL)
		die_errno(EXIT_TEMPORARY, "unable to read %s", j->path);
	j->done = done;
	done[j->ndone].first = done[j->ndone].last = number;
	j->ndone++;
}

static int
joblog_range_order(const void *a, const void *b)
{
	const struct call_range *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

/* In order, and apart. */
static void
joblog_sort(struct joblog *j)
{
	size_t i, n = 0;

	if (j->ndone > 1)
		qsort(j->done, j->ndone, sizeof(*j->done), joblog_range_order);
	for (i = 0; i < j->ndone; i++) {
		if (n == 0 || j->done[i].first > j->done[n - 1].last + 1)
			j->done[n++] = j->done[i];
		else if (j->done[i].last > j->done[n - 1].last)
			j->done[n - 1].last = j->done[i].last;
	}
	j->ndone = n;
}

static void
joblog_header(const struct joblog_reading *r, struct slice line)
{
	size_t fixed = strlen(HEADER);

	if (line.len < fixed || memcmp(line.p, HEADER, fixed) != 0)
		die(EXIT_USAGE, "-j %s: it is no job log: name another file",
		    r->log->path);
	if (line.len + 1 != strlen(r->log->header) ||
	    memcmp(line.p, r->log->header, line.len) != 0)
		die(EXIT_USAGE, "-j %s: it is the log of another command: "
		    "%.*s: name another file", r->log->path,
		    (int)(line.len - fixed > 200 ? 200 : line.len - fixed),
		    (const char *)line.p + fixed);
}

/* The record's number, where its line is whole, or 0; *done: it had status
 * 0. */
static uint64_t
joblog_number(struct slice line, int *done)
{
	const unsigned char *p = line.p, *end = p + line.len, *tab;
	uint64_t number = 0;
	size_t column;

	for (; p < end && *p >= '0' && *p <= '9' && number < UINT64_MAX / 16;
	    p++)
		number = number * 10 + (uint64_t)(*p - '0');
	for (column = 0; column < COLUMNS - 1; column++) {
		tab = memchr(p, '\t', (size_t)(end - p));
		if (tab == NULL || (column == 0 && tab != p))
			return 0;
		if (column == STATUS)
			*done = tab - p == 1 && *p == '0';
		p = tab + 1;
	}
	return p < end ? number : 0;
}

static void
joblog_line(struct joblog_reading *r, struct slice line)
{
	uint64_t number;
	int done = 0;

	if (r->lines++ == 0) {
		joblog_header(r, line);
		return;
	}
	number = joblog_number(line, &done);
	r->unknown += number == 0;
	if (number != 0 && done)
		joblog_done(r->log, number);
}

/* Read all lines that are whole; what follows them is in *rest. */
static void
joblog_read_all(struct joblog_reading *r)
{
	struct joblog *j = r->log;
	struct buf *rest = &j->rest;
	struct slice line, all;
	const unsigned char *end;
	unsigned char *p;
	ssize_t n;

	while ((p = buf_reserve(rest, READ_CHUNK)) != NULL &&
	    (n = read(j->fd, p, READ_CHUNK)) > 0) {
		buf_commit(rest, (size_t)n);
		for (;;) {
			all = buf_slice(rest);
			end = all.len == 0 ? NULL : memchr(all.p, '\n',
			    all.len);
			if (end == NULL)
				break;
			line = slice_of(all.p, (size_t)(end - all.p));
			joblog_line(r, line);
			j->size += (off_t)line.len + 1;
			buf_consume(rest, line.len + 1);
		}
	}
	if (p == NULL && errno == ENOBUFS)
		die(EXIT_USAGE, "-j %s: it is no job log: a line is over %d "
		    "bytes: name another file", j->path, LINE_MOST);
	if (p == NULL || n == -1)
		die_errno(EXIT_TEMPORARY, "unable to read %s", j->path);
}

/* What follows the last whole line is a torn one. A file that has no whole line
 * is a log only if what it has is the beginning of our header. */
static void
joblog_cut(const struct joblog_reading *r, struct slice rest)
{
	struct joblog *j = r->log;

	if (rest.len == 0)
		return;
	if (r->lines == 0 && (rest.len > strlen(j->header) ||
	    memcmp(rest.p, j->header, rest.len) != 0))
		die(EXIT_USAGE, "-j %s: it is no job log: name another file",
		    j->path);
	if (ftruncate(j->fd, j->size) == -1)
		die_errno(EXIT_TEMPORARY, "unable to cut the last line of %s, "
		    "which is torn", j->path);
}

static void
joblog_forget(struct joblog *j)
{
	free(j->header);
	j->header = NULL;
	buf_free(&j->rest);
}

static void
joblog_read(struct joblog *j, const char *command)
{
	struct joblog_reading r = { .log = j };
	size_t len = strlen(HEADER) + strlen(command) + 2;
	struct buf header;

	if ((j->header = malloc(len)) == NULL)
		die_errno(EXIT_TEMPORARY, "unable to read %s", j->path);
	snprintf(j->header, len, "%s%s\n", HEADER, command);
	joblog_read_all(&r);
	joblog_cut(&r, buf_slice(&j->rest));
	joblog_sort(j);
	if (r.unknown > 0)
		log_error("%s: lines that are not of a job log: %llu; their "
		    "records run again", j->path, r.unknown);
	buf_init(&header, len);
	if (j->size == 0 && (buf_append(&header, j->header, len - 1) == -1 ||
	    joblog_write(j, &header) == -1))
		die_errno(EXIT_TEMPORARY, "unable to write %s", j->path);
	buf_free(&header);
	joblog_forget(j);
}

/* Opening. A file that blocks, or that something happens to when it is opened,
 * is not opened. */

/* Without locks in the file system, nobody is kept out. */
static void
joblog_lock(const struct joblog *j)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(j->fd, F_SETLK, &lock) == -1 &&
	    (errno == EACCES || errno == EAGAIN))
		die(EXIT_TEMPORARY, "-j %s: another lambda-call writes it: "
		    "wait for its end, or name another file", j->path);
}

void
joblog_open(struct joblog *j, const char *path, const char *command)
{
	struct stat st;

	buf_init(&j->rest, LINE_MOST + READ_CHUNK);
	j->path = path;
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		die(EXIT_USAGE, "-j %s: it is no regular file: name another "
		    "file", path);
	j->fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK |
	    O_NOCTTY | O_CLOEXEC, 0666);
	if (j->fd == -1)
		die_errno(EXIT_USAGE, "-j: unable to open %s", path);
	if (fstat(j->fd, &st) == -1 || !S_ISREG(st.st_mode))
		die(EXIT_USAGE, "-j %s: it is no regular file: name another "
		    "file", path);
	joblog_lock(j);
	joblog_read(j, command);
}

/* Writing. */

int
joblog_write(struct joblog *j, struct buf *lines)
{
	struct slice all = buf_slice(lines);
	size_t done = 0;
	ssize_t n = 0;
	int error;

	while (done < all.len && n >= 0) {
		n = write(j->fd, all.p + done, all.len - done);
		if (n > 0)
			done += (size_t)n;
		else if (n == -1 && errno == EINTR)
			n = 0;
	}
	error = errno;
	buf_consume(lines, all.len);
	if (done == all.len) {
		j->size += (off_t)done;
		return 0;
	}
	(void)!ftruncate(j->fd, j->size);
	errno = error;
	return -1;
}

int
joblog_close(struct joblog *j)
{
	free(j->done);
	joblog_forget(j);
	return j->path == NULL ? 0 : close(j->fd);
}
