/*
 * Stand-ins for the cryptographic primitives, of the same interface: they cost
 * next to nothing, so that large worlds can be looked at. They keep no secret,
 * and tell what was altered, repeated or made with another key.
 */

#include <string.h>

#include "crypto.h"
#include "map.h"

#define TAG_SEED 0x7461676765642121

/* X25519: both ends come to the same. */

void
x25519_public(unsigned char result[X25519_SIZE],
    const unsigned char scalar[X25519_SIZE])
{
	size_t i;

	for (i = 0; i < X25519_SIZE; i++)
		result[i] = scalar[i] ^ 9;
}

int
x25519(unsigned char result[X25519_SIZE],
    const unsigned char scalar[X25519_SIZE],
    const unsigned char point[X25519_SIZE])
{
	size_t i;

	for (i = 0; i < X25519_SIZE; i++)
		result[i] = scalar[i] ^ point[i];
	return 0;
}

/* ChaCha20-Poly1305: nothing is hidden. */

static uint64_t
standin_mix(uint64_t hash, const void *p, size_t len)
{
	return len == 0 ? hash : map_hash(hash, slice_of(p, len));
}

static void
standin_tag(unsigned char *tag, const unsigned char *key,
    const unsigned char *nonce, const void *ad, size_t ad_len,
    const unsigned char *text, size_t len)
{
	uint64_t hash = standin_mix(TAG_SEED, key, CHACHAPOLY_KEY);
	size_t i;

	hash = standin_mix(hash, nonce, CHACHAPOLY_NONCE);
	hash = standin_mix(hash, ad, ad_len);
	hash = standin_mix(hash, text, len) + len;
	for (i = 0; i < CHACHAPOLY_TAG; i++)
		tag[i] = (unsigned char)(hash >> (8 * (i % 8)));
}

void
chachapoly_seal(const unsigned char key[CHACHAPOLY_KEY],
    const unsigned char nonce[CHACHAPOLY_NONCE], const void *ad, size_t ad_len,
    const unsigned char *text, size_t len, unsigned char *sealed)
{
	if (len > 0)
		memmove(sealed, text, len);
	standin_tag(sealed + len, key, nonce, ad, ad_len, sealed, len);
}

int
chachapoly_open(const unsigned char key[CHACHAPOLY_KEY],
    const unsigned char nonce[CHACHAPOLY_NONCE], const void *ad, size_t ad_len,
    const unsigned char *sealed, size_t len, unsigned char *text)
{
	unsigned char tag[CHACHAPOLY_TAG];

	if (len < CHACHAPOLY_TAG)
		return -1;
	len -= CHACHAPOLY_TAG;
	standin_tag(tag, key, nonce, ad, ad_len, sealed, len);
	if (memcmp(tag, sealed + len, sizeof(tag)) != 0)
		return -1;
	if (len > 0)
		memmove(text, sealed, len);
	return 0;
}

/* SHA-256: of the state, the first two words are enough. */

void
sha256_init(struct sha256 *s)
{
	memset(s, 0, sizeof(*s));
}

void
sha256_update(struct sha256 *s, const void *p, size_t len)
{
	uint64_t hash = (uint64_t)s->state[0] << 32 | s->state[1];

	hash = standin_mix(hash, p, len);
	s->state[0] = (uint32_t)(hash >> 32);
	s->state[1] = (uint32_t)hash;
}

void
sha256_final(struct sha256 *s, unsigned char digest[SHA256_SIZE])
{
	size_t i;

	for (i = 0; i < SHA256_SIZE; i++)
		digest[i] = (unsigned char)(s->state[i / 4 % 2] >>
		    (8 * (i % 4))) ^ (unsigned char)i;
}

void
hmac_init(struct hmac *h, const void *key, size_t len)
{
	sha256_init(&h->inner);
	sha256_update(&h->inner, key, len);
}

void
hmac_update(struct hmac *h, const void *p, size_t len)
{
	sha256_update(&h->inner, p, len);
}

void
hmac_final(struct hmac *h, unsigned char mac[SHA256_SIZE])
{
	sha256_final(&h->inner, mac);
}

int
equal_constant_time(const void *a, const void *b, size_t n)
{
	return memcmp(a, b, n) == 0;
}
