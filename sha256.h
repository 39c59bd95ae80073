#ifndef SHA256_H
#define SHA256_H

/*
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

#endif
