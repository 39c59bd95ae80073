#include <string.h>

#include "noise.h"

#define PROTOCOL "Noise_NNpsk0_25519_ChaChaPoly_SHA256"

void
noise_wipe(void *secret, size_t len)
{
	volatile unsigned char *p = secret;

	while (len-- > 0)
		*p++ = 0;
}

void
noise_psk(unsigned char psk[NOISE_PSK], const void *key, size_t len)
{
	struct hmac mac;

	hmac_init(&mac, key, len);
	hmac_update(&mac, NOISE_PROLOGUE, strlen(NOISE_PROLOGUE));
	hmac_final(&mac, psk);
}

/* The symmetric state, section 5.2 of the specification. */

static void
noise_mix_hash(struct noise *n, const void *data, size_t len)
{
	struct sha256 hash;

	sha256_init(&hash);
	sha256_update(&hash, n->hash, sizeof(n->hash));
	sha256_update(&hash, data, len);
	sha256_final(&hash, n->hash);
}

/* HKDF (section 4.3): as many outputs as there are places, each the MAC of the
 * one before and its number. */
static void
noise_hkdf(const unsigned char chain[SHA256_SIZE], const void *input,
    size_t len, unsigned char *const *outputs, unsigned char count)
{
	unsigned char key[SHA256_SIZE];
	const unsigned char *before = NULL;
	struct hmac mac;
	unsigned char i;

	hmac_init(&mac, chain, SHA256_SIZE);
	hmac_update(&mac, input, len);
	hmac_final(&mac, key);
	for (i = 1; i <= count; i++) {
		hmac_init(&mac, key, sizeof(key));
		if (before != NULL)
			hmac_update(&mac, before, SHA256_SIZE);
		hmac_update(&mac, &i, 1);
		hmac_final(&mac, outputs[i - 1]);
		before = outputs[i - 1];
	}
	noise_wipe(key, sizeof(key));
	noise_wipe(&mac, sizeof(mac));
}

static void
noise_mix_key(struct noise *n, const void *input, size_t len)
{
	unsigned char chain[SHA256_SIZE];
	unsigned char *outputs[2];

	outputs[0] = chain;
	outputs[1] = n->key;
	noise_hkdf(n->chain, input, len, outputs, 2);
	memcpy(n->chain, chain, sizeof(chain));
	noise_wipe(chain, sizeof(chain));
}

static void
noise_mix_psk(struct noise *n, const unsigned char psk[NOISE_PSK])
{
	unsigned char chain[SHA256_SIZE], hash[SHA256_SIZE];
	unsigned char *outputs[3];

	outputs[0] = chain;
	outputs[1] = hash;
	outputs[2] = n->key;
	noise_hkdf(n->chain, psk, NOISE_PSK, outputs, 3);
	memcpy(n->chain, chain, sizeof(chain));
	noise_mix_hash(n, hash, sizeof(hash));
	noise_wipe(chain, sizeof(chain));
	noise_wipe(hash, sizeof(hash));
}

static void
noise_mix_public(struct noise *n, const unsigned char *public)
{
	noise_mix_hash(n, public, X25519_SIZE);
	noise_mix_key(n, public, X25519_SIZE);
}

/* Each key of the handshake seals once, with the nonce 0. */
static const unsigned char noise_zero[CHACHAPOLY_NONCE];

static void
noise_seal_hashed(struct noise *n, const void *text, size_t len,
    unsigned char *sealed)
{
	chachapoly_seal(n->key, noise_zero, n->hash, sizeof(n->hash), text, len,
	    sealed);
	noise_mix_hash(n, sealed, len + CHACHAPOLY_TAG);
}

static int
noise_open_hashed(struct noise *n, const unsigned char *sealed, size_t len,
    unsigned char *text)
{
	if (chachapoly_open(n->key, noise_zero, n->hash, sizeof(n->hash),
		sealed, len, text) == -1)
		return -1;
	noise_mix_hash(n, sealed, len);
	return 0;
}

/* The handshake. */

void
noise_init(struct noise *n, const unsigned char psk[NOISE_PSK],
    const void *prologue, size_t len)
{
	struct sha256 hash;

	memset(n, 0, sizeof(*n));
	sha256_init(&hash);
	sha256_update(&hash, PROTOCOL, strlen(PROTOCOL));
	sha256_final(&hash, n->hash);
	memcpy(n->chain, n->hash, sizeof(n->chain));
	noise_mix_hash(n, prologue, len);
	noise_mix_psk(n, psk);
}

/* The secret that both ephemerals give. */
static int
noise_mix_shared(struct noise *n)
{
	unsigned char shared[X25519_SIZE];
	int small = x25519(shared, n->secret, n->remote);

	noise_mix_key(n, shared, sizeof(shared));
	noise_wipe(shared, sizeof(shared));
	return small;
}

void
noise_write_first(struct noise *n, const unsigned char *secret,
    const void *payload, size_t len, unsigned char *out)
{
	memcpy(n->secret, secret, sizeof(n->secret));
	x25519_public(out, secret);
	noise_mix_public(n, out);
	noise_seal_hashed(n, payload, len, out + X25519_SIZE);
}

int
noise_read_first(struct noise *n, const unsigned char *message, size_t len,
    unsigned char *payload)
{
	if (len < NOISE_HEAD)
		return -1;
	memcpy(n->remote, message, sizeof(n->remote));
	noise_mix_public(n, message);
	return noise_open_hashed(n, message + X25519_SIZE, len - X25519_SIZE,
	    payload);
}

int
noise_write_second(struct noise *n, const unsigned char *secret,
    const void *payload, size_t len, unsigned char *out)
{
	memcpy(n->secret, secret, sizeof(n->secret));
	x25519_public(out, secret);
	noise_mix_public(n, out);
	if (noise_mix_shared(n) == -1)
		return -1;
	noise_seal_hashed(n, payload, len, out + X25519_SIZE);
	return 0;
}

int
noise_read_second(struct noise *n, const unsigned char *message, size_t len,
    unsigned char *payload)
{
	if (len < NOISE_HEAD)
		return -1;
	memcpy(n->remote, message, sizeof(n->remote));
	noise_mix_public(n, message);
	if (noise_mix_shared(n) == -1)
		return -1;
	return noise_open_hashed(n, message + X25519_SIZE, len - X25519_SIZE,
	    payload);
}

void
noise_split(struct noise *n, struct noise_cipher *dialler,
    struct noise_cipher *acceptor)
{
	unsigned char *outputs[2];

	outputs[0] = dialler->key;
	outputs[1] = acceptor->key;
	noise_hkdf(n->chain, NULL, 0, outputs, 2);
	dialler->count = acceptor->count = 0;
	noise_wipe(n, sizeof(*n));
}

/* Records. */

/* 32 bits of zeros, then the count, little-endian (section 12.3). */
static void
noise_nonce(unsigned char nonce[CHACHAPOLY_NONCE], uint64_t count)
{
	int i;

	memset(nonce, 0, CHACHAPOLY_NONCE);
	for (i = 0; i < 8; i++)
		nonce[4 + i] = (unsigned char)(count >> (8 * i));
}

int
noise_seal(struct noise_cipher *c, const unsigned char *text, size_t len,
    unsigned char *sealed)
{
	unsigned char nonce[CHACHAPOLY_NONCE];

	if (c->count == UINT64_MAX)
		return -1;
	noise_nonce(nonce, c->count++);
	chachapoly_seal(c->key, nonce, NULL, 0, text, len, sealed);
	return 0;
}

int
noise_open(struct noise_cipher *c, const unsigned char *sealed, size_t len,
    unsigned char *text)
{
	unsigned char nonce[CHACHAPOLY_NONCE];

	if (c->count == UINT64_MAX)
		return -1;
	noise_nonce(nonce, c->count);
	if (chachapoly_open(c->key, nonce, NULL, 0, sealed, len, text) == -1)
		return -1;
	c->count++;
	return 0;
}
