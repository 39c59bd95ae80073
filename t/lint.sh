#!/bin/sh
# Manual pages and scripts: what their own checkers say. With CHECK_STRICT=1 a
# checker that is not here is a failure.

status=0

have() {
	command -v "$1" >/dev/null && return
	echo "lint: no $1: not checked with it"
	[ "${CHECK_STRICT:-0}" = 0 ] || status=1
	return 1
}

if have mandoc; then
	for f in man/*.[1-9]; do
		test -f "$f" || continue
		mandoc -T lint -W warning "$f" || status=1
	done
fi

set --
for f in t/*.sh t/*/*.sh; do
	test -f "$f" && set -- "$@" "$f"
done
for f do
	sh -n "$f" || status=1
done
if have shellcheck; then
	shellcheck -x -P SCRIPTDIR -e SC2015,SC2016,SC2119 -s sh "$@" || status=1
	shellcheck .ci/run || status=1
fi
exit "$status"
