#!/bin/sh
# A system without what POSIX lacks or leaves to XSI: times of files in parts of a
# second, /run, the number of processors, limits, /dev/fd (t/tree.sh says where
# each stands). All is built without a warning to do without, by a small compiler
# (tcc), and passes the unit tests and some scripts.
. "$(dirname "$0")/lib.sh"
need tcc
copy=$tmp/copy
mkdir "$copy" && cp -R "$top"/Makefile "$top"/README "$top"/*.[ch] \
    "$top"/man "$copy" && mkdir "$copy/t" && cd "$top/t" || exit 1
for file in *; do
	[ "$file" = log ] || cp -R "$file" "$copy/t" || exit 1
done
cd "$copy" || exit 1
find . -name '*.[ao]' -exec rm -f {} +
make -s clean
make -s CC=tcc CPPFLAGS=-DSYSTEM_PLAIN all tests >"$tmp/make.log" 2>&1 &&
    [ ! -s "$tmp/make.log" ] || fail "$(cat "$tmp/make.log")"
# What a program's own descriptor, or more of them, are needed for is not there.
MODEL_LENGTH=3 sh t/check.sh t/core/* t/*.test t/*.shell t/fuzz/*.fuzz \
    t/bootstrap.sh t/canary.sh t/files.sh t/inherit.sh t/install.sh t/jobs.sh \
    t/pipes.sh t/upgrade.sh || fail 'see above'
