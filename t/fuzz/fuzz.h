#ifndef FUZZ_H
#define FUZZ_H

/*
 * A fuzz target is a file fuzz_NAME.c with these two. libFuzzer calls the
 * function (run.sh); main.c calls it with what is in the corpus (make check).
 * What must not happen is an assertion that fails, or a checker's complaint.
 */

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Directories of inputs, from the top of the tree; NULL ends them. In those
 * files whose name ends in .hex the bytes are spelt as in t/hex.h. */
extern const char *const fuzz_corpus[];

#endif
