#!/bin/sh
# A filter beside xargs(1), GNU parallel and one awk(1), in one run: many jobs that
# do nothing, short lines through a filter, and as much of gzip(1) as the processors
# allow. Prints a line a figure, as t/bench/run.sh takes them: name, value, unit,
# and what it is to be. To be run by lambda-solo. It needs a date(1) that
# knows %N.
#
# $BENCH_MB	of input for gzip: 256

top=$(cd "$(dirname "$0")/../.." && pwd)
PATH=$top:$PATH
sh "$top/t/setup.sh" parallel || exit 1
dir=$(mktemp -d "${TMPDIR:-/tmp}/lambda-f.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
export dir
cd "$dir" || exit 1

# ms ROUNDS SCRIPT: the median time of it
ms() {
	left=$1
	while [ "$left" -gt 0 ]; do
		left=$((left - 1))
		began=$(date +%s.%N)
		sh -c "$2" || exit 1
		echo "$began $(date +%s.%N)"
	done | awk '{ print ($2 - $1) * 1000 }' | sort -n |
	    awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# figure NAME MS [AIM]
figure() {
	echo "$1 $2 ms ${3:-}"
}

of() { # A B
	awk -v a="$1" -v b="$2" 'BEGIN { if (b > 0) print a / b }'
}

lambda-listener -q -c 8 run env &
many=$!
export PARALLEL="--will-cite --no-notice"
seq 2000 >many
seq 100000 >lines
call=$(ms 3 'lambda-call -c 8 -L run true <many >/dev/null')
figure '2000 jobs of true(1): lambda-call -L -c 8' "$call"
figure '2000 jobs of true(1): xargs -P8' "$(ms 3 'xargs -P8 -n1 true <many')"
figure '2000 jobs of true(1): parallel -j8' \
    "$(ms 1 'parallel -j8 true <many >/dev/null')"

double='{ print $1 * 2 }'
export double
call=$(ms 9 'lambda-call -c 4 -B 64k run awk "$double" <lines >/dev/null')
pipe=$(ms 3 'parallel -j4 --pipe --block 64k awk "\"\$double\"" <lines >/dev/null')
figure '100000 lines, four awk: lambda-call -B 64k' "$call" 150
figure '100000 lines, four awk: parallel --pipe' "$pipe"
echo "100000 lines, four awk: of parallel's rate $(of "$pipe" "$call") times >5"
figure '100000 lines, one awk' "$(ms 9 'awk "$double" <lines >/dev/null')"
kill "$many"
wait "$many"

# Text. What the processors allow is two gzip of a half each at once: they start
# once, and read a file. To start one for each block is a part of what is
# missing from that.
mb=${BENCH_MB:-256}
awk 'BEGIN { while (1) print "line", ++i, i * 7919 % 100003, "of some text" }' |
    head -c "${mb}000000" >text
head -c "$((mb / 2))000000" text >half
lambda-listener -q -c 1 pack gzip &
one=$!
lambda-listener -q -c 1 pack gzip &
two=$!
export mb
call=$(ms 3 'lambda-call -B 1m pack <text >/dev/null')
both=$(ms 3 'gzip <half >/dev/null & gzip <half >/dev/null; wait')
figure "$mb MB, gzip on 2 listeners: lambda-call -B 1m" "$call"
figure "$mb MB, two gzip of a half each" "$both"
figure "$mb MB: parallel -j2 --pipe --block 1m" \
    "$(ms 1 'parallel -j2 --pipe --block 1m gzip <text >/dev/null')"
echo "$mb MB, gzip: of what the processors allow $(of "$both" "$call") times >0.8"
kill "$one" "$two"
wait
