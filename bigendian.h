#ifndef BIGENDIAN_H
#define BIGENDIAN_H

/*
 * Integers in network byte order. The caller has checked that there is room.
 * Writing returns where to go on.
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

#endif
