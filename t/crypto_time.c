/*
 * Does the time that the cryptography of links takes depend on a secret? Run
 * under valgrind: secrets are marked as undefined, so that each branch and each
 * index that depends on one is reported. Two verdicts are public by their
 * nature, since they end a connection: a tag is wrong; a shared secret is zero.
 * t/crypto.sh names these places to valgrind.
 */

#include <string.h>

#include <valgrind/memcheck.h>

#include "noise.h"

#define SECRET(x) (void)VALGRIND_MAKE_MEM_UNDEFINED(&(x), sizeof(x))
#define PUBLIC(x) (void)VALGRIND_MAKE_MEM_DEFINED(&(x), sizeof(x))

#define TEXT_MAX 600

static void
pass_records(struct noise_cipher *seals, struct noise_cipher *opens)
{
	unsigned char text[TEXT_MAX], sealed[TEXT_MAX + CHACHAPOLY_TAG];
	size_t len;

	for (len = 0; len <= TEXT_MAX; len += 37) {
		memset(text, 1, sizeof(text));
		SECRET(text);
		noise_seal(seals, text, len, sealed);
		PUBLIC(sealed);
		noise_open(opens, sealed, len + CHACHAPOLY_TAG, text);
	}
}

int
main(void)
{
	unsigned char key[100], psk[NOISE_PSK], one[X25519_SIZE];
	unsigned char two[X25519_SIZE], hello[20], message[20 + NOISE_HEAD];
	struct noise dialler, acceptor;
	struct noise_cipher sends[2], reads[2];

	memset(key, 1, sizeof(key));
	memset(one, 2, sizeof(one));
	memset(two, 3, sizeof(two));
	memset(hello, 4, sizeof(hello));
	SECRET(key);
	SECRET(one);
	SECRET(two);
	SECRET(hello);
	noise_psk(psk, key, sizeof(key));
	noise_init(&dialler, psk, NOISE_PROLOGUE, strlen(NOISE_PROLOGUE));
	noise_init(&acceptor, psk, NOISE_PROLOGUE, strlen(NOISE_PROLOGUE));
	noise_write_first(&dialler, one, hello, sizeof(hello), message);
	PUBLIC(message);
	noise_read_first(&acceptor, message, sizeof(message), hello);
	noise_write_second(&acceptor, two, hello, sizeof(hello), message);
	PUBLIC(message);
	noise_read_second(&dialler, message, sizeof(message), hello);
	noise_split(&dialler, &sends[0], &reads[1]);
	noise_split(&acceptor, &reads[0], &sends[1]);
	pass_records(&sends[0], &reads[0]);
	pass_records(&sends[1], &reads[1]);
	return 0;
}
