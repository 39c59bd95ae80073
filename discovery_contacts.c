#include <arpa/inet.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "discovery_contacts.h"
#include "fail.h"

#define HOST_MAX 253 /* bytes of a host's name */

void
contacts_init(struct contacts *c, uint64_t seed)
{
	memset(c, 0, sizeof(*c));
	c->seed = seed;
	map_init(&c->nodes, seed);
	chain_init(&c->all);
}

static struct contacts_node *
contacts_next(const struct contacts *c, const struct contacts_node *w)
{
	return CHAIN_NEXT(&c->all, w, struct contacts_node, chain);
}

void
contacts_free(struct contacts *c)
{
	struct contacts_node *w;

	while ((w = contacts_next(c, NULL)) != NULL) {
		chain_remove(&w->chain);
		free(w);
	}
	map_free(&c->nodes);
}

const struct contacts_node *
contacts_find(const struct contacts *c, struct slice node)
{
	char name[CONTACTS_NODE_MAX + 1];

	return node.len > CONTACTS_NODE_MAX ? NULL :
	    map_get(&c->nodes, slice_lower_host(name, node));
}

/* Lines. */

/* The address in one form only, so that lines compare: 0, or -1. */
static int
contacts_ip(struct slice s, char ip[CONTACTS_IP_MAX])
{
	unsigned char bytes[16];
	char text[CONTACTS_IP_MAX];
	int family;

	if (s.len > 2 && s.p[0] == '[' && s.p[s.len - 1] == ']')
		s = slice_of(s.p + 1, s.len - 2);
	if (s.len == 0 || s.len >= sizeof(text))
		return -1;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	family = strchr(text, ':') == NULL ? AF_INET : AF_INET6;
	if (inet_pton(family, text, bytes) != 1)
		return -1;
	inet_ntop(family, bytes, ip, CONTACTS_IP_MAX);
	return 0;
}

static unsigned
contacts_port(struct slice s)
{
	unsigned port = 0;
	size_t i;

	for (i = 0; i < s.len && i < 6; i++) {
		if (!isdigit(s.p[i]))
			return 0;
		port = 10 * port + (s.p[i] - '0');
	}
	return i < s.len || port > 65535 ? 0 : port;
}

static struct contacts_node *
contacts_new(struct contacts *c, struct slice node)
{
	struct contacts_node *w;

	if (c->nodes.n >= CONTACTS_MAX) {
		errno = ENOBUFS;
		return NULL;
	}
	if ((w = map_alloc(&c->nodes, sizeof(*w), &node)) == NULL)
		return NULL;
	w->node = node;
	chain_prepend(&c->all, &w->chain);
	return w;
}

static int
contacts_withdraw(struct contacts *c, struct slice node)
{
	struct contacts_node *w = map_del(&c->nodes, node);

	if (w == NULL)
		return 0;
	chain_remove(&w->chain);
	free(w);
	return 1;
}

static int
contacts_locate(struct contacts *c, struct slice node, const char *ip,
    unsigned port)
{
	struct contacts_node *w = map_get(&c->nodes, node);

	if (w == NULL && (w = contacts_new(c, node)) == NULL)
		return -1;
	w->round = c->round;
	if (strcmp(w->ip, ip) == 0 && w->port == port)
		return 0;
	snprintf(w->ip, sizeof(w->ip), "%s", ip);
	w->port = (uint16_t)port;
	chain_remove(&w->chain);
	chain_prepend(&c->all, &w->chain);
	return 1;
}

int
contacts_line(struct contacts *c, struct slice line, const char **why)
{
	struct slice node = slice_word(&line), ip = slice_word(&line);
	struct slice port = slice_word(&line);
	char text[CONTACTS_IP_MAX], name[CONTACTS_NODE_MAX + 1];
	int r;

	if (node.len <= CONTACTS_NODE_MAX)
		node = slice_lower_host(name, node);
	if (node.len == 0 || node.p[0] == '#')
		return 0;
	if (port.len == 0 || slice_word(&line).len > 0) {
		*why = "give NODE IP PORT, or NODE - -";
	} else if (node.len > CONTACTS_NODE_MAX) {
		*why = "the node's name is too long";
	} else if (slice_is(ip, "-") && slice_is(port, "-")) {
		return contacts_withdraw(c, node);
	} else if (contacts_ip(ip, text) == -1) {
		*why = "the second word is no IP address";
	} else if (contacts_port(port) == 0) {
		*why = "the third word is no port";
	} else {
		r = contacts_locate(c, node, text, contacts_port(port));
		*why = errno == ENOBUFS ? "too many nodes" : "no memory";
		return r;
	}
	return fail(EINVAL);
}

void
contacts_again(struct contacts *c)
{
	c->round++;
}

size_t
contacts_end(struct contacts *c)
{
	struct contacts_node *w, *next;
	size_t n = 0;

	for (w = contacts_next(c, NULL); w != NULL; w = next) {
		next = contacts_next(c, w);
		if (w->round != c->round)
			n += (size_t)contacts_withdraw(c, w->node);
	}
	return n;
}

/* The hosts file. */

struct slice
contacts_host(struct slice node)
{
	const unsigned char *at;

	at = node.len == 0 ? NULL : memchr(node.p, '@', node.len);
	if (at == NULL)
		return slice_of(NULL, 0);
	return slice_of(at + 1, node.len - (size_t)(at + 1 - node.p));
}

/* The lines come from other hosts: let only names in. */
static int
contacts_is_host(struct slice host)
{
	char ip[CONTACTS_IP_MAX];
	size_t i;

	if (host.len == 0 || host.len > HOST_MAX)
		return 0;
	for (i = 0; i < host.len; i++)
		if (!isalnum(host.p[i]) && host.p[i] != '.' &&
		    host.p[i] != '-' && host.p[i] != '_')
			return 0;
	return contacts_ip(host, ip) == -1;
}

static struct slice
contacts_first_part(struct slice host)
{
	const unsigned char *dot;

	dot = host.len == 0 ? NULL : memchr(host.p, '.', host.len);
	return dot == NULL ? host : slice_of(host.p, (size_t)(dot - host.p));
}

static int
contacts_add_line(struct buf *out, const char *ip, struct slice name,
    struct slice alias)
{
	char line[CONTACTS_IP_MAX + 2 * HOST_MAX + 3];
	int n = snprintf(line, sizeof(line), "%s %.*s%s%.*s\n", ip,
	    SLICE_ARG(name), alias.len == 0 ? "" : " ", SLICE_ARG(alias));

	return buf_append(out, line, (size_t)n);
}

static int
contacts_add_own(struct buf *out, struct slice own)
{
	static const char *const loopback[] = { "127.0.0.1", "::1" };
	struct slice none = slice_of(NULL, 0), alias = contacts_first_part(own);
	size_t i;

	if (slice_equal(alias, own))
		alias = none;
	for (i = 0; i < 2; i++) {
		if (contacts_add_line(out, loopback[i], slice_str("localhost"),
		    none) == -1)
			return -1;
		if (contacts_is_host(own) && !slice_is(own, "localhost") &&
		    contacts_add_line(out, loopback[i], own, alias) == -1)
			return -1;
	}
	return 0;
}

/* Newest first, so the first one of a host and family counts. */
static int
contacts_add_known(const struct contacts *c, struct slice own,
    struct map seen[2], struct buf *out)
{
	const struct contacts_node *w = NULL;
	struct slice host, none = slice_of(NULL, 0);
	struct map *m;

	while ((w = contacts_next(c, w)) != NULL) {
		host = contacts_host(w->node);
		m = &seen[strchr(w->ip, ':') != NULL];
		if (!contacts_is_host(host) || slice_is(host, "localhost") ||
		    slice_equal(host, own) ||
		    slice_equal(host, contacts_first_part(own)) ||
		    map_get(m, host) != NULL)
			continue;
		if (map_put(m, host, (void *)(uintptr_t)w) == -1 ||
		    contacts_add_line(out, w->ip, host, none) == -1)
			return -1;
	}
	return 0;
}

int
contacts_hosts(const struct contacts *c, struct slice own, struct buf *out)
{
	struct map seen[2];
	int r;

	map_init(&seen[0], c->seed);
	map_init(&seen[1], c->seed);
	r = contacts_add_own(out, own);
	if (r == 0)
		r = contacts_add_known(c, own, seen, out);
	map_free(&seen[0]);
	map_free(&seen[1]);
	return r;
}
