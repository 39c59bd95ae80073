#!/bin/sh
# What a filter is given beside its records: blocks, a job log, and
# what becomes of records that fail.
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
# A line that is too long ends the input, after what came before it.
{ echo a; head -c 17000000 /dev/zero | tr '\0' x; } >"$tmp/long"
for how in -L -B1m; do
	lambda-call "$how" run cat <"$tmp/long" >"$tmp/out" 2>"$tmp/err"
	same "$?" 100
	same "$(cat "$tmp/out" "$tmp/err" | grep -v ': no capacity yet: ')" "a
line 2: the record is over 16 MiB; the input is read no further"
done
tells 100 '-B 15x: give a number of bytes from 1 to 16646144' \
    lambda-call -B 15x run cat
tells 100 'leave out -B' lambda-call -SB 1k run cat

# A job log has a line for each record, and says how it ended.
work='read -r n; echo "$n" >>"$TMPDIR/ran"; echo "did $n"; test "$n" != 3'
call() { # with that log, and its output at the end of a file
	lambda-call -L -j "$tmp/log" run sh -c "$work" >>"$tmp/out" \
	    2>"$tmp/err"
}
rm -f "$tmp/out"
seq 5 | call && fail 'a record that fails does not tell'
same "$(cut -f 1,6,7,8,9 "$tmp/log" | tail -n +2)" "$(printf \
    '%d\t1\t6\t%d\tsh\n' 1 0 2 0 3 1 4 0 5 0)"
awk -F '\t' 'NR > 1 && !(NF == 9 && $2 > 1e9 && $3 >= 0 && $4 >= 0 &&
    $5 == host) { exit 1 }' host="$(uname -n)" "$tmp/log" ||
    fail "not the columns: $(cat "$tmp/log")"
head -n 1 "$tmp/log" | grep -q "^number	start	queued	run	host	in	out	status	function	-L run sh -c read" ||
    fail "not the header: $(head -n 1 "$tmp/log")"

# The same command goes on; another one is refused, and so is what is no log.
seq 7 | call && fail 'the record that failed is not run again'
same "$(sort "$tmp/ran" | tr '\n' ' ')" '1 2 3 3 4 5 6 7 '
same "$(tail -n +2 "$tmp/log" | cut -f 1 | tr '\n' ' ')" '1 2 3 4 5 3 6 7 '
tells 100 'it is the log of another command: -L run sh' \
    lambda-call -L -j "$tmp/log" run sh </dev/null
tells 100 'it is the log of another command: -L run sh' \
    lambda-call -0 -j "$tmp/log" run sh -c "$work" </dev/null
tells 100 'it is no job log' lambda-call -L -j "$tmp/lines" run cat </dev/null
mkfifo "$tmp/fifo"
tells 100 'it is no regular file: name another file' lambda-call -L -j "$tmp/fifo" run cat </dev/null
tells 100 '-F, -j, -S and -u are a filter.s: give -L' lambda-call -j "$tmp/log" run cat

# A torn line is cut, and its record is run again; so is a torn header.
printf '8\t17' >>"$tmp/log"
seq 8 | call && fail 'the record that fails does not'
tail -n 2 "$tmp/log" | cut -f 1,8 | grep -q '^8	0' || fail 'a torn line stays'
awk -F '\t' 'NR > 1 && NF != 9 { exit 1 }' "$tmp/log" || fail 'a line is torn'
printf 'number\tsta' >"$tmp/torn"
echo 1 | lambda-call -L -j "$tmp/torn" run cat >"$tmp/out" || fail 'a torn header'
same "$(wc -l <"$tmp/torn")" 2
# A line that somebody has spoilt is not believed; a log is one filter's.
printf '%s\n' 'x	0' '2	0	0	0	h	1	1	0' >>"$tmp/torn"
seq 2 | lambda-call -L -j "$tmp/torn" run cat >"$tmp/out" 2>"$tmp/err"
same "$(cat "$tmp/out")" 2
grep -q ': lines that are not of a job log: 2; their records run again' \
    "$tmp/err" || fail "not the lines: $(cat "$tmp/err")"
printf '3\t1\t0\t0\th\t1\t1\t0\tca' >>"$tmp/torn"
seq 3 | lambda-call -L -j "$tmp/torn" run cat >"$tmp/out"
same "what is torn after its status: $(cat "$tmp/out")" \
    'what is torn after its status: 3'
mkfifo "$tmp/hold"
start holder sh -c 'lambda-call -L -j "$0/held" run cat <"$0/hold"' "$tmp"
holder=$pid
exec 9>"$tmp/hold"
until_true test -s "$tmp/held" || fail 'no log'
tells 111 'another lambda-call writes it: wait for its end' lambda-call -L -j "$tmp/held" run cat \
    </dev/null
exec 9>&-
wait "$holder"
# What cannot be written ends the filter, and is not there.
rm "$tmp/torn"
seq 1000 | (trap '' XFSZ; ulimit -f 1; exec lambda-call -L -j "$tmp/torn" run \
    cat 2>"$tmp/err" | wc -l >"$tmp/count")
grep -q 'the job log takes no more: ' "$tmp/err" || fail "a full log: $(cat "$tmp/err")"
[ -z "$(tail -c 1 "$tmp/torn" | tr -d '\n')" ] || fail 'a full log has a torn line'
seq 1000 | lambda-call -L -j "$tmp/torn" run cat >"$tmp/out"
# Of a record that was in flight at the end, a line that says so may fit.
same "$(tail -n +2 "$tmp/torn" | cut -f 1,8 | awk '$2 == 0' | sort -un | wc -l)" \
    1000

# A record whose result is not written has no line, though it has come: a FIFO
# takes less than the first of them. When the third has run, that is known.
mkfifo "$tmp/slow"
exec 8<>"$tmp/slow"
seq 3 | lambda-call -c 1 -L -j "$tmp/unwritten" run sh -c 'read -r n
	head -c 200000 /dev/zero | tr "\0" "$n"; echo "$n" >>"$TMPDIR/unwritten.ran"
	' >"$tmp/slow" 2>"$tmp/err" &
pid=$!
has_third() {
	grep -q 3 "$tmp/unwritten.ran" 2>/dev/null
}
until_true has_third || fail "it stands: $(cat "$tmp/err")"
same "$(tail -n +2 "$tmp/unwritten")" ''
head -c 600003 <&8 >"$tmp/out"
wait "$pid" || fail "the slow reader: $(cat "$tmp/err")"
exec 8<&-
same "$(tail -n +2 "$tmp/unwritten" | cut -f 1,7,8)" "$(printf \
    '%d\t200000\t0\n' 1 2 3)"

# With blocks a line is a block's.
for _ in 1 2; do
	seq 1 1000 | lambda-call -B 400 -j "$tmp/blocks" run cat
done >"$tmp/out"
seq 1 1000 | cmp - "$tmp/out"
same "$(tail -n +2 "$tmp/blocks" | awk '{ n += $6 } END { print NR, n }')" \
    "10 $(seq 1 1000 | wc -c)"

# Records in arguments, whatever is in them.
printf '%s\0' 'a b' "it's" '$(x) {}' '' | lambda-call -0I run printf '<%s>\n' '{}{}' |
    tr '\0' ',' >"$tmp/out"
same "$(cat "$tmp/out")" "<a ba b>
,<it'sit's>
,<\$(x) {}\$(x) {}>
,<>
,"
tells 100 'no argument after the function has {}' lambda-call -I run echo
echo | lambda-call -L run echo '{}' 2>&1 |
    grep -q 'lambda-call: {} stays as it is: give -I' || fail '{} is passed over'
awk 'BEGIN { while (i++ < 70000) printf "x"; print "" }' |
    lambda-call -I run echo '{}' 2>"$tmp/err" && fail 'an argument of 70000 bytes'
grep -q '^line 1: the arguments with this record are over 65536 bytes' \
    "$tmp/err" || fail "-I: $(cat "$tmp/err")"
tells 100 'leave out -B' lambda-call -B 9 -I run echo '{}'

# After two failures no more is sent; what was read and not sent has a message,
# and no line in the log.
rm -f "$tmp/log"
yes | head -n 100000 | lambda-call -c 1 -F 2 -L -j "$tmp/log" run false \
    2>"$tmp/err" && fail 'failures do not tell'
grep -q '^lines 3-[0-9]*: not run: 2 have failed; the input is read no further$' \
    "$tmp/err" || fail "-F: $(cat "$tmp/err")"
same "$(tail -n +2 "$tmp/log" | cut -f 1,8 | tr '\t\n' '  ')" '1 1 2 1 '
# Told to end, it has a line for what was in flight; the rest runs the next time.
rm -f "$tmp/log" "$tmp/go" "$tmp/out"
work='read -r n; echo >>"$TMPDIR/told.ran"
	until [ -e "$TMPDIR/go" ]; do sleep 0.05; done; echo "$n"'
seq 9 | lambda-call -c 1 -L -j "$tmp/log" run sh -c "$work" 2>"$tmp/err" &
pid=$!
until_true test -s "$tmp/told.ran" || fail "it stands: $(cat "$tmp/err")"
kill "$pid"
wait "$pid" && fail 'a filter that was told to end does not tell'
same "$(tail -n +2 "$tmp/log" | cut -f 1,8)" '1	ended by SIGTERM'
grep -q '^lines 2-9: not run: ended by SIGTERM$' "$tmp/err" ||
    fail "not the lines: $(cat "$tmp/err")"
: >"$tmp/go"
seq 9 | lambda-call -P -c 1 -L -j "$tmp/log" run sh -c "$work" >"$tmp/out" \
    2>"$tmp/err" || fail "resumed: $(cat "$tmp/err")"
same "$(cat "$tmp/out")" "$(seq 9)"
# The last of its lines counts what it did, and what an earlier run had done.
seq 9 | lambda-call -P -L -j "$tmp/log" run sh -c "$work" 2>&1 |
    grep -q '^0 done, 0 failed, 0 in flight, 9 done earlier, ' ||
    fail 'what an earlier run did is not counted'
# A full standard output: what has run stands before what has not.
if [ -c /dev/full ]; then
	seq 99 | lambda-call -c 1 -L run cat >/dev/full 2>"$tmp/err"
	grep '^line' "$tmp/err" | tr '\n' ';' | grep -q '^lines* 1[-0-9]*: its result is not written: .*; *lines* .*: not run: standard output takes no more;$' ||
	    fail "a full output: $(cat "$tmp/err")"
fi

# What ends with a status is run again, where that was asked for, and on the
# other host.
cat >"$tmp/once" <<'END'
echo "$0" >>"$TMPDIR/once.ran"
[ "$(wc -l <"$TMPDIR/once.ran")" -ge 3 ]
END
same "$(lambda-call -R 3+ run sh "$tmp/once"; echo "$?"; wc -l <"$tmp/once.ran")" '0
3'
tells 100 '-R 3x: give a whole number' lambda-call -R 3x run true

# Killed at any point, and resumed: nothing that has a line is run again, and at
# most what had none and was begun is run twice.
seed=${JOBS_SEED:-$$}
# The last of them wait, so that none ends before it is killed.
records=300
work='read -r n; n=${n#0}; n=${n#0}; echo "$n" >>"$TMPDIR/ran"
	until [ "$n" -le 290 ] || [ -e "$TMPDIR/go" ]; do sleep 0.05; done
	sleep 0.02; echo "did $n"'
random() { # N: less than it, in $random
	seed=$(((seed * 1103515245 + 12345) % 2147483648))
	random=$((seed / 65536 % $1))
}
has_lines() {
	[ "$(wc -l <"$tmp/log")" -ge "$1" ]
}
# Blocks are two lines each, with one number.
for how in -L:-u -L:-c4 -B8:-u -B8:-c4; do
	order=${how#*:}
	how=${how%:*}
	echo "seed $seed"
	rm -f "$tmp/log" "$tmp/out" "$tmp/go" "$tmp"/ran*
	seq "$records" >"$tmp/in"
	[ "$how" = -L ] || seq "$records" | awk '{
		printf "%03d\n%03d\n", $1, $1 }' >"$tmp/in"
	kills=0
	: >"$tmp/before"
	while [ "$kills" -lt 8 ]; do
		lambda-call "$how" -c 4 "$order" -j "$tmp/log" run sh -c "$work" \
		    <"$tmp/in" >>"$tmp/out" 2>"$tmp/err" &
		pid=$!
		random 25
		until_true has_lines $((kills * 30 + random)) ||
		    fail "it stands: $(cat "$tmp/err")"
		random 10
		sleep "0.0$random"
		kill -9 "$pid" || fail "it has ended: $(cat "$tmp/err")"
		wait "$pid" 2>/dev/null
		kills=$((kills + 1))
		# Now and then its last line is torn.
		random 3
		[ "$random" -gt 0 ] || {
			random 40
			head -c $(($(wc -c <"$tmp/log") - 1 - random)) "$tmp/log" >"$tmp/cut"
			cat "$tmp/cut" >"$tmp/log"
		}
		head -n "$(wc -l <"$tmp/log")" "$tmp/log" |
		    awk -F '\t' '$8 == "0" { print $1 }' | sort >"$tmp/done"
		[ -z "$(sort "$tmp/ran" | comm -12 - "$tmp/before")" ] ||
		    fail 'what had a line is run again'
		cat "$tmp/ran" >>"$tmp/ran.all"
		: >"$tmp/ran"
		mv "$tmp/done" "$tmp/before"
	done
	: >"$tmp/go"
	lambda-call "$how" -c 4 "$order" -j "$tmp/log" run sh -c "$work" <"$tmp/in" \
	    >>"$tmp/out" || fail "the last run: $(cat "$tmp/err")"
	cat "$tmp/ran" >>"$tmp/ran.all"
	same "$(tail -n +2 "$tmp/log" | awk -F '\t' 'NF == 9 && $8 == 0 {
		print $1 }' | sort -n | uniq -c | awk '$1 == 1' | wc -l)" \
	    "$records"
	# Four run at a time, and as many may have ended since and begun.
	[ "$(wc -l <"$tmp/ran.all")" -le $((records + kills * 12)) ] ||
	    fail "$(wc -l <"$tmp/ran.all") runs of $records records"
	seq "$records" | sed 's/^/did /' | sort >"$tmp/expected"
	sort -u "$tmp/out" | cmp - "$tmp/expected" || fail 'not the output'
done

echo passed
