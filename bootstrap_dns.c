#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "bootstrap_dns.h"
#include "fail.h"

#define HEADER_LEN 12
#define LABEL_MAX  63
#define CLASS_IN   1
#define SRV_LEN	   6 /* of its data, before the target */
#define RR_LEN	   10 /* of a record, between its name and its data */

/* What the system's own resolver takes at most. */
#define NDOTS_MAX    15
#define TIMEOUT_MAX  30
#define ATTEMPTS_MAX 5

/* In the third byte of the header, and the fourth. */
#define IS_ANSWER    0x80
#define OPCODE	     0x78
#define IS_TRUNCATED 0x02
#define WANT_RECURSE 0x01
#define CODE	     0x0f

/* The question. */

/* The name as labels, each after its length: how many bytes, or 0. */
static size_t
dns_put_name(unsigned char *to, const char *name)
{
	size_t len = strlen(name), at = 0, n;

	if (len > 0 && name[len - 1] == '.')
		len--;
	if (len == 0 || len > DNS_NAME_MAX - 1)
		return 0;
	for (;;) {
		for (n = 0; n < len && name[n] != '.'; n++)
			;
		if (n == 0 || n > LABEL_MAX)
			return 0;
		to[at++] = (unsigned char)n;
		memcpy(to + at, name, n);
		at += n;
		if (n == len)
			break;
		name += n + 1;
		len -= n + 1;
	}
	to[at++] = 0;
	return at;
}

size_t
dns_query(unsigned char to[DNS_QUERY_MAX], uint16_t id, const char *name,
    enum dns_type type)
{
	size_t n;

	memset(to, 0, HEADER_LEN);
	put16(to, id);
	to[2] = WANT_RECURSE;
	put16(to + 4, 1);
	if ((n = dns_put_name(to + HEADER_LEN, name)) == 0) {
		errno = EINVAL;
		return 0;
	}
	n += HEADER_LEN;
	put16(to + n, type);
	put16(to + n + 2, CLASS_IN);
	return n + 4;
}

/* The answer. */

static int
dns_add_label(char text[DNS_NAME_MAX], size_t *len, const unsigned char *p,
    size_t n, int *odd)
{
	size_t i;

	if (n + 1 > DNS_NAME_MAX - 1 - *len + (*len == 0))
		return fail(EPROTO);
	if (*len > 0)
		text[(*len)++] = '.';
	for (i = 0; i < n; i++)
		*odd |= !isalnum(p[i]) && p[i] != '-' && p[i] != '_';
	slice_lower(text + *len, slice_of(p, n));
	*len += n;
	return 0;
}

/*
 * The name at *pos, which goes on to what follows it. A pointer may only lead
 * to before where the labels that it ends began, so this comes to an end. The
 * text is empty for the root, and for what no host can be called.
 */
static int
dns_take_name(struct slice m, size_t *pos, char text[DNS_NAME_MAX])
{
	size_t at = *pos, begin = at, len = 0, n;
	int jumped = 0, odd = 0;

	for (;;) {
		if (at >= m.len)
			return fail(EPROTO);
		n = m.p[at++];
		if (n >= 0xc0) {
			if (at >= m.len)
				return fail(EPROTO);
			n = (n & 0x3f) << 8 | m.p[at++];
			if (n >= begin)
				return fail(EPROTO);
			if (!jumped)
				*pos = at;
			jumped = 1;
			at = begin = n;
			continue;
		}
		if (n == 0)
			break;
		if (n > LABEL_MAX || n > m.len - at ||
		    dns_add_label(text, &len, m.p + at, n, &odd) == -1)
			return fail(EPROTO);
		at += n;
	}
	if (!jumped)
		*pos = at;
	text[odd ? 0 : len] = '\0';
	return 0;
}

static int
dns_take_srv(struct dns_answer *a, struct slice m, size_t pos, size_t len,
    uint32_t ttl)
{
	struct dns_srv *s = &a->srv[a->n];
	size_t name = pos + SRV_LEN;
	char over[DNS_NAME_MAX];

	if (len < SRV_LEN + 1 || dns_take_name(m, &name, a->n < DNS_SRV_MAX ?
	    s->target : over) == -1 || name != pos + len)
		return fail(EPROTO);
	a->none |= m.p[pos + SRV_LEN] == 0;
	if (a->n == DNS_SRV_MAX || s->target[0] == '\0')
		return 0;
	s->priority = (uint16_t)get16(m.p + pos);
	s->weight = (uint16_t)get16(m.p + pos + 2);
	s->port = (uint16_t)get16(m.p + pos + 4);
	if (a->n == 0 || ttl < a->ttl)
		a->ttl = ttl;
	a->n++;
	return 0;
}

/* One record of whatever type. A time to live with its highest bit set is 0
 * (RFC 2181). */
static int
dns_take_record(struct dns_answer *a, struct slice m, size_t *pos)
{
	char name[DNS_NAME_MAX];
	const unsigned char *p;
	uint32_t ttl;
	size_t len;

	if (dns_take_name(m, pos, name) == -1 || RR_LEN > m.len - *pos)
		return fail(EPROTO);
	p = m.p + *pos;
	*pos += RR_LEN;
	len = get16(p + 8);
	if (len > m.len - *pos)
		return fail(EPROTO);
	ttl = get32(p + 4);
	if (ttl > INT32_MAX)
		ttl = 0;
	if (get16(p) == DNS_SRV && get16(p + 2) == CLASS_IN &&
	    dns_take_srv(a, m, *pos, len, ttl) == -1)
		return -1;
	*pos += len;
	return 0;
}

/* Servers may change the case of letters, and give back the question's name no
 * other way than it was. */
static int
dns_same_question(struct slice m, struct slice query)
{
	size_t i;

	if (query.len > m.len || get16(m.p) != get16(query.p) ||
	    get16(m.p + 4) != 1)
		return 0;
	for (i = HEADER_LEN; i < query.len; i++)
		if (tolower(m.p[i]) != tolower(query.p[i]))
			return 0;
	return 1;
}

int
dns_answer(struct dns_answer *a, struct slice m, struct slice query)
{
	size_t pos = query.len;
	unsigned i, n;

	a->truncated = a->code = a->none = 0;
	a->ttl = 0;
	a->n = 0;
	if (m.len < HEADER_LEN)
		return fail(EPROTO);
	if ((m.p[2] & (IS_ANSWER | OPCODE)) != IS_ANSWER ||
	    !dns_same_question(m, query))
		return fail(ENOMSG);
	a->code = m.p[3] & CODE;
	a->truncated = (m.p[2] & IS_TRUNCATED) != 0;
	if (a->truncated || a->code != DNS_NOERROR)
		return 0;
	n = get16(m.p + 6);
	for (i = 0; i < n; i++)
		if (dns_take_record(a, m, &pos) == -1)
			return -1;
	return 0;
}

const char *
dns_code(int code)
{
	static const char *const text[] = {
		"no error", "it does not understand the question (FORMERR)",
		"it fails (SERVFAIL)", "there is no such name (NXDOMAIN)",
		"it cannot answer such a question (NOTIMP)",
		"it refuses to answer (REFUSED)"
	};

	return code >= 0 && code < (int)(sizeof(text) / sizeof(text[0])) ?
	    text[code] : "it fails with another code than RFC 1035 has";
}

/* The order. */

static void
dns_swap(struct dns_srv *a, struct dns_srv *b)
{
	struct dns_srv t = *a;

	*a = *b;
	*b = t;
}

/* Which of the first n to take: RFC 2782 leaves one of weight 0 a small chance;
 * here each counts one more than it weighs, over 256. */
static size_t
dns_draw(const struct dns_srv *s, size_t n, struct rng *rng)
{
	uint64_t sum = 0, at;
	size_t i;

	for (i = 0; i < n; i++)
		sum += 256u * s[i].weight + 1;
	at = rng_below(rng, sum);
	for (i = 0; at >= 256u * s[i].weight + 1; i++)
		at -= 256u * s[i].weight + 1;
	return i;
}

void
dns_order(struct dns_answer *a, struct rng *rng)
{
	struct dns_srv *s = a->srv, *end = s + a->n, *p;
	size_t same;

	for (; s < end; s++) {
		/* Those of the least priority to the front, then
		 * one of them. */
		for (same = 0, p = s; p < end; p++) {
			if (same > 0 && p->priority > s->priority)
				continue;
			if (same > 0 && p->priority < s->priority)
				same = 0;
			dns_swap(s + same++, p);
		}
		dns_swap(s, s + dns_draw(s, same, rng));
	}
}

/* resolv.conf(5). */

/* The first thing that is wrong is told. */
static void
dns_conf_wrong(struct dns_conf *r, struct slice w, const char *why)
{
	if (r->wrong_line != 0)
		return;
	r->wrong_line = r->lines;
	snprintf(r->wrong, sizeof(r->wrong), "%.*s: %s",
	    w.len > 64 ? 64 : (int)w.len,
	    w.len == 0 ? "" : (const char *)w.p, why);
}

static void
dns_conf_server(struct dns_conf *r, struct slice w)
{
	struct addr a;
	const char *why;

	if (addr_parse_ip(&a, w.len == 0 ? "" : (const char *)w.p, w.len,
	    DNS_PORT, &why) == -1)
		dns_conf_wrong(r, w.len == 0 ? slice_str("nameserver") : w,
		    why);
	else if (r->servers < DNS_SERVERS_MAX)
		r->server[r->servers++] = a;
}

/* The last of several such lines counts. */
static void
dns_conf_search(struct dns_conf *r, struct slice line, size_t max)
{
	struct slice w;

	r->searches = 0;
	while ((w = slice_word(&line)).len > 0 && r->searches < max) {
		if (w.p[w.len - 1] == '.')
			w.len--;
		if (w.len > DNS_NAME_MAX - 1)
			dns_conf_wrong(r, w, "too long for a domain's name");
		else if (w.len > 0)
			slice_lower(r->search[r->searches++], w);
	}
}

static void
dns_conf_number(struct dns_conf *r, int *to, struct slice w, const char *name,
    int max)
{
	size_t n = strlen(name);
	int value = 0;

	if (w.len < n || memcmp(w.p, name, n) != 0)
		return;
	if (w.len == n)
		dns_conf_wrong(r, w, "a number is missing");
	for (; n < w.len; n++) {
		if (!isdigit(w.p[n])) {
			dns_conf_wrong(r, w, "that is no number");
			return;
		}
		value = 10 * value + w.p[n] - '0';
		if (value > max)
			value = max;
	}
	*to = value;
}

static void
dns_conf_options(struct dns_conf *r, struct slice line)
{
	struct slice w;

	while ((w = slice_word(&line)).len > 0) {
		dns_conf_number(r, &r->ndots, w, "ndots:", NDOTS_MAX);
		dns_conf_number(r, &r->timeout, w, "timeout:", TIMEOUT_MAX);
		dns_conf_number(r, &r->attempts, w, "attempts:", ATTEMPTS_MAX);
	}
	if (r->timeout == 0)
		r->timeout = 1;
	if (r->attempts == 0)
		r->attempts = 1;
}

static void
dns_conf_line(struct dns_conf *r, struct slice line)
{
	struct slice w = slice_word(&line);

	r->lines++;
	if (slice_is(w, "nameserver"))
		dns_conf_server(r, slice_word(&line));
	else if (slice_is(w, "domain"))
		dns_conf_search(r, line, 1);
	else if (slice_is(w, "search"))
		dns_conf_search(r, line, DNS_SEARCH_MAX);
	else if (slice_is(w, "options"))
		dns_conf_options(r, line);
}

void
dns_conf_parse(struct dns_conf *r, struct slice text)
{
	memset(r, 0, sizeof(*r));
	r->ndots = 1;
	r->timeout = 5;
	r->attempts = 2;
	while (text.len > 0)
		dns_conf_line(r, slice_line(&text));
	if (r->servers == 0)
		dns_conf_server(r, slice_str("127.0.0.1"));
}

static int
dns_conf_dots(const char *name)
{
	int n = 0;

	for (; *name != '\0'; name++)
		n += *name == '.';
	return n;
}

const char *
dns_conf_name(const struct dns_conf *r, const char *given, size_t i,
    char name[DNS_NAME_MAX])
{
	size_t len = strlen(given), own, n;
	int last = len > 0 && given[len - 1] == '.';

	/* The place of the name as it is among the others. */
	own = last || dns_conf_dots(given) >= r->ndots ? 0 : r->searches;
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

/* Whom to ask. */

void
dns_asking_init(struct dns_asking *a, const struct dns_conf *conf, int64_t end,
    size_t names)
{
	memset(a, 0, sizeof(*a));
	a->conf = conf;
	a->end = end;
	a->names = names;
}

void
dns_asking_name(struct dns_asking *a, int64_t now)
{
	size_t i, n = 0;
	int silent;

	for (silent = 0; silent <= 1; silent++)
		for (i = 0; i < a->conf->servers; i++)
			if (a->silent[i] == silent)
				a->order[n++] = i;
	a->left = n * (size_t)a->conf->attempts;
	a->at = 0;
	a->name_end = a->names == 0 || a->end < now ? now :
	    now + (a->end - now) / (int64_t)a->names--;
}

int
dns_asking_next(struct dns_asking *a, int64_t now, int64_t *wait_ms)
{
	int64_t most = 1000 * (int64_t)a->conf->timeout;

	if (a->left == 0 || now >= a->name_end)
		return -1;
	*wait_ms = (a->name_end - now) / (int64_t)a->left--;
	if (*wait_ms > most)
		*wait_ms = most;
	return (int)a->order[a->at++ % a->conf->servers];
}

void
dns_asking_heard(struct dns_asking *a, size_t server)
{
	a->silent[server] = 0;
}

void
dns_asking_silent(struct dns_asking *a, size_t server)
{
	a->silent[server] = 1;
}
