#!/bin/sh
# Other machines than this one: i686, where long has 32 bits, and s390x, which
# has the high byte first. All is built for each of them without a warning, the
# unit tests pass, and one seed of the simulator sends the same as here: its
# digest is compared after $ARCH_WORLDS worlds (100) from $SIM_SEED on (1). What
# the processor of this machine does not run, qemu does.
. "$(dirname "$0")/lib.sh"
need i686-linux-gnu-gcc s390x-linux-gnu-gcc qemu-i386 qemu-s390x
seed=${SIM_SEED:-1}
worlds=${ARCH_WORLDS:-100}

# make_for MACHINE TARGET...: in a copy of the tree. cmocka is there for this
# machine alone, so that t/arch/cmocka.c takes its place.
make_for() {
	machine=$1
	shift
	make -s -j2 CC="$machine-linux-gnu-gcc" CPPFLAGS=-It/arch \
	    CFLAGS='-O2 -Wall -Wextra -Wshadow -Werror' \
	    CMOCKA=t/arch/cmocka.o "$@"
}

# build MACHINE: in $tmp/MACHINE, where no library of that machine is needed to
# run the tests: they are linked statically. t/hub.c has a clock of its own,
# which then stands beside the library's.
build() {
	mkdir "$tmp/$1" && cp -R "$top"/Makefile "$top"/*.[ch] "$top/t" \
	    "$tmp/$1" && cd "$tmp/$1" && make -s clean &&
	    make_for "$1" all t/arch/cmocka.o &&
	    make_for "$1" LDFLAGS='-static -Wl,-z,muldefs' tests
}

# digest COMMAND...: what the simulator sends
digest() {
	"$@" -s "$seed" -n "$worlds" >"$tmp/sim.log" || {
		tail -n 3 "$tmp/sim.log"
		return 1
	}
	grep '^digest' "$tmp/sim.log"
}

# other MACHINE QEMU: all of the above
other() {
	echo "$1: building"
	( build "$1" ) >"$tmp/$1.log" 2>&1 || {
		cat "$tmp/$1.log"
		fail "$1: it does not build"
	}
	cd "$tmp/$1" || exit 1
	under='' factor=1
	if ! ./t/rng.test >/dev/null 2>&1; then
		under=$2 factor=10
		# qemu makes a fork() of posix_spawn(), which then says neither
		# that the program could not be run nor when it does.
		rm -f t/program.shell t/child.shell
	fi
	echo "$1: unit tests${under:+, by $under}"
	CHECK_UNDER=$under CHECK_FACTOR=$factor MODEL_LENGTH=3 \
	    sh t/check.sh t/*.test t/*.shell t/fuzz/*.fuzz || fail "$1: see above"
	# Times that 32 bits do not hold.
	touch -t 204001010000 t/fuzz/corpus/msg/*
	# shellcheck disable=SC2086
	$under ./t/fuzz/msg.fuzz t/fuzz/corpus/msg ||
	    fail "$1: files of the year 2040 are not read"
	# shellcheck disable=SC2086
	there=$(digest $under ./t/sim) || fail "$1: $there"
	[ "$here" = "$there" ] ||
	    fail "$1: $there; $here here: look for what the host's order or" \
	    "the size of long is seen by"
	cd "$top" || exit 1
}

make -s t/sim || exit 1
here=$(digest t/sim) || fail "here: $here"
echo "$worlds worlds from seed $seed on: $here"
other i686 qemu-i386
other s390x qemu-s390x
echo "the same on i686 and s390x"
