#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "die.h"
#include "epmd.h"
#include "msg.h"
#include "opt.h"

uint64_t
opt_number(int letter, const char *arg, uint64_t min, uint64_t max)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(arg, &end, 10);
	if (!isdigit((unsigned char)arg[0]) || *end != '\0' || errno != 0 ||
	    n < min || n > max)
		die(EXIT_USAGE, "-%c %s: give a whole number from %llu to %llu",
		    letter, arg, (unsigned long long)min,
		    (unsigned long long)max);
	return n;
}

int
opt_fd(int letter, const char *arg)
{
	int fd = (int)opt_number(letter, arg, STDERR_FILENO + 1, 65535);

	return fcntl(fd, F_GETFD) == -1 ? -1 : fd;
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

const char *
opt_version(const char *given, char *buf, size_t size)
{
	ssize_t n;
	int fd;

	if (given == NULL || given[0] != '@')
		return given;
	if ((fd = open(given + 1, O_RDONLY | O_CLOEXEC)) == -1)
		return NULL;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n == -1)
		return NULL;
	buf[n] = '\0';
	buf[strcspn(buf, " \t\r\n")] = '\0';
	return buf;
}
