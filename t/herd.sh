#!/bin/sh
# A herd: 300 callers of one host, 50 at a time, against a capacity of 8. Each
# has its answer. Who needs more than 200 ms to prove himself where others wait may
# be turned away, and comes again: how many do is measured by t/bench/mesh.sh. And
# 500 brokers that dial an authority at once all get in, and again when it was
# killed and started again.
. "$(dirname "$0")/lib.sh"

tier
start listener lambda-listener -c 8 calc "$top/t/calc.sh"
same "$(lambda-call calc add 40 2 </dev/null)" 42
awk 'BEGIN { for (i = 1; i <= 300; i++) print i }' |
    xargs -P 50 -I '{}' sh -c "lambda-call -T $hang calc add {} 1 </dev/null" \
    >"$tmp/out" 2>"$tmp/err" || fail "callers failed: $(head -n 3 "$tmp/err")"
same "$(sort -n "$tmp/out" | tr '\n' ' ')" "$(awk \
    'BEGIN { for (i = 2; i <= 301; i++) printf "%d ", i }')"
echo "said of it: $(grep -c . "$tmp/err") lines"
head -n 3 "$tmp/err"
helper diallers
start herd sh -c '"$0" 500 "$1" 2 >"$2"; echo "status $?" >>"$2"' \
    "$top/t/diallers" "$where" "$tmp/herd"
herd=$pid
in_times() {
	[ "$(grep -c '^diallers 500$' "$tmp/herd" 2>/dev/null)" = "$1" ]
}
until_true in_times 1 || fail "not all get in: $(cat "$tmp/herd")"
# The authority is killed and started again: all are back.
kill -9 "$authority"
wait "$authority" 2>/dev/null
start again lambda-authority -l "$where"
wait "$herd"
grep -q '^status 0$' "$tmp/herd" || fail "not all come back"
in_times 2 || fail "not all: $(cat "$tmp/herd")"
tr '\n' ' ' <"$tmp/herd"
echo passed
