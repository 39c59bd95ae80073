#ifndef NOISE_H
#define NOISE_H

/*
 * Noise_NNpsk0_25519_ChaChaPoly_SHA256 (noiseprotocol.org, revision 34): two
 * ends that hold one key, the psk, agree on keys for this connection alone. An
 * end that does not hold it can neither read nor make a message. Learning the
 * psk later does not help to read what passed before.
 *
 *	dialler  -> message 1: ephemeral, sealed payload
 *	acceptor -> message 2: ephemeral, sealed payload
 *
 * Message 1 can be recorded and sent again, so it proves nothing about its
 * sender. Message 2 authenticates the acceptor, and the dialler's first record
 * after that authenticates the dialler.
 *
 * No I/O, no allocation and no random source: the ephemeral secret is handed
 * in, and must be used for one handshake only.
 */

#include <stddef.h>
#include <stdint.h>

#include "crypto.h"

#define NOISE_PSK	32
#define NOISE_HEAD	(X25519_SIZE + CHACHAPOLY_TAG) /* of a message, beside
							  its payload */

struct noise {
	unsigned char chain[SHA256_SIZE]; /* the chaining key */
	unsigned char hash[SHA256_SIZE];  /* of all that was said */
	unsigned char key[CHACHAPOLY_KEY];
	unsigned char secret[X25519_SIZE]; /* our ephemeral one */
	unsigned char remote[X25519_SIZE]; /* the peer's public one */
};

/* One direction of a connection. */
struct noise_cipher {
	unsigned char key[CHACHAPOLY_KEY];
	uint64_t count; /* records sealed or opened: the nonce of the next */
};

/* The psk that a key file's bytes stand for: HMAC-SHA-256 of NOISE_PROLOGUE,
 * keyed with them. */
#define NOISE_PROLOGUE "lambda link 2"
void noise_psk(unsigned char psk[NOISE_PSK], const void *key, size_t len);

/* Begin a handshake, at either end. */
void noise_init(struct noise *, const unsigned char psk[NOISE_PSK],
    const void *prologue, size_t len);

/*
 * A message: ours is written to out, NOISE_HEAD bytes longer than its payload;
 * the peer's is taken from len bytes at message, and payload gets len -
 * NOISE_HEAD. Reading returns -1, and the handshake has failed, where the
 * message is too short, altered, or made with another psk, or where the two
 * ephemerals have no secret in common.
 *
 * The dialler calls write_first and read_second, the acceptor read_first and
 * write_second. secret is X25519_SIZE fresh random bytes. Reading message 1
 * costs no curve arithmetic, so an acceptor may try several psks.
 */
void noise_write_first(struct noise *, const unsigned char *secret,
    const void *payload, size_t len, unsigned char *out);
int noise_read_first(struct noise *, const unsigned char *message, size_t len,
    unsigned char *payload);
int noise_write_second(struct noise *, const unsigned char *secret,
    const void *payload, size_t len, unsigned char *out);
int noise_read_second(struct noise *, const unsigned char *message, size_t len,
    unsigned char *payload);

/* After message 2: the ciphers of what the dialler sends and of what the
 * acceptor sends. The handshake's secrets are wiped. */
void noise_split(struct noise *, struct noise_cipher *dialler,
    struct noise_cipher *acceptor);

/*
 * Seal the next record, or open it (crypto.h has the sizes). -1 where the
 * tag is wrong, and where the cipher has been used 2^64 - 1 times: the
 * connection must close then.
 */
int noise_seal(struct noise_cipher *, const unsigned char *text, size_t len,
    unsigned char *sealed);
int noise_open(struct noise_cipher *, const unsigned char *sealed, size_t len,
    unsigned char *text);

/* Overwrite a secret, in a way that no compiler leaves out. */
void noise_wipe(void *, size_t);

#endif
