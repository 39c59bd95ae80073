#!/bin/sh
# make check without cmocka: it is installed where there is a package manager
# and we may, and else what to install is said, and no test is run.
. "$(dirname "$0")/lib.sh"

# What is missing there is no news to whoever runs this test.
unset CHECK_MISSING CHECK_STRICT CHECK_UNDER
mkdir "$tmp/copy" "$tmp/stubs"
cp -p "$top"/Makefile "$top"/*.[cho] "$tmp/copy"
for file in "$top"/lambda-*.c; do
	cp -p "${file%.c}" "$tmp/copy"
done
mkdir "$tmp/copy/t"
cp -p "$top"/t/*.sh "$tmp/copy/t"
for tool in sh awk cat dirname make mkdir rmdir rm sleep tee test touch true; do
	ln -s "$(command -v "$tool")" "$tmp/stubs/$tool" 2>/dev/null ||
	    ln -s "/bin/$tool" "$tmp/stubs/$tool"
done
stub() { # NAME: a script, from standard input
	{ echo '#!/bin/sh'; cat; } >"$tmp/stubs/$1"
	chmod +x "$tmp/stubs/$1"
}
# A compiler that finds cmocka once it is installed, and compiles nothing.
stub cc <<EOF2
test -e $tmp/installed
EOF2
checks() { # what `make check' says, as user $1, is in $out; its status in $ended
	echo "echo $1" | stub id
	rm -f "$tmp/asked"
	out=$(cd "$tmp/copy" && PATH=$tmp/stubs make check CC=cc TESTS= \
	    SCRIPTS= 2>&1 </dev/null)
	ended=$?
}
told() {
	[ "$ended" -ne 0 ] || fail "it goes on: $out"
	case $out in
	*'cmocka is missing: apt-get install libcmocka-dev, or apk add '*) ;;
	*) fail "it does not say what to install: $out" ;;
	esac
	case $out in
	*passed*) fail "tests were run: $out" ;;
	esac
	(cd "$tmp/copy" && PATH=$tmp/stubs CC=cc sh t/setup.sh cmocka) \
	    >/dev/null 2>&1 </dev/null && fail "it is said, and goes on"
}
checks 0
told
stub apt-get <<EOF2
echo "\$*" >>$tmp/asked
[ "\$*" = "install -y libcmocka-dev" ] && touch $tmp/installed
EOF2
checks 1000
told
[ ! -e "$tmp/asked" ] || fail "no root, and it installs"
checks 0
same "$(cat "$tmp/asked")" 'install -y libcmocka-dev'
# What follows is the build of the tests, of which this compiler makes nothing.
case $out in
*'is missing'*) fail "installed, and missing: $out" ;;
esac
echo passed
