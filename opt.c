#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "env.h"
#include "epmd.h"
#include "fail.h"
#include "log.h"
#include "msg.h"
#include "opt.h"

#define CAPACITY_TEXT_MAX 32 /* bytes of a file that are looked at */

static void
opt_add(struct opt_list *l, int letter, char *arg)
{
	if (l->n == l->max)
		die(EXIT_USAGE, "-%c: give %zu %s at most", letter, l->max,
		    l->what);
	l->at[l->n++] = arg;
}

/* One more -t. */
static void
opt_label(struct opt_want *w, char *arg)
{
	if (w->nlabels == LABELS_MAX)
		die(EXIT_USAGE, "-t: give %d labels at most", LABELS_MAX);
	w->labels[w->nlabels++] = arg;
}

static void
opt_key(struct key_names *names, const char *arg)
{
	if (names->n == KEYS_MAX)
		die(EXIT_USAGE, "-k %s: at most %d key files", arg, KEYS_MAX);
	names->at[names->n++] = arg;
}

int
opt_whole(const char *arg, uint64_t min, uint64_t max, uint64_t *value)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(arg, &end, 10);
	if (!isdigit((unsigned char)arg[0]) || *end != '\0' || errno != 0 ||
	    n < min || n > max)
		return -1;
	*value = n;
	return 0;
}

/* The same of an option's argument; dies. */
static uint64_t
opt_number(int letter, const char *arg, uint64_t min, uint64_t max)
{
	uint64_t n = 0;

	if (opt_whole(arg, min, max, &n) == -1)
		die(EXIT_USAGE, "-%c %s: give a whole number from %llu to %llu",
		    letter, arg, (unsigned long long)min,
		    (unsigned long long)max);
	return n;
}

/* A number; with `k' at its end KiB, with `m' MiB. */
static size_t
opt_bytes(int letter, const char *arg, size_t min, size_t max)
{
	char digits[24] = "";
	size_t len = strlen(arg);
	unsigned shift = len == 0 ? 0 : strchr("kK", arg[len - 1]) != NULL ?
	    10 : strchr("mM", arg[len - 1]) != NULL ? 20 : 0;
	uint64_t n = 0;

	len -= shift > 0;
	if (len < sizeof(digits))
		memcpy(digits, arg, len);
	if (opt_whole(digits, 0, max >> shift, &n) == -1 || n << shift < min)
		die(EXIT_USAGE, "-%c %s: give a number of bytes from %zu to "
		    "%zu, such as 64k or 1m", letter, arg, min, max);
	return (size_t)(n << shift);
}

/* -1 if nobody passed it. */
static int
opt_fd(int letter, const char *arg)
{
	int fd = (int)opt_number(letter, arg, STDERR_FILENO + 1, 65535);

	return fcntl(fd, F_GETFD) == -1 ? -1 : fd;
}

void
opt_take(const struct opt *o, int letter, char *arg, const char *synopsis)
{
	if (letter == 'q') {
		log_less();
		return;
	}
	if (letter == 'v') {
		log_more();
		return;
	}
	if (letter == 'h')
		die_help(synopsis);
	while (o->kind != OPT_END && o->letter != letter)
		o++;
	switch (o->kind) {
	case OPT_END:
		die_usage(synopsis);
		break;
	case OPT_FLAG:
		*(int *)o->value = 1;
		break;
	case OPT_TEXT:
		*(const char **)o->value = arg;
		break;
	case OPT_NUMBER:
		*(uint64_t *)o->value = opt_number(letter, arg,
		    (uint64_t)o->min, (uint64_t)o->max);
		break;
	case OPT_BYTES:
		*(size_t *)o->value = opt_bytes(letter, arg, (size_t)o->min,
		    (size_t)o->max);
		break;
	case OPT_SECONDS:
		*(int64_t *)o->value = opt_seconds(letter, arg, o->min,
		    o->max);
		break;
	case OPT_FD:
		*(int *)o->value = opt_fd(letter, arg);
		break;
	case OPT_NODE:
		*(const char **)o->value = opt_name("node", arg);
		break;
	case OPT_LIST:
		opt_add(o->value, letter, arg);
		break;
	case OPT_KEY:
		opt_key(o->value, arg);
		break;
	case OPT_LABEL:
		opt_label(o->value, arg);
	}
}

size_t
opt_loud(char *argv[OPT_LOUD_MAX])
{
	static char more[] = "-v", less[] = "-q";
	int louder = (int)log_level - LOG_INFO;
	size_t n = (size_t)(louder < 0 ? -louder : louder), i;

	for (i = 0; i < n; i++)
		argv[i] = louder < 0 ? less : more;
	return n;
}

int64_t
opt_seconds(int letter, const char *arg, int64_t min_ms, int64_t max_ms)
{
	double s;
	char *end;

	s = strtod(arg, &end);
	if (!(isdigit((unsigned char)arg[0]) || arg[0] == '.') ||
	    *end != '\0' || !(s * 1000 >= min_ms && s * 1000 <= max_ms))
		die(EXIT_USAGE, "-%c %s: give seconds from %.10g to %.10g",
		    letter, arg, min_ms / 1000.0, max_ms / 1000.0);
	return (int64_t)(s * 1000);
}

void
opt_address(int letter, const char *arg, int default_port, struct addr *a)
{
	const char *why;

	if (addr_parse(a, arg, strlen(arg), default_port, &why) == -1)
		die(EXIT_USAGE, "-%c %s: %s", letter, arg, why);
}

void
opt_ip(int letter, const char *arg, int default_port, struct addr *a)
{
	const char *why;

	if (addr_parse_ip(a, arg, strlen(arg), default_port, &why) == -1)
		die(EXIT_USAGE, "-%c %s: %s", letter, arg, why);
}

void
opt_peer(int letter, const char *arg, int default_port, struct addr *a)
{
	const char *why;

	if (addr_parse_peer(a, arg, strlen(arg), default_port, &why) == -1)
		die(EXIT_USAGE, "-%c %s: %s", letter, arg, why);
}

void
opt_socket(int letter, const char *arg, struct addr *a)
{
	if (strchr(arg, '/') == NULL)
		die(EXIT_USAGE, "-%c %s: give the path of a Unix socket, with "
		    "a slash", letter, arg);
	opt_address(letter, arg, 0, a);
}

const char *
opt_name(const char *what, const char *arg)
{
	if (!slice_is_name(slice_str(arg)) || strlen(arg) > NAME_BYTES_MAX)
		die(EXIT_USAGE, "%s name '%s': give 1 to %d characters without "
		    "space or slash", what, arg, NAME_BYTES_MAX);
	return arg;
}

int
opt_epmd_port(void)
{
	const char *text = getenv("ERL_EPMD_PORT");
	char *end;
	long port;

	if (text == NULL || text[0] == '\0')
		return EPMD_PORT;
	port = strtol(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end != '\0' || port < 1 ||
	    port > 65535)
		die(EXIT_USAGE, "ERL_EPMD_PORT=%s: give a port, 1 to 65535",
		    text);
	return (int)port;
}

/* The first bytes of the file, ended by a NUL: 0, or -1 with errno. */
static int
opt_read(const char *path, char *buf, size_t size)
{
	struct stat st;
	int fd = env_open(path, &st);
	ssize_t n;

	if (fd == -1)
		return -1;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n == -1)
		return -1;
	buf[n] = '\0';
	return 0;
}

/*
 * A number, or "@file", whose first word it is: 0; or -1 with EINVAL, and a
 * sentence in why, when it is none or the file cannot be read.
 */
static int
opt_capacity(const char *given, uint64_t max, uint64_t *n, char *why,
    size_t size)
{
	char text[CAPACITY_TEXT_MAX];

	if (given[0] != '@') {
		if (opt_whole(given, 1, max, n) == 0)
			return 0;
		snprintf(why, size, "-c %s: give a whole number from 1 to %llu",
		    given, (unsigned long long)max);
		return fail(EINVAL);
	}
	if (opt_read(given + 1, text, sizeof(text)) == -1) {
		snprintf(why, size, "unable to read the capacity from %s: %s",
		    given + 1, env_open_why(errno));
		return fail(EINVAL);
	}
	text[strcspn(text, " \t\r\n")] = '\0';
	if (opt_whole(text, 1, max, n) == 0)
		return 0;
	snprintf(why, size, "the capacity in %s is '%s': give a whole number "
	    "from 1 to %llu", given + 1, text, (unsigned long long)max);
	return fail(EINVAL);
}

uint64_t
opt_capacity_now(const char *given, uint64_t max)
{
	char why[REASON_MAX];
	uint64_t n = 0;

	if (opt_capacity(given, max, &n, why, sizeof(why)) == -1)
		die(EXIT_USAGE, "%s", why);
	return n;
}

int
opt_capacity_again(const char *given, uint64_t max, uint64_t *n)
{
	char why[REASON_MAX];
	uint64_t was = *n;

	if (given == NULL)
		return 0;
	if (opt_capacity(given, max, n, why, sizeof(why)) == -1) {
		log_error("%s; going on with %llu", why,
		    (unsigned long long)was);
		return 0;
	}
	if (*n == was)
		return 0;
	log_info("the capacity is %llu now", (unsigned long long)*n);
	return 1;
}

int
opt_version(const char *given, const char **version,
    char buf[OPT_VERSION_MAX], char *why, size_t size)
{
	*version = given;
	if (given == NULL || given[0] != '@')
		return 0;
	if (opt_read(given + 1, buf, OPT_VERSION_MAX) == -1) {
		snprintf(why, size, "unable to read the version from %s: %s",
		    given + 1, env_open_why(errno));
		return fail(EINVAL);
	}
	buf[strcspn(buf, " \t\r\n")] = '\0';
	*version = buf;
	return 0;
}

void
opt_unbuilt(const char *wrong, const char *which, char *why, size_t size)
{
	if (errno == EINVAL)
		snprintf(why, size, "%s: %s", which, wrong);
	else
		snprintf(why, size, "%s", strerror(errno));
}

int
opt_constraints(const struct opt_want *w, struct buf *encoded, char *why,
    size_t size)
{
	char text[OPT_VERSION_MAX];
	const char *version, *wrong, *which;

	buf_init(encoded, LIST_MAX);
	if (opt_version(w->version, &version, text, why, size) == -1)
		return -1;
	if (constraints_build(encoded, version, w->export, w->labels,
	    w->nlabels, &wrong, &which) == 0)
		return 0;
	opt_unbuilt(wrong, which, why, size);
	return -1;
}
