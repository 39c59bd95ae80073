#!/bin/sh
# Measures how buyers share a tier, with jobs that sleep for $BENCH_JOB seconds
# (0.3): how soon after a change each holds its share, how far they are from each
# other from 3 seconds on, how many jobs each has done, and what is lost. Prints a
# row for each figure, which is to be less than the aim where there is one:
#
#	FIGURE VALUE UNIT [AIM]
#
# What a buyer holds is what an exchange sees. What is lost is what one filter
# alone does of jobs in the same time, and those that share do not.
. "$(dirname "$0")/../lib.sh"

need ps
exec 3>&1 >&2 # rows, and what lib.sh has to say
job=${BENCH_JOB:-0.3}
yes | head -n 100000 >"$tmp/lines"

row() { # FIGURE VALUE UNIT [AIM]
	[ -n "$2" ] || fail "$1: nothing is said of it"
	echo "$*" >&3
}
calc() { # EXPRESSION: of awk
	awk "BEGIN { printf \"%.3f\", $1 }"
}
now() { # seconds
	cut -d ' ' -f 1 /proc/uptime
}

# module NAME N: on N listeners of 4 each
module() {
	n=0
	while [ "$((n += 1))" -le "$2" ]; do
		start "$1$n" lambda-listener -q -c 4 "$1" sleep
	done
	until_true on_offer "$@" || fail "not all of $1 is on offer"
	see "$1"
}
see() { # MODULE: what is held is that of its exchange from now on
	at=$(lambda-ctl exchanges | awk -v m="$1" "$of"'
		of("module") == m { print $2; exit }')
}
on_offer() {
	[ "$(lambda-ctl orders |
	    grep -c "kind sell module $1 .* quantity 4 ")" -eq "$2" ]
}

# filter NAME MODULE [OPTION...]: one that does not end by itself. Each job puts a
# byte into $tmp/NAME.out.
filter() {
	name=$1 module=$2
	shift 2
	lambda-call -q -u -L "$@" "$module" "$job" <"$tmp/lines" \
	    >"$tmp/$name.out" 2>/dev/null 3>&- &
	pids="$pids $!"
	eval "of_$name=$!"
}
end() { # NAME...
	for name; do
		eval "kill \$of_$name"
	done
	for name; do
		eval "stop \$of_$name"
	done
}
held() { # what each buyer holds
	lambda-ctl -A "$at" orders | awk "$of"'$1 == "buy" { print of("held") }'
}

# watch SECONDS N: into $tmp/watched: since when, the least and the most that one
# of N buyers holds
watch() {
	begun=$(now)
	: >"$tmp/watched"
	since=0
	while [ "${since%.*}" -lt "$1" ]; do
		sleep 0.05
		since=$(calc "$(now) - $begun")
		held | sort -n | awk -v since="$since" -v n="$2" '
			NR == 1 { least = $1 }
			END { print since, NR == n ? least : 0, $1 + 0 }' \
		    >>"$tmp/watched"
	done
}
# told FIGURE: after how long they were within a token, for good, and how far from
# each other they were after 3 s
told() {
	row "${1}_within_a_token_after" "$(awk '
		$3 - $2 > 1 || $3 == 0 { last = $1 }
		END { print last + 0.1 }' "$tmp/watched")" s 3
	row "${1}_apart_from_3_s_on" "$(awk '
		$1 >= 3 && $3 - $2 > most { most = $3 - $2 }
		END { print most + 0 }' "$tmp/watched")" tokens 1.5
}

# work SECONDS NAME...: jobs that each does meanwhile, into $tmp/jobs
work() {
	seconds=$1
	shift
	for name; do
		wc -c <"$tmp/$name.out"
	done >"$tmp/before"
	begun=$(now)
	sleep "$seconds"
	for name; do
		wc -c <"$tmp/$name.out"
	done | paste "$tmp/before" - | awk -v s="$(calc "$(now) - $begun")" \
	    '{ print ($2 - $1) / s }' >"$tmp/jobs"
}
total() {
	awk '{ n += $1 } END { print n }' "$tmp/jobs"
}
# lost FIGURE ALONE: part of what one filter alone does
lost() {
	row "${1}_jobs_lost" "$(calc "1 - $(total) / $2")" of_all 0.03
}
# most: how far one of them is from the mean, at the most
most() {
	awk '{ job[NR] = $1; n += $1 }
	END {
		for (i in job) {
			off = job[i] * NR / n - 1
			off = off < 0 ? -off : off
			most = off > most ? off : most
		}
		print most + 0
	}' "$tmp/jobs"
}
# slots: for how many slots one does more jobs than another, at the most
slots() {
	sort -n "$tmp/jobs" | awk -v job="$job" '
		NR == 1 { least = $1 }
		END { print ($1 - least) * job }'
}

tier
module wide 8
filter alone wide -c 64
until_true test -s "$tmp/alone.out"
sleep 1
work 10 alone
alone=$(total)
row one_filter_on_32 "$alone" jobs/s
row one_filter_on_32_slots_would_do "$(calc "32 / $job")" jobs/s

filter second wide -c 64
watch 8 2
told a_second
work 10 alone second
row two_filters_jobs_apart "$(slots)" slots 1.5
lost two_filters "$alone"
end second alone

module narrow 2
filter alone narrow -c 64
until_true test -s "$tmp/alone.out"
sleep 1
work 10 alone
few=$(total)
end alone
for name in a b c; do
	filter "$name" narrow -c 64
done
watch 8 3
told three_at_once_on_8
work 15 a b c
row three_filters_jobs_apart "$(slots)" slots 1.5
lost three_filters "$few"
end a b c

# A single call, over and over, beside filters that hold all.
see wide
filter a wide -c 64
filter b wide -c 64
watch 4 2
n=0
while [ "$((n += 1))" -le 21 ]; do
	begun=$(now)
	lambda-call -q wide "$job" </dev/null || fail "a call fails"
	calc "1000 * ($(now) - $begun - $job)"
	echo
done | sort -n >"$tmp/waited"
limit=$(calc "1000 * $job + 100")
row a_call_beside_two_filters_waits "$(sed -n 11p "$tmp/waited")" ms "$limit"
row at_the_most "$(tail -n 1 "$tmp/waited")" ms "$limit"
end a b

# Through one PLB, a caller of 1 and a filter of 64.
start plb lambda-plb -q -c 64 -s "$tmp/plb" wide
plb=$pid
until_true test -S "$tmp/plb" || fail "no PLB"
filter of_64 wide -s "$tmp/plb" -c 64
filter of_1 wide -s "$tmp/plb" -c 1
sleep 3
work 10 of_64 of_1
lost through_a_plb "$alone"
row a_caller_of_1_beside_a_filter_of_64_there_lacks \
    "$(calc "1 - $(tail -n 1 "$tmp/jobs") * $job")" slots 0.1
end of_64 of_1
stop "$plb"

# More buyers than tokens.
many=
n=0
while [ "$((n += 1))" -le 100 ]; do
	many="$many turn$n"
	filter "turn$n" wide -c 1
done
started() {
	[ "$(held | wc -l)" -eq 100 ]
}
until_true started || fail "not all 100 wait or hold something"
# shellcheck disable=SC2086 # names
work 30 $many
row 100_filters_of_1_on_32_off_the_mean "$(most)" of_it 0.25
lost 100_filters_of_1_on_32 "$alone"
# shellcheck disable=SC2086
end $many
