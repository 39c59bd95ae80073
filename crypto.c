#include <stdint.h>
#include <string.h>

#include "bytes.h"
#include "crypto.h"

static const uint32_t K[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
	0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
	0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
};

/* FIPS 180-4, 6.2.2 step 1. */
static void
sha256_schedule(uint32_t w[64], const unsigned char *block)
{
	uint32_t s0, s1;
	int t;

	for (t = 0; t < 16; t++)
		w[t] = get32(block + 4 * t);
	for (; t < 64; t++) {
		s0 = rotr32(w[t - 15], 7) ^ rotr32(w[t - 15], 18) ^
		    w[t - 15] >> 3;
		s1 = rotr32(w[t - 2], 17) ^ rotr32(w[t - 2], 19) ^
		    w[t - 2] >> 10;
		w[t] = w[t - 16] + s0 + w[t - 7] + s1;
	}
}

/* Steps 2 to 4, in the standard's names. */
static void
sha256_compress(uint32_t state[8], const unsigned char *block)
{
	uint32_t w[64], a, b, c, d, e, f, g, h, t1, t2;
	int t;

	sha256_schedule(w, block);
	a = state[0], b = state[1], c = state[2], d = state[3];
	e = state[4], f = state[5], g = state[6], h = state[7];
	for (t = 0; t < 64; t++) {
		t1 = h + (rotr32(e, 6) ^ rotr32(e, 11) ^ rotr32(e, 25)) +
		    ((e & f) ^ (~e & g)) + K[t] + w[t];
		t2 = (rotr32(a, 2) ^ rotr32(a, 13) ^ rotr32(a, 22)) +
		    ((a & b) ^ (a & c) ^ (b & c));
		h = g, g = f, f = e, e = d + t1;
		d = c, c = b, b = a, a = t1 + t2;
	}
	state[0] += a, state[1] += b, state[2] += c, state[3] += d;
	state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

void
sha256_init(struct sha256 *s)
{
	static const uint32_t start[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
	};

	memcpy(s->state, start, sizeof(s->state));
	s->length = 0;
}

void
sha256_update(struct sha256 *s, const void *data, size_t len)
{
	const unsigned char *p = data;
	size_t have, n;

	while (len > 0) {
		have = s->length % SHA256_BLOCK;
		n = SHA256_BLOCK - have;
		if (n > len)
			n = len;
		memcpy(s->block + have, p, n);
		s->length += n;
		p += n;
		len -= n;
		if (have + n == SHA256_BLOCK)
			sha256_compress(s->state, s->block);
	}
}

void
sha256_final(struct sha256 *s, unsigned char digest[SHA256_SIZE])
{
	static const unsigned char pad[SHA256_BLOCK] = { 0x80 };
	unsigned char bits[8];
	size_t have;
	int i;

	put32(bits, (uint32_t)(s->length >> 29));
	put32(bits + 4, (uint32_t)(s->length << 3));
	have = s->length % SHA256_BLOCK;
	sha256_update(s, pad, (have < 56 ? 56 : 120) - have);
	sha256_update(s, bits, sizeof(bits));
	for (i = 0; i < 8; i++)
		put32(digest + 4 * i, s->state[i]);
}

/* Start a hash with the key, each byte of it changed by mask. */
static void
hmac_init_keyed(struct sha256 *s, const unsigned char key[SHA256_BLOCK],
    int mask)
{
	unsigned char block[SHA256_BLOCK];
	int i;

	for (i = 0; i < SHA256_BLOCK; i++)
		block[i] = (unsigned char)(key[i] ^ mask);
	sha256_init(s);
	sha256_update(s, block, sizeof(block));
}

void
hmac_init(struct hmac *h, const void *key, size_t len)
{
	unsigned char block[SHA256_BLOCK] = { 0 };

	if (len > sizeof(block)) {
		sha256_init(&h->inner);
		sha256_update(&h->inner, key, len);
		sha256_final(&h->inner, block);
	} else if (len > 0) {
		memcpy(block, key, len);
	}
	hmac_init_keyed(&h->inner, block, 0x36);
	hmac_init_keyed(&h->outer, block, 0x5c);
}

void
hmac_update(struct hmac *h, const void *data, size_t len)
{
	sha256_update(&h->inner, data, len);
}

void
hmac_final(struct hmac *h, unsigned char mac[SHA256_SIZE])
{
	unsigned char digest[SHA256_SIZE];

	sha256_final(&h->inner, digest);
	sha256_update(&h->outer, digest, sizeof(digest));
	sha256_final(&h->outer, mac);
}

int
equal_constant_time(const void *a, const void *b, size_t n)
{
	const volatile unsigned char *x = a, *y = b;
	unsigned char differ;
	size_t i;

	differ = 0;
	for (i = 0; i < n; i++)
		differ |= x[i] ^ y[i];
	return differ == 0;
}

/* ChaCha20 and Poly1305. */

/*
 * ChaCha20 (RFC 8439, section 2.3), some blocks at a time: word i of block l is
 * x[i][l], so that a compiler that has vectors uses them. Where processors may
 * have wide ones (AVX2), or twice as many and rotations of their words
 * (AVX-512), and the compiler can be told so, there is code for each.
 */
#define LANES	    4
#define LANES_WIDE  8
#define BLOCK	    64
#define STREAM_SIZE (LANES_WIDE * BLOCK)

#if defined(__GNUC__) && defined(__x86_64__) && !defined(CRYPTO_PLAIN)
#include <cpuid.h>
#include <immintrin.h>
#define CRYPTO_WIDE
#define WIDE	    __attribute__((target("avx2")))
#define WIDER	    __attribute__((target("avx2,avx512f,avx512vl")))
#define INLINE	    inline __attribute__((always_inline))
#else
#define INLINE	    inline
#endif

/*
 * Are there wide vectors, and are they worth it for this many bytes? 0, or 1
 * for AVX2, or 2 for AVX-512. To ask the processor takes a part of a program's
 * start, most of all if it is a virtual processor, and the compiler's own
 * function asks at each start. So this asks once, when there is much to do.
 */
#define WIDE_LEAST  256

#ifdef CRYPTO_WIDE

static int
wide_find(void)
{
	unsigned a, b, c, d, most;

	__cpuid(0, most, b, c, d);
	__cpuid(1, a, b, c, d);
	if (most < 7 || (c & bit_OSXSAVE) == 0)
		return 0;
	__asm__("xgetbv" : "=a"(most), "=d"(d) : "c"(0));
	if ((most & 6) != 6) /* the system saves no such registers */
		return 0;
	__cpuid_count(7, 0, a, b, c, d);
	if ((b & bit_AVX2) == 0)
		return 0;
#ifndef CRYPTO_AVX2
	if ((most & 0xe6) == 0xe6 && (b & bit_AVX512F) && (b & bit_AVX512VL))
		return 2;
#endif
	return 1;
}

#endif

static int
wide_is_good(size_t len)
{
#ifdef CRYPTO_WIDE
	static int asked, found;

	if (len < WIDE_LEAST)
		return 0;
	if (!asked)
		found = wide_find();
	asked = 1;
	return found;
#else
	(void)len;
	return 0;
#endif
}

struct stream {
	uint32_t state[16];
	int wide;
	unsigned char bytes[STREAM_SIZE]; /* of the blocks made last, */
	size_t size;			  /* and how many */
};

/* For a text of len bytes. */
static void
stream_init(struct stream *s, const unsigned char key[CHACHAPOLY_KEY],
    const unsigned char nonce[CHACHAPOLY_NONCE], size_t len)
{
	int i;

	s->wide = wide_is_good(len);
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

static inline void
stream_quarter_round(uint32_t *restrict a, uint32_t *restrict b,
    uint32_t *restrict c, uint32_t *restrict d)
{
	uint32_t p, q, r, s;
	int l;

	for (l = 0; l < LANES; l++) {
		p = a[l] + b[l];
		s = rotl32(d[l] ^ p, 16);
		r = c[l] + s;
		q = rotl32(b[l] ^ r, 12);
		p += q;
		s = rotl32(s ^ p, 8);
		r += s;
		q = rotl32(q ^ r, 7);
		a[l] = p;
		b[l] = q;
		c[l] = r;
		d[l] = s;
	}
}

static void
stream_make(struct stream *s)
{
	uint32_t x[16][LANES];
	int i, l;

	for (i = 0; i < 16; i++)
		for (l = 0; l < LANES; l++)
			x[i][l] = s->state[i];
	for (l = 0; l < LANES; l++)
		x[12][l] += (uint32_t)l;
	for (i = 0; i < 10; i++) {
		stream_quarter_round(x[0], x[4], x[8], x[12]);
		stream_quarter_round(x[1], x[5], x[9], x[13]);
		stream_quarter_round(x[2], x[6], x[10], x[14]);
		stream_quarter_round(x[3], x[7], x[11], x[15]);
		stream_quarter_round(x[0], x[5], x[10], x[15]);
		stream_quarter_round(x[1], x[6], x[11], x[12]);
		stream_quarter_round(x[2], x[7], x[8], x[13]);
		stream_quarter_round(x[3], x[4], x[9], x[14]);
	}
	for (i = 0; i < 16; i++)
		for (l = 0; l < LANES; l++)
			x[i][l] += s->state[i];
	for (l = 0; l < LANES; l++)
		x[12][l] += (uint32_t)l;
	for (l = 0; l < LANES; l++)
		for (i = 0; i < 16; i += 2)
			put64le(s->bytes + BLOCK * l + 4 * i,
			    x[i][l] | (uint64_t)x[i + 1][l] << 32);
	s->state[12] += LANES;
	s->size = LANES * BLOCK;
}

#ifdef CRYPTO_WIDE

/* Eight words, each of another block. */
typedef uint32_t octet __attribute__((vector_size(32)));

/* Bytes move where a rotation is of whole ones: a shift each way and an or
 * would be three steps. */
static WIDE INLINE octet
octet_rotate_bytes(octet x, octet places)
{
	return (octet)_mm256_shuffle_epi8((__m256i)x, (__m256i)places);
}

static WIDE INLINE void
octet_quarter_round(octet *a, octet *b, octet *c, octet *d, octet rotl16,
    octet rotl8)
{
	*a += *b;
	*d = octet_rotate_bytes(*d ^ *a, rotl16);
	*c += *d;
	*b ^= *c;
	*b = *b << 12 | *b >> 20;
	*a += *b;
	*d = octet_rotate_bytes(*d ^ *a, rotl8);
	*c += *d;
	*b ^= *c;
	*b = *b << 7 | *b >> 25;
}

/* The halves of each change places, by words, by two words or by four of
 * them. */
static WIDE INLINE void
octet_zip_1(octet *a, octet *b)
{
	const __m256i x = (__m256i)*a, y = (__m256i)*b;

	*a = (octet)_mm256_unpacklo_epi32(x, y);
	*b = (octet)_mm256_unpackhi_epi32(x, y);
}

static WIDE INLINE void
octet_zip_2(octet *a, octet *b)
{
	const __m256i x = (__m256i)*a, y = (__m256i)*b;

	*a = (octet)_mm256_unpacklo_epi64(x, y);
	*b = (octet)_mm256_unpackhi_epi64(x, y);
}

static WIDE INLINE void
octet_zip_4(octet *a, octet *b)
{
	const __m256i x = (__m256i)*a, y = (__m256i)*b;

	*a = (octet)_mm256_permute2x128_si256(x, y, 0x20);
	*b = (octet)_mm256_permute2x128_si256(x, y, 0x31);
}

static WIDE INLINE void
octet_xor(unsigned char *to, const unsigned char *from, int block, octet x)
{
	octet y;

	memcpy(&y, from + BLOCK * block, sizeof(y));
	x ^= y;
	memcpy(to + BLOCK * block, &x, sizeof(x));
}

/* For eight words of eight blocks: x[i] has word i of each. There is no loop,
 * and others are unrolled: what an index counts is kept in no register. */
static WIDE INLINE void
octet_xor_all(unsigned char *to, const unsigned char *from, octet x[8])
{
	octet_zip_1(&x[0], &x[1]);
	octet_zip_1(&x[2], &x[3]);
	octet_zip_1(&x[4], &x[5]);
	octet_zip_1(&x[6], &x[7]);
	octet_zip_2(&x[0], &x[2]);
	octet_zip_2(&x[1], &x[3]);
	octet_zip_2(&x[4], &x[6]);
	octet_zip_2(&x[5], &x[7]);
	octet_zip_4(&x[0], &x[4]);
	octet_zip_4(&x[1], &x[5]);
	octet_zip_4(&x[2], &x[6]);
	octet_zip_4(&x[3], &x[7]);
	octet_xor(to, from, 0, x[0]);
	octet_xor(to, from, 1, x[2]);
	octet_xor(to, from, 2, x[1]);
	octet_xor(to, from, 3, x[3]);
	octet_xor(to, from, 4, x[4]);
	octet_xor(to, from, 5, x[6]);
	octet_xor(to, from, 6, x[5]);
	octet_xor(to, from, 7, x[7]);
}

/* STREAM_SIZE bytes of text and the next blocks. */
static WIDE INLINE void
stream_xor_octets(struct stream *s, unsigned char *to,
    const unsigned char *from)
{
	const octet count = { 0, 1, 2, 3, 4, 5, 6, 7 };
	const octet rotl16 = { 0x01000302, 0x05040706, 0x09080b0a, 0x0d0c0f0e,
		0x01000302, 0x05040706, 0x09080b0a, 0x0d0c0f0e };
	const octet rotl8 = { 0x02010003, 0x06050407, 0x0a09080b, 0x0e0d0c0f,
		0x02010003, 0x06050407, 0x0a09080b, 0x0e0d0c0f };
	octet x[16];
	int i;

#pragma GCC unroll 16
	for (i = 0; i < 16; i++)
		x[i] = (octet)_mm256_set1_epi32((int)s->state[i]);
	x[12] += count;
	for (i = 0; i < 10; i++) {
		octet_quarter_round(&x[0], &x[4], &x[8], &x[12],
		    rotl16, rotl8);
		octet_quarter_round(&x[1], &x[5], &x[9], &x[13],
		    rotl16, rotl8);
		octet_quarter_round(&x[2], &x[6], &x[10], &x[14],
		    rotl16, rotl8);
		octet_quarter_round(&x[3], &x[7], &x[11], &x[15],
		    rotl16, rotl8);
		octet_quarter_round(&x[0], &x[5], &x[10], &x[15],
		    rotl16, rotl8);
		octet_quarter_round(&x[1], &x[6], &x[11], &x[12],
		    rotl16, rotl8);
		octet_quarter_round(&x[2], &x[7], &x[8], &x[13],
		    rotl16, rotl8);
		octet_quarter_round(&x[3], &x[4], &x[9], &x[14],
		    rotl16, rotl8);
	}
#pragma GCC unroll 16
	for (i = 0; i < 16; i++)
		x[i] += s->state[i];
	x[12] += count;
	octet_xor_all(to, from, x);
	octet_xor_all(to + BLOCK / 2, from + BLOCK / 2, x + 8);
	s->state[12] += LANES_WIDE;
}

static WIDE void
stream_xor_wide(struct stream *s, unsigned char *to, const unsigned char *from)
{
	stream_xor_octets(s, to, from);
}

static WIDER void
stream_xor_wider(struct stream *s, unsigned char *to,
    const unsigned char *from)
{
	stream_xor_octets(s, to, from);
}

#endif

/* If there are wide vectors: XOR STREAM_SIZE bytes with the next blocks. */
static int
stream_xor_at_once(struct stream *s, unsigned char *to,
    const unsigned char *from)
{
#ifdef CRYPTO_WIDE
	if (s->wide == 2)
		stream_xor_wider(s, to, from);
	else if (s->wide)
		stream_xor_wide(s, to, from);
	return s->wide;
#else
	(void)s;
	(void)to;
	(void)from;
	return 0;
#endif
}

/* The next blocks. */
static void
stream_next(struct stream *s)
{
	static const unsigned char zeros[STREAM_SIZE];

	if (stream_xor_at_once(s, s->bytes, zeros))
		s->size = STREAM_SIZE;
	else
		stream_make(s);
}

static void
stream_xor_bytes(unsigned char *to, const unsigned char *from,
    const unsigned char *with, size_t n)
{
	uint64_t a[4], b[4];
	int i;

	for (; n >= sizeof(a); n -= sizeof(a)) {
		memcpy(a, from, sizeof(a));
		memcpy(b, with, sizeof(b));
		for (i = 0; i < 4; i++)
			a[i] ^= b[i];
		memcpy(to, a, sizeof(a));
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
		if (at == s->size && len >= STREAM_SIZE &&
		    stream_xor_at_once(s, to, from)) {
			to += STREAM_SIZE;
			from += STREAM_SIZE;
			len -= STREAM_SIZE;
			continue;
		}
		if (at == s->size) {
			stream_next(s);
			at = 0;
		}
		n = len < s->size - at ? len : s->size - at;
		stream_xor_bytes(to, from, s->bytes + at, n);
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

/* h * r: a limb of h has up to 2^30, and one of the result up to 2^26 and a
 * little. */
static INLINE void
poly_mul(uint64_t h[5], const uint32_t r[5])
{
	const uint64_t r0 = r[0], r1 = r[1], r2 = r[2], r3 = r[3], r4 = r[4];
	const uint64_t s1 = 5 * r1, s2 = 5 * r2, s3 = 5 * r3, s4 = 5 * r4;
	uint64_t d0, d1, d2, d3, d4;

	d0 = h[0] * r0 + h[1] * s4 + h[2] * s3 + h[3] * s2 + h[4] * s1;
	d1 = h[0] * r1 + h[1] * r0 + h[2] * s4 + h[3] * s3 + h[4] * s2;
	d2 = h[0] * r2 + h[1] * r1 + h[2] * r0 + h[3] * s4 + h[4] * s3;
	d3 = h[0] * r3 + h[1] * r2 + h[2] * r1 + h[3] * r0 + h[4] * s4;
	d4 = h[0] * r4 + h[1] * r3 + h[2] * r2 + h[3] * r1 + h[4] * r0;
	d1 += d0 >> 26;
	d4 += d3 >> 26;
	d2 += d1 >> 26;
	h[3] = d3 & LIMB;
	h[0] = (d0 & LIMB) + 5 * (d4 >> 26);
	h[1] = d1 & LIMB;
	h[4] = d4 & LIMB;
	h[3] += d2 >> 26;
	h[2] = d2 & LIMB;
	h[1] += h[0] >> 26;
	h[0] &= LIMB;
	h[4] += h[3] >> 26;
	h[3] &= LIMB;
}

static void
poly_load(uint64_t h[5], const uint32_t from[5])
{
	int i;

	for (i = 0; i < 5; i++)
		h[i] = from[i];
}

static void
poly_store(uint32_t to[5], const uint64_t h[5])
{
	int i;

	for (i = 0; i < 5; i++)
		to[i] = (uint32_t)h[i];
}

#ifdef CRYPTO_WIDE

/*
 * Four blocks at a time. Each of four sums takes every fourth block and is
 * multiplied by r^4; at the end each is multiplied by the power that its last
 * block is due. A quad has the first, the third, the second and the fourth of
 * the blocks, in this order: so they come apart with the fewest steps.
 */
typedef uint64_t quad __attribute__((vector_size(32)));

/* The products of the lower halves. */
static WIDE INLINE quad
quad_mul(quad a, quad b)
{
	return (quad)_mm256_mul_epu32((__m256i)a, (__m256i)b);
}

/* h + four blocks of 16 bytes. */
static WIDE INLINE void
quad_add_blocks(quad h[5], const unsigned char *m)
{
	__m256i first, second;
	quad low, high;

	memcpy(&first, m, sizeof(first));
	memcpy(&second, m + sizeof(first), sizeof(second));
	low = (quad)_mm256_unpacklo_epi64(first, second);
	high = (quad)_mm256_unpackhi_epi64(first, second);
	h[0] += low & LIMB;
	h[1] += low >> 26 & LIMB;
	h[2] += (low >> 52 | high << 12) & LIMB;
	h[3] += high >> 14 & LIMB;
	h[4] += high >> 40 | (uint64_t)1 << 24;
}

/* As poly_mul(). */
static WIDE INLINE void
quad_poly_mul(quad h[5], const quad r[5], const quad s[5])
{
	quad d0, d1, d2, d3, d4;

	d0 = quad_mul(h[0], r[0]) + quad_mul(h[1], s[4]) +
	    quad_mul(h[2], s[3]) + quad_mul(h[3], s[2]) + quad_mul(h[4], s[1]);
	d1 = quad_mul(h[0], r[1]) + quad_mul(h[1], r[0]) +
	    quad_mul(h[2], s[4]) + quad_mul(h[3], s[3]) + quad_mul(h[4], s[2]);
	d2 = quad_mul(h[0], r[2]) + quad_mul(h[1], r[1]) +
	    quad_mul(h[2], r[0]) + quad_mul(h[3], s[4]) + quad_mul(h[4], s[3]);
	d3 = quad_mul(h[0], r[3]) + quad_mul(h[1], r[2]) +
	    quad_mul(h[2], r[1]) + quad_mul(h[3], r[0]) + quad_mul(h[4], s[4]);
	d4 = quad_mul(h[0], r[4]) + quad_mul(h[1], r[3]) +
	    quad_mul(h[2], r[2]) + quad_mul(h[3], r[1]) + quad_mul(h[4], r[0]);
	d1 += d0 >> 26;
	d4 += d3 >> 26;
	d2 += d1 >> 26;
	h[0] = d4 >> 26;
	h[0] = (d0 & LIMB) + h[0] + (h[0] << 2);
	h[3] = (d3 & LIMB) + (d2 >> 26);
	h[1] = (d1 & LIMB) + (h[0] >> 26);
	h[2] = d2 & LIMB;
	h[4] = (d4 & LIMB) + (h[3] >> 26);
	h[0] &= LIMB;
	h[3] &= LIMB;
}

/* r of quad_poly_mul(), and s, which is five times that. */
static WIDE void
quad_powers(quad r[5], quad s[5], const uint32_t *first, const uint32_t *second,
    const uint32_t *third, const uint32_t *fourth)
{
	int i;

	for (i = 0; i < 5; i++) {
		r[i] = (quad){ first[i], second[i], third[i], fourth[i] };
		s[i] = r[i] + (r[i] << 2);
	}
}

/* Whole blocks of 16 bytes, whose number four divides. It leaves limbs of up to
 * 2^29. */
static WIDE void
poly_blocks_wide(struct poly *p, const unsigned char *m, size_t blocks)
{
	quad h[5], r[5], s[5];
	uint32_t power[5][5]; /* of r, from 1 on */
	uint64_t sum[5];
	int i;

	poly_load(sum, p->r);
	for (i = 1; i <= 4; i++) {
		poly_store(power[i], sum);
		poly_mul(sum, p->r);
	}
	quad_powers(r, s, power[4], power[4], power[4], power[4]);
	for (i = 0; i < 5; i++)
		h[i] = (quad){ p->h[i], 0, 0, 0 };
	for (; blocks > 4; blocks -= 4, m += 64) {
		quad_add_blocks(h, m);
		quad_poly_mul(h, r, s);
	}
	quad_add_blocks(h, m);
	quad_powers(r, s, power[4], power[2], power[3], power[1]);
	quad_poly_mul(h, r, s);
	for (i = 0; i < 5; i++)
		sum[i] = h[i][0] + h[i][1] + h[i][2] + h[i][3];
	poly_store(p->h, sum);
}

#endif

/* Whole blocks of 16 bytes. */
static void
poly_blocks(struct poly *p, const unsigned char *m, size_t blocks)
{
	uint64_t h[5];
#ifdef CRYPTO_WIDE
	size_t wide = wide_is_good(16 * blocks) ? blocks / 4 * 4 : 0;

	if (wide > 0) { /* m may be NULL where there are none */
		poly_blocks_wide(p, m, wide);
		m += 16 * wide;
		blocks -= wide;
	}
#endif
	poly_load(h, p->h);
	for (; blocks > 0; blocks--, m += 16) {
		h[0] += get32le(m) & LIMB;
		h[1] += get32le(m + 3) >> 2 & LIMB;
		h[2] += get32le(m + 6) >> 4 & LIMB;
		h[3] += get32le(m + 9) >> 6 & LIMB;
		h[4] += get32le(m + 12) >> 8 | 1u << 24;
		poly_mul(h, p->r);
	}
	poly_store(p->h, h);
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
poly_make_tag(unsigned char tag[CHACHAPOLY_TAG], const unsigned char *key,
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

	stream_init(&s, key, nonce, len);
	stream_next(&s);
	memcpy(poly_key, s.bytes, sizeof(poly_key));
	stream_xor(&s, sealed, text, len);
	poly_make_tag(sealed + len, poly_key, ad, ad_len, sealed, len);
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
	stream_init(&s, key, nonce, len);
	stream_next(&s);
	poly_make_tag(tag, s.bytes, ad, ad_len, sealed, len);
	if (!equal_constant_time(tag, sealed + len, CHACHAPOLY_TAG))
		return -1;
	stream_xor(&s, text, sealed, len);
	return 0;
}
