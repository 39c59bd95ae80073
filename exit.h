#ifndef EXIT_H
#define EXIT_H

/* The exit codes of all programs but 0, as in daemontools. */

#define EXIT_USAGE     100 /* usage or configuration: do not try again */
#define EXIT_TEMPORARY 111 /* a temporary failure: trying again may help */

#endif
