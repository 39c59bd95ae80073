/*
 * The cryptography of links against published vectors: RFC 7748, Project
 * Wycheproof (t/vectors), and the Noise vector of the very pattern that links
 * use. t/crypto.sh compares it with another library.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "noise.h"
#include "t/check.h"

#define FIELD_MAX 2048 /* bytes of a vector's field */
#define LINE_SIZE 16384

static unsigned
digit(char c)
{
	const char *digits = "0123456789abcdef", *at = strchr(digits, c);

	assert_true(c != '\0' && at != NULL);
	return (unsigned)(at - digits);
}

/* The bytes of hexadecimal text; "-" is none. */
static size_t
unhex(const char *text, unsigned char bytes[FIELD_MAX])
{
	size_t n;

	if (strcmp(text, "-") == 0)
		return 0;
	assert_true(strlen(text) % 2 == 0 && strlen(text) <= 2 * FIELD_MAX);
	for (n = 0; text[2 * n] != '\0'; n++)
		bytes[n] = (unsigned char)(digit(text[2 * n]) << 4 |
		    digit(text[2 * n + 1]));
	return n;
}

static void
assert_hex(const unsigned char *bytes, size_t len, const char *text)
{
	unsigned char want[FIELD_MAX];

	assert_int_equal(len, unhex(text, want));
	assert_memory_equal(bytes, want, len);
}

/* Call each with the words of a line of the file; returns how many there
 * were. */
#define WORDS 9
static size_t
each_vector(const char *path, void (*each)(char *words[WORDS]))
{
	static char line[LINE_SIZE];
	char *words[WORDS];
	FILE *f = fopen(path, "r");
	size_t n = 0, i;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (line[0] == '#')
			continue;
		assert_non_null(strchr(line, '\n'));
		words[0] = strtok(line, " \n");
		for (i = 1; i < WORDS; i++)
			words[i] = words[i - 1] == NULL ? NULL :
							  strtok(NULL, " \n");
		each(words);
		n++;
	}
	assert_int_equal(ferror(f), 0);
	fclose(f);
	return n;
}

/* X25519 */

/* id, result, private, public, shared. A shared secret of zeros is refused. */
static void
x25519_vector(char *words[WORDS])
{
	static const unsigned char zeros[X25519_SIZE];
	unsigned char private[FIELD_MAX], public[FIELD_MAX], shared[FIELD_MAX];
	unsigned char result[X25519_SIZE];

	assert_int_equal(unhex(words[2], private), X25519_SIZE);
	assert_int_equal(unhex(words[3], public), X25519_SIZE);
	assert_int_equal(unhex(words[4], shared), X25519_SIZE);
	assert_int_equal(x25519(result, private, public),
	    memcmp(shared, zeros, sizeof(zeros)) == 0 ? -1 : 0);
	assert_memory_equal(result, shared, X25519_SIZE);
	/* The result may take the place of an argument. */
	x25519(public, private, public);
	assert_memory_equal(public, shared, X25519_SIZE);
}

UNIT(test_x25519_wycheproof)
{
	assert_int_equal(each_vector("t/vectors/x25519.txt", x25519_vector),
	    518);
}

/* RFC 7748, section 5.2. */
UNIT(test_x25519_rfc)
{
	unsigned char k[FIELD_MAX], u[FIELD_MAX], result[X25519_SIZE];

	unhex("a546e36bf0527c9d3b16154b82465edd"
	      "62144c0ac1fc5a18506a2244ba449ac4", k);
	unhex("e6db6867583030db3594c1a424b15f7c"
	      "726624ec26b3353b10a903a6d0ab1c4c", u);
	assert_int_equal(x25519(result, k, u), 0);
	assert_hex(result, sizeof(result),
	    "c3da55379de9c6908e94ea4df28d084f"
	    "32eccf03491c71f754b4075577a28552");
	unhex("4b66e9d4d1b4673c5ad22691957d6af5"
	      "c11b6421e0ea01d42ca4169e7918ba0d", k);
	unhex("e5210f12786811d3f4b7959d0538ae2c"
	      "31dbe7106fc03c3efc4cd549c715a493", u);
	assert_int_equal(x25519(result, k, u), 0);
	assert_hex(result, sizeof(result),
	    "95cbde9476e8907d7aade45cb4b873f8"
	    "8b595a68799fa152e6f8f7647aac7957");
}

/* The same section: k and u change places, from 9 on. */
UNIT(test_x25519_iterated)
{
	unsigned char k[X25519_SIZE] = { 9 }, u[X25519_SIZE] = { 9 };
	unsigned char result[X25519_SIZE];
	int i;

	for (i = 1; i <= 1000; i++) {
		assert_int_equal(x25519(result, k, u), 0);
		memcpy(u, k, sizeof(u));
		memcpy(k, result, sizeof(k));
		if (i == 1)
			assert_hex(k, sizeof(k),
			    "422c8e7a6227d7bca1350b3e2bb7279f"
			    "7897b87bb6854b783c60e80311ae3079");
	}
	assert_hex(k, sizeof(k),
	    "684cf59ba83309552800ef566f2f4d3c"
	    "1c3887c49360e3875f2eb94d99532c51");
}

/* RFC 7748, section 6.1. */
UNIT(test_x25519_agree)
{
	unsigned char a[FIELD_MAX], b[FIELD_MAX];
	unsigned char public[X25519_SIZE], shared[X25519_SIZE];

	unhex("77076d0a7318a57d3c16c17251b26645"
	      "df4c2f87ebc0992ab177fba51db92c2a", a);
	unhex("5dab087e624a8a4b79e17f8b83800ee6"
	      "6f3bb1292618b6fd1c2f8b27ff88e0eb", b);
	x25519_public(public, a);
	assert_hex(public, sizeof(public),
	    "8520f0098930a754748b7ddcb43ef75a"
	    "0dbf3a0d26381af4eba4a98eaa9b4e6a");
	assert_int_equal(x25519(shared, b, public), 0);
	assert_hex(shared, sizeof(shared),
	    "4a5d9d5ba4ce2de1728e3bf480350f25"
	    "e07e21c947d19e3376f09b3c1e161742");
	x25519_public(public, b);
	assert_hex(public, sizeof(public),
	    "de9edb7d7b7dc1b4d35b61c2ece43537"
	    "3f8343c85b78674dadfc7e146f882b4f");
	assert_int_equal(x25519(shared, a, public), 0);
	assert_hex(shared, sizeof(shared),
	    "4a5d9d5ba4ce2de1728e3bf480350f25"
	    "e07e21c947d19e3376f09b3c1e161742");
}

/* Coordinates of 2^255 - 19 and above stand for those less than 19: u and
 * u + p give the same, with the top bit set or not. */
UNIT(test_x25519_not_canonical)
{
	unsigned char scalar[X25519_SIZE], low[X25519_SIZE], high[X25519_SIZE];
	unsigned char expected[X25519_SIZE], result[X25519_SIZE];
	unsigned u;
	int ended;

	memset(scalar, 0x5a, sizeof(scalar));
	for (u = 0; u < 19; u++) {
		memset(low, 0, sizeof(low));
		low[0] = (unsigned char)u;
		memset(high, 0xff, sizeof(high));
		high[0] = (unsigned char)(0xed + u);
		ended = x25519(expected, scalar, low);
		assert_int_equal(ended, u < 2 ? -1 : 0);
		assert_int_equal(x25519(result, scalar, high), ended);
		assert_memory_equal(result, expected, sizeof(result));
		high[31] = 0x7f;
		assert_int_equal(x25519(result, scalar, high), ended);
		assert_memory_equal(result, expected, sizeof(result));
	}
}

/* ChaCha20-Poly1305 */

static size_t aead_others; /* vectors with a nonce that is not ours */

/* id, result, key, nonce, associated data, text, sealed, tag. */
static void
aead_vector(char *words[WORDS])
{
	static unsigned char key[FIELD_MAX], nonce[FIELD_MAX], ad[FIELD_MAX],
	    text[FIELD_MAX], sealed[2 * FIELD_MAX], result[2 * FIELD_MAX];
	size_t ad_len, text_len, len;
	int valid = strcmp(words[1], "valid") == 0;

	if (unhex(words[3], nonce) != CHACHAPOLY_NONCE) {
		assert_false(valid);
		aead_others++;
		return;
	}
	assert_int_equal(unhex(words[2], key), CHACHAPOLY_KEY);
	ad_len = unhex(words[4], ad);
	text_len = unhex(words[5], text);
	len = unhex(words[6], sealed);
	assert_int_equal(unhex(words[7], sealed + len), CHACHAPOLY_TAG);
	len += CHACHAPOLY_TAG;
	memset(result, 0xa5, sizeof(result));
	assert_int_equal(chachapoly_open(key, nonce, ad, ad_len, sealed, len,
	    result), valid ? 0 : -1);
	if (!valid) {
		for (len = 0; len < sizeof(result); len++)
			assert_int_equal(result[len], 0xa5);
		return;
	}
	assert_int_equal(len, text_len + CHACHAPOLY_TAG);
	assert_memory_equal(result, text, text_len);
	/* In place. */
	chachapoly_seal(key, nonce, ad, ad_len, result, text_len, result);
	assert_memory_equal(result, sealed, len);
	assert_int_equal(chachapoly_open(key, nonce, ad, ad_len, result, len,
	    result), 0);
	assert_memory_equal(result, text, text_len);
}

UNIT(test_aead_wycheproof)
{
	assert_int_equal(each_vector("t/vectors/chacha20_poly1305.txt",
	    aead_vector), 325);
	assert_int_equal(aead_others, 9);
}

/* Any bit that differs, anywhere, is noticed. */
UNIT(test_aead_flipped)
{
	unsigned char key[CHACHAPOLY_KEY] = { 1 };
	unsigned char nonce[CHACHAPOLY_NONCE] = { 2 }, ad[20] = { 3 };
	unsigned char sealed[100 + CHACHAPOLY_TAG], text[100] = { 4 };
	size_t i;

	chachapoly_seal(key, nonce, ad, sizeof(ad), text, sizeof(text), sealed);
	for (i = 0; i < 8 * sizeof(sealed); i++) {
		sealed[i / 8] ^= (unsigned char)(1 << i % 8);
		assert_int_equal(chachapoly_open(key, nonce, ad, sizeof(ad),
		    sealed, sizeof(sealed), text), -1);
		sealed[i / 8] ^= (unsigned char)(1 << i % 8);
	}
	for (i = 0; i < 8 * sizeof(ad); i++) {
		ad[i / 8] ^= (unsigned char)(1 << i % 8);
		assert_int_equal(chachapoly_open(key, nonce, ad, sizeof(ad),
		    sealed, sizeof(sealed), text), -1);
		ad[i / 8] ^= (unsigned char)(1 << i % 8);
	}
	for (i = 0; i < sizeof(sealed); i++)
		assert_int_equal(chachapoly_open(key, nonce, ad, sizeof(ad),
		    sealed, i, text), -1);
	assert_int_equal(chachapoly_open(key, nonce, ad, sizeof(ad), sealed,
	    sizeof(sealed), text), 0);
}

/* Noise */

struct ends {
	struct noise dialler, acceptor;
	struct noise_cipher sends[2]; /* the dialler's, the acceptor's */
	struct noise_cipher reads[2]; /* the same, as the other end has them */
};

#define PSK \
	"54686973206973206d7920417573747269616e20706572737065637469766521"
#define DIALLER \
	"893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a"
#define ACCEPTOR \
	"bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b"

static void
ends_init(struct ends *e)
{
	unsigned char psk[FIELD_MAX];

	unhex(PSK, psk);
	noise_init(&e->dialler, psk, "John Galt", 9);
	noise_init(&e->acceptor, psk, "John Galt", 9);
}

/* Messages 1 and 2, with these payloads; checked where a text is given. */
static void
ends_shake(struct ends *e, const char *first, const char *want_first,
    const char *second, const char *want_second)
{
	unsigned char secret[FIELD_MAX], message[256], payload[256];
	size_t len = strlen(first);

	unhex(DIALLER, secret);
	noise_write_first(&e->dialler, secret, first, len, message);
	if (want_first != NULL)
		assert_hex(message, len + NOISE_HEAD, want_first);
	assert_int_equal(noise_read_first(&e->acceptor, message,
	    len + NOISE_HEAD, payload), 0);
	assert_memory_equal(payload, first, len);
	len = strlen(second);
	unhex(ACCEPTOR, secret);
	assert_int_equal(noise_write_second(&e->acceptor, secret, second, len,
	    message), 0);
	if (want_second != NULL)
		assert_hex(message, len + NOISE_HEAD, want_second);
	assert_int_equal(noise_read_second(&e->dialler, message,
	    len + NOISE_HEAD, payload), 0);
	assert_memory_equal(payload, second, len);
	assert_memory_equal(e->dialler.hash, e->acceptor.hash,
	    sizeof(e->dialler.hash));
}

static void
ends_split(struct ends *e)
{
	static const struct noise nothing;

	noise_split(&e->dialler, &e->sends[0], &e->reads[1]);
	noise_split(&e->acceptor, &e->reads[0], &e->sends[1]);
	assert_memory_equal(&e->dialler, &nothing, sizeof(nothing));
	assert_memory_equal(&e->acceptor, &nothing, sizeof(nothing));
}

static void
ends_pass(struct ends *e, int from, const char *text, const char *want)
{
	unsigned char sealed[256], opened[256];
	size_t len = strlen(text);

	assert_int_equal(noise_seal(&e->sends[from],
	    (const unsigned char *)text, len, sealed), 0);
	if (want != NULL)
		assert_hex(sealed, len + CHACHAPOLY_TAG, want);
	assert_int_equal(noise_open(&e->reads[from], sealed,
	    len + CHACHAPOLY_TAG, opened), 0);
	assert_memory_equal(opened, text, len);
}

UNIT(test_noise_vector)
{
	struct ends e;

	ends_init(&e);
	ends_shake(&e, "Ludwig von Mises",
	    "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79447"
	    "9b962b8aff8485742ac32f905ba45369e2465fb59e138a93d67a0d1266b6a54",
	    "Murray Rothbard",
	    "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843d"
	    "6062704d5a9c422a8e834423f8c1feada7e8d0d910a1a2cd030fb584221e3");
	assert_hex(e.dialler.hash, sizeof(e.dialler.hash),
	    "f4d03dc34495c95729ea6de9e1b59004"
	    "b59733102488b3e24bc441e0be208eaf");
	ends_split(&e);
	ends_pass(&e, 0, "F. A. Hayek",
	    "e632c3763d7669067383433197a3baddf146e9e70ad4b4e9e59e0f");
	ends_pass(&e, 1, "Carl Menger",
	    "64c6bee32ea91c8474bb4c21d7a700109ad45af77b29764ba5eb1e");
	ends_pass(&e, 0, "Jean-Baptiste Say",
	    "e2fa0bed0603b62d3ccac2ecabbf3fe33f3e86514909b323361626266cb2471c"
	    "c8");
	ends_pass(&e, 1, "Eugen B\xf6" "hm von Bawerk",
	    "0c01dc9cec1fe4ddd692e8dd32188aa351088dc91183639a53b57aa4692b5ebd"
	    "ef8b8ca111");
}

/* What is altered anywhere, cut, or made with another key, is refused. */
UNIT(test_noise_refused)
{
	unsigned char psk[FIELD_MAX], secret[FIELD_MAX], message[256];
	unsigned char altered[256], payload[256];
	struct ends begun, e;
	size_t len = 5 + NOISE_HEAD, i;

	ends_init(&begun);
	unhex(DIALLER, secret);
	noise_write_first(&begun.dialler, secret, "first", 5, message);
	for (i = 0; i < len; i++) {
		memcpy(altered, message, len);
		altered[i] ^= 1;
		e = begun;
		assert_int_equal(noise_read_first(&e.acceptor, altered, len,
		    payload), -1);
		e = begun;
		assert_int_equal(noise_read_first(&e.acceptor, message, i,
		    payload), -1);
	}
	unhex(PSK, psk);
	psk[31] ^= 0x80;
	noise_init(&e.acceptor, psk, "John Galt", 9);
	assert_int_equal(noise_read_first(&e.acceptor, message, len, payload),
	    -1);
	psk[31] ^= 0x80;
	noise_init(&e.acceptor, psk, "John Gald", 9);
	assert_int_equal(noise_read_first(&e.acceptor, message, len, payload),
	    -1);
	assert_int_equal(noise_read_first(&begun.acceptor, message, len,
	    payload), 0);
	unhex(ACCEPTOR, secret);
	noise_write_second(&begun.acceptor, secret, "other", 5, message);
	for (i = 0; i < len; i++) {
		memcpy(altered, message, len);
		altered[i] ^= 1;
		e = begun;
		assert_int_equal(noise_read_second(&e.dialler, altered, len,
		    payload), -1);
		e = begun;
		assert_int_equal(noise_read_second(&e.dialler, message, i,
		    payload), -1);
	}
}

/* An ephemeral of small order has no secret in common with any other. */
UNIT(test_noise_small_order)
{
	unsigned char secret[FIELD_MAX], message[256];
	struct ends e;

	ends_init(&e);
	memset(e.acceptor.remote, 0, sizeof(e.acceptor.remote));
	unhex(ACCEPTOR, secret);
	assert_int_equal(noise_write_second(&e.acceptor, secret, "", 0,
	    message), -1);
}

/* Records are refused that are repeated, left out, changed about, or sent back
 * to where they came from; the one that is expected still opens then. */
UNIT(test_noise_order)
{
	unsigned char sealed[3][1 + CHACHAPOLY_TAG], text[1] = { 'x' };
	struct ends e;
	int i;

	ends_init(&e);
	ends_shake(&e, "", NULL, "", NULL);
	ends_split(&e);
	for (i = 0; i < 3; i++)
		assert_int_equal(noise_seal(&e.sends[0], text, 1, sealed[i]),
		    0);
	assert_int_equal(noise_open(&e.reads[0], sealed[1], sizeof(sealed[1]),
	    text), -1);
	assert_int_equal(noise_open(&e.reads[1], sealed[0], sizeof(sealed[0]),
	    text), -1);
	assert_int_equal(noise_open(&e.reads[0], sealed[0], sizeof(sealed[0]),
	    text), 0);
	assert_int_equal(noise_open(&e.reads[0], sealed[0], sizeof(sealed[0]),
	    text), -1);
	assert_int_equal(noise_open(&e.reads[0], sealed[2], sizeof(sealed[2]),
	    text), -1);
	assert_int_equal(noise_open(&e.reads[0], sealed[1], sizeof(sealed[1]),
	    text), 0);
}

/* The last count is never used. */
UNIT(test_noise_count)
{
	unsigned char sealed[CHACHAPOLY_TAG], text[1];
	struct ends e;

	ends_init(&e);
	ends_shake(&e, "", NULL, "", NULL);
	ends_split(&e);
	e.sends[0].count = e.reads[0].count = UINT64_MAX - 1;
	ends_pass(&e, 0, "the last", NULL);
	assert_int_equal(noise_seal(&e.sends[0], text, 0, sealed), -1);
	assert_int_equal(noise_open(&e.reads[0], sealed, sizeof(sealed), text),
	    -1);
}

UNITS(PLAIN(test_x25519_wycheproof), PLAIN(test_x25519_rfc),
    PLAIN(test_x25519_iterated), PLAIN(test_x25519_agree),
    PLAIN(test_x25519_not_canonical), PLAIN(test_aead_wycheproof),
    PLAIN(test_aead_flipped), PLAIN(test_noise_vector),
    PLAIN(test_noise_refused), PLAIN(test_noise_small_order),
    PLAIN(test_noise_order), PLAIN(test_noise_count))
