#!/bin/sh
# A herd: 300 callers of one host, 50 at a time, against a capacity of 8. Each
# has its answer, and none is turned away while it proves itself.
# Alone: each has 200 ms for that, where others wait.
. "$(dirname "$0")/lib.sh"

tier
start listener lambda-listener -c 8 calc "$top/t/calc.sh"
same "$(lambda-call calc add 40 2 </dev/null)" 42
awk 'BEGIN { for (i = 1; i <= 300; i++) print i }' |
    xargs -P 50 -I N sh -c "lambda-call -T $(bound 60) calc add N 1 </dev/null" \
    >"$tmp/out" 2>"$tmp/err" || fail "callers failed: $(head -n 3 "$tmp/err")"
same "$(sort -n "$tmp/out" | tr '\n' ' ')" "$(awk \
    'BEGIN { for (i = 2; i <= 301; i++) printf "%d ", i }')"
if [ "$(bound 1)" -gt 1 ]; then
	echo "slow programs are turned away, and come again: not looked at"
elif [ -s "$tmp/err" ]; then
	fail "turned away: $(head -n 3 "$tmp/err")"
fi
echo passed
