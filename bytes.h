#ifndef BYTES_H
#define BYTES_H

/*
 * Integers as bytes: in network byte order, or, with le in the name, the least
 * significant byte first. The caller has checked that there is room. Writing
 * returns where to go on.
 */

#include <stdint.h>

static inline unsigned
get16(const unsigned char *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static inline uint32_t
get32(const unsigned char *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static inline unsigned char *
put16(unsigned char *p, unsigned n)
{
	*p++ = (unsigned char)(n >> 8);
	*p++ = (unsigned char)n;
	return p;
}

static inline unsigned char *
put32(unsigned char *p, uint32_t n)
{
	return put16(put16(p, n >> 16), n & 0xffff);
}

static inline uint32_t
get32le(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24;
}

static inline unsigned char *
put32le(unsigned char *p, uint32_t n)
{
	*p++ = (unsigned char)n;
	*p++ = (unsigned char)(n >> 8);
	*p++ = (unsigned char)(n >> 16);
	*p++ = (unsigned char)(n >> 24);
	return p;
}

static inline uint64_t
get64le(const unsigned char *p)
{
	return get32le(p) | (uint64_t)get32le(p + 4) << 32;
}

static inline unsigned char *
put64le(unsigned char *p, uint64_t n)
{
	return put32le(put32le(p, (uint32_t)n), (uint32_t)(n >> 32));
}

/* Rotated by n bits, from 1 to 31 or 63. */
static inline uint32_t
rotl32(uint32_t x, int n)
{
	return x << n | x >> (32 - n);
}

static inline uint32_t
rotr32(uint32_t x, int n)
{
	return x >> n | x << (32 - n);
}

static inline uint64_t
rotl64(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

#endif
