#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "bootstrap_resolvconf.h"

/* What the system's own resolver takes at most. */
#define NDOTS_MAX    15
#define TIMEOUT_MAX  30
#define ATTEMPTS_MAX 5

static void
take_server(struct resolvconf *r, struct slice w)
{
	if (r->servers < RESOLVCONF_SERVERS_MAX &&
	    addr_parse(&r->server[r->servers], (const char *)w.p, w.len,
	    DNS_PORT, NULL) == 0 && !addr_is_unix(&r->server[r->servers]))
		r->servers++;
}

/* The last of several such lines counts. */
static void
take_search(struct resolvconf *r, struct slice line, size_t max)
{
	struct slice w;

	r->searches = 0;
	while ((w = slice_word(&line)).len > 0 && r->searches < max) {
		if (w.p[w.len - 1] == '.')
			w.len--;
		if (w.len == 0 || w.len > DNS_NAME_MAX - 1)
			continue;
		memcpy(r->search[r->searches], w.p, w.len);
		r->search[r->searches++][w.len] = '\0';
	}
}

static void
take_number(int *to, struct slice w, const char *name, int max)
{
	size_t n = strlen(name);
	int value = 0;

	if (w.len <= n || memcmp(w.p, name, n) != 0)
		return;
	for (; n < w.len; n++) {
		if (!isdigit(w.p[n]))
			return;
		value = 10 * value + w.p[n] - '0';
		if (value > max)
			value = max;
	}
	*to = value;
}

static void
take_options(struct resolvconf *r, struct slice line)
{
	struct slice w;

	while ((w = slice_word(&line)).len > 0) {
		take_number(&r->ndots, w, "ndots:", NDOTS_MAX);
		take_number(&r->timeout, w, "timeout:", TIMEOUT_MAX);
		take_number(&r->attempts, w, "attempts:", ATTEMPTS_MAX);
	}
	if (r->timeout == 0)
		r->timeout = 1;
	if (r->attempts == 0)
		r->attempts = 1;
}

static void
take_line(struct resolvconf *r, struct slice line)
{
	struct slice w = slice_word(&line);

	if (slice_is(w, "nameserver"))
		take_server(r, slice_word(&line));
	else if (slice_is(w, "domain"))
		take_search(r, line, 1);
	else if (slice_is(w, "search"))
		take_search(r, line, RESOLVCONF_SEARCH_MAX);
	else if (slice_is(w, "options"))
		take_options(r, line);
}

void
resolvconf_parse(struct resolvconf *r, struct slice text)
{
	const unsigned char *newline;
	struct slice line;

	memset(r, 0, sizeof(*r));
	r->ndots = 1;
	r->timeout = 5;
	r->attempts = 2;
	while (text.len > 0) {
		newline = memchr(text.p, '\n', text.len);
		line = text;
		if (newline != NULL)
			line.len = (size_t)(newline - text.p);
		take_line(r, line);
		text.p += line.len + (newline != NULL);
		text.len -= line.len + (newline != NULL);
	}
	if (r->servers == 0)
		take_server(r, slice_str("127.0.0.1"));
}

static int
count_dots(const char *name)
{
	int n = 0;

	for (; *name != '\0'; name++)
		n += *name == '.';
	return n;
}

const char *
resolvconf_name(const struct resolvconf *r, const char *given, size_t i,
    char name[DNS_NAME_MAX])
{
	size_t len = strlen(given), own, n;
	int last = len > 0 && given[len - 1] == '.';

	/* The place of the name as it is among the others. */
	own = last || count_dots(given) >= r->ndots ? 0 : r->searches;
	if (len > DNS_NAME_MAX - 1 || i > (last ? 0 : r->searches))
		return NULL;
	memcpy(name, given, len + 1);
	if (i == own)
		return name;
	i -= i > own;
	n = strlen(r->search[i]);
	if (n + 1 > DNS_NAME_MAX - 1 - len)
		return NULL;
	name[len] = '.';
	memcpy(name + len + 1, r->search[i], n + 1);
	return name;
}
