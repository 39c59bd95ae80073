#include <stdint.h>
#include <string.h>

#include "x25519.h"

/*
 * An element of the field of 2^255 - 19: ten limbs of 26 and 25 bits in turn,
 * the least first, so limb i counts 2^ceil(25.5 i). What field_mul() and
 * field_scale() give is carried: a limb is less than 2^26 (even) or 2^25 (odd)
 * and a little. They take sums and differences of two such elements, in which
 * a limb has up to 3 * 2^26, and no sums of those.
 */
#define LIMBS 10

struct field {
	uint32_t limb[LIMBS];
};

static unsigned
limb_bits(int i)
{
	return i % 2 == 0 ? 26 : 25;
}

/* Carry h, whose limbs have up to 62 bits, into r. */
static void
field_carry(struct field *r, uint64_t h[LIMBS])
{
	uint64_t carry = 0;
	int i;

	for (i = 0; i < LIMBS; i++) {
		h[i] += carry;
		carry = h[i] >> limb_bits(i);
		r->limb[i] = (uint32_t)(h[i] & ((1u << limb_bits(i)) - 1));
	}
	carry = r->limb[0] + 19 * carry; /* 2^255 is 19 */
	r->limb[0] = (uint32_t)(carry & 0x3ffffff);
	carry = r->limb[1] + (carry >> 26);
	r->limb[1] = (uint32_t)(carry & 0x1ffffff);
	r->limb[2] += (uint32_t)(carry >> 25);
}

static void
field_add(struct field *r, const struct field *a, const struct field *b)
{
	int i;

	for (i = 0; i < LIMBS; i++)
		r->limb[i] = a->limb[i] + b->limb[i];
}

/* a - b + 2p: no limb is negative. */
static void
field_sub(struct field *r, const struct field *a, const struct field *b)
{
	int i;

	r->limb[0] = a->limb[0] + 2 * 0x3ffffed - b->limb[0];
	for (i = 1; i < LIMBS; i++)
		r->limb[i] = a->limb[i] + (2u << limb_bits(i)) - 2 -
		    b->limb[i];
}

/* The product of limbs i and j counts at limb i + j, twice where both are odd
 * (of two halves of a bit), and 19 times ten limbs below where that is past the
 * last. A sum has less than 2^62. */
#define F(i)   (uint64_t)f[i]
#define F2(i)  (uint64_t)(2 * f[i])
#define G(i)   g[i]
#define G19(i) g19[i]

static void
field_mul(struct field *r, const struct field *a, const struct field *b)
{
	const uint32_t *f = a->limb, *g = b->limb;
	uint32_t g19[LIMBS];
	uint64_t h[LIMBS];
	int i;

	for (i = 1; i < LIMBS; i++)
		g19[i] = 19 * g[i];
	h[0] = F(0) * G(0) + F2(1) * G19(9) + F(2) * G19(8) + F2(3) * G19(7) +
	    F(4) * G19(6) + F2(5) * G19(5) + F(6) * G19(4) + F2(7) * G19(3) +
	    F(8) * G19(2) + F2(9) * G19(1);
	h[1] = F(0) * G(1) + F(1) * G(0) + F(2) * G19(9) + F(3) * G19(8) +
	    F(4) * G19(7) + F(5) * G19(6) + F(6) * G19(5) + F(7) * G19(4) +
	    F(8) * G19(3) + F(9) * G19(2);
	h[2] = F(0) * G(2) + F2(1) * G(1) + F(2) * G(0) + F2(3) * G19(9) +
	    F(4) * G19(8) + F2(5) * G19(7) + F(6) * G19(6) + F2(7) * G19(5) +
	    F(8) * G19(4) + F2(9) * G19(3);
	h[3] = F(0) * G(3) + F(1) * G(2) + F(2) * G(1) + F(3) * G(0) +
	    F(4) * G19(9) + F(5) * G19(8) + F(6) * G19(7) + F(7) * G19(6) +
	    F(8) * G19(5) + F(9) * G19(4);
	h[4] = F(0) * G(4) + F2(1) * G(3) + F(2) * G(2) + F2(3) * G(1) +
	    F(4) * G(0) + F2(5) * G19(9) + F(6) * G19(8) + F2(7) * G19(7) +
	    F(8) * G19(6) + F2(9) * G19(5);
	h[5] = F(0) * G(5) + F(1) * G(4) + F(2) * G(3) + F(3) * G(2) +
	    F(4) * G(1) + F(5) * G(0) + F(6) * G19(9) + F(7) * G19(8) +
	    F(8) * G19(7) + F(9) * G19(6);
	h[6] = F(0) * G(6) + F2(1) * G(5) + F(2) * G(4) + F2(3) * G(3) +
	    F(4) * G(2) + F2(5) * G(1) + F(6) * G(0) + F2(7) * G19(9) +
	    F(8) * G19(8) + F2(9) * G19(7);
	h[7] = F(0) * G(7) + F(1) * G(6) + F(2) * G(5) + F(3) * G(4) +
	    F(4) * G(3) + F(5) * G(2) + F(6) * G(1) + F(7) * G(0) +
	    F(8) * G19(9) + F(9) * G19(8);
	h[8] = F(0) * G(8) + F2(1) * G(7) + F(2) * G(6) + F2(3) * G(5) +
	    F(4) * G(4) + F2(5) * G(3) + F(6) * G(2) + F2(7) * G(1) +
	    F(8) * G(0) + F2(9) * G19(9);
	h[9] = F(0) * G(9) + F(1) * G(8) + F(2) * G(7) + F(3) * G(6) +
	    F(4) * G(5) + F(5) * G(4) + F(6) * G(3) + F(7) * G(2) +
	    F(8) * G(1) + F(9) * G(0);
	field_carry(r, h);
}

static void
field_scale(struct field *r, const struct field *a, uint32_t n)
{
	uint64_t h[LIMBS];
	int i;

	for (i = 0; i < LIMBS; i++)
		h[i] = (uint64_t)a->limb[i] * n;
	field_carry(r, h);
}

/* r = a^(2^n). */
static void
field_square(struct field *r, const struct field *a, int n)
{
	field_mul(r, a, a);
	while (--n > 0)
		field_mul(r, r, r);
}

/* r = a^(p - 2) = 1 / a, and 0 of 0 (Fermat). tN is a^(2^N - 1). */
static void
field_invert(struct field *r, const struct field *a)
{
	struct field a2, a9, a11, t5, t10, t20, t50, t100, t;

	field_square(&a2, a, 1);
	field_square(&t, &a2, 2);
	field_mul(&a9, &t, a);
	field_mul(&a11, &a9, &a2);
	field_square(&t, &a11, 1);
	field_mul(&t5, &t, &a9);
	field_square(&t, &t5, 5);
	field_mul(&t10, &t, &t5);
	field_square(&t, &t10, 10);
	field_mul(&t20, &t, &t10);
	field_square(&t, &t20, 20);
	field_mul(&t, &t, &t20);
	field_square(&t, &t, 10);
	field_mul(&t50, &t, &t10);
	field_square(&t, &t50, 50);
	field_mul(&t100, &t, &t50);
	field_square(&t, &t100, 100);
	field_mul(&t, &t, &t100);
	field_square(&t, &t, 50);
	field_mul(&t, &t, &t50);
	field_square(&t, &t, 5);
	field_mul(r, &t, &a11);
}

/* Exchange a and b where swap is 1, and not where it is 0. */
static void
field_swap(struct field *a, struct field *b, uint32_t swap)
{
	uint32_t mask = 0 - swap, x;
	int i;

	for (i = 0; i < LIMBS; i++) {
		x = mask & (a->limb[i] ^ b->limb[i]);
		a->limb[i] ^= x;
		b->limb[i] ^= x;
	}
}

/* 255 bits, little-endian; the 256th is ignored. */
static void
field_load(struct field *r, const unsigned char bytes[X25519_SIZE])
{
	unsigned bits = 0, next = 0;
	uint64_t held = 0;
	int i;

	for (i = 0; i < LIMBS; i++) {
		while (bits < limb_bits(i)) {
			held |= (uint64_t)bytes[next++] << bits;
			bits += 8;
		}
		r->limb[i] = (uint32_t)(held & ((1u << limb_bits(i)) - 1));
		held >>= limb_bits(i);
		bits -= limb_bits(i);
	}
}

/* Carry every limb, and what is past the last to the first: the value is less
 * than 2^255 after it, or was a little more before. */
static void
field_carry_all(struct field *a)
{
	uint64_t h[LIMBS];
	int i;

	for (i = 0; i < LIMBS; i++)
		h[i] = a->limb[i];
	field_carry(a, h);
}

/* The one representation less than p, little-endian. */
static void
field_store(unsigned char bytes[X25519_SIZE], const struct field *a)
{
	struct field r = *a, less;
	uint32_t carry = 19, mask;
	unsigned bits = 0, n = 0;
	uint64_t held = 0;
	int i;

	field_carry_all(&r);
	field_carry_all(&r);
	/* less = r - p = r + 19 - 2^255, where r is p or more. */
	for (i = 0; i < LIMBS; i++) {
		less.limb[i] = r.limb[i] + carry;
		carry = less.limb[i] >> limb_bits(i);
		less.limb[i] &= (1u << limb_bits(i)) - 1;
	}
	mask = 0 - carry;
	for (i = 0; i < LIMBS; i++) {
		r.limb[i] ^= mask & (r.limb[i] ^ less.limb[i]);
		held |= (uint64_t)r.limb[i] << bits;
		for (bits += limb_bits(i); bits >= 8; bits -= 8) {
			bytes[n++] = (unsigned char)held;
			held >>= 8;
		}
	}
	bytes[n] = (unsigned char)held;
}

/* A step of the Montgomery ladder: (x2 : z2) is doubled, and added to
 * (x3 : z3), whose difference has the coordinate x1 (RFC 7748, section 5). */
static void
ladder_step(const struct field *x1, struct field *x2, struct field *z2,
    struct field *x3, struct field *z3)
{
	struct field a, b, c, d, aa, bb, e, da, cb;

	field_add(&a, x2, z2);
	field_sub(&b, x2, z2);
	field_add(&c, x3, z3);
	field_sub(&d, x3, z3);
	field_mul(&aa, &a, &a);
	field_mul(&bb, &b, &b);
	field_mul(&da, &d, &a);
	field_mul(&cb, &c, &b);
	field_sub(&e, &aa, &bb);
	field_add(&a, &da, &cb);
	field_sub(&b, &da, &cb);
	field_mul(x3, &a, &a);
	field_mul(&b, &b, &b);
	field_mul(z3, x1, &b);
	field_mul(x2, &aa, &bb);
	field_scale(&c, &e, 121665);
	field_add(&c, &c, &aa);
	field_mul(z2, &e, &c);
}

int
x25519(unsigned char result[X25519_SIZE],
    const unsigned char scalar[X25519_SIZE],
    const unsigned char point[X25519_SIZE])
{
	struct field x1, x2 = { { 1 } }, z2 = { { 0 } }, x3, z3 = { { 1 } };
	unsigned char k[X25519_SIZE];
	uint32_t swap = 0, bit;
	unsigned all = 0;
	int i;

	memcpy(k, scalar, sizeof(k));
	k[0] &= 248;
	k[31] = (unsigned char)((k[31] & 127) | 64);
	field_load(&x1, point);
	x3 = x1;
	for (i = 254; i >= 0; i--) {
		bit = (k[i / 8] >> (i % 8)) & 1u;
		field_swap(&x2, &x3, swap ^ bit);
		field_swap(&z2, &z3, swap ^ bit);
		swap = bit;
		ladder_step(&x1, &x2, &z2, &x3, &z3);
	}
	field_swap(&x2, &x3, swap);
	field_swap(&z2, &z3, swap);
	field_invert(&z2, &z2);
	field_mul(&x2, &x2, &z2);
	field_store(result, &x2);
	for (i = 0; i < X25519_SIZE; i++)
		all |= result[i];
	return all == 0 ? -1 : 0;
}

void
x25519_public(unsigned char result[X25519_SIZE],
    const unsigned char scalar[X25519_SIZE])
{
	static const unsigned char base[X25519_SIZE] = { 9 };

	x25519(result, scalar, base);
}
