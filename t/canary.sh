#!/bin/sh
# A canary: two versions side by side with capacities 9 and 1. A buyer of 10
# sends them work in that proportion, and the canary gets none within a second
# of its withdrawal. A function that only the new version exports goes there.
. "$(dirname "$0")/lib.sh"

version() { # N: its program answers with its number
	cat >"$tmp/v$1" <<EOF
#!/bin/sh
case \$1 in
which) sleep 0.05; echo $1 ;;
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
same "$(lambda-call -V 1.0 tool which </dev/null)" 1
same "$(lambda-call -V 1.1+ tool which </dev/null)" 2
same "$(lambda-call -V 2.0 tool new </dev/null)" new

# A PLB moves from one to the other when its version file says so and it is told.
echo 1.0 >"$tmp/version"
start plb lambda-plb -c 1 -V "@$tmp/version" -s "$tmp/tool.plb" tool
plb=$pid
until_true 10 test -S "$tmp/tool.plb" || fail "no PLB"
answers() {
	[ "$(lambda-call -s "$tmp/tool.plb" tool which </dev/null)" = "$1" ]
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

# A call takes as long in both, so that answers count tokens: 1,000 calls, of
# which 100 are expected; the bounds are five standard deviations.
awk 'BEGIN { for (i = 0; i < 1000; i++) print i }' |
    lambda-call -u -c 10 -L tool which >"$tmp/out" || fail "calls failed"
n=$(grep -c '^2$' "$tmp/out")
echo "the canary answered $n of 1000"
if [ "$n" -lt 52 ] || [ "$n" -gt 148 ]; then
	fail "the canary's share is not a tenth"
fi

# It is withdrawn under a running filter: nothing fails, and a second later
# every answer is the old version's.
mkfifo "$tmp/in"
start filter sh -c 'lambda-call -c 10 -L tool which <"$0/in" >"$0/out2"
	echo "status $?"' "$tmp"
exec 3>"$tmp/in"
awk 'BEGIN { for (i = 0; i < 500; i++) print i }' >&3
until_true 10 grep -q '^2$' "$tmp/out2" || fail "the canary does not answer"
stop "$canary"
same "$ended" 0
until_true 10 sh -c 'test "$(wc -l <"$0")" -eq 500' "$tmp/out2" || fail "stuck"
awk 'BEGIN { for (i = 0; i < 500; i++) print i }' >&3
exec 3>&-
logged filter 'status 0' 30
same "$(wc -l <"$tmp/out2" | tr -d ' ')" 1000
same "$(tail -n 500 "$tmp/out2" | grep -c '^2$')" 0
lambda-call -T 1 -V 2.0 tool which </dev/null 2>"$tmp/err"
same $? 99
echo passed
