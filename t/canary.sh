#!/bin/sh
# A canary: two versions side by side with capacities 9 and 1. A buyer of 10
# sends them work in that proportion, and the canary gets none within a second
# of its withdrawal. A function that only the new version exports goes there.
# Alone: how fast tokens come back decides about the share.
. "$(dirname "$0")/lib.sh"

# N: its program answers with its number and when that was. It takes its time,
# the same in both: in a filter that wants more than there is, the share of each
# follows how fast its tokens come back, and that is then as many of them.
version() {
	cat >"$tmp/v$1" <<EOF
#!/bin/sh
case \$1 in
which) sleep 0.05; echo $1 \$(date +%s%N) ;;
new) [ $1 = 2 ] && echo new ;;
esac
EOF
	chmod +x "$tmp/v$1"
}

tier
version 1
version 2
start old lambda-listener -c 9 -V 1.0 -f which/0 tool "$tmp/v1"
start canary lambda-listener -c 1 -V 2.0 -f which/0 -f new/0 tool "$tmp/v2"
canary=$pid
which() { # OPTION...
	lambda-call "$@" tool which </dev/null | cut -d ' ' -f 1
}
same "$(which -V 1.0)" 1
same "$(which -V 1.1+)" 2
same "$(lambda-call -V 2.0 tool new </dev/null)" new

# A PLB moves from one to the other when its version file says so and it is told.
echo 1.0 >"$tmp/version"
start plb lambda-plb -c 1 -V "@$tmp/version" -s "$tmp/tool.plb" tool
plb=$pid
until_true 10 test -S "$tmp/tool.plb" || fail "no PLB"
answers() {
	[ "$(which -s "$tmp/tool.plb")" = "$1" ]
}
answers 1 || fail "the PLB's first version"
echo 2.0 >"$tmp/version"
kill -HUP "$plb"
until_true 10 answers 2 || fail "the PLB does not move"
rm "$tmp/version"
kill -HUP "$plb"
logged plb 'unable to read the version .*going on as before'
answers 2 || fail "the PLB went on as before"
stop "$plb"

# 1,000 calls, of which 100 are expected; the bounds are five standard deviations.
awk 'BEGIN { for (i = 0; i < 1000; i++) print i }' |
    lambda-call -u -c 10 -L tool which >"$tmp/out" || fail "calls failed"
n=$(grep -c '^2 ' "$tmp/out")
echo "the canary answered $n of 1000"
if [ "$(bound 1)" -gt 1 ]; then
	echo "where programs are slow a call takes its time for another reason: not looked at"
elif [ "$n" -lt 52 ] || [ "$n" -gt 148 ]; then
	fail "the canary's share is not a tenth"
fi

# It is withdrawn under a filter of about 100 lines a second that stays on for two
# seconds: nothing fails, and the last answer of the canary was given within a
# second of SIGTERM. Both answer before, and the old one after.
start filter sh -c 'while [ ! -e "$0/stop" ]; do
	    printf "\n\n\n\n\n\n\n\n\n\n"; sleep 0.1; done |
	lambda-call -u -c 10 -L tool which >"$0/out2"
	echo "status $?"' "$tmp"
answered() { # VERSION N TIME: N times, after that
	[ "$(awk -v v="$1" -v t="$3" '$1 == v && $2 > t { n++ }
	    END { print n + 0 }' "$tmp/out2")" -ge "$2" ]
}
until_true 20 answered 2 10 0 || fail "the canary does not answer"
before=$(date +%s%N)
until_true 10 answered 2 3 "$before" || fail "the canary does not go on"
withdrawn=$(date +%s%N)
stop "$canary"
same "$ended" 0
until_true 10 answered 1 10 $((withdrawn + 2000000000)) ||
    fail "the old version does not go on"
touch "$tmp/stop"
logged filter 'status 0' 30
awk -v from="$withdrawn" -v most="$(bound 1000)" '
	$1 == 2 && $2 > last { last = $2 }
	$1 == 1 && $2 > from { old++ }
	END {
		late = (last - from) / 1e6
		printf "the last answer of the canary was %d ms after SIGTERM, ",
		    late
		print old, "followed by the old version"
		exit last == 0 || late > most
	}' "$tmp/out2" || fail "the canary goes on for more than a second"
lambda-call -T 1 -V 2.0 tool which </dev/null 2>"$tmp/err"
same $? 99
echo passed
