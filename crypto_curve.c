/*
 * X25519 (RFC 7748).
 *
 * An element of the field of 2^255 - 19 is some limbs, the least first: ten of
 * 26 and 25 bits in turn, so limb i counts 2^ceil(25.5 i), or five of 51 bits,
 * which is twice as fast, where the compiler multiplies to 128 bits. What
 * field_mul() and field_scale() give is carried: a limb is less than 2 to the
 * power of its bits, and a little. They take sums and differences of two such
 * elements, in which a limb has up to three times that, and no sums of those.
 */

#include <stdint.h>
#include <string.h>

#include "crypto.h"

#if defined(__SIZEOF_INT128__) && !defined(CRYPTO_PLAIN)
#define LIMBS	  5
#define BITS_EVEN 51
#define BITS_ODD  51
typedef uint64_t limb_t;
__extension__ typedef unsigned __int128 product_t;
#else
#define LIMBS	  10
#define BITS_EVEN 26
#define BITS_ODD  25
typedef uint32_t limb_t;
typedef uint64_t product_t;
#endif

struct field {
	limb_t limb[LIMBS];
};

static unsigned
limb_bits(int i)
{
	return i % 2 == 0 ? BITS_EVEN : BITS_ODD;
}

/* The most that limb i has when it is carried. */
static limb_t
limb_most(int i)
{
	return ((limb_t)1 << limb_bits(i)) - 1;
}

/* Limb i is the low bits of h: what is above them is for the next one. */
static product_t
field_put(struct field *r, int i, product_t h)
{
	r->limb[i] = (limb_t)h & limb_most(i);
	return h >> limb_bits(i);
}

/* Carry h, whose limbs have up to 62 bits, or 112 of 128, into r. What is past
 * the last limb has up to 59 bits. It is no loop, which compilers would leave
 * as it is. */
static void
field_carry(struct field *r, const product_t h[LIMBS])
{
	product_t carry;
	uint64_t past;

	carry = field_put(r, 0, h[0]);
	carry = field_put(r, 1, h[1] + carry);
	carry = field_put(r, 2, h[2] + carry);
	carry = field_put(r, 3, h[3] + carry);
	carry = field_put(r, 4, h[4] + carry);
#if LIMBS == 10
	carry = field_put(r, 5, h[5] + carry);
	carry = field_put(r, 6, h[6] + carry);
	carry = field_put(r, 7, h[7] + carry);
	carry = field_put(r, 8, h[8] + carry);
	carry = field_put(r, 9, h[9] + carry);
#endif
	past = r->limb[0] + 19 * (uint64_t)carry; /* 2^255 is 19 */
	r->limb[0] = (limb_t)past & limb_most(0);
	past = r->limb[1] + (past >> limb_bits(0));
	r->limb[1] = (limb_t)past & limb_most(1);
	r->limb[2] += (limb_t)(past >> limb_bits(1));
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

	r->limb[0] = a->limb[0] + 2 * (limb_most(0) - 18) - b->limb[0];
	for (i = 1; i < LIMBS; i++)
		r->limb[i] = a->limb[i] + 2 * limb_most(i) - b->limb[i];
}

/* The product of limbs i and j counts at limb i + j, and 19 times so many limbs
 * below as there are where that is past the last. Of ten limbs it counts twice
 * where both are odd (of two halves of a bit). A sum has less than 2^62, or
 * 2^112. */
#if LIMBS == 5
#define M(i, j)	  (product_t)f[i] * g[j]
#define M19(i, j) (product_t)f[i] * g19[j]
#else
#define F(i)   (uint64_t)f[i]
#define F2(i)  (uint64_t)(2 * f[i])
#define G(i)   g[i]
#define G19(i) g19[i]
#endif

static void
field_mul(struct field *r, const struct field *a, const struct field *b)
{
	const limb_t *f = a->limb, *g = b->limb;
	limb_t g19[LIMBS];
	product_t h[LIMBS];
	int i;

	for (i = 1; i < LIMBS; i++)
		g19[i] = 19 * g[i];
#if LIMBS == 5
	h[0] = M(0, 0) + M19(1, 4) + M19(2, 3) + M19(3, 2) + M19(4, 1);
	h[1] = M(0, 1) + M(1, 0) + M19(2, 4) + M19(3, 3) + M19(4, 2);
	h[2] = M(0, 2) + M(1, 1) + M(2, 0) + M19(3, 4) + M19(4, 3);
	h[3] = M(0, 3) + M(1, 2) + M(2, 1) + M(3, 0) + M19(4, 4);
	h[4] = M(0, 4) + M(1, 3) + M(2, 2) + M(3, 1) + M(4, 0);
#else
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
#endif
	field_carry(r, h);
}

static void
field_scale(struct field *r, const struct field *a, uint32_t n)
{
	product_t h[LIMBS];
	int i;

	for (i = 0; i < LIMBS; i++)
		h[i] = (product_t)a->limb[i] * n;
	field_carry(r, h);
}

/* r = a * a. Of five limbs, products that come twice are made once. */
static void
field_square(struct field *r, const struct field *a)
{
#if LIMBS == 5
	const limb_t *f = a->limb;
	const limb_t g[3] = { 2 * f[0], 2 * f[1], 2 * f[2] };
	const limb_t g19[LIMBS] = { 0, 0, 0, 19 * f[3], 19 * f[4] };
	product_t h[LIMBS];

	h[0] = (product_t)f[0] * f[0] + (product_t)g[1] * g19[4] +
	    (product_t)g[2] * g19[3];
	h[1] = M(1, 0) + (product_t)g[2] * g19[4] + M19(3, 3);
	h[2] = M(2, 0) + (product_t)f[1] * f[1] + M19(3, 4) + M19(3, 4);
	h[3] = M(3, 0) + M(2, 1) + M19(4, 4);
	h[4] = M(4, 0) + M(3, 1) + (product_t)f[2] * f[2];
	field_carry(r, h);
#else
	field_mul(r, a, a);
#endif
}

/* r = a^(2^n). */
static void
field_squares(struct field *r, const struct field *a, int n)
{
	field_square(r, a);
	while (--n > 0)
		field_square(r, r);
}

/* r = a^(p - 2) = 1 / a, and 0 of 0 (Fermat). tN is a^(2^N - 1). */
static void
field_invert(struct field *r, const struct field *a)
{
	struct field a2, a9, a11, t5, t10, t20, t50, t100, t;

	field_squares(&a2, a, 1);
	field_squares(&t, &a2, 2);
	field_mul(&a9, &t, a);
	field_mul(&a11, &a9, &a2);
	field_squares(&t, &a11, 1);
	field_mul(&t5, &t, &a9);
	field_squares(&t, &t5, 5);
	field_mul(&t10, &t, &t5);
	field_squares(&t, &t10, 10);
	field_mul(&t20, &t, &t10);
	field_squares(&t, &t20, 20);
	field_mul(&t, &t, &t20);
	field_squares(&t, &t, 10);
	field_mul(&t50, &t, &t10);
	field_squares(&t, &t50, 50);
	field_mul(&t100, &t, &t50);
	field_squares(&t, &t100, 100);
	field_mul(&t, &t, &t100);
	field_squares(&t, &t, 50);
	field_mul(&t, &t, &t50);
	field_squares(&t, &t, 5);
	field_mul(r, &t, &a11);
}

/* Exchange a and b where swap is 1, and not where it is 0. */
static void
field_swap(struct field *a, struct field *b, limb_t swap)
{
	limb_t mask = 0 - swap, x;
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
		r->limb[i] = (limb_t)held & limb_most(i);
		held >>= limb_bits(i);
		bits -= limb_bits(i);
	}
}

/* Carry every limb, and what is past the last to the first: the value is less
 * than 2^255 after it, or was a little more before. */
static void
field_carry_all(struct field *a)
{
	product_t h[LIMBS];
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
	limb_t carry = 19, mask;
	unsigned bits = 0, n = 0;
	uint64_t held = 0;
	int i;

	field_carry_all(&r);
	field_carry_all(&r);
	/* less = r - p = r + 19 - 2^255, where r is p or more. */
	for (i = 0; i < LIMBS; i++) {
		less.limb[i] = r.limb[i] + carry;
		carry = less.limb[i] >> limb_bits(i);
		less.limb[i] &= limb_most(i);
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
	field_square(&aa, &a);
	field_square(&bb, &b);
	field_mul(&da, &d, &a);
	field_mul(&cb, &c, &b);
	field_sub(&e, &aa, &bb);
	field_add(&a, &da, &cb);
	field_sub(&b, &da, &cb);
	field_square(x3, &a);
	field_square(&b, &b);
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
	limb_t swap = 0, bit;
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
