#ifndef CHACHAPOLY_H
#define CHACHAPOLY_H

/*
 * ChaCha20-Poly1305 (RFC 8439): encryption with a tag that authenticates the
 * bytes and some associated data. No branch and no index depends on a secret.
 * A key must never seal twice with one nonce.
 */

#include <stddef.h>

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

#endif
