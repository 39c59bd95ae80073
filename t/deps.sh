#!/bin/sh
# The header dependencies at the end of the Makefile are those the compiler
# sees, and every source is in the Makefile. With -w: write the dependencies.

mark='# Header dependencies'
new=t/log/deps
mkdir -p t/log || exit 1

# "t/x.o: a.h b.h": without the source, sorted, wrapped at 80 columns.
deps() { # object source
	# shellcheck disable=SC2086
	${CC:-cc} -std=c99 -D_POSIX_C_SOURCE=200809L -I. -MM -MT "$1" "$2" |
	    tr -s '\\ ' '[\n*]' | sed 's,^[^/]*/\.\./,,; s,^\./,,' |
	    grep '\.h$' | sort -u |
	    awk -v line="$1:" '
		length(line) + length($0) > 76 { print line "\\"; line = "\t" }
		{ line = line (line ~ /\t$/ ? "" : " ") $0 }
		END { if (line !~ /:$/) print line }'
}

for c in *.c t/*.c t/bench/*.c t/fuzz/*.c t/virtual/*.c; do
	test -f "$c" || continue
	deps "${c%.c}.o" "$c"
done >"$new"

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
for c in *.c t/*.c t/bench/*.c t/fuzz/*.c t/virtual/*.c; do
	sed "/^$mark/q" Makefile | tr '\\\t ' '[\n*]' |
	    grep -Fqx "${c%.c}.o" && continue
	echo "$c: no program or test in the Makefile links it"
	status=1
done
exit "$status"
