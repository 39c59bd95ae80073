#ifndef BOOTSTRAP_RESOLVE_H
#define BOOTSTRAP_RESOLVE_H

/*
 * Finds the addresses that a name has. Each function runs in a child process of
 * its own, since it waits. Each address goes to standard output when it is
 * known, a line each, ready for bootstrap_result(). Beside them there may be
 * the lines
 *
 *	#ttl SECONDS	how long the answer is good
 *	#why REASON	what failed; the last one counts
 *
 * Each function returns the exit status: 0, or 1 when it found nothing. It
 * keeps within a total: whatever does not answer has its share of the time and
 * no more, so that all else is asked too.
 */

/* The totals, in ms; after them the parent ends the process. */
#define RESOLVE_DNS_MS	30000
#define RESOLVE_EPMD_MS 10000

/* NAME:PORT: every address of the host; NAME: where its SRV records, or those
 * of _lambda._tcp.NAME, point. */
int resolve_dns(const char *what);

/* NODE[@HOST]: every address of that host (this one), with the port that its
 * EPMD says the node has. */
int resolve_epmd(const char *what);

/* Becomes the command: returns only when that fails. */
int resolve_exec(const char *command);

#endif
