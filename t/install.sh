#!/bin/sh
# make install, uninstall and clean: every program and every page comes to where
# PREFIX, MANDIR and DESTDIR say, and to no other place; what is installed, and
# what is not, works with nothing of it on PATH; nothing stays behind.
. "$(dirname "$0")/lib.sh"
cd "$top" || exit 1

programs=$(for f in lambda-*.c; do echo "${f%.c}"; done | sort)
pages=$(for f in man/*.[1-9]; do echo "man${f##*.}/${f##*/}"; done | sort)
files() { # DIRECTORY
	(cd "$1" && find . -type f | sed 's,^\./,,' | sort)
}
# installed DIRECTORY BIN MAN: all of it is there, and nothing else
installed() {
	same "$(files "$1")" "$( { echo "$programs" | sed "s,^,$2/,"
		echo "$pages" | sed "s,^,$3/,"; } | sort)"
	same "$(find "$1" -type d ! -perm 755 && find "$1/$2" -type f \
	    ! -perm 755 && find "$1/$3" -type f ! -perm 644)" ''
}
put() { # TARGET VARIABLE...
	make "$@" >"$tmp/make.log" 2>&1 || fail "$*: $(cat "$tmp/make.log")"
}

(umask 077 && put install DESTDIR="$tmp/a" PREFIX=/usr) || exit 1
installed "$tmp/a" usr/bin usr/share/man
put uninstall DESTDIR="$tmp/a" PREFIX=/usr
same "$(files "$tmp/a")" ''
put install PREFIX="$tmp/b c" MANDIR="$tmp/b c/man"
installed "$tmp/b c" bin man

# One that runs is not written to: a new file takes its place.
was=$(ls -i "$tmp/b c/bin/lambda-call")
put install PREFIX="$tmp/b c" MANDIR="$tmp/b c/man"
installed "$tmp/b c" bin man
[ "$(ls -i "$tmp/b c/bin/lambda-call")" != "$was" ] ||
    fail "a program is written over in its place"

# With no PATH to it: the programs find each other.
alone() { # DIRECTORY
	same "$(env PATH=/usr/bin:/bin LAMBDA_RUN= "$1/lambda-solo" sh -c '
	    "$0/lambda-listener" -q calc "$1" &
	    "$0/lambda-call" -T "$2" calc pi 5 </dev/null; kill $!; wait' \
	    "$1" "$top/t/calc.sh" "$hang" 2>"$tmp/err")" 3.14159
}
alone "$top"
alone "$tmp/b c/bin"
(cd "$tmp/b c/bin" && alone .) || exit 1

# And lambda-solo leaves nothing: no directory, no program.
set -- "$tmp"/lambda-solo.*
[ ! -e "$1" ] || fail "lambda-solo leaves $*"
for pid in $(strays); do
	case $(name_of "$pid") in
	lambda-*) fail "lambda-solo leaves $(name_of "$pid")" ;;
	esac
done

# All that a build and the tests make goes.
mkdir "$tmp/copy"
(cp -R Makefile README man t ./*.[ch] lambda-* "$tmp/copy"
    cp ./*.o "$tmp/copy") 2>/dev/null
(cd "$tmp/copy" && put clean) || exit 1
same "$(cd "$tmp/copy" && find . -type f \( -name '*.[ao]' -o -name '*.test' -o -name '*.shell' -o -name '*.fuzz' -o \
    -name '*.bench' -o -perm -100 ! -name '*.sh' \))" ''
[ ! -e "$tmp/copy/t/log" ] || fail "t/log stays"

# A packager's flags, as the head of the Makefile says.
(cd "$tmp/copy" && CFLAGS=-Dmine LDFLAGS=-Lmine make -e -n lambda-solo) \
    >"$tmp/make.log" 2>&1
grep -q ' -Dmine .*lambda-solo\.c' "$tmp/make.log" &&
    grep -q ' -Lmine .*-o lambda-solo ' "$tmp/make.log" ||
    fail "the flags of the environment: $(cat "$tmp/make.log")"
echo passed
