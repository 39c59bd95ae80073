/* The keys that links are made with, and how many are made with each; what is
 * counted of links; and who this process is. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "hub.h"
#include "log.h"

void
hub_key(struct hub *h, const struct key *key)
{
	size_t i;

	h->key = key;
	h->self.nkeys = key == NULL ? 0 : key->n;
	for (i = 0; i < h->self.nkeys; i++)
		link_key(&h->self.keys[i], key->files[i].bytes,
		    key->files[i].len);
}

/* Our key was refused: do we dial with another by now? */
int
hub_is_rekeyed(const struct hub_link *l)
{
	const struct hub *h = l->hub;
	const unsigned char *ours = h->self.keys[0].print;

	if (!l->link.dialler || h->self.nkeys == 0)
		return 0;
	if (h->rekey != NULL && memcmp(l->link.print, ours, LINK_PRINT) == 0)
		h->rekey(h->arg);
	return memcmp(l->link.print, ours, LINK_PRINT) != 0;
}

const char *
hub_dial_refused(const struct hub *h, struct slice address, struct addr *a)
{
	const char *why;

	if (addr_parse(a, (const char *)address.p, address.len, 0, &why) == -1)
		return why;
	if (!addr_is_unix(a) &&
	    (h->key == NULL || env_key_allows(h->key, a) == -1))
		return "it is not on loopback, so both sides need a key of "
		       "yours: give -k keyfile";
	return NULL;
}

/* The fingerprint of the key that it counts for; NULL: of none. */
static const unsigned char *
hub_print_of(const struct hub_link *l)
{
	if (l == NULL || !l->up)
		return NULL;
	return l->counts ? l->print : l->link.keyed ? l->link.print : NULL;
}

static int
hub_is_of_key(const struct hub_link *l, const unsigned char print[LINK_PRINT])
{
	const unsigned char *its = hub_print_of(l);

	return its != NULL && memcmp(its, print, LINK_PRINT) == 0;
}

/* By its fingerprint: how many are up. */
static size_t
hub_count_key(const struct hub *h, const unsigned char print[LINK_PRINT])
{
	size_t i, n = 0;

	for (i = 0; i < h->nlinks; i++)
		n += (size_t)hub_is_of_key(h->links[i], print);
	return n;
}

#define HUB_PRINT_TEXT (2 * LINK_PRINT + 1)

/* Returns text. */
static const char *
hub_print_key(const unsigned char print[LINK_PRINT], char text[HUB_PRINT_TEXT])
{
	snprintf(text, HUB_PRINT_TEXT, "%08lx%08lx",
	    (unsigned long)get32(print), (unsigned long)get32(print + 4));
	return text;
}

static void
hub_report_key(const struct hub *h, struct report *r,
    const unsigned char print[LINK_PRINT], const char *state)
{
	char text[HUB_PRINT_TEXT];

	report_row(r, "key %s links %zu state %s", hub_print_key(print, text),
	    hub_count_key(h, print), state);
}

/* Is it one of ours, or that of a link before this one? */
static int
hub_knows_key(const struct hub *h, size_t slot,
    const unsigned char print[LINK_PRINT])
{
	size_t i;

	for (i = 0; i < h->self.nkeys; i++)
		if (memcmp(h->self.keys[i].print, print, LINK_PRINT) == 0)
			return 1;
	for (i = 0; i < slot; i++)
		if (hub_is_of_key(h->links[i], print))
			return 1;
	return 0;
}

static void
hub_report_all_keys(const struct hub *h, struct report *r)
{
	const unsigned char *print;
	size_t i;

	for (i = 0; i < h->self.nkeys; i++)
		hub_report_key(h, r, h->self.keys[i].print, i == 0 ? "dials" :
		    "accepted");
	for (i = 0; i < h->nlinks; i++) {
		print = hub_print_of(h->links[i]);
		if (print != NULL && !hub_knows_key(h, i, print))
			hub_report_key(h, r, print, "dropped");
	}
}

/* Closing what uses a key. */

/*
 * Close it in order to have it made again, with another key. A channel drains,
 * so that no request is lost; so at its PLB there is nothing to do.
 */
static void
hub_close_link(struct hub *h, struct hub_link *l)
{
	const struct msg m = { .type = MSG_DRAIN };

	if (l->link.role != ROLE_CHANNEL) {
		l->why = "it was made with a key that is to be left";
		conn_close(&l->conn);
	} else if (h->self.role == ROLE_LISTENER)
		h->ops->message(h->core, loop_now(h->loop), l->handle, &m);
}

static void
hub_on_closing(void *arg)
{
	struct hub *h = arg;
	struct hub_link *l;
	size_t i;

	if (h->self.nkeys > 0 &&
	    memcmp(h->self.keys[0].print, h->closes, LINK_PRINT) == 0)
		return;
	for (i = 0; i < h->nlinks; i++) {
		l = h->links[i];
		if (hub_is_of_key(l, h->closes) && !l->conn.closing &&
		    l->link.role != ROLE_CTL)
			hub_close_link(h, l);
	}
	hub_deliver(h);
}

/* Close links of this key then; those of another that wait for it, now. 0, or
 * -1 with ENOMEM. */
static int
hub_close_later(struct hub *h, const unsigned char print[LINK_PRINT])
{
	if (h->closing.slot != 0 && memcmp(h->closes, print, LINK_PRINT) != 0)
		hub_on_closing(h);
	memcpy(h->closes, print, LINK_PRINT);
	h->closing.fn = hub_on_closing;
	h->closing.arg = h;
	return loop_timer(h->loop, &h->closing, loop_now(h->loop) +
	    HUB_CLOSE_MS);
}

/* The fingerprint that is this text, if it is that of one of our keys or of a
 * link; else NULL. */
static const unsigned char *
hub_print_named(const struct hub *h, struct slice text)
{
	const unsigned char *print;
	char name[HUB_PRINT_TEXT];
	size_t i;

	for (i = 0; i < h->self.nkeys + h->nlinks; i++) {
		print = i < h->self.nkeys ? h->self.keys[i].print :
		    hub_print_of(h->links[i - h->self.nkeys]);
		if (print != NULL && slice_is(text, hub_print_key(print, name)))
			return print;
	}
	return NULL;
}

/* closes FINGERPRINT links N state dials|accepted|dropped: a key that is
 * dialled with stays, and so do its links. */
static void
hub_report_closes(struct hub *h, struct report *r, struct slice text)
{
	const unsigned char *print = hub_print_named(h, text);
	const char *state = "dropped";
	size_t i;

	if (print == NULL)
		return;
	for (i = h->self.nkeys; i-- > 0;)
		if (memcmp(h->self.keys[i].print, print, LINK_PRINT) == 0)
			state = i == 0 ? "dials" : "accepted";
	if (strcmp(state, "dials") != 0 && hub_close_later(h, print) == -1) {
		log_error("unable to close links of key %.*s: %s",
		    SLICE_ARG(text), strerror(errno));
		return;
	}
	report_row(r, "closes %.*s links %zu state %s", SLICE_ARG(text),
	    hub_count_key(h, print), state);
}

/* Counts. */

void
hub_count_closed(struct hub_link *l, int error)
{
	struct hub_counts *n = &l->hub->counts;
	int fault = error != 0 && error != ECONNRESET && error != EPIPE;

	n->bytes_in += l->conn.bytes_in;
	n->bytes_out += l->conn.bytes_out;
	n->faults += (uint64_t)(l->up && fault);
	n->refused += (uint64_t)(!l->link.dialler &&
	    l->link.phase != LINK_UP);
}

/* links ID role ROLE up COUNT, and then the numbers of struct hub_counts. */
static void
hub_report_links(const struct hub *h, struct report *r)
{
	struct hub_counts n = h->counts;
	char id[ID_TEXT];
	size_t i, up = 0;

	for (i = 0; i < h->nlinks; i++) {
		if (h->links[i] == NULL)
			continue;
		up += (size_t)h->links[i]->up;
		n.bytes_in += h->links[i]->conn.bytes_in;
		n.bytes_out += h->links[i]->conn.bytes_out;
	}
	report_row(r, "links %s role %s up %zu made %llu faults %llu "
	    "refused %llu failed %llu messages_in %llu messages_out %llu "
	    "bytes_in %llu bytes_out %llu", id_print(&h->self.instance, id),
	    role_name(h->self.role), up, (unsigned long long)n.made,
	    (unsigned long long)n.faults, (unsigned long long)n.refused,
	    (unsigned long long)n.failed, (unsigned long long)n.messages_in,
	    (unsigned long long)n.messages_out,
	    (unsigned long long)n.bytes_in, (unsigned long long)n.bytes_out);
}

/* process ID role ROLE pid PID: whoever is asked for others says whose its rows
 * are. */
static void
hub_report_process(const struct hub *h, struct report *r)
{
	char id[ID_TEXT];

	report_row(r, "process %s role %s pid %ld",
	    id_print(&h->self.instance, id), role_name(h->self.role),
	    (long)getpid());
}

int
hub_report(struct hub *h, uint32_t handle, const struct msg *m)
{
	struct slice what = m->u.inspect.what;
	int own = slice_is(what, "process"), keys = slice_is(what, "keys");
	int counts = slice_is(what, "counts");
	int all = m->type == MSG_ASK || m->u.inspect.all != 0;
	struct report r;

	/* One that names a broker is answered by that broker. */
	if (!id_is_zero(&m->u.inspect.to) ||
	    !(all || own || keys || counts || what.len == 0))
		return 1;
	report_begin(&r, h->out, handle, m);
	if (!keys || all)
		hub_report_process(h, &r);
	/* A channel's links are counted by its listener. */
	if ((keys || what.len == 0) && h->self.role != ROLE_CHANNEL)
		hub_report_all_keys(h, &r);
	if (counts || what.len == 0)
		hub_report_links(h, &r);
	if (m->u.inspect.close.len > 0 && h->self.role != ROLE_CHANNEL)
		hub_report_closes(h, &r, m->u.inspect.close);
	if ((own || keys) && !all)
		return report_end(&r);
	return report_pause(&r) == -1 ? -1 : 1;
}
