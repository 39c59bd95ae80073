#include <stdio.h>
#include <string.h>

#include "crypto.h"
#include "t/check.h"

static void
assert_digest(const unsigned char digest[SHA256_SIZE], const char *hex)
{
	char text[2 * SHA256_SIZE + 1];
	int i;

	for (i = 0; i < SHA256_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	/* RFC 4231 gives one of its results truncated. */
	text[strlen(hex)] = '\0';
	assert_string_equal(text, hex);
}

static void
hash(unsigned char digest[SHA256_SIZE], const void *p, size_t len)
{
	struct sha256 s;

	sha256_init(&s);
	sha256_update(&s, p, len);
	sha256_final(&s, digest);
}

/* FIPS 180-4's examples, and the empty message. */
UNIT(test_fips)
{
	static const struct {
		const char *message, *digest;
	} v[] = {
		{ "",
		  "e3b0c44298fc1c149afbf4c8996fb924"
		  "27ae41e4649b934ca495991b7852b855" },
		{ "abc",
		  "ba7816bf8f01cfea414140de5dae2223"
		  "b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039"
		  "a33ce45964ff2167f6ecedd419db06c1" },
		{ "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
		  "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
		  "cf5b16a778af8380036ce59e7b049237"
		  "0b249b11e8f07a51afac45037afee9d1" }
	};
	unsigned char digest[SHA256_SIZE];
	size_t i;

	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		hash(digest, v[i].message, strlen(v[i].message));
		assert_digest(digest, v[i].digest);
	}
}

UNIT(test_fips_million)
{
	unsigned char digest[SHA256_SIZE];
	struct sha256 s;
	char a[1000];
	int i;

	memset(a, 'a', sizeof(a));
	sha256_init(&s);
	for (i = 0; i < 1000; i++)
		sha256_update(&s, a, sizeof(a));
	sha256_final(&s, digest);
	assert_digest(digest,
	    "cdc76e5c9914fb9281a1c7e284d73e67"
	    "f1809a48a497200e046d39ccc7112cd0");
}

/* Lengths at which the padding changes its shape. */
UNIT(test_padding)
{
	static const struct {
		size_t len;
		const char *digest;
	} v[] = {
		{ 55,
		  "9f4390f8d30c2dd92ec9f095b65e2b9a"
		  "e9b0a925a5258e241c9f1e910f734318" },
		{ 56,
		  "b35439a4ac6f0948b6d6f9e3c6af0f5f"
		  "590ce20f1bde7090ef7970686ec6738a" },
		{ 57,
		  "f13b2d724659eb3bf47f2dd6af1accc8"
		  "7b81f09f59f2b75e5c0bed6589dfe8c6" },
		{ 63,
		  "7d3e74a05d7db15bce4ad9ec0658ea98"
		  "e3f06eeecf16b4c6fff2da457ddc2f34" },
		{ 64,
		  "ffe054fe7ae0cb6dc65c3af9b61d5209"
		  "f439851db43d0ba5997337df154668eb" },
		{ 65,
		  "635361c48bb9eab14198e76ea8ab7f1a"
		  "41685d6ad62aa9146d301d4f17eb0ae0" },
		{ 119,
		  "31eba51c313a5c08226adf18d4a359cf"
		  "dfd8d2e816b13f4af952f7ea6584dcfb" },
		{ 120,
		  "2f3d335432c70b580af0e8e1b3674a7c"
		  "020d683aa5f73aaaedfdc55af904c21c" },
		{ 128,
		  "6836cf13bac400e9105071cd6af47084"
		  "dfacad4e5e302c94bfed24e013afb73e" }
	};
	unsigned char digest[SHA256_SIZE];
	char a[128];
	size_t i;

	memset(a, 'a', sizeof(a));
	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		hash(digest, a, v[i].len);
		assert_digest(digest, v[i].digest);
	}
}

/*
 * More than 2^32 bits, without hashing them: a final() with that length and
 * nothing in its block must do what an update() with this block does.
 */
static void
test_long(void **state)
{
	unsigned char block[SHA256_BLOCK] = { 0x80 }, digest[SHA256_SIZE];
	struct sha256 s, want;
	int i;

	(void)state;
	block[56] = 0x01;
	block[59] = 0x02;
	block[62] = 0x10;
	sha256_init(&want);
	sha256_update(&want, block, sizeof(block));
	sha256_init(&s);
	s.length = ((uint64_t)1 << 56 | (uint64_t)2 << 32 | 0x1000) / 8;
	sha256_final(&s, digest);
	for (i = 0; i < SHA256_SIZE; i++)
		assert_int_equal(digest[i],
		    want.state[i / 4] >> (24 - 8 * (i % 4)) & 0xff);
}

/* In whatever pieces it comes, it is the same message. */
UNIT(test_pieces)
{
	unsigned char message[200], whole[SHA256_SIZE], digest[SHA256_SIZE];
	struct sha256 s;
	size_t i, at, n;

	for (i = 0; i < sizeof(message); i++)
		message[i] = (unsigned char)(i * 7);
	hash(whole, message, sizeof(message));
	for (n = 1; n <= sizeof(message); n++) {
		sha256_init(&s);
		for (at = 0; sizeof(message) - at > n; at += n)
			sha256_update(&s, message + at, n);
		sha256_update(&s, message + at, 0);
		sha256_update(&s, message + at, sizeof(message) - at);
		sha256_final(&s, digest);
		assert_memory_equal(digest, whole, sizeof(whole));
	}
}

struct rfc4231 {
	int key_byte; /* the key is key_len of these, or key when that is set */
	const char *key;
	size_t key_len;
	int data_byte;
	const char *data;
	size_t data_len;
	const char *mac;
};

static const struct rfc4231 rfc4231[] = {
	{ 0x0b, NULL, 20, 0, "Hi There", 8,
	  "b0344c61d8db38535ca8afceaf0bf12b"
	  "881dc200c9833da726e9376c2e32cff7" },
	{ 0, "Jefe", 4, 0, "what do ya want for nothing?", 28,
	  "5bdcc146bf60754e6a042426089575c7"
	  "5a003f089d2739839dec58b964ec3843" },
	{ 0xaa, NULL, 20, 0xdd, NULL, 50,
	  "773ea91e36800e46854db8ebd09181a7"
	  "2959098b3ef8c122d9635514ced565fe" },
	{ 0, "\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20\21\22\23\24\25\26\27"
	  "\30\31", 25, 0xcd, NULL, 50,
	  "82558a389a443c0ea4cc819899f2083a"
	  "85f0faa3e578f8077a2e3ff46729665b" },
	{ 0x0c, NULL, 20, 0, "Test With Truncation", 20,
	  "a3b6167473100ee06e0c796c2955552b" },
	{ 0xaa, NULL, 131, 0,
	  "Test Using Larger Than Block-Size Key - Hash Key First", 54,
	  "60e431591ee0b67f0d8a26aacbf5b77f"
	  "8e0bc6213728c5140546040f0ee37f54" },
	{ 0xaa, NULL, 131, 0,
	  "This is a test using a larger than block-size key and a larger t"
	  "han block-size data. The key needs to be hashed before being use"
	  "d by the HMAC algorithm.", 152,
	  "9b09ffa71b942fcb27635fbcd5b0e944"
	  "bfdc63644f0713938a7f51535c3a35e2" }
};

UNIT(test_rfc4231)
{
	unsigned char mac[SHA256_SIZE];
	const struct rfc4231 *v;
	struct hmac h;
	char key[131], data[152];
	size_t i;

	for (i = 0; i < sizeof(rfc4231) / sizeof(rfc4231[0]); i++) {
		v = &rfc4231[i];
		memset(key, v->key_byte, v->key_len);
		if (v->key != NULL)
			memcpy(key, v->key, v->key_len);
		memset(data, v->data_byte, v->data_len);
		if (v->data != NULL)
			memcpy(data, v->data, v->data_len);
		hmac_init(&h, key, v->key_len);
		hmac_update(&h, data, v->data_len / 2);
		hmac_update(&h, data + v->data_len / 2,
		    v->data_len - v->data_len / 2);
		hmac_final(&h, mac);
		assert_digest(mac, v->mac);
	}
}

/* A key of just a block is used as it is, one byte more is hashed. */
UNIT(test_hmac_key_sizes)
{
	unsigned char mac[SHA256_SIZE], key[SHA256_BLOCK + 1];
	struct hmac h;

	memset(key, 'k', sizeof(key));
	hmac_init(&h, key, SHA256_BLOCK);
	hmac_final(&h, mac);
	assert_digest(mac,
	    "83026a325aaee70e36cfe607536aa105"
	    "4104ad1077c36134810d4ccded1ccd3b");
	hmac_init(&h, key, SHA256_BLOCK + 1);
	hmac_final(&h, mac);
	assert_digest(mac,
	    "41f1c4cc3107cd5b8d92460f61032902"
	    "bfdb06484eef17e861b83a5012d3b7f3");
	hmac_init(&h, NULL, 0);
	hmac_final(&h, mac);
	assert_digest(mac,
	    "b613679a0814d9ec772f95d778c35fc5"
	    "ff1697c493715653c6c712144292c5ad");
}

UNIT(test_equal)
{
	unsigned char a[SHA256_SIZE], b[SHA256_SIZE];
	int bit;

	memset(a, 0x5a, sizeof(a));
	memcpy(b, a, sizeof(b));
	assert_int_equal(equal_constant_time(a, b, sizeof(a)), 1);
	assert_int_equal(equal_constant_time(a, b, 0), 1);
	for (bit = 0; bit < 8 * SHA256_SIZE; bit++) {
		b[bit / 8] ^= (unsigned char)(1 << bit % 8);
		assert_int_equal(equal_constant_time(a, b, sizeof(a)), 0);
		b[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	/* Two differences do not make up for each other. */
	b[3] ^= 1;
	b[9] ^= 1;
	assert_int_equal(equal_constant_time(a, b, sizeof(a)), 0);
}

UNITS(PLAIN(test_fips), PLAIN(test_fips_million), PLAIN(test_padding),
    PLAIN(test_long), PLAIN(test_pieces), PLAIN(test_rfc4231),
    PLAIN(test_hmac_key_sizes), PLAIN(test_equal))
