#include <string.h>

#include "bytes.h"
#include "sha256.h"

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

static uint32_t
rotr(uint32_t x, int n)
{
	return x >> n | x << (32 - n);
}

/* FIPS 180-4, 6.2.2 step 1. */
static void
schedule(uint32_t w[64], const unsigned char *block)
{
	uint32_t s0, s1;
	int t;

	for (t = 0; t < 16; t++)
		w[t] = get32(block + 4 * t);
	for (; t < 64; t++) {
		s0 = rotr(w[t - 15], 7) ^ rotr(w[t - 15], 18) ^ w[t - 15] >> 3;
		s1 = rotr(w[t - 2], 17) ^ rotr(w[t - 2], 19) ^ w[t - 2] >> 10;
		w[t] = w[t - 16] + s0 + w[t - 7] + s1;
	}
}

/* Steps 2 to 4, in the standard's names. */
static void
compress(uint32_t state[8], const unsigned char *block)
{
	uint32_t w[64], a, b, c, d, e, f, g, h, t1, t2;
	int t;

	schedule(w, block);
	a = state[0], b = state[1], c = state[2], d = state[3];
	e = state[4], f = state[5], g = state[6], h = state[7];
	for (t = 0; t < 64; t++) {
		t1 = h + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) +
		    ((e & f) ^ (~e & g)) + K[t] + w[t];
		t2 = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) +
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
			compress(s->state, s->block);
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
init_keyed(struct sha256 *s, const unsigned char key[SHA256_BLOCK], int mask)
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
	init_keyed(&h->inner, block, 0x36);
	init_keyed(&h->outer, block, 0x5c);
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
