#!/bin/sh
# make check where something is missing. It is installed where there is a package
# manager and we may, all at once and before the first test, and which packages
# are is said before that; else what to install is said. Without cmocka the
# scripts are run, and the unit tests left out, which is said.
. "$(dirname "$0")/lib.sh"

# What is missing there is no news to whoever runs this test.
unset CHECK_MISSING CHECK_INSTALL CHECK_STRICT CHECK_CLEAN CHECK_UNDER
mkdir "$tmp/copy" "$tmp/copy/t" "$tmp/stubs"
cp -p "$top"/Makefile "$top"/*.[acho] "$tmp/copy"
for file in "$top"/lambda-*.c; do
	cp -p "${file%.c}" "$tmp/copy"
done
cp -p "$top"/t/*.sh "$tmp/copy/t"
for tool in sh awk basename cat chmod date dirname find getconf grep head make mkdir \
    mkfifo mktemp rmdir rm sed sleep sort tail tee test touch tr true; do
	ln -s "$(command -v "$tool")" "$tmp/stubs/$tool" 2>/dev/null ||
	    ln -s "/bin/$tool" "$tmp/stubs/$tool"
done
stub() { # NAME: a script, from standard input
	{ echo '#!/bin/sh'; cat; } >"$tmp/stubs/$1"
	chmod +x "$tmp/stubs/$1"
}
# A compiler that finds cmocka once it is installed, and makes of any source a
# program that passes.
stub cc <<EOF2
out=
while [ \$# -gt 0 ]; do
	case \$1 in
	-o) out=\$2 ;;
	-lcmocka) test -e $tmp/installed || exit 1 ;;
	esac
	shift
done
[ -z "\$out" ] || echo '#!/bin/sh' >"\$out" && chmod +x "\$out"
EOF2
echo 'touch "$2"' | stub ar
# Scripts: one needs a program, which is in a package of another name, one would
# like another, and one needs nothing.
echo 'sh t/setup.sh runsv || exit 77' >"$tmp/copy/t/needy.sh"
cat >"$tmp/copy/t/choosy.sh" <<'EOF2'
if sh t/setup.sh unixserver; then exit; fi
echo "the rest passed"
exit 77
EOF2
echo true >"$tmp/copy/t/plain.sh"
: >"$tmp/copy/t/fixtures.a"
checks() { # what `make check' says, as user $1, is in $out; its status in $ended
	echo "echo $1" | stub id
	rm -rf "$tmp/asked" "$tmp/before" "$tmp/copy/t/log"
	(cd "$tmp/copy" && PATH=$tmp/stubs make check CC=cc HELPERS= FIXTURES= CORE_SCRIPTS= TESTS_H= \
	    TESTS='t/addr.test t/buf.test' \
	    SCRIPTS='t/needy.sh t/choosy.sh t/plain.sh') \
	    >"$tmp/out" 2>&1 </dev/null
	ended=$?
	out=$(cat "$tmp/out")
}
says() { # PATTERN: a line of it
	grep -q -e "$1" "$tmp/out" || fail "it does not say '$1': $out"
}

# Nobody installs anything: root has no package manager, or it is no root.
left_out() {
	[ "$ended" -eq 0 ] || fail "it fails: $out"
	says '^cmocka is missing: apt-get install libcmocka-dev, or apk add '
	says '^runsv is missing: apt-get install runit, or '
	says '^ok plain.sh '
	says '^skip needy.sh: runsv is missing: apt-get install runit, or '
	says '^skip choosy.sh: the rest passed'
	says '^skip all 2 unit tests: cmocka is missing: apt-get install '
	says '^1 passed, 0 failed, 4 skipped'
	[ ! -e "$tmp/asked" ] || fail "it installs $(cat "$tmp/asked")"
}
checks 0
left_out
# A package manager that hands out what it is asked for, when another one that is
# at work has ended, and notes what was said until then.
stub apt-get <<EOF2
if ! test -e $tmp/waited; then
	touch $tmp/waited
	echo 'E: Could not get lock'
	exit 100
fi
test -e $tmp/before || cat $tmp/out >$tmp/before
echo "\$*" >>$tmp/asked
case " \$* " in *' libcmocka-dev '*) touch $tmp/installed ;; esac
case " \$* " in *' runit '*)
	: >$tmp/stubs/runsv
	chmod +x $tmp/stubs/runsv ;;
esac
EOF2
checks 1000
left_out
# Strict: nothing may be left out.
CHECK_STRICT=1
export CHECK_STRICT
checks 1000
[ "$ended" -ne 0 ] || fail "strict, and it goes on: $out"
says '^skip all 2 unit tests: cmocka is missing'
unset CHECK_STRICT
# Only the unit tests cannot do without.
(cd "$tmp/copy" && PATH=$tmp/stubs make unit CC=cc HELPERS= FIXTURES= \
    TESTS=t/addr.test) \
    >"$tmp/out" 2>&1 </dev/null && fail "no unit tests, and it goes on"
grep -q '^cmocka is missing: ' "$tmp/out" || fail "$(cat "$tmp/out")"

checks 0
asked=$(head -n 1 "$tmp/asked")
for words in 'install -y' libcmocka-dev runit; do
	case " $asked " in
	*" $words "*) ;;
	*) fail "it asks for $asked" ;;
	esac
done
grep -q "this is done now: apt-get $asked\$" "$tmp/before" ||
    fail "it does not say what it installs before: $(cat "$tmp/before")"
grep '^ok ' "$tmp/before" && fail "a test was run before"
[ "$ended" -eq 0 ] || fail "it fails: $out"
says '^ok addr '
says '^ok buf '
says '^ok plain.sh '
says '^ok needy.sh '
says '^skip choosy.sh: '
says '^4 passed, 0 failed, 1 skipped'
echo passed
