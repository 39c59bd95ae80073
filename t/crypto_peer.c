/*
 * Compares the cryptography of links with libsodium's, on random inputs:
 *
 *	t/crypto_peer COUNT SEED	COUNT inputs of each kind
 *	t/crypto_peer -i COUNT		iterate X25519 as RFC 7748 does
 *
 * Exit status 0 where all is equal; else the seed and the input are printed.
 * Texts have all lengths, and random bytes, or zeros, or ones.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "crypto.h"
#include "rng.h"

#define TEXT_MAX 1100
#define AD_MAX	 80

static struct rng rng;

static void
draw(unsigned char *bytes, size_t len)
{
	uint64_t kind = rng_below(&rng, 16);
	size_t i;

	for (i = 0; i < len; i++)
		bytes[i] = kind == 0 ? 0 : kind == 1 ? 0xff :
				       (unsigned char)rng_next(&rng);
}

static int
differ(const char *what, const unsigned char *input, size_t len)
{
	size_t i;

	printf("%s differs for ", what);
	for (i = 0; i < len; i++)
		printf("%02x", input[i]);
	putchar('\n');
	return 1;
}

static int
compare_x25519(void)
{
	unsigned char input[2 * X25519_SIZE], ours[X25519_SIZE];
	unsigned char theirs[X25519_SIZE];
	int small;

	draw(input, X25519_SIZE);
	draw(input + X25519_SIZE, X25519_SIZE);
	small = x25519(ours, input, input + X25519_SIZE);
	/* On a point of small order libsodium gives up before the end. */
	if (crypto_scalarmult_curve25519(theirs, input,
		input + X25519_SIZE) != 0)
		return small == 0 ? differ("a small order", input,
					sizeof(input)) : 0;
	if (small != 0 || memcmp(ours, theirs, sizeof(ours)) != 0)
		return differ("x25519", input, sizeof(input));
	x25519_public(ours, input);
	crypto_scalarmult_curve25519_base(theirs, input);
	if (memcmp(ours, theirs, sizeof(ours)) != 0)
		return differ("a public key", input, X25519_SIZE);
	return 0;
}

static int
compare_aead(void)
{
	unsigned char key[CHACHAPOLY_KEY], nonce[CHACHAPOLY_NONCE], ad[AD_MAX];
	unsigned char text[TEXT_MAX], ours[TEXT_MAX + CHACHAPOLY_TAG];
	unsigned char theirs[TEXT_MAX + CHACHAPOLY_TAG], opened[TEXT_MAX];
	size_t len = (size_t)rng_below(&rng, TEXT_MAX + 1);
	size_t ad_len = (size_t)rng_below(&rng, AD_MAX + 1);

	draw(key, sizeof(key));
	draw(nonce, sizeof(nonce));
	draw(ad, ad_len);
	draw(text, len);
	chachapoly_seal(key, nonce, ad, ad_len, text, len, ours);
	crypto_aead_chacha20poly1305_ietf_encrypt(theirs, NULL, text, len, ad,
	    ad_len, NULL, nonce, key);
	if (memcmp(ours, theirs, len + CHACHAPOLY_TAG) != 0)
		return differ("a sealed text", text, len);
	if (chachapoly_open(key, nonce, ad, ad_len, theirs,
		len + CHACHAPOLY_TAG, opened) != 0 ||
	    memcmp(opened, text, len) != 0)
		return differ("an opened text", text, len);
	theirs[rng_below(&rng, len + CHACHAPOLY_TAG)] ^=
	    (unsigned char)(1u << rng_below(&rng, 8));
	if (chachapoly_open(key, nonce, ad, ad_len, theirs,
		len + CHACHAPOLY_TAG, opened) == 0)
		return differ("an altered text", text, len);
	return 0;
}

static int
compare(unsigned long count, uint64_t seed)
{
	unsigned long i;

	if (sodium_init() == -1)
		return 111;
	rng_seed(&rng, seed);
	for (i = 0; i < count; i++)
		if (compare_x25519() || compare_aead()) {
			printf("seed %llu, input %lu\n",
			    (unsigned long long)seed, i);
			return 1;
		}
	return 0;
}

static int
iterate(unsigned long count)
{
	unsigned char k[X25519_SIZE] = { 9 }, u[X25519_SIZE] = { 9 };
	unsigned char result[X25519_SIZE];
	unsigned long i;

	for (i = 0; i < count; i++) {
		x25519(result, k, u);
		memcpy(u, k, sizeof(u));
		memcpy(k, result, sizeof(k));
	}
	for (i = 0; i < X25519_SIZE; i++)
		printf("%02x", k[i]);
	putchar('\n');
	return 0;
}

int
main(int argc, char *argv[])
{
	if (argc == 3 && strcmp(argv[1], "-i") == 0)
		return iterate(strtoul(argv[2], NULL, 10));
	if (argc == 3)
		return compare(strtoul(argv[1], NULL, 10),
		    strtoull(argv[2], NULL, 10));
	fprintf(stderr, "usage: crypto_peer COUNT SEED | -i COUNT\n");
	return 100;
}
