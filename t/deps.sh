#!/bin/sh
# The header dependencies at the end of the Makefile are those the compiler
# sees, and every source is in the Makefile. With -w: write the dependencies.

mark='# Header dependencies'
new=t/log/deps
mkdir -p t/log || exit 1

sources=$(echo *.c t/*.c t/bench/*.c t/fuzz/*.c t/virtual/*.c)

# "t/x.o: a.h b.h" a source: sorted, wrapped at 80 columns. The compiler gives
# "x.o: t/x.c a.h t/../b.h", for all in one run.
deps() { # source ...
	# shellcheck disable=SC2086 # it may hold flags
	${CC:-cc} -std=c99 -D_POSIX_C_SOURCE=200809L -I. -MM "$@" |
	    tr -s '\\ ' '[\n*]' | sed 's,^[^/]*/\.\./,,; s,^\./,,' | awk '
		/\.c$/ { object = $0; sub(/c$/, "o", object); n++ }
		/\.h$/ { print n, object ":", $0 }' |
	    sort -u -k 1,1n -k 3 | awk '
		function flush() { if (line != "") print line }
		object != $2 { flush(); object = line = $2 }
		length(line) + length($3) > 76 { print line "\\"; line = "\t" }
		{ line = line (line ~ /\t$/ ? "" : " ") $3 }
		END { flush() }'
}

# shellcheck disable=SC2086
deps $sources >"$new"

if [ "$1" = -w ]; then
	sed "/^$mark/q" Makefile >"$new.make" && echo >>"$new.make" &&
	    cat "$new" >>"$new.make" && cat "$new.make" >Makefile
	exit
fi

status=0
sed "1,/^$mark/d" Makefile | sed 1d | diff - "$new" || {
	echo "Makefile: header dependencies (<) are not so (>): make deps"
	status=1
}
sed "/^$mark/q" Makefile | tr '\\\t ' '[\n*]' >"$new.objects"
for c in $sources; do
	grep -Fqx "${c%.c}.o" "$new.objects" && continue
	echo "$c: no program or test in the Makefile links it"
	status=1
done
exit "$status"
