#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "die.h"
#include "fail.h"
#include "opt.h"
#include "opt_want.h"

void
want_label(struct want *w, char *arg)
{
	if (w->nlabels == LABELS_MAX)
		die(EXIT_USAGE, "-t: give %d labels at most", LABELS_MAX);
	w->labels[w->nlabels++] = arg;
}

int
want_constraints(const struct want *w, struct buf *encoded, char *why,
    size_t size)
{
	char text[OPT_VERSION_MAX];
	const char *version, *wrong, *which;

	buf_init(encoded, LIST_MAX);
	version = opt_version(w->version, text, sizeof(text));
	if (version == NULL && w->version != NULL) {
		snprintf(why, size, "unable to read the version from %s: %s",
		    w->version + 1, strerror(errno));
		return fail(EINVAL);
	}
	if (constraints_build(encoded, version, w->export, w->labels,
	    w->nlabels, &wrong, &which) == 0)
		return 0;
	if (errno == EINVAL)
		snprintf(why, size, "%s: %s", which, wrong);
	else
		snprintf(why, size, "%s", strerror(errno));
	return -1;
}
