#include <assert.h>
#include <string.h>

#include "map.h"
#include "rendezvous.h"

/* No secret: all hosts must use the same seed. */
#define SEED 0x6c616d6264610001u

uint64_t
rendezvous_weight(const struct id *authority, struct slice module)
{
	unsigned char bytes[ID_SIZE + NAME_BYTES_MAX];

	assert(module.len <= NAME_BYTES_MAX);
	memcpy(bytes, authority->b, ID_SIZE);
	memcpy(bytes + ID_SIZE, module.p, module.len);
	return map_hash(SEED, slice_of(bytes, ID_SIZE + module.len));
}

int
rendezvous_before(const struct id *a, const struct id *b, struct slice module)
{
	uint64_t wa = rendezvous_weight(a, module);
	uint64_t wb = rendezvous_weight(b, module);

	if (wa != wb)
		return wa > wb;
	return id_compare(a, b) < 0;
}
