#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain.h"
#include "crypto.h"
#include "env.h"
#include "listener_publish.h"
#include "log.h"
#include "opt.h"

#define READ_SIZE	65536
#define HEAD_SIZE	256 /* of a file, to see what runs it */
#define ATTRS_BYTES_MAX (4 * LIST_MAX)
#define HOW_MAX		128 /* of child_status() */
#define REASON_BYTES	1024

/* A release. */

void
release_init(struct release *r)
{
	memset(r, 0, sizeof(*r));
	buf_init(&r->attrs, ATTRS_BYTES_MAX);
	r->file.fd = -1;
}

void
release_free(struct release *r)
{
	buf_free(&r->attrs);
	program_file_close(&r->file);
}

int
release_equal(const struct release *a, const struct release *b)
{
	return slice_equal(buf_slice(&a->attrs), buf_slice(&b->attrs)) &&
	    program_file_equal(&a->file, &b->file);
}

/* Of the file, from its start: 0, or -1 with errno. */
static int
release_digest(int fd, unsigned char digest[SHA256_SIZE])
{
	static unsigned char block[READ_SIZE];
	struct sha256 h;
	off_t at = 0;
	ssize_t n;

	sha256_init(&h);
	while ((n = pread(fd, block, sizeof(block), at)) > 0) {
		sha256_update(&h, block, (size_t)n);
		at += n;
	}
	sha256_final(&h, digest);
	return n == -1 ? -1 : 0;
}

/* Why the program cannot be published, and what to do. */
static void
release_say_missing(const char *program, char *why, size_t size)
{
	int error = errno;

	if (strchr(program, '/') != NULL && access(program, F_OK) == -1)
		snprintf(why, size, "unable to find %s: %s", program,
		    strerror(errno));
	else if (error == EISDIR)
		snprintf(why, size, "%s is a directory: give the path of a "
		    "program in it", program);
	else if (error == EACCES)
		snprintf(why, size, "%s is not executable: chmod +x it, or "
		    "give another program", program);
	else
		snprintf(why, size, "unable to find %s on PATH: give the path "
		    "of an executable file", program);
}

static int
release_is_text(const unsigned char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i] < ' ' && p[i] != '\t' && p[i] != '\n' &&
		    p[i] != '\r' && p[i] != '\f')
			return 0;
	return 1;
}

/*
 * What would make exec(2) fail, as far as the first bytes of the file show. A
 * name that may be cut off is not judged.
 */
static int
release_look_at_file(const struct program_file *file, char *why, size_t size)
{
	char head[HEAD_SIZE + 1], *name;
	ssize_t n = pread(file->fd, head, HEAD_SIZE, 0);

	if (n == -1)
		return 0;
	head[n] = '\0';
	if (n == 0) {
		snprintf(why, size, "%s is empty", file->path);
		return -1;
	}
	if (strncmp(head, "#!", 2) != 0) {
		if (!release_is_text((unsigned char *)head, (size_t)n))
			return 0;
		snprintf(why, size, "%s is text without a #! line: give it "
		    "one, such as #!/bin/sh", file->path);
		return -1;
	}
	name = head + 2 + strspn(head + 2, " \t");
	name[strcspn(name, " \t\n")] = '\0';
	if (name + strlen(name) == head + HEAD_SIZE ||
	    program_is_executable(name))
		return 0;
	snprintf(why, size, "%s is to be run by '%s', which is not there or "
	    "not executable: mend its #! line", file->path, name);
	return -1;
}

static int
release_make_attrs(const struct publish_config *config, struct release *r,
    char *why, size_t size)
{
	unsigned char digest[SHA256_SIZE];
	char text[OPT_VERSION_MAX];
	const char *version, *wrong, *which;
	int readable;

	/* One that may be executed but not read has no digest. */
	readable = r->file.fd != -1 && release_digest(r->file.fd, digest) == 0;
	if (opt_version(config->version, &version, text, why, size) == -1)
		return -1;
	if (attrs_build(&r->attrs, version, readable ? digest : NULL,
	    config->functions, config->nfunctions, config->labels,
	    config->nlabels, &wrong, &which) == 0)
		return 0;
	opt_unbuilt(wrong, which, why, size);
	return -1;
}

int
release_make(const struct publish_config *config, struct release *r, char *why,
    size_t size)
{
	release_init(r);
	if (program_file_open(&r->file, config->program) == -1) {
		release_say_missing(config->program, why, size);
		return -1;
	}
	if ((config->preflight || r->file.fd == -1 ||
	    release_look_at_file(&r->file, why, size) == 0) &&
	    release_make_attrs(config, r, why, size) == 0)
		return 0;
	release_free(r);
	return -1;
}

/* The preflight. */

struct preflight {
	struct child child;
	struct timer passed;
	preflight_fn *fn; /* NULL: the verdict was given, or is not wanted */
	void *arg;
	int due; /* its time is up, but for a last look */
	char said[PREFLIGHT_LINE_MAX + 1];
	struct chain link;
};

/* Those whose process is there. */
static struct chain preflights = { &preflights, &preflights };

/* Nobody wants what it writes. */
static ssize_t
preflight_on_output(struct child *c, const unsigned char *p, size_t n)
{
	(void)c;
	(void)p;
	return (ssize_t)n;
}

static void
preflight_on_line(struct child *c, struct slice line)
{
	struct preflight *p = c->arg;

	if (line.len > 0)
		snprintf(p->said, sizeof(p->said), "%.*s", SLICE_ARG(line));
}

static void
preflight_free(struct preflight *p)
{
	chain_remove(&p->link);
	loop_untimer(p->child.loop, &p->passed);
	child_free(&p->child);
	free(p);
}

static void
preflight_on_ended(struct child *c)
{
	struct preflight *p = c->arg;
	preflight_fn *fn = p->fn;
	void *arg = p->arg;
	char how[HOW_MAX], why[HOW_MAX + PREFLIGHT_LINE_MAX + 128];

	snprintf(why, sizeof(why), "ended at once: %s%s%s%s",
	    child_status(c, how, sizeof(how)), p->said[0] != '\0' ? ": " : "",
	    p->said, c->status != 0 ? "" : ": with this -w it must stay and "
	    "read requests; a program that runs once per request has none");
	preflight_free(p);
	if (fn != NULL)
		fn(arg, why);
}

/* The time is up. Timers run before the ends of children are reported, so if
 * this timer is late the end may have come already: wait for one more turn. */
static void
preflight_on_passed(void *arg)
{
	struct preflight *p = arg;
	struct loop *loop = p->child.loop;
	preflight_fn *fn = p->fn;

	if (!p->due) {
		p->due = 1;
		loop_timer(loop, &p->passed, loop_now(loop));
		return;
	}
	preflight_stop(p);
	fn(p->arg, NULL);
}

struct preflight *
preflight_start(struct loop *loop, const struct program_start *start,
    preflight_fn *fn, void *arg)
{
	static const struct child_ops ops = { preflight_on_output,
		preflight_on_line, preflight_on_ended, NULL, NULL };
	struct preflight *p = calloc(1, sizeof(*p));
	int error;

	if (p == NULL)
		return NULL;
	p->child.ops = &ops;
	p->child.arg = p->passed.arg = p;
	p->passed.fn = preflight_on_passed;
	p->fn = fn;
	p->arg = arg;
	if (loop_timer(loop, &p->passed, loop_now(loop) + PREFLIGHT_MS) == -1 ||
	    child_start(&p->child, loop, start,
	    CHILD_INPUT | CHILD_OUTPUT | CHILD_ERROR,
	    slice_of(NULL, 0)) == -1) {
		error = errno;
		loop_untimer(loop, &p->passed);
		free(p);
		errno = error;
		return NULL;
	}
	chain_append(&preflights, &p->link);
	return p;
}

void
preflight_stop(struct preflight *p)
{
	p->fn = NULL;
	loop_untimer(p->child.loop, &p->passed);
	child_retire(&p->child);
}

void
preflight_end_all(void)
{
	struct preflight *p;

	while ((p = CHAIN_NEXT(&preflights, NULL, struct preflight, link)) !=
	    NULL) {
		child_signal(&p->child, SIGKILL);
		preflight_free(p);
	}
}

/* What is published. */

static void
publish_say_stays(const char *why)
{
	log_error("not published: %s; the previous version stays", why);
}

static void
publish_next(struct publish *p)
{
	release_free(&p->now);
	p->now = p->next;
	release_init(&p->next);
	p->publish(p->arg);
}

static void
publish_drop_next(struct publish *p)
{
	if (p->preflight != NULL)
		preflight_stop(p->preflight);
	p->preflight = NULL;
	release_free(&p->next);
}

static void
publish_on_verdict(void *arg, const char *why)
{
	struct publish *p = arg;
	char text[REASON_BYTES];
	int first = p->first;

	p->preflight = NULL;
	p->first = 0;
	if (why != NULL)
		snprintf(text, sizeof(text), "%s %s", p->config->program, why);
	if (first && why != NULL) {
		p->failed(p->arg, text);
	} else if (why != NULL) {
		publish_say_stays(text);
		release_free(&p->next);
	} else if (!first) {
		publish_next(p);
	}
}

/* 0, or -1 with why. */
static int
publish_try(struct publish *p, const struct release *r, char *why, size_t size)
{
	p->start.file = &r->file;
	p->preflight = preflight_start(p->loop, &p->start, publish_on_verdict,
	    p);
	if (p->preflight != NULL)
		return 0;
	program_unable(p->config->program, errno, why, size);
	return -1;
}

/* Try or publish the program as it is now, unless that is what is published (a
 * renewal publishes it all the same) or in its preflight already. */
static void
publish_consider(struct publish *p, int always)
{
	struct release new;
	char why[REASON_BYTES];

	if (release_make(p->config, &new, why, sizeof(why)) == -1) {
		if (!p->first)
			publish_drop_next(p);
		publish_say_stays(why);
		return;
	}
	if (((!always || p->first) && release_equal(&new, &p->now)) ||
	    (p->preflight != NULL && release_equal(&new, &p->next))) {
		release_free(&new);
		return;
	}
	p->first = 0;
	publish_drop_next(p);
	p->next = new;
	if (!p->config->preflight) {
		publish_next(p);
	} else if (publish_try(p, &p->next, why, sizeof(why)) == -1) {
		publish_say_stays(why);
		release_free(&p->next);
	}
}

/* What distinguishes the file from one that replaces it; all zero if there is
 * none to run. */
static struct stat
publish_stat(const struct publish *p)
{
	char *path = program_find(p->config->program);
	struct stat st;

	if (path == NULL || stat(path, &st) == -1)
		memset(&st, 0, sizeof(st));
	free(path);
	return st;
}

/* A file must be the same at two looks, since something may still be writing
 * it. A fault in it is logged once. */
static void
publish_on_look(void *arg)
{
	struct publish *p = arg;
	struct stat now = publish_stat(p);

	publish_watch(p);
	if (!env_same_file(&now, &p->known) &&
	    env_same_file(&now, &p->seen)) {
		p->known = now;
		publish_consider(p, 0);
	}
	p->seen = now;
}

void
publish_start(struct publish *p)
{
	char why[REASON_BYTES];

	release_init(&p->next);
	p->look.fn = publish_on_look;
	p->look.arg = p;
	p->known = p->seen = publish_stat(p);
	if (release_make(p->config, &p->now, why, sizeof(why)) == -1)
		die(EXIT_USAGE, "%s", why);
	p->first = p->config->preflight;
	if (p->first && publish_try(p, &p->now, why, sizeof(why)) == -1)
		die(EXIT_TEMPORARY, "%s", why);
}

void
publish_watch(struct publish *p)
{
	loop_timer(p->loop, &p->look, loop_now(p->loop) + PUBLISH_LOOK_MS);
}

void
publish_renew(struct publish *p)
{
	p->known = p->seen = publish_stat(p);
	publish_consider(p, 1);
}

void
publish_stop(struct publish *p)
{
	loop_untimer(p->loop, &p->look);
	p->first = 0;
	publish_drop_next(p);
}

void
publish_free(struct publish *p)
{
	publish_stop(p);
	release_free(&p->now);
	preflight_end_all();
}
