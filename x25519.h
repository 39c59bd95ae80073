#ifndef X25519_H
#define X25519_H

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
