#ifndef BOOTSTRAP_RESOLVE_H
#define BOOTSTRAP_RESOLVE_H

/*
 * Find the addresses behind a name: in a child process of its own, since every
 * one of these waits as long as it takes (its parent has a time-out). Each
 * address goes to standard output when it is known, a line each, ready to be
 * read by bootstrap_result(); beside them there may be the lines
 *
 *	#ttl SECONDS	how long the answer is good
 *	#why REASON	what failed; the last one counts
 *
 * Each function returns the exit status: 0, or 1 when it found nothing.
 */

#include <stdint.h>

/* NAME:PORT: every address of the host; NAME: where its SRV records, or those
 * of _lambda._tcp.NAME, point. */
int resolve_dns(const char *what);

/* NODE[@HOST]: every address of that host (this one), with the port that its
 * EPMD says the node has. */
int resolve_epmd(const char *what);

/* Becomes the command: does not return but when that fails. */
int resolve_exec(const char *command);

/* Beneath them. */

struct addrinfo;
struct dns_answer;

/* Prints every address of the list, with that port: how many. */
int resolve_print(const struct addrinfo *, int port);

/* Asks the servers of /etc/resolv.conf, which it reads, for the SRV records of
 * the name: 0 with at least one, or -1 after having said why there are none. */
int resolve_srv(struct dns_answer *, const char *name);

/* Prints a #why line, cut where it is longer than BOOTSTRAP_REASON_MAX. */
void resolve_why(const char *fmt, ...);

#endif
