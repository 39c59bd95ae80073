#ifndef DISCOVERY_MODULE_H
#define DISCOVERY_MODULE_H

/* The Erlang source of module lambda_epmd, for erl -epmd_module: lines without
 * their newlines, ended by NULL. */
extern const char *const epmd_module[];

#endif
