#!/bin/sh
# Measures how soon the mesh is whole again: 5 authorities, 6 brokers, and 20
# modules with two listeners each, on loopback. Whole is when every module has two
# exchanges, nobody lists another, and every broker is linked to its homes and to
# those of its modules. Prints a row for each figure, which is to be less than the aim:
#
#	FIGURE VALUE UNIT AIM
#
# The programs say themselves when something happens: with -v they log each link
# and each exchange, and t/bench/stamp notes when. To look takes longer than all
# of it, so looking only tells that there is nothing to come; the last that was
# said until then is when it was whole.
. "$(dirname "$0")/../lib.sh"

need ps
exec 3>&1 >&2 # rows, and what lib.sh has to say
bench=$top/t/bench
[ -x "$bench/stamp.bench" ] || (cd "$top" && make -s t/bench/stamp.bench) ||
    fail "t/bench/stamp.bench does not compile"
head -c 32 /dev/urandom >"$tmp/key"
chmod 600 "$tmp/key"
LAMBDA_KEY=$tmp/key
export LAMBDA_KEY
: >"$tmp/said"

row() { # FIGURE VALUE UNIT AIM
	[ -n "$2" ] || fail "$1: nothing is said of it"
	echo "$*" >&3
}
median() {
	sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# speak NAME COMMAND...: start it; what it says is stamped. None is started twice
# with the same name.
speak() {
	mkfifo "$tmp/$1.log"
	"$bench/stamp.bench" "$1" <"$tmp/$1.log" >>"$tmp/said" &
	pids="$pids $!"
	start "$@"
}
said() { # NAME PATTERN
	grep -q "^[0-9.]* $1 .*$2" "$tmp/said"
}

# since MS: until the mesh was whole, which it is now
since() {
	awk -v from="$1" '
	$1 + 0 > from && /linked to (authority|exchange)|exchange for / {
		last = $1
	}
	END { if (last) printf "%.1f\n", last - from }' "$tmp/said"
}

# Who is there. authority I: again where it was before, if it was.

starts=0
authority() {
	starts=$((starts + 1))
	eval "at=\${at$1:-127.0.0.1:0}"
	speak "a$1.$starts" sh -c 'exec lambda-authority -v -l "$1" <"$0"' \
	    "$tmp/known" "$at"
	eval "a$1=$pid"
	until_true said "a$1.$starts" ' ready' || fail "authority $1"
	at=$(sed -n "s/.* a$1.$starts lambda-authority: listening on //p" \
	    "$tmp/said")
	eval "at$1=\$at"
}
everybody() {
	: >"$tmp/known"
	for i in 1 2 3 4 5; do
		authority "$i"
		[ "$i" -ne 1 ] || echo "$at" >"$tmp/known"
	done
	for i in 1 2 3 4 5 6; do
		mkdir -m 700 "$tmp/h$i"
		speak "b$i" sh -c 'LAMBDA_RUN=$1 exec lambda-broker -v \
		    -l 127.0.0.1:0 <"$0"' "$tmp/known" "$tmp/h$i"
		until_true said "b$i" ' ready' || fail "broker $i"
	done
	m=0
	while [ "$m" -lt 20 ]; do
		for i in $((m % 3 + 1)) $((m % 3 + 4)); do
			start listeners lambda-listener -q -c 2 \
			    -b "$tmp/h$i/broker" "m$m" cat
		done
		m=$((m + 1))
	done
	live='1 2 3 4 5'
	until_true whole || fail "the mesh is not whole"
}

# The looks. They see the 20 modules alone: what is measured may add others.

# listed I N: authority I is linked to N; what it lists, which is what it runs and what
# its brokers need, goes to what others list in $tmp/listed
listed() {
	eval "at=\$at$1"
	lambda-ctl -A "$at" all >"$tmp/rows" || return 1
	[ "$(grep -c '^authority' "$tmp/rows")" -eq "$2" ] || return 1
	awk "$of"'$1 == "exchange" && of("module") ~ /^m[0-9]/ {
		print of("module"), $2
	}' "$tmp/rows" >>"$tmp/listed"
}
# joined I N: broker I is linked to N authorities, and to each exchange of its
# modules that is listed
joined() {
	lambda-ctl -b "$tmp/h$1/broker" all >"$tmp/rows" || return 1
	[ "$(grep -c '^authority' "$tmp/rows")" -eq "$2" ] || return 1
	awk "$of"'$1 == "exchange" && of("module") ~ /^m[0-9]/ &&
	    of("state") == "linked" { print of("module"), $2 }' "$tmp/rows" | sort >"$tmp/now"
	awk -v i="$1" '{ m = substr($1, 2) } m % 3 == (i - 1) % 3' "$tmp/list" |
	    cmp -s - "$tmp/now"
}
whole() {
	# shellcheck disable=SC2086
	set -- $live
	: >"$tmp/listed"
	for a; do
		listed "$a" $# || return 1
	done
	sort -u "$tmp/listed" >"$tmp/list"
	[ "$(awk '{ print $1 }' "$tmp/list" | uniq -c |
	    awk '$1 == 2' | wc -l)" -eq 20 ] || return 1
	homes=3
	[ $# -ge "$homes" ] || homes=$#
	for b in 1 2 3 4 5 6; do
		joined "$b" "$homes" || return 1
	done
}

# What is measured.

exchanges_of() { # I: the processes
	eval "children \"\$a$1\" lambda-exchange"
}

# One authority of those that not all others know by its address.
authority_killed() {
	for i in 2 3 4 5 2; do
		eval "began=\$(\"$bench/stamp.bench\" -k \"\$a$i\")"
		live=$(echo ' 1 2 3 4 5 ' | sed "s/ $i / /")
		until_true whole || fail "not whole without authority $i"
		since "$began"
		authority "$i"
		live='1 2 3 4 5'
		until_true whole || fail "not whole with authority $i back"
	done >"$tmp/killed"
	row "an authority's SIGKILL to whole" "$(median <"$tmp/killed")" ms 1000
}

exchange_killed() {
	for i in 1 2 3 4 5; do
		victim=$(exchanges_of "$i" | head -n 1)
		[ -n "$victim" ] || continue
		began=$("$bench/stamp.bench" -k "$victim")
		until_true eval "[ -z \"\$(children \"\$a$i\" lambda-exchange |
		    grep -x $victim)\" ]"
		until_true whole || fail "no other exchange is started"
		since "$began"
	done >"$tmp/killed"
	row "an exchange's SIGKILL to whole" "$(median <"$tmp/killed")" ms 1000
}

# A PLB that holds all there is, for a call that does not end, and a caller that
# waits for it.
plb_killed() {
	# shellcheck disable=SC2016
	start held lambda-listener -q -c 1 -b "$tmp/h1/broker" held sh -c \
	    'if [ "$2" = begun ]; then echo >"$1/begun"; exec sleep 1000; fi
	    echo served' sh "$tmp"
	for i in 1 2 3 4 5; do
		rm -f "$tmp/begun"
		start "holder$i" lambda-plb -q -c 1 -b "$tmp/h1/broker" \
		    -s "$tmp/holder$i" held
		victim=$pid
		until_true test -S "$tmp/holder$i" || fail "no PLB"
		start "hold$i" lambda-call -q -s "$tmp/holder$i" held begun
		until_true test -e "$tmp/begun" || fail "no call is begun"
		lambda-call -q -b "$tmp/h1/broker" held next </dev/null |
		    "$bench/stamp.bench" "next$i" >>"$tmp/said" &
		pids="$pids $!"
		until_true waits || fail "nobody waits for what is held"
		began=$("$bench/stamp.bench" -k "$victim")
		until_true said "next$i" served || fail "who waits is not served"
		awk -v from="$began" -v name="next$i" '$2 == name {
			printf "%.1f\n", $1 - from
		}' "$tmp/said"
	done >"$tmp/killed"
	row "a PLB's SIGKILL to its token used by another" \
	    "$(median <"$tmp/killed")" ms 1000
}
waits() {
	lambda-ctl -b "$tmp/h1/broker" orders |
	    grep -q "buy module held .* missing 1 held 0"
}

# As after the loss of a cable: it is 15 seconds of silence that tell. Then it goes
# on, and finds that it was given up.
authority_silent() {
	# shellcheck disable=SC2046,SC2154
	set -- "$a5" $(exchanges_of 5)
	began=$("$bench/stamp.bench" -s "$@")
	live='1 2 3 4'
	until_true whole || fail "not whole without who is silent"
	row "an authority falls silent, to whole" "$(since "$began")" ms 16000
	began=$("$bench/stamp.bench" -c "$@")
	live='1 2 3 4 5'
	until_true whole || fail "not whole with who was silent"
	row "it speaks again, to whole" "$(since "$began")" ms 16000
}

# All of them; the brokers try again after 10 seconds at most.
all_killed() {
	for i in 1 2 3 4 5; do
		eval "kill -9 \"\$a$i\"; wait \"\$a$i\" 2>/dev/null"
	done
	for i in 1 2 3 4 5; do
		authority "$i"
	done
	began=$(sed -n "s/ a5.$starts lambda-authority: ready\$//p" "$tmp/said")
	until_true whole || fail "not whole with all authorities back"
	row "all authorities back, to whole" "$(since "$began")" ms 20000
}

# A herd: 300 callers of one host, 50 at a time. Who needs more than 200 ms to prove
# himself, where others wait, may be turned away, and comes again.
herd() {
	start herd lambda-listener -q -c 8 -b "$tmp/h1/broker" herd \
	    "$top/t/calc.sh"
	lambda-call -b "$tmp/h1/broker" herd add 1 1 </dev/null >"$tmp/out"
	i=0
	while [ "$i" -lt 300 ]; do
		i=$((i + 1))
		echo "$i"
	done | xargs -P 50 -I '{}' sh -c "lambda-call -b '$tmp/h1/broker' \
	    herd add {} 1 </dev/null" >"$tmp/out" 2>"$tmp/turned" ||
	    fail "callers failed: $(head -n 3 "$tmp/turned")"
	row "of 300 callers, 50 at a time, turned away" \
	    "$(wc -l <"$tmp/turned" | tr -d ' ')" calls 1
}

everybody
authority_killed
exchange_killed
plb_killed
authority_silent
all_killed
herd
