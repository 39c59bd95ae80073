#include <errno.h>
#include <stdlib.h>

#include "channel_args.h"

#define TEXT_KEEP (64 * 1024) /* bytes that are kept for the next */

void
args_free(struct args *a)
{
	free(a->argv);
	free(a->text);
	memset(a, 0, sizeof(*a));
}

static int
reserve(struct args *a, size_t argc, size_t bytes)
{
	char **argv, *text;

	if (a->text_cap > TEXT_KEEP && bytes <= TEXT_KEEP)
		args_free(a);
	if (argc > a->cap) {
		argv = realloc(a->argv, argc * sizeof(char *));
		if (argv == NULL)
			return -1;
		a->argv = argv;
		a->cap = argc;
	}
	if (bytes > a->text_cap) {
		text = realloc(a->text, bytes);
		if (text == NULL)
			return -1;
		a->text = text;
		a->text_cap = bytes;
	}
	return 0;
}

static char *
put(char *text, struct slice s)
{
	if (s.len > 0)
		memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	return text + s.len + 1;
}

static int
has_nul(struct slice s)
{
	return s.len > 0 && memchr(s.p, '\0', s.len) != NULL;
}

char **
args_build(struct args *a, char *const *first, const struct msg_request *r)
{
	struct slice list = r->args, arg;
	size_t n = 0, argc, bytes = r->function.len + 1;
	int nul = has_nul(r->function);
	char *text;

	while (first[n] != NULL)
		n++;
	for (argc = n + 2; list_next(&list, &arg) == 1; argc++) {
		nul |= has_nul(arg);
		bytes += arg.len + 1;
	}
	if (nul) {
		errno = EINVAL;
		return NULL;
	}
	if (reserve(a, argc, bytes) == -1)
		return NULL;
	memcpy(a->argv, first, n * sizeof(char *));
	text = a->text;
	if (r->function.len > 0) {
		a->argv[n++] = text;
		text = put(text, r->function);
	}
	for (list = r->args; list_next(&list, &arg) == 1;) {
		a->argv[n++] = text;
		text = put(text, arg);
	}
	a->argv[n] = NULL;
	return a->argv;
}
