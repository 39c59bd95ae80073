#ifndef CRYPTO_H
#define CRYPTO_H

/*
 * Hashes and ciphers. None of them allocates, and none fails except where it
 * says so.
 *
 * SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104, tested against RFC 4231).
 */

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE  32 /* bytes of a digest */
#define SHA256_BLOCK 64 /* bytes of a block */

struct sha256 {
	uint32_t state[8];
	uint64_t length; /* bytes hashed so far */
	unsigned char block[SHA256_BLOCK];
};

void sha256_init(struct sha256 *);
void sha256_update(struct sha256 *, const void *, size_t);
void sha256_final(struct sha256 *, unsigned char digest[SHA256_SIZE]);

struct hmac {
	struct sha256 inner, outer;
};

void hmac_init(struct hmac *, const void *key, size_t len);
void hmac_update(struct hmac *, const void *, size_t);
void hmac_final(struct hmac *, unsigned char mac[SHA256_SIZE]);

/* 1 when the n bytes are equal, in a time that depends on n alone. */
int equal_constant_time(const void *, const void *, size_t n);

/*
 * ChaCha20-Poly1305 (RFC 8439): encryption with a tag that authenticates the
 * bytes and some associated data. No branch and no index depends on a secret.
 * A key must never seal twice with one nonce.
 */

#define CHACHAPOLY_KEY	 32
#define CHACHAPOLY_NONCE 12
#define CHACHAPOLY_TAG	 16 /* bytes that sealing adds */

/*
 * Encrypt len bytes from text to sealed, which may be the same place and may
 * not overlap otherwise, and write the tag after them: sealed has room for
 * len + CHACHAPOLY_TAG bytes. At most 2^38 - 64 bytes.
 */
void chachapoly_seal(const unsigned char key[CHACHAPOLY_KEY],
    const unsigned char nonce[CHACHAPOLY_NONCE], const void *ad, size_t ad_len,
    const unsigned char *text, size_t len, unsigned char *sealed);

/*
 * The reverse: sealed has len bytes, the tag included, and text gets
 * len - CHACHAPOLY_TAG. 0, or -1 where the tag is wrong or len too short, and
 * nothing is written.
 */
int chachapoly_open(const unsigned char key[CHACHAPOLY_KEY],
    const unsigned char nonce[CHACHAPOLY_NONCE], const void *ad, size_t ad_len,
    const unsigned char *sealed, size_t len, unsigned char *text);

/*
 * X25519 (RFC 7748): multiplication on curve25519. No branch and no index
 * depends on a scalar or a point, so the time taken says nothing about them.
 */

#define X25519_SIZE 32 /* bytes of a scalar, of a point, of a result */

/*
 * result = scalar * point. Both may be any bytes: the scalar is clamped, the
 * top bit of the point is ignored, and coordinates of 2^255 - 19 and above are
 * reduced. 0, or -1 where the result is all zeros: the point has a small order,
 * and the result depends on no secret.
 */
int x25519(unsigned char result[X25519_SIZE],
    const unsigned char scalar[X25519_SIZE],
    const unsigned char point[X25519_SIZE]);

/* The public key of a secret one: scalar * 9. */
void x25519_public(unsigned char result[X25519_SIZE],
    const unsigned char scalar[X25519_SIZE]);

#endif
