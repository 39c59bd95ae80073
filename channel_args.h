#ifndef CHANNEL_ARGS_H
#define CHANNEL_ARGS_H

/*
 * The arguments that a request's program is run with: program [argument ...]
 * [function [argument ...]]. The memory is used again for the next request.
 */

#include "msg.h"

struct args {
	char **argv;
	size_t cap;
	char *text; /* the request's strings, each ended by a NUL */
	size_t text_cap;
};

/* A zeroed struct is ready. */
void args_free(struct args *);

/*
 * Good until the next call. first is ended by NULL, and its strings are not
 * copied. NULL with ENOMEM, or EINVAL when there is a NUL within one.
 */
char **args_build(struct args *, char *const *first,
    const struct msg_request *);

#endif
