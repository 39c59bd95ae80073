#include "t/fake_broker.h"

#include "exchange.h"
#include "t/credit_books.h"

#define RESERVES 128
#define ATTRS	 64

static struct {
	int up;
	struct id seller;
	uint64_t quantity, most; /* offered now, and at any time */
	uint64_t count;		 /* of sells */
	uint64_t buyers, least;	 /* as it was told ... */
	int told;		 /* ... since its last sell */
	unsigned char attrs[ATTRS], contact[ATTRS];
	size_t nattrs, ncontact;
} sell;

static struct {
	int up;
	uint64_t order, missing, settled, passed, held;
	uint64_t place; /* in the line; 0: it lacks nothing */
	uint64_t released; /* the sell's count when it last gave one back: it
			      is not offered that again before the next */
} buys[PLBS];

static struct {
	uint64_t quantity; /* 0: it is over */
	unsigned plb;
	int64_t until;
	int settled, released;
} reserves[RESERVES]; /* by counter, from 1 on */
static uint64_t counter, places;
uint64_t fake_broker_fills;

void
fake_broker_begin(void)
{
	memset(&sell, 0, sizeof(sell));
	memset(buys, 0, sizeof(buys));
	memset(reserves, 0, sizeof(reserves));
	counter = places = 0;
}

static uint64_t
lacking(unsigned plb)
{
	uint64_t coming = buys[plb].passed - buys[plb].settled;

	return buys[plb].missing > coming ? buys[plb].missing - coming : 0;
}

/* They are over, each for the first time that is said in this way. */
static void
settled(struct slice list)
{
	struct reservation r;

	while (item_next(&schema_reservation, &list, &r) == 1) {
		CHECK(r.counter > 0 && r.counter <= counter);
		CHECK(reserves[r.counter].settled++ == 0);
		reserves[r.counter].quantity = 0;
	}
}

static void
released(unsigned plb, struct slice list)
{
	struct reservation r;

	while (item_next(&schema_reservation, &list, &r) == 1) {
		CHECK(r.counter > 0 && r.counter <= counter);
		CHECK(reserves[r.counter].plb == plb);
		CHECK(reserves[r.counter].released++ == 0);
		reserves[r.counter].quantity = 0;
	}
}

void
fake_broker_listener(const struct id *seller)
{
	unsigned i;

	memset(&sell, 0, sizeof(sell));
	for (i = 1; i <= counter; i++)
		reserves[i].quantity = 0;
	sell.up = seller != NULL;
	if (sell.up)
		sell.seller = *seller;
}

void
fake_broker_plb(unsigned plb, int up)
{
	unsigned i;

	memset(&buys[plb], 0, sizeof(buys[plb]));
	buys[plb].up = up;
	for (i = 1; i <= counter; i++)
		if (reserves[i].plb == plb)
			reserves[i].quantity = 0;
}

static size_t
keep(unsigned char *to, struct slice s)
{
	CHECK(s.len <= ATTRS);
	memcpy(to, s.p, s.len);
	return s.len;
}

void
fake_broker_hears_listener(const struct msg *m)
{
	struct id seller = sell.seller;

	if (m->type == MSG_CANCEL) {
		fake_broker_listener(&seller);
		return;
	}
	CHECK(m->type == MSG_SELL);
	sell.told = 0; /* each sell is answered with it */
	sell.count++;
	settled(m->u.sell.settled);
	sell.quantity = m->u.sell.quantity;
	if (sell.quantity > sell.most)
		sell.most = sell.quantity;
	if (m->u.sell.contact.len == 0)
		return;
	sell.nattrs = keep(sell.attrs, m->u.sell.attrs);
	sell.ncontact = keep(sell.contact, m->u.sell.contact);
}

void
fake_broker_hears_plb(unsigned plb, const struct msg *m)
{
	if (m->type == MSG_BUY) {
		CHECK(m->u.buy.settled >= buys[plb].settled);
		CHECK(m->u.buy.settled <= buys[plb].passed);
		buys[plb].order = m->u.buy.order;
		buys[plb].missing = m->u.buy.missing;
		buys[plb].settled = m->u.buy.settled;
		buys[plb].held = m->u.buy.held;
		if (lacking(plb) == 0)
			buys[plb].place = 0;
		else if (buys[plb].place == 0)
			buys[plb].place = ++places;
		return;
	}
	if (m->type == MSG_CANCEL) {
		CHECK(m->u.cancel.order == buys[plb].order);
		memset(&buys[plb], 0, sizeof(buys[plb]));
		buys[plb].up = 1;
		return;
	}
	CHECK(m->type == MSG_RELEASE);
	released(plb, m->u.release.reservations);
	buys[plb].released = sell.count;
}

/* Fills. */

uint64_t
fake_broker_can_fill(unsigned plb)
{
	uint64_t lacks = lacking(plb);

	if (!sell.up || !buys[plb].up || counter == RESERVES - 1)
		return 0;
	return lacks < sell.most ? lacks : sell.most;
}

uint64_t
fake_broker_honest(int64_t now, int *plb)
{
	uint64_t reserved = 0, offer;
	unsigned i;

	*plb = -1;
	for (i = 1; i <= counter; i++)
		if (reserves[i].until > now)
			reserved += reserves[i].quantity;
	for (i = 0; i < PLBS; i++)
		if (fake_broker_can_fill(i) > 0 &&
		    buys[i].released != sell.count &&
		    (*plb == -1 || buys[i].place < buys[*plb].place))
			*plb = (int)i;
	if (*plb == -1 || reserved >= sell.quantity)
		return 0;
	offer = sell.quantity - reserved;
	return offer < lacking((unsigned)*plb) ? offer :
	    lacking((unsigned)*plb);
}

void
fake_broker_fill(unsigned plb, uint64_t quantity, int64_t now, struct msg *m,
    unsigned char *p, size_t n)
{
	struct tlv_writer w;
	struct seller s;

	counter++;
	reserves[counter].plb = plb;
	reserves[counter].quantity = quantity;
	reserves[counter].until = now + EXCHANGE_RESERVE_MS;
	s.seller = sell.seller;
	s.contact = slice_of(sell.contact, sell.ncontact);
	s.quantity = quantity;
	s.attrs = slice_of(sell.attrs, sell.nattrs);
	s.counter = counter;
	tlv_writer_init(&w, p, n);
	item_put(&schema_seller, &w, &s);
	CHECK(!w.failed);
	memset(m, 0, sizeof(*m));
	m->type = MSG_FILL;
	m->u.fill.order = buys[plb].order;
	m->u.fill.exchange.b[0] = 9;
	m->u.fill.sellers = slice_of(p, (size_t)(w.p - p));
	buys[plb].passed += quantity;
	buys[plb].place = lacking(plb) > 0 ? ++places : 0;
	fake_broker_fills++;
}

int
fake_broker_is_clear(void)
{
	unsigned i;

	for (i = 1; i <= counter; i++)
		if (reserves[i].quantity > 0)
			return 0;
	for (i = 0; i < PLBS; i++)
		if (buys[i].missing > 0 || buys[i].settled < buys[i].passed)
			return 0;
	return sell.up && sell.quantity == sell.most && sell.most > 0;
}

/* Who waits. */

static uint64_t
count(uint64_t *least)
{
	uint64_t n = 0;
	unsigned i;

	*least = 0;
	for (i = 0; i < PLBS; i++) {
		if (lacking(i) == 0)
			continue;
		if (n++ == 0 || buys[i].held < *least)
			*least = buys[i].held;
	}
	return n;
}

/* An equal share, rounded down. */
static uint64_t
share(void)
{
	uint64_t n = 0;
	unsigned i;

	for (i = 0; i < PLBS; i++)
		n += lacking(i) > 0 || buys[i].held > 0;
	return n == 0 ? sell.most : sell.most / n;
}

int
fake_broker_has_news(void)
{
	uint64_t least, n = count(&least);

	return sell.up && sell.count > 0 && (n != sell.buyers ||
	    least != sell.least || (n > 0 && !sell.told));
}

void
fake_broker_news(struct msg *m)
{
	sell.buyers = count(&sell.least);
	sell.told = 1;
	memset(m, 0, sizeof(*m));
	m->type = MSG_WAITING;
	m->u.waiting.order = 1;
	m->u.waiting.buyers = sell.buyers;
	m->u.waiting.least = sell.least;
	m->u.waiting.share = sell.buyers == 0 ? 0 : share();
}

int
fake_broker_keep(unsigned plb, struct msg *m)
{
	memset(m, 0, sizeof(*m));
	m->type = MSG_WAITING;
	m->u.waiting.order = buys[plb].order;
	if (sell.buyers > 0 && buys[plb].held > share()) {
		m->u.waiting.buyers = 1;
		m->u.waiting.share = share();
	}
	return buys[plb].up && buys[plb].order != 0;
}
