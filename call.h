#ifndef CALL_H
#define CALL_H

/*
 * What lambda-call does once it has a PLB core: feed it one request, or one a
 * record of standard input, and write what comes back to standard output. A
 * shell: it stands on the loop.
 */

#include "call_filter.h"
#include "hub.h"
#include "plb.h"

#define CALLER_NOTICE_MS 3000 /* without a seller: says so */
#define CALLER_FIXED_MS	 2000 /* without the given channel or PLB: ends */

struct caller_options {
	const char *module;
	const char *function; /* NULL: none */
	char **args;
	size_t nargs;
	int filter;	      /* a request a record, else one in all */
	enum frame_kind kind; /* of the records */
	int unordered;
	int progress;
	unsigned retries;
	uint64_t capacity;
	int64_t limit_ms; /* -T; 0: none */
	int fixed;	  /* there is no broker */
	const char *where; /* whom it reaches, for messages */
	void (*leave)(void); /* called before the end; or NULL */
};

/* Runs the call and exits. connect, if not NULL, brings the connection of
 * where, once the loop is ready for it. */
void caller_run(const struct caller_options *, struct hub *, struct plb *,
    void (*connect)(struct hub *, const char *where));

#endif
