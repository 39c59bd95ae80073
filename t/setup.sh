#!/bin/sh
# See to it that what tests need is on this machine. The arguments are names of
# the table below, and scripts (*.sh), which are searched for what they need.
# What is missing is installed where that is possible (as root, with a package
# manager that we know); which packages are installed is said before. Of what is
# missing still this says what to install, and exits with 1:
#
#	why=$(sh t/setup.sh ip dnsmasq 2>&1) || { echo "$why"; exit 77; }
#
# With -n nothing is installed, nor with CHECK_INSTALL=0. What is missing is noted
# in $CHECK_MISSING too, for t/check.sh.

# name		apt-get		apk		dnf		pkg
table='
cmocka		libcmocka-dev	cmocka-dev	libcmocka-devel	cmocka
libsodium	libsodium-dev	libsodium-dev	libsodium-devel	libsodium
libfuzzer	libclang-rt-dev	compiler-rt	compiler-rt	llvm
bc		bc		bc		bc		-
bmake		bmake		bmake		bmake		-
busybox		busybox		busybox		busybox		busybox
clang		clang		clang		clang		llvm
dnsmasq		dnsmasq-base	dnsmasq		dnsmasq		dnsmasq
dot		graphviz	graphviz	graphviz	graphviz
epmd		erlang-base	erlang		erlang-erts	erlang
erl		erlang-base	erlang		erlang-erts	erlang
escript		erlang-base	erlang		erlang-erts	erlang
envdir		daemontools	daemontools-encore -	daemontools
gawk		gawk		gawk		gawk		gawk
i686-linux-gnu-gcc gcc-i686-linux-gnu	-	-		-
inetd		openbsd-inetd	busybox-extras	-		-
ip		iproute2	iproute2	iproute		-
jq		jq		jq		jq		jq
mandoc		mandoc		mandoc		mandoc		-
musl-gcc	musl-tools	musl-dev	musl-gcc	-
nc		netcat-openbsd	netcat-openbsd	nmap-ncat	-
parallel	parallel	parallel	parallel	parallel
pamscale	netpbm		netpbm		netpbm		netpbm
promtool	prometheus	prometheus	golang-github-prometheus prometheus
ps		procps		procps		procps-ng	-
qemu-i386	qemu-user	qemu-i386	qemu-user	qemu
qemu-s390x	qemu-user	qemu-s390x	qemu-user	qemu
rabbitmq-server	rabbitmq-server	-		-		rabbitmq
runsv		runit		runit		-		runit
s390x-linux-gnu-gcc gcc-s390x-linux-gnu	-	-		-
s6-svscan	s6		s6		-		s6
setpriv		util-linux	setpriv		util-linux	-
shellcheck	shellcheck	shellcheck	ShellCheck	hs-ShellCheck
socat		socat		socat		socat		socat
ssh		openssh-client	openssh-client	openssh-clients	-
sshd		openssh-server	openssh-server	openssh-server	-
tcc		tcc		-		tcc		tcc
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

# missing NAME...: those that are not here; with nothing missing it fails
missing() {
	missing=
	for name do
		present "$name" || missing="$missing $name"
	done
	[ -n "$missing" ]
}

# wanted SCRIPT...: what they need: the names after need and partner, and after
# this script's; and for hosts, ip
wanted() {
	echo "$table" | awk '
	NR == FNR { known[$1] = NF > 0; next }
	$1 ~ /^#/ { next }
	{ after = 0 }
	$1 == "hosts" { print "ip" }
	{
		for (i = 1; i <= NF; i++) {
			name = $i
			sub(/;$/, "", name)
			if (after && name in known)
				print name
			else
				after = $i ~ /^(need|partner|.*setup\.sh"?)$/
		}
	}' - "$@" | sort -u
}

# The package manager, with what to say to it, and its column in the table; none
# where we may not install
manager=
column=0
find_manager() {
	[ "$(id -u)" -eq 0 ] && [ "${CHECK_INSTALL:-1}" = 1 ] || return 1
	for known in 'apt-get install -y' 'apk add' 'dnf install -y' \
	    'pkg install -y'; do
		column=$((column + 1))
		command -v "${known%% *}" >/dev/null || continue
		manager=$known
		return 0
	done
	return 1
}

# packages NAME...: theirs, each once
packages() {
	echo "$table" | awk -v c="$((column + 1))" -v names=" $* " '
	NF > 0 && index(names, " " $1 " ") && $c != "-" && !seen[$c]++ {
		printf "%s%s", space, $c
		space = " "
	}'
}

# patient COMMAND...: again while another package manager is at work, for ten
# minutes at most: not each waits for others by itself
patient() {
	tries=600
	until "$@" >"$log.$$" 2>&1; do
		cat "$log.$$"
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] && grep -qi 'not get.* lock\|locked' "$log.$$" ||
		    return 1
		sleep 1
	done
	cat "$log.$$"
}

# fetch PACKAGE...: install them
fetch() {
	DEBIAN_FRONTEND=noninteractive
	export DEBIAN_FRONTEND
	# shellcheck disable=SC2086 # a command and its options
	patient $manager "$@" || {
		[ "${manager%% *}" = apt-get ] && patient apt-get update &&
		    patient $manager "$@"
	}
}

# install NAME...: all at once; each by itself, should one of them not be there.
# What is done is said on descriptor 3.
install() {
	find_manager || return 0
	list=$(packages "$@")
	[ -n "$list" ] || return 0
	echo "setup: tests need what is not here, so this is done now:" \
	    "$manager $list" >&3
	# shellcheck disable=SC2086
	fetch $list && return
	for package in $list; do
		fetch "$package"
	done
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
look=0
[ "${1:-}" != -n ] || { look=1; shift; }
names=
for arg do
	case $arg in
	*.sh) names="$names $(wanted "$arg")" ;;
	*) names="$names $arg" ;;
	esac
done
# shellcheck disable=SC2086 # words
missing $names || exit 0
[ "$look" -eq 1 ] || {
	# shellcheck disable=SC2086
	install $missing 3>&2 </dev/null >>"$log" 2>&1
	rm -f "$log.$$"
	# shellcheck disable=SC2086
	missing $missing || exit 0
}
for name in $missing; do
	advice "$name" | tee -a "${CHECK_MISSING:-/dev/null}"
done >&2
exit 1
