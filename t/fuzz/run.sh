#!/bin/sh
# Fuzz each target for so many seconds, or with -r for so many runs, from its
# corpus and t/wire on, and say how many runs there were:
#
#	sh t/fuzz/run.sh seconds [target ...]
#	sh t/fuzz/run.sh -r runs [target ...]
#
# from the top of the tree. A target is t/fuzz/NAME.c without .c, or one of the
# parsers or cores in it, as NAME/PART; without any, each of these by itself.
# Needs clang with libFuzzer. With FUZZ_PLAIN=1 nothing but the assertions checks
# what happens, which is ten times as fast; FUZZ_MAX is the longest input. What
# is found (crash-*, timeout-*, oom-*) is left in t/log/fuzz, with new inputs in
# t/log/fuzz/NAME; to keep these in the corpus:
#
#	sh t/fuzz/run.sh -m [target ...]

usage() {
	echo 'usage: sh t/fuzz/run.sh -m | seconds | -r runs [target ...]' >&2
	exit 100
}

# What the first byte of an input chooses, from 0 on: the target's table.
parts() { # target
	sed -n 's/^	{ "\(core \)\{0,1\}\([a-z0-9]*\).*/\2/p' "t/fuzz/$1.c"
}

# The numbers of the part, in $numbers.
first_bytes() { # target part
	numbers='' number=0
	for part in $(parts "$1"); do
		[ "$part" != "$2" ] || numbers="$numbers $number"
		number=$((number + 1))
	done
	[ -n "$numbers" ]
}

all_parts() { # target
	all=
	for part in $(parts "$1"); do
		case "$all " in
		*" $1/$part "*) ;;
		*) all="$all $1/$part" ;;
		esac
	done
	echo "${all:-$1}"
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
	msg) echo msg.c addr.c buf.c tlv.c ;;
	dns) echo bootstrap_dns.c addr.c rng.c ;;
	link) echo link.c addr.c buf.c msg.c crypto.c crypto_curve.c noise.c tlv.c ;;
	parse) cores ;;
	core) cores && echo t/text.c t/harness.c t/core_*.c ;;
	start)
		cores
		echo call_joblog.c env.c exchange_log.c lines.c loop.c net.c program.c
		;;
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
	checkers='-O1 -fsanitize=fuzzer,address,undefined
	    -fno-sanitize-recover=undefined'
	[ -z "${FUZZ_PLAIN:-}" ] || checkers='-O2 -fsanitize=fuzzer'
	# shellcheck disable=SC2046,SC2086
	clang -g -std=c99 -D_POSIX_C_SOURCE=200809L -I. $checkers \
	    -o "$out/fuzz_$1" -DFUZZ_FIRST \
	    "t/fuzz/$1.c" t/fuzz/main.c $(sources "$1")
}

# Fuzz it, from what its corpus holds and what was found before.
run() { # target part
	name=$1${2:+-$2} seeds=t/fuzz/corpus/$1
	if [ "$1" = msg ]; then
		unhex t/wire "$out/wire"
		seeds="$seeds $out/wire"
	fi
	FUZZ_FIRST=
	if [ -n "$2" ]; then
		first_bytes "$1" "$2" || usage
		FUZZ_FIRST=$numbers
	fi
	export FUZZ_FIRST
	# shellcheck disable=SC2086
	if "$out/fuzz_$1" $limit -max_len="${FUZZ_MAX:-4096}" \
	    -print_final_stats=1 -artifact_prefix="$out/" "$out/$1" $seeds \
	    >"$out/$name.log" 2>&1; then
		echo "ok fuzz $1${2:+/$2}: $(sed -n \
		    's/^stat::number_of_executed_units: *//p' \
		    "$out/$name.log") runs"
	else
		echo "not ok fuzz $1${2:+/$2} (log: $out/$name.log)"
		failed=1
	fi
}

merge() { # target
	"$out/fuzz_$1" "$limit" -use_counters=0 -max_len=512 \
	    "t/fuzz/corpus/$1" "$out/$1" >"$out/$1.log" 2>&1 || failed=1
}

[ $# -ge 1 ] || usage
merging=no
limit=-max_total_time=$1
case $1 in
-m) merging=yes limit=-merge=1 ;;
-r)
	[ $# -ge 2 ] || usage
	limit=-runs=$2
	shift
	;;
esac
shift
case ${limit#*=} in
'' | *[!0-9]*) usage ;;
esac

out=t/log/fuzz
failed=0
mkdir -p "$out/wire" || exit 111
if [ $# -eq 0 ]; then
	for t in dns msg link parse start core; do
		# shellcheck disable=SC2046
		if [ "$merging" = yes ]; then
			set -- "$@" "$t"
		else
			set -- "$@" $(all_parts "$t")
		fi
	done
fi

built=
for t do
	base=${t%%/*}
	sources "$base" >/dev/null || usage
	mkdir -p "$out/$base" "t/fuzz/corpus/$base" || exit 111
	[ "$built" = "$base" ] || build "$base" || exit 111
	built=$base
	if [ "$merging" = yes ]; then
		merge "$base"
	elif [ "$base" = "$t" ]; then
		run "$t" ''
	else
		run "$base" "${t#*/}"
	fi
done
exit "$failed"
