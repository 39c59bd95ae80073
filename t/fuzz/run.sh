#!/bin/sh
# Fuzz each target for so many seconds, from its corpus and t/wire on:
#
#	sh t/fuzz/run.sh seconds [target ...]
#
# from the top of the tree; a target is t/fuzz/NAME.c without .c. Needs
# clang with libFuzzer. What is found (crash-*, timeout-*, oom-*) is left in
# t/log/fuzz, with new inputs in t/log/fuzz/NAME; to keep these in the corpus:
#
#	sh t/fuzz/run.sh -m [target ...]

usage() {
	echo 'usage: sh t/fuzz/run.sh -m | seconds [target ...]' >&2
	exit 100
}

# The sources of all cores, as the Makefile has them.
cores() {
	awk '
	/^(BYTES|PROTOCOL|AUTHORITY|BROKER|EXCHANGE|LISTENER|CHANNEL|PLB|OTHER) =/ {
		on = 1
	}
	on {
		for (i = 1; i <= NF; i++) {
			name = $i
			if (sub(/\.o.*/, ".c", name))
				print name
		}
	}
	!/\\$/ { on = 0 }' Makefile
}

sources() { # target
	case $1 in
	msg) echo msg.c buf.c tlv.c ;;
	dns) echo bootstrap_dns.c addr.c rng.c ;;
	link) echo link.c buf.c msg.c crypto.c noise.c tlv.c ;;
	parse) cores ;;
	core) cores && echo t/text.c t/harness.c t/core_*.c ;;
	*) return 1 ;;
	esac
}

# The bytes of t/wire's files, for a fuzzer that cannot read hexadecimal.
unhex() { # from to
	for f in "$1"/*.hex; do
		octal=$(sed 's/#.*//' "$f" | tr -s ' \t\n' '\n' | awk '
		function digit(i) {
			return index("0123456789abcdef", substr($0, i, 1)) - 1
		}
		/./ { printf "\\%03o", 16 * digit(1) + digit(2) }')
		# shellcheck disable=SC2059
		printf "$octal" >"$2/$(basename "$f" .hex)"
	done
}

build() { # target
	# shellcheck disable=SC2046
	clang -g -O1 -std=c99 -D_POSIX_C_SOURCE=200809L -I. \
	    -fsanitize=fuzzer,address,undefined \
	    -fno-sanitize-recover=undefined \
	    -o "$out/fuzz_$1" "t/fuzz/$1.c" $(sources "$1")
}

[ $# -ge 1 ] || usage
seconds=$1
shift
case $seconds in
-m) ;;
'' | *[!0-9]*) usage ;;
esac
[ $# -ge 1 ] || set -- dns msg link parse core

out=t/log/fuzz
failed=0
mkdir -p "$out" || exit 111
for t do
	sources "$t" >/dev/null || usage
	mkdir -p "$out/$t" "$out/wire" "t/fuzz/corpus/$t" || exit 111
	build "$t" || exit 111
	if [ "$seconds" = -m ]; then
		"$out/fuzz_$t" -merge=1 -use_counters=0 -max_len=512 "t/fuzz/corpus/$t" \
		    "$out/$t" >"$out/$t.log" 2>&1 || failed=1
		continue
	fi
	seeds=t/fuzz/corpus/$t
	if [ "$t" = msg ]; then
		unhex t/wire "$out/wire"
		seeds="$seeds $out/wire"
	fi
	# shellcheck disable=SC2086
	if "$out/fuzz_$t" -max_total_time="$seconds" -max_len=4096 \
	    -artifact_prefix="$out/" "$out/$t" $seeds \
	    >"$out/$t.log" 2>&1; then
		echo "ok fuzz $t"
	else
		echo "not ok fuzz $t (log: $out/$t.log)"
		failed=1
	fi
done
exit "$failed"
