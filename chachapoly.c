#include <stdint.h>
#include <string.h>

#include "bytes.h"
#include "chachapoly.h"
#include "sha256.h"

/*
 * ChaCha20 (RFC 8439, section 2.3), four blocks at a time: word i of block l is
 * x[i][l], so that a compiler that has vectors uses them.
 */
#define LANES	    4
#define BLOCK	    64
#define STREAM_SIZE (LANES * BLOCK)

struct stream {
	uint32_t state[16];
	unsigned char bytes[STREAM_SIZE]; /* of the four blocks made last */
};

static void
stream_init(struct stream *s, const unsigned char key[CHACHAPOLY_KEY],
    const unsigned char nonce[CHACHAPOLY_NONCE])
{
	int i;

	s->state[0] = 0x61707865; /* "expand 32-byte k" */
	s->state[1] = 0x3320646e;
	s->state[2] = 0x79622d32;
	s->state[3] = 0x6b206574;
	for (i = 0; i < 8; i++)
		s->state[4 + i] = get32le(key + 4 * i);
	s->state[12] = 0;
	for (i = 0; i < 3; i++)
		s->state[13 + i] = get32le(nonce + 4 * i);
}

static uint32_t
rotate(uint32_t x, int n)
{
	return x << n | x >> (32 - n);
}

static inline void
quarter_round(uint32_t *restrict a, uint32_t *restrict b, uint32_t *restrict c,
    uint32_t *restrict d)
{
	uint32_t p, q, r, s;
	int l;

	for (l = 0; l < LANES; l++) {
		p = a[l] + b[l];
		s = rotate(d[l] ^ p, 16);
		r = c[l] + s;
		q = rotate(b[l] ^ r, 12);
		p += q;
		s = rotate(s ^ p, 8);
		r += s;
		q = rotate(q ^ r, 7);
		a[l] = p;
		b[l] = q;
		c[l] = r;
		d[l] = s;
	}
}

/* The next four blocks. */
static void
stream_next(struct stream *s)
{
	uint32_t x[16][LANES];
	int i, l;

	for (i = 0; i < 16; i++)
		for (l = 0; l < LANES; l++)
			x[i][l] = s->state[i];
	for (l = 0; l < LANES; l++)
		x[12][l] += (uint32_t)l;
	for (i = 0; i < 10; i++) {
		quarter_round(x[0], x[4], x[8], x[12]);
		quarter_round(x[1], x[5], x[9], x[13]);
		quarter_round(x[2], x[6], x[10], x[14]);
		quarter_round(x[3], x[7], x[11], x[15]);
		quarter_round(x[0], x[5], x[10], x[15]);
		quarter_round(x[1], x[6], x[11], x[12]);
		quarter_round(x[2], x[7], x[8], x[13]);
		quarter_round(x[3], x[4], x[9], x[14]);
	}
	for (l = 0; l < LANES; l++)
		x[12][l] += (uint32_t)l;
	for (l = 0; l < LANES; l++)
		for (i = 0; i < 16; i++)
			put32le(s->bytes + BLOCK * l + 4 * i,
			    x[i][l] + s->state[i]);
	s->state[12] += LANES;
}

static void
xor_bytes(unsigned char *to, const unsigned char *from,
    const unsigned char *with, size_t n)
{
	uint64_t a, b;

	for (; n >= sizeof(a); n -= sizeof(a)) {
		memcpy(&a, from, sizeof(a));
		memcpy(&b, with, sizeof(b));
		a ^= b;
		memcpy(to, &a, sizeof(a));
		to += sizeof(a);
		from += sizeof(a);
		with += sizeof(a);
	}
	while (n-- > 0)
		*to++ = *from++ ^ *with++;
}

/* The text begins in block 1, which stream_init() and one stream_next() have
 * made: block 0 is the key of Poly1305. */
static void
stream_xor(struct stream *s, unsigned char *to, const unsigned char *from,
    size_t len)
{
	size_t at = BLOCK, n;

	while (len > 0) {
		if (at == STREAM_SIZE) {
			stream_next(s);
			at = 0;
		}
		n = len < STREAM_SIZE - at ? len : STREAM_SIZE - at;
		xor_bytes(to, from, s->bytes + at, n);
		to += n;
		from += n;
		len -= n;
		at += n;
	}
}

/*
 * Poly1305 (RFC 8439, section 2.5): h = (h + block) * r modulo 2^130 - 5, in
 * five limbs of 26 bits. 2^130 is 5, so a product that counts past the last
 * limb counts five times, five limbs lower.
 */
#define LIMB 0x3ffffffu

struct poly {
	uint32_t r[5], h[5];
	unsigned char pad[16];
};

static void
poly_init(struct poly *p, const unsigned char key[32])
{
	memset(p, 0, sizeof(*p));
	p->r[0] = get32le(key) & 0x3ffffff; /* r is clamped */
	p->r[1] = get32le(key + 3) >> 2 & 0x3ffff03;
	p->r[2] = get32le(key + 6) >> 4 & 0x3ffc0ff;
	p->r[3] = get32le(key + 9) >> 6 & 0x3f03fff;
	p->r[4] = get32le(key + 12) >> 8 & 0x00fffff;
	memcpy(p->pad, key + 16, sizeof(p->pad));
}

/* Whole blocks of 16 bytes. */
static void
poly_blocks(struct poly *p, const unsigned char *m, size_t blocks)
{
	const uint64_t r0 = p->r[0], r1 = p->r[1], r2 = p->r[2], r3 = p->r[3],
		       r4 = p->r[4];
	const uint64_t s1 = 5 * r1, s2 = 5 * r2, s3 = 5 * r3, s4 = 5 * r4;
	uint64_t h0 = p->h[0], h1 = p->h[1], h2 = p->h[2], h3 = p->h[3],
		 h4 = p->h[4];
	uint64_t d0, d1, d2, d3, d4;

	for (; blocks > 0; blocks--, m += 16) {
		h0 += get32le(m) & LIMB;
		h1 += get32le(m + 3) >> 2 & LIMB;
		h2 += get32le(m + 6) >> 4 & LIMB;
		h3 += get32le(m + 9) >> 6 & LIMB;
		h4 += get32le(m + 12) >> 8 | 1u << 24;
		d0 = h0 * r0 + h1 * s4 + h2 * s3 + h3 * s2 + h4 * s1;
		d1 = h0 * r1 + h1 * r0 + h2 * s4 + h3 * s3 + h4 * s2;
		d2 = h0 * r2 + h1 * r1 + h2 * r0 + h3 * s4 + h4 * s3;
		d3 = h0 * r3 + h1 * r2 + h2 * r1 + h3 * r0 + h4 * s4;
		d4 = h0 * r4 + h1 * r3 + h2 * r2 + h3 * r1 + h4 * r0;
		d1 += d0 >> 26;
		d4 += d3 >> 26;
		d2 += d1 >> 26;
		h3 = d3 & LIMB;
		h0 = (d0 & LIMB) + 5 * (d4 >> 26);
		h1 = d1 & LIMB;
		h4 = d4 & LIMB;
		h3 += d2 >> 26;
		h2 = d2 & LIMB;
		h1 += h0 >> 26;
		h0 &= LIMB;
		h4 += h3 >> 26;
		h3 &= LIMB;
	}
	p->h[0] = (uint32_t)h0;
	p->h[1] = (uint32_t)h1;
	p->h[2] = (uint32_t)h2;
	p->h[3] = (uint32_t)h3;
	p->h[4] = (uint32_t)h4;
}

/* Any bytes, and zeros up to a whole block. */
static void
poly_padded(struct poly *p, const unsigned char *m, size_t len)
{
	unsigned char last[16] = { 0 };

	poly_blocks(p, m, len / 16);
	if (len % 16 == 0)
		return;
	memcpy(last, m + len / 16 * 16, len % 16);
	poly_blocks(p, last, 1);
}

static void
poly_final(struct poly *p, unsigned char tag[CHACHAPOLY_TAG])
{
	uint32_t carry = 0, less[5], mask, words[4];
	uint64_t sum = 0;
	int i, turn;

	for (turn = 0; turn < 2; turn++) {
		for (i = 0; i < 5; i++) {
			p->h[i] += carry;
			carry = p->h[i] >> 26;
			p->h[i] &= LIMB;
		}
		carry *= 5;
	}
	p->h[0] += carry;
	/* less = h - p = h + 5 - 2^130, where h is p or more. */
	carry = 5;
	for (i = 0; i < 5; i++) {
		less[i] = p->h[i] + carry;
		carry = less[i] >> 26;
		less[i] &= LIMB;
	}
	mask = 0 - carry;
	for (i = 0; i < 5; i++)
		p->h[i] ^= mask & (p->h[i] ^ less[i]);
	words[0] = p->h[0] | p->h[1] << 26;
	words[1] = p->h[1] >> 6 | p->h[2] << 20;
	words[2] = p->h[2] >> 12 | p->h[3] << 14;
	words[3] = p->h[3] >> 18 | p->h[4] << 8;
	for (i = 0; i < 4; i++) {
		sum += (uint64_t)words[i] + get32le(p->pad + 4 * i);
		put32le(tag + 4 * i, (uint32_t)sum);
		sum >>= 32;
	}
}

/* The tag of associated data and sealed bytes (RFC 8439, section 2.8); key is
 * block 0 of the stream. */
static void
make_tag(unsigned char tag[CHACHAPOLY_TAG], const unsigned char *key,
    const void *ad, size_t ad_len, const unsigned char *sealed, size_t len)
{
	unsigned char lengths[16];
	struct poly p;

	poly_init(&p, key);
	poly_padded(&p, ad, ad_len);
	poly_padded(&p, sealed, len);
	put32le(lengths, (uint32_t)ad_len);
	put32le(lengths + 4, (uint32_t)((uint64_t)ad_len >> 32));
	put32le(lengths + 8, (uint32_t)len);
	put32le(lengths + 12, (uint32_t)((uint64_t)len >> 32));
	poly_blocks(&p, lengths, 1);
	poly_final(&p, tag);
}

void
chachapoly_seal(const unsigned char key[CHACHAPOLY_KEY],
    const unsigned char nonce[CHACHAPOLY_NONCE], const void *ad, size_t ad_len,
    const unsigned char *text, size_t len, unsigned char *sealed)
{
	unsigned char poly_key[32];
	struct stream s;

	stream_init(&s, key, nonce);
	stream_next(&s);
	memcpy(poly_key, s.bytes, sizeof(poly_key));
	stream_xor(&s, sealed, text, len);
	make_tag(sealed + len, poly_key, ad, ad_len, sealed, len);
}

int
chachapoly_open(const unsigned char key[CHACHAPOLY_KEY],
    const unsigned char nonce[CHACHAPOLY_NONCE], const void *ad, size_t ad_len,
    const unsigned char *sealed, size_t len, unsigned char *text)
{
	unsigned char tag[CHACHAPOLY_TAG];
	struct stream s;

	if (len < CHACHAPOLY_TAG)
		return -1;
	len -= CHACHAPOLY_TAG;
	stream_init(&s, key, nonce);
	stream_next(&s);
	make_tag(tag, s.bytes, ad, ad_len, sealed, len);
	if (!equal_constant_time(tag, sealed + len, CHACHAPOLY_TAG))
		return -1;
	stream_xor(&s, text, sealed, len);
	return 0;
}
