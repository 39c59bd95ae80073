#!/bin/sh
# A canary: two versions side by side, with capacities of 9 and 1. Who buys 10 has
# nine tokens of the one and one of the other. So of what is in flight a tenth is
# at the canary, and of calls that leave tokens free each is drawn in that
# proportion. Of the answers to who uses all that he has it need not be a tenth:
# there a host has its next request when it has answered the one before. The
# canary has no other request from when it is withdrawn, while what it runs is
# finished. A function that only the new version exports goes there.
. "$(dirname "$0")/lib.sh"

# version N: its program answers with its number; held, when it may
version() {
	cat >"$tmp/v$1" <<EOF
#!/bin/sh
case \$1 in
which) echo $1 ;;
held)
	echo $1 >>"$tmp/begun"
	until test -e "$tmp/go$1"; do sleep 0.05; done
	echo $1 ;;
new) [ $1 = 2 ] && echo new ;;
esac
EOF
	cat >"$tmp/line$1" <<EOF
#!/bin/sh
while read -r line; do echo $1; done
EOF
	chmod +x "$tmp/v$1" "$tmp/line$1"
}

tier
version 1
version 2
start old lambda-listener -c 9 -V 1.0 -f which/0 -f held/0 tool "$tmp/v1"
start canary lambda-listener -c 1 -V 2.0 -f which/0 -f held/0 -f new/0 tool \
    "$tmp/v2"
canary=$pid
which() { # OPTION...
	lambda-call "$@" tool which </dev/null
}
same "$(which -V 1.0)" 1
same "$(which -V 1.1+)" 2
same "$(lambda-call -V 2.0 tool new </dev/null)" new

# A PLB moves from one to the other when its version file says so and it is told.
echo 1.0 >"$tmp/version"
start plb lambda-plb -c 1 -V "@$tmp/version" -s "$tmp/tool.plb" tool
plb=$pid
until_true test -S "$tmp/tool.plb" || fail "no PLB"
answers() {
	[ "$(which -s "$tmp/tool.plb")" = "$1" ]
}
answers 1 || fail "the PLB's first version"
echo 2.0 >"$tmp/version"
kill -HUP "$plb"
until_true answers 2 || fail "the PLB does not move"
rm "$tmp/version"
kill -HUP "$plb"
logged plb 'unable to read the version .*going on as before'
answers 2 || fail "the PLB went on as before"
stop "$plb"

# shows NAME TOKENS IN_FLIGHT [STATE]: so does a channel of that PLB
shows() {
	lambda-ctl -A "$tmp/$1" all | grep -q \
	    "^channel .* tokens $2 in_flight $3 state ${4:-up}\$"
}

# Ten thousand calls through a PLB that holds all ten tokens, one after another:
# the token of each is back when the next is drawn, so the number of the canary's
# has a binomial distribution with n = 10,000 and p = 1/10: 1,000 on average, with
# a standard deviation of 30. Summed up term by term, fewer than 850 have a
# probability of 1.4e-7, and more than 1,155 one of 1.9e-7.
start olddraw lambda-listener -c 9 -V 1.0 -w line draw "$tmp/line1"
start canarydraw lambda-listener -c 1 -V 2.0 -w line draw "$tmp/line2"
start drawplb lambda-plb -c 10 -s "$tmp/draw" draw
until_true shows draw 9 0 || fail "not nine of the old version are held"
until_true shows draw 1 0 || fail "not one of the canary is held"
seq 1 10000 | lambda-call -c 1 -L -s "$tmp/draw" draw >"$tmp/drawn" ||
    fail "calls failed"
n=$(grep -cx 2 "$tmp/drawn")
echo "the canary was drawn $n times in 10,000"
[ "$n" -ge 850 ] && [ "$n" -le 1155 ] || fail "its share is not a tenth"

# Forty are wanted, and ten at once, for which there are tokens: nine here, and
# one there.
start heldplb lambda-plb -c 10 -s "$tmp/held" tool
logged heldplb 'serving on'
start filter sh -c 'seq 1 40 | lambda-call -c 10 -u -L -s "$0/held" tool held \
    >"$0/out"' "$tmp"
filter=$pid
begun() { # N VERSION: so many of it have begun, and no more
	[ "$(grep -cx "$2" "$tmp/begun")" -eq "$1" ]
}
until_true begun 9 1 || fail "not nine run the old version"
until_true begun 1 2 || fail "the canary does not run"
shows held 0 9 || fail "not nine are in flight at the old version"
shows held 0 1 || fail "not one is in flight at the canary"

# It is withdrawn. Its request is finished, and it has no other, though thirty wait
# until the old version answers.
kill "$canary"
until_true shows held 0 1 draining || fail "the canary is not withdrawn"
: >"$tmp/go2"
until_true grep -qx 2 "$tmp/out" || fail "the canary's request is not finished"
wait "$canary"
same $? 0
begun 9 1 || fail "more of the old version run than there are tokens"
: >"$tmp/go1"
wait "$filter" || fail "the filter failed: $?"
begun 39 1 && begun 1 2 || fail "begun: $(sort "$tmp/begun" | uniq -c)"
same "$(sort "$tmp/out" | uniq -c | awk '{ print $1, $2 }')" '39 1
1 2'
lambda-call -T 1 -V 2.0 tool which </dev/null 2>"$tmp/err"
same $? 99
echo passed
