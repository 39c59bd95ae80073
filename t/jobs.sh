#!/bin/sh
# What a filter is given beside its records: blocks.
. "$(dirname "$0")/lib.sh"

tier
start run lambda-listener -c 4 run env

# Blocks: what comes out is what one program makes of the whole input, in any
# framing, ordered or not; one record may be longer than a block.
seq 1 20000 >"$tmp/lines"
awk 'BEGIN { for (i = 0; i < 5000; i++) printf "a longer line, "; print ""}' \
    >>"$tmp/lines"
echo last >>"$tmp/lines"
tr '\n' '\0' <"$tmp/lines" >"$tmp/nuls"
sort "$tmp/lines" >"$tmp/sorted"
for how in -L:lines -0:nuls; do
	in=$tmp/${how#*:}
	lambda-call "${how%:*}" -B 10k run gzip <"$in" >"$tmp/gz" ||
	    fail "gzip of ${how#*:}"
	gzip -dc <"$tmp/gz" | cmp - "$in" || fail "${how#*:} are others"
	lambda-call "${how%:*}" -uB 10k run cat <"$in" | tr '\0' '\n' | sort |
	    cmp - "$tmp/sorted" || fail "of ${how#*:}, not ordered"
done
printf '%s\n' a b c c d | lambda-call -B 4 run grep -v c >"$tmp/out" \
    2>"$tmp/err" && fail 'a block without output is no failure'
same "$(cat "$tmp/out")" 'a
b
d'
grep -q '^lines 3-4: exit status 1 on ' "$tmp/err" || fail "$(cat "$tmp/err")"
tells 100 '-B 15x: give a number of bytes from 1 to 16646144' \
    lambda-call -B 15x run cat
tells 100 'leave out -B' lambda-call -SB 1k run cat

echo passed
