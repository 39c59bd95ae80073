#ifndef OPT_H
#define OPT_H

/*
 * Options, and values of options that several programs take. If a value is
 * wrong, these functions die (100) with a sentence that names the option and
 * says what to give; opt_version() and opt_constraints() return instead.
 */

#include <stdint.h>

#include "addr.h"
#include "attrs.h"

/* An option that a program takes, and where its value goes. */
enum opt_kind {
	OPT_END,     /* of the table */
	OPT_FLAG,    /* int: 1 */
	OPT_TEXT,    /* const char *: as it was given last */
	OPT_NUMBER,  /* uint64_t, from min to max */
	OPT_BYTES,   /* size_t, from min to max; 64k, 1m */
	OPT_SECONDS, /* int64_t, in ms, from min to max: opt_seconds() */
	OPT_FD,	     /* int: a descriptor to write readiness to, which is
			closed later: 3 to 65535, since those below have other
			uses. -1 if nobody passed it, so take options before
			opening anything that could get that number */
	OPT_NODE,    /* const char *: opt_name() of a node */
	OPT_LIST,    /* struct opt_list: each time that it is given */
	OPT_KEY,     /* struct key_names */
	OPT_LABEL    /* struct opt_want: opt_label() */
};

/* The arguments of an option that may be given up to max times. at has room for
 * them; what names them ("addresses") in the message about one too many. */
struct opt_list {
	char **at;
	size_t n, max;
	const char *what;
};

struct opt {
	char letter;
	enum opt_kind kind;
	void *value;
	int64_t min, max;
};

/* Take a letter that getopt(3) returned, with its argument: an option of the
 * table, or -h, -q or -v. For -h this calls die_help(), for any other
 * die_usage(). */
void opt_take(const struct opt *table, int letter, char *arg,
    const char *synopsis);

/* The options that make a child as loud as -q and -v have made this process:
 * how many there are, at most OPT_LOUD_MAX. They are in static memory. */
#define OPT_LOUD_MAX 2
size_t opt_loud(char *argv[OPT_LOUD_MAX]);

/* 0 with *value; or -1 where the text is no whole number from min to max. */
int opt_whole(const char *text, uint64_t min, uint64_t max, uint64_t *value);

/* A capacity, 1 to max, as -c gives it at the start: a number, or "@file",
 * whose first word it is. Dies (100). */
uint64_t opt_capacity_now(const char *given, uint64_t max);

/* The same at SIGHUP: 1 where *n has become another number; 0 where it has not,
 * or cannot be told. The log says which. given may be NULL. */
int opt_capacity_again(const char *given, uint64_t max, uint64_t *n);

/* Seconds, with a fraction ("0.5"), as milliseconds, from min_ms to max_ms. */
int64_t opt_seconds(int letter, const char *arg, int64_t min_ms,
    int64_t max_ms);

#define OPT_GRACE_MAX_MS (30 * 24 * 3600 * INT64_C(1000)) /* of -g */

/* An address; default_port as in addr_parse(). */
void opt_address(int letter, const char *arg, int default_port, struct addr *);

/* The same, if it must be an IP address to listen on, an IP address to connect
 * to, or the path of a Unix socket. */
void opt_ip(int letter, const char *arg, int default_port, struct addr *);
void opt_peer(int letter, const char *arg, int default_port, struct addr *);
void opt_socket(int letter, const char *arg, struct addr *);

/* A module's, node's or function's name: 1 to 255 bytes, printable, without
 * space or slash. what says which ("module"). Returns arg. */
const char *opt_name(const char *what, const char *arg);

/* The port of the host's EPMD: ERL_EPMD_PORT, or 4369 if that is unset or
 * empty. */
int opt_epmd_port(void);

/* Have *version be what -V gives: NULL for NULL, itself, or for "@file" the
 * first word of the file, put into buf. 0; or -1 with EINVAL, and a sentence in
 * why, when the file cannot be read. */
#define OPT_VERSION_MAX (NAME_BYTES_MAX + 2)
int opt_version(const char *given, const char **version,
    char buf[OPT_VERSION_MAX], char *why, size_t size);

/* Put into why what attrs_build() or constraints_build() has failed for. */
void opt_unbuilt(const char *wrong, const char *which, char *why, size_t size);

/* What a buyer wants of a module: -V version, any number of -t label=value, and
 * the function that it calls. */
struct opt_want {
	const char *version; /* as given; or NULL */
	char *labels[LABELS_MAX];
	size_t nlabels;
	const char *export; /* "name/arity" that is called; or NULL */
};

/*
 * Encode the constraints, as they are now, into a buffer that this initialises:
 * 0, or -1 with a sentence in why that says what is wrong (errno is EINVAL if
 * the options are).
 */
int opt_constraints(const struct opt_want *, struct buf *encoded, char *why,
    size_t size);

#endif
