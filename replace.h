#ifndef REPLACE_H
#define REPLACE_H

/*
 * Write a file whole under another name (path.new) and rename it over: who
 * reads it sees the old one or the new one, never part of one. Mode 0644, less
 * the umask. 0, or -1 with errno, and what was there stays.
 */

#include "slice.h"

#define REPLACE_PATH_MAX 4096

int replace_file(const char *path, struct slice bytes);

#endif
