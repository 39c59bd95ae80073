#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "t/hex.h"
#include "fuzz.h"

/*
 * A fuzz target without a fuzzer: runs it on the files and directories that are
 * named, or on its corpus. With FUZZ_FIRST defined there is a fuzzer, libFuzzer
 * (run.sh), and this is how it changes inputs: as always, but that FUZZ_FIRST
 * of the environment, if it is there, has the numbers that the first byte of
 * each may be, a space before every one. What these choose is fuzzed alone.
 */

#ifdef FUZZ_FIRST

size_t LLVMFuzzerMutate(uint8_t *, size_t, size_t);
size_t LLVMFuzzerCustomMutator(uint8_t *, size_t, size_t, unsigned);

size_t
LLVMFuzzerCustomMutator(uint8_t *p, size_t n, size_t max, unsigned seed)
{
	const char *first = getenv("FUZZ_FIRST"), *at;
	unsigned numbers = 0;

	n = LLVMFuzzerMutate(p, n, max);
	if (first == NULL || first[0] == '\0' || n == 0)
		return n;
	for (at = first; *at != '\0'; at++)
		numbers += *at == ' ';
	for (at = first, seed %= numbers; seed > 0; seed--)
		at = strchr(at + 1, ' ');
	p[0] = (uint8_t)atoi(at);
	return n;
}

#else

#define INPUT_MAX (1024 * 1024)
#define NAME_LEN  1024

static size_t runs;

static void
die_about(const char *path)
{
	fprintf(stderr, "fuzz: %s: %s\n", path, strerror(errno));
	exit(111);
}

/* In memory of just that size, so that a checker sees a byte too far. */
static void
run(const unsigned char *p, size_t n)
{
	unsigned char *copy = malloc(n > 0 ? n : 1);

	if (copy == NULL)
		die_about("malloc");
	if (n > 0)
		memcpy(copy, p, n);
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
	runs++;
}

static void
run_file(const char *path)
{
	static unsigned char input[INPUT_MAX];
	const char *end = strrchr(path, '.');
	struct hex hex;
	FILE *f;
	size_t n;

	if (end != NULL && strcmp(end, ".hex") == 0) {
		if (hex_read(&hex, path) == -1)
			die_about(path);
		run(hex.bytes, hex.len);
		return;
	}
	if ((f = fopen(path, "rb")) == NULL)
		die_about(path);
	n = fread(input, 1, sizeof(input), f);
	if (ferror(f))
		die_about(path);
	fclose(f);
	run(input, n);
}

static void
run_directory(const char *path)
{
	char name[NAME_LEN];
	struct dirent *d;
	DIR *dir = opendir(path);
	size_t before = runs;

	if (dir == NULL)
		die_about(path);
	while ((errno = 0, d = readdir(dir)) != NULL) {
		if (d->d_name[0] == '.')
			continue;
		if ((size_t)snprintf(name, sizeof(name), "%s/%s", path,
		    d->d_name) >= sizeof(name)) {
			errno = ENAMETOOLONG;
			die_about(path);
		}
		run_file(name);
	}
	if (errno != 0)
		die_about(path);
	closedir(dir);
	if (runs == before) {
		fprintf(stderr, "fuzz: %s: nothing in it\n", path);
		exit(111);
	}
}

static void
run_path(const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1)
		die_about(path);
	if (S_ISDIR(st.st_mode))
		run_directory(path);
	else
		run_file(path);
}

int
main(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		run_path(argv[i]);
	for (i = 0; argc < 2 && fuzz_corpus[i] != NULL; i++)
		run_path(fuzz_corpus[i]);
	printf("%zu inputs\n", runs);
	return 0;
}

#endif
