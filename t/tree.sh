#!/bin/sh
# The house rules that a program can check: every source and header is in the
# Makefile, includes form no circle, a core reaches nothing but memory, a
# function's name is defined once, a line has 80 columns and a file 1,000 lines.
# shellcheck disable=SC2046

cd "$(dirname "$0")/.." || exit 1
tmp=$(mktemp -d "${TMPDIR:-/tmp}/lambda-tree.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

# broken WHAT: the lines of standard input, if there are any, break a rule. It is
# at the end of a pipe, so a shell of its own: a file says what there was.
broken() {
	sed "s/^/$1: /" | tee -a "$tmp/broken"
}

# The tests' scripts build some of their own (t/arch). t/log is made by tests.
cat Makefile t/*.sh | tr '\\\t =:' '[\n*]' >"$tmp/words"
for file in *.c t/*.c t/*/*.c; do
	case $file in t/log/* | t/arch/*) continue ;; esac
	grep -qx "${file%.c}\(\|\.c\|\.o\|.test\|.fuzz\|.shell\|\.bench\)" "$tmp/words" ||
	    echo "$file"
done | broken 'the Makefile links it nowhere'
for file in *.h t/*.h t/*/*.h; do
	case $file in t/log/* | t/arch/*) continue ;; esac
	grep -Fqx "$file" "$tmp/words" || echo "$file"
done | broken 'the Makefile does not list it'

# Each header and the headers that it includes, sorted so that what is included
# comes first; tsort says where that cannot be done.
for file in *.h; do
	echo "$file $file"
	sed -n "s/^#include \"\(.*\)\"/$file \1/p" "$file"
done | tsort 2>&1 >"$tmp/order" | broken 'headers include each other'

# What cores need of libc: memory, strings and numbers.
allowed='calloc free malloc posix_memalign realloc memcmp memcpy memmove memset
    memchr strchr strrchr strcmp strncmp strlen strspn strcspn strdup strtoul
    strtoull strncpy strcpy snprintf vsnprintf qsort bsearch'
nm -u cores.a | awk '$1 == "U" { print $2 }' | sort -u >"$tmp/used"
nm cores.a | awk 'NF == 3 && $2 ~ /[A-Z]/ { print $3 }' | sort -u \
    >"$tmp/defined"
echo "$allowed" | tr ' ' '\n' | sort -u | sort -m - "$tmp/defined" | sort -u |
    comm -23 "$tmp/used" - |
    grep -v '^_\|^inet_pton$\|^inet_ntop$\|^if_' | broken 'a core calls it'

# A function's name begins a line, and its body the next but few.
awk '
FNR == 1 { name = "" }
/^[a-z_][a-z0-9_]*\(/ { name = $0; sub(/\(.*/, "", name) }
/^{/ && name != "" && name != "main" {
	if (name in where)
		print name " in " where[name] " and " FILENAME
	where[name] = FILENAME
}
/^[{};]/ || /;$/ { name = "" }' ./*.c | sed 's,\./,,g' | broken 'a function is defined twice'

# What POSIX has not, or has for XSI alone: each in one file, which does without
# where it is told to (SYSTEM_PLAIN).
while read -r file word; do
	grep -lw "$word" ./*.[ch] | sed 's,^\./,,' | grep -vx "$file" |
	    sed "s,\$,: $word stands in $file alone,"
	grep -qw "$word" "$file" || echo "$file: no $word any more"
done <<'END' | broken 'not every system has it'
env.c st_mtim
env.c _SC_NPROCESSORS_ONLN
env.c "/run"
program.c [gs]etrlimit
program.c "/dev/fd"
END
grep -nw 'MSG_NOSIGNAL\|accept4\|pipe2\|epoll_[a-z]*\|signalfd\|strlcpy' ./*.[ch] |
    broken 'not every system has it'

expand ./*.c ./*.h t/*.[ch] t/*/*.[ch] | awk 'length($0) > 80' |
    broken 'over 80 columns'
wc -l ./*.c ./*.h t/*.[ch] t/*/*.[ch] | awk '$2 != "total" && $1 > 1000' |
    broken 'over 1,000 lines'

# The map of the sources: each .c once, and nothing that is not there.
sed -n '/^\.Sh A REQUEST/q
	s/^\.\(It \)*Pa \([a-z_-]*\.[ch]\).*/\2/p' man/lambda-internals.7 |
    sort >"$tmp/named"
grep '\.c$' "$tmp/named" | uniq -d |
    broken 'lambda-internals(7) names it twice'
printf '%s\n' *.c *.h | sort >"$tmp/there"
comm -23 "$tmp/named" "$tmp/there" |
    broken 'lambda-internals(7) names it, and it is not there'
comm -13 "$tmp/named" "$tmp/there" | grep '\.c$' |
    broken 'lambda-internals(7) does not name it'
# The rest of that page names headers, functions, constants, tables and tests.
# The six functions of struct core_ops are members, and main() is everybody's.
sed -n '/^\.Sh A REQUEST/,$s/^\.\(Pq \)*Pa \([A-Za-z_/.-]*[A-Za-z]\).*/\2/p' \
    man/lambda-internals.7 | grep -v "[A-Z]" | sort -u | while read -r file; do
	[ -e "$file" ] || echo "$file"
done | broken 'lambda-internals(7) names it, and it is not there'
grep '^\.' man/lambda-internals.7 | tr -s ',' ' ' |
    grep -o '\(Fn\|Dv\|Va\) [A-Za-z_]*\( Fn [a-z_]*\)*' | tr ' ' '\n' |
    grep -vx 'Fn\|Dv\|Va\|up\|down\|message\|tick\|deadline' | sort -u |
    while read -r name; do
	cat ./*.c ./*.h Makefile | grep -q "^$name(\|\<$name\(\[\]\)* *=\|\
^#define $name\>\|^	$name\>" || echo "$name"
done | broken 'lambda-internals(7) names it, and it is not there'
[ ! -s "$tmp/broken" ]
