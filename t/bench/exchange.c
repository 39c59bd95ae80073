/*
 * How many matches an exchange makes in a second, by how many sells and buys
 * stand. A match is a buy of one filled from a sell, from the message that
 * leads to it to the fill that is taken out of the outbox, encoded; acts are
 * taken out BATCH messages at a time.
 *
 *	waiting   all sells are sold out, and as many buys wait. Each seller
 *		  settles its last reservation and states one more, which goes
 *		  to the oldest buy.
 *	arriving  as many sells have plenty to offer; buys come, and are served
 *		  from all of them. (Settling is not counted.)
 *	round	  a whole one of the former: each buyer also says that it got
 *		  what it wanted, and wants one more.
 *	zones	  arriving, and the sells are in two zones.
 *	near	  the same, and the buys prefer one of them.
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "attrs.h"
#include "exchange.h"

#define BROKER	1
#define BATCH	64
#define MATCHES 1000000
#define CHUNK	 4096
#define FILL_MAX 256

static struct exchange *x;
static struct id own, *sellers;
static struct slice module, contact;
static struct buf zone[2], preference; /* attributes, constraints; empty */
static uint64_t fills;
static size_t stands, queued;
static unsigned char fill[CHUNK][FILL_MAX]; /* the last, as sent */

static void
fail(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

/* Of the processor, so that what else runs does no harm; but that clock takes a
 * system call, too long to time one match. */
static double
seconds(void)
{
	struct timespec t;

	clock_gettime(stands < BATCH ? CLOCK_MONOTONIC :
	    CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Take all out, and count the fills. */
static void
take(void)
{
	struct act act;

	queued = 0;
	while (outbox_take(exchange_out(x), &act)) {
		if (act.kind != ACT_SEND || act.bytes.p[0] != MSG_FILL)
			continue;
		if (act.bytes.len > FILL_MAX)
			fail("a fill of more than one seller");
		memcpy(fill[fills++ % CHUNK], act.bytes.p, act.bytes.len);
	}
}

static void
message(const struct msg *m)
{
	if (exchange_ops.message(x, 0, BROKER, m) == -1)
		fail("refused");
	if (++queued == BATCH)
		take();
}

/* settled: a reservation's counter, or 0. */
static void
sell(size_t i, uint64_t quantity, uint64_t settled)
{
	unsigned char list[64];
	struct reservation r;
	struct tlv_writer w;
	struct msg m;

	m.type = MSG_SELL;
	memset(&m.u.sell, 0, sizeof(m.u.sell));
	m.u.sell.order = 1 + i;
	m.u.sell.module = module;
	m.u.sell.quantity = quantity;
	m.u.sell.seller = sellers[i];
	m.u.sell.contact = contact;
	m.u.sell.attrs = buf_slice(&zone[i % 2]);
	tlv_writer_init(&w, list, sizeof(list));
	if (settled != 0) {
		r.exchange = own;
		r.counter = settled;
		r.quantity = 0;
		item_put(&schema_reservation, &w, &r);
	}
	m.u.sell.settled = slice_of(list, (size_t)(w.p - list));
	message(&m);
}

static void
buy(size_t j, uint64_t settled)
{
	struct msg m;

	m.type = MSG_BUY;
	memset(&m.u.buy, 0, sizeof(m.u.buy));
	m.u.buy.order = 1 + stands + j;
	m.u.buy.module = module;
	m.u.buy.missing = 1;
	m.u.buy.settled = settled;
	m.u.buy.constraints = buf_slice(&preference);
	message(&m);
}

static void
setup(size_t n, uint64_t quantity)
{
	struct peer_info info;
	size_t i;

	memset(&info, 0, sizeof(info));
	info.role = ROLE_BROKER;
	x = exchange_new(module, &own, 1);
	sellers = calloc(n, sizeof(*sellers));
	if (x == NULL || sellers == NULL)
		fail("out of memory");
	exchange_ops.up(x, 0, BROKER, &info);
	stands = n;
	for (i = 0; i < n; i++) {
		memset(&sellers[i], 9, sizeof(sellers[i]));
		memcpy(&sellers[i], &i, sizeof(i));
		sell(i, quantity, 0);
	}
	fills = 0;
}

static void
teardown(void)
{
	if (fills != MATCHES)
		fail("some were not served");
	exchange_free(x);
	free(sellers);
}

static double
waiting(size_t n, int whole)
{
	double start, end, spent = 0;
	size_t k, j, m;

	setup(n, 0);
	for (j = 0; j < n; j++)
		buy(j, 0);
	take();
	for (k = 0; k < MATCHES; k += m) {
		m = n < MATCHES - k ? n : MATCHES - k;
		start = seconds();
		for (j = 0; j < m; j++)
			sell(j, 1, k < n ? 0 : k + j + 1 - n);
		take();
		end = seconds();
		spent += end - start;
		for (j = 0; j < m; j++)
			buy(j, k / n + 1);
		take();
		if (whole)
			spent += seconds() - end;
	}
	teardown();
	return MATCHES / spent;
}

/* Its seller settles the fill that came as the kth. */
static void
settle(uint64_t k)
{
	struct seller item;
	struct slice list;
	struct msg m;
	size_t i, head, length;
	unsigned type;

	head = (size_t)tlv_head(fill[k % CHUNK], FILL_MAX, &type, &length);
	if (msg_decode(&m, type, slice_of(fill[k % CHUNK] + head,
	    length)) != 1)
		fail("not a message");
	list = m.u.fill.sellers;
	if (item_next(&schema_seller, &list, &item) != 1)
		fail("not a fill");
	memcpy(&i, item.seller.b, sizeof(i));
	sell(i, UINT32_MAX, item.counter);
}

static double
arriving(size_t n)
{
	double start, spent = 0;
	size_t k, j, m;

	setup(n, UINT32_MAX);
	for (k = 0; k < MATCHES; k += m) {
		m = CHUNK < MATCHES - k ? CHUNK : MATCHES - k;
		start = seconds();
		for (j = k; j < k + m; j++)
			buy(j % n, j / n);
		take();
		spent += seconds() - start;
		for (j = k; j < k + m; j++)
			settle(j);
		take();
	}
	teardown();
	return MATCHES / spent;
}

static struct slice
make_contact(void)
{
	static unsigned char bytes[64];
	struct contact c = { { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };
	struct tlv_writer w;

	c.node = slice_str("host-17");
	c.address = slice_str("192.0.2.17:40001");
	tlv_writer_init(&w, bytes, sizeof(bytes));
	group_encode(&schema_contact, &c, &w);
	return slice_of(bytes, (size_t)(w.p - bytes));
}

static void
make_label(struct buf *buf, const char *text, int wanted)
{
	char label[16], *all = label;
	const char *why, *which;
	int r;

	snprintf(label, sizeof(label), "%s", text);
	buf_init(buf, LIST_MAX);
	r = wanted ? constraints_build(buf, NULL, NULL, &all, 1, &why, &which) :
	    attrs_build(buf, NULL, NULL, NULL, 0, &all, 1, &why, &which);
	if (r == -1)
		fail(why);
}

/* Of sells in two zones, without a preference and then with one. */
static void
zones(size_t n)
{
	double any, near;

	make_label(&zone[0], "zone=a", 0);
	make_label(&zone[1], "zone=b", 0);
	any = arriving(n);
	make_label(&preference, "zone~a", 1);
	near = arriving(n);
	printf(", %8.0f zones, %8.0f near\n", any, near);
	buf_free(&preference);
	buf_free(&zone[0]);
	buf_free(&zone[1]);
}

int
main(void)
{
	static const size_t sizes[] = { 1, 100, 10000, 100000 };
	size_t i, n;

	module = slice_str("bench");
	contact = make_contact();
	buf_init(&preference, LIST_MAX);
	buf_init(&zone[0], LIST_MAX);
	buf_init(&zone[1], LIST_MAX);
	memset(&own, 7, sizeof(own));
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		n = sizes[i];
		printf("exchange: %6zu sells, %6zu buys: matches/s: %8.0f"
		    " waiting, %8.0f arriving, %8.0f round", n, n,
		    waiting(n, 0), arriving(n), waiting(n, 1));
		zones(n);
	}
	return 0;
}
