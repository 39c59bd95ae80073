#!/bin/sh
# See to it that what a test needs is on this machine. The arguments are names
# of the table below. What is missing is installed where that is possible (as
# root, with a package manager that we know); otherwise this says what to
# install, and exits with 1:
#
#	why=$(sh t/setup.sh ip dnsmasq 2>&1) || { echo "$why"; exit 77; }
#
# What it says is noted in $CHECK_MISSING too, for t/check.sh.

# name		apt-get		apk		dnf		pkg
table='
cmocka		libcmocka-dev	cmocka-dev	libcmocka-devel	cmocka
libsodium	libsodium-dev	libsodium-dev	libsodium-devel	libsodium
libfuzzer	libclang-rt-dev	compiler-rt	compiler-rt	llvm
bc		bc		bc		bc		-
bmake		bmake		bmake		bmake		-
clang		clang		clang		clang		llvm
dnsmasq		dnsmasq-base	dnsmasq		dnsmasq		dnsmasq
epmd		erlang-base	erlang		erlang-erts	erlang
erl		erlang-base	erlang		erlang-erts	erlang
escript		erlang-base	erlang		erlang-erts	erlang
envdir		daemontools	daemontools-encore -	daemontools
i686-linux-gnu-gcc gcc-i686-linux-gnu	-	-		-
inetd		openbsd-inetd	busybox-extras	-		-
ip		iproute2	iproute2	iproute		-
mandoc		mandoc		mandoc		mandoc		-
musl-gcc	musl-tools	musl-dev	musl-gcc	-
nc		netcat-openbsd	netcat-openbsd	nmap-ncat	-
ps		procps		procps		procps-ng	-
qemu-i386	qemu-user	qemu-i386	qemu-user	qemu
qemu-s390x	qemu-user	qemu-s390x	qemu-user	qemu
runsv		runit		runit		-		runit
s390x-linux-gnu-gcc gcc-s390x-linux-gnu	-	-		-
s6-svscan	s6		s6		-		s6
setpriv		util-linux	setpriv		util-linux	-
shellcheck	shellcheck	shellcheck	ShellCheck	hs-ShellCheck
socat		socat		socat		socat		socat
tcpserver	ucspi-tcp	ucspi-tcp6	-		ucspi-tcp
unixserver	ucspi-unix	-		-		-
valgrind	valgrind	valgrind	valgrind	valgrind
'
log=t/log/setup.log

present() {
	case $1 in
	libfuzzer)
		printf '%s\n' '#include <stddef.h>' '#include <stdint.h>' \
		    'int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);' \
		    'int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)' \
		    '{ return p == NULL && n > 0; }' >t/log/libfuzzer.c
		clang -fsanitize=fuzzer,address -o t/log/libfuzzer \
		    t/log/libfuzzer.c 2>>"$log"
		;;
	cmocka)
		# CC may hold flags too.
		printf '%s\n' '#include <stdarg.h>' '#include <stddef.h>' \
		    '#include <stdint.h>' '#include <setjmp.h>' \
		    '#include <cmocka.h>' 'int main(void){return 0;}' \
		    >t/log/cmocka.c
		# shellcheck disable=SC2086
		${CC:-cc} -o t/log/cmocka t/log/cmocka.c -lcmocka 2>>"$log"
		;;
	libsodium)
		printf '%s\n' '#include <sodium.h>' 'int main(void){return 0;}' \
		    >t/log/libsodium.c
		# shellcheck disable=SC2086
		${CC:-cc} -o t/log/libsodium t/log/libsodium.c -lsodium \
		    2>>"$log"
		;;
	*)
		PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null
		;;
	esac
}

# The package of $1 for the manager in column $2, or nothing.
package() {
	echo "$table" | awk -v n="$1" -v c="$2" \
	    '$1 == n && $c != "-" { print $c }'
}

apt_install() {
	DEBIAN_FRONTEND=noninteractive
	export DEBIAN_FRONTEND
	apt-get install -y "$1" || {
		apt-get update && apt-get install -y "$1"
	}
}

install_one() { # name
	[ "$(id -u)" -eq 0 ] || return 1
	if command -v apt-get; then
		p=$(package "$1" 2) && [ -n "$p" ] && apt_install "$p"
	elif command -v apk; then
		p=$(package "$1" 3) && [ -n "$p" ] && apk add "$p"
	elif command -v dnf; then
		p=$(package "$1" 4) && [ -n "$p" ] && dnf install -y "$p"
	elif command -v pkg; then
		p=$(package "$1" 5) && [ -n "$p" ] && pkg install -y "$p"
	else
		return 1
	fi
}

# One at a time, since no package manager waits for another of its kind. Who was
# killed leaves the lock behind, which is not obeyed for more than five minutes.
lock=t/log/setup.lock
install_alone() { # name
	n=0
	until mkdir "$lock" 2>/dev/null || [ "$n" -ge 300 ]; do
		sleep 1
		n=$((n + 1))
	done
	present "$1" || install_one "$1"
	rmdir "$lock"
}

advice() { # name
	echo "$table" | awk -v n="$1" '
	$1 == n {
		split("x apt-get@install apk@add dnf@install pkg@install", m, " ")
		for (i = 2; i <= 5; i++)
			if ($i != "-") {
				gsub("@", " ", m[i])
				s = s (s == "" ? "" : ", or ") m[i] " " $i
			}
	}
	END { print n " is missing: " (s == "" ? "install it" : s) }'
}

cd "$(dirname "$0")/.." || exit 1
mkdir -p t/log || exit 1
missing=0
for name do
	present "$name" && continue
	install_alone "$name" </dev/null >>"$log" 2>&1
	present "$name" && continue
	advice "$name" | tee -a "${CHECK_MISSING:-/dev/null}" >&2
	missing=1
done
exit "$missing"
