#!/bin/sh
# A filter's way to its module is lost: a PLB that it found, one that was named, a
# command of -x, one of several. It goes on by another, or says of each record
# that it has read what became of it.
. "$(dirname "$0")/lib.sh"

need bc ps

# filter NAME OPTION... MODULE: it runs until $tmp/NAME.stop
filter() {
	out=$1
	shift
	start "$out" sh -c 'out=$1; shift; n=0
		while [ ! -e "$out.stop" ]; do
			awk -v n="$n" "BEGIN {
				while (++i <= 200) print n + i \"*2\" }" || break
			n=$((n + 200))
			echo "$n" >"$out.fed"
		done | lambda-call -L "$@" >"$out.out"
		echo "status $?"' sh "$tmp/$out" "$@"
	until_true test -s "$tmp/$out.out" || fail "$out does not run"
}

# goes_on NAME: it answers more lines than it could have in its hands
goes_on() {
	was=$(wc -l <"$tmp/$1.out")
	until_true sh -c 'test "$(wc -l <"$0")" -gt "$1"' "$tmp/$1.out" \
	    $((was + 500)) || fail "$1 stands"
}

# accounted NAME: each line up to the last that has an answer or was told has
# one of the two, once, and the answers are right; how many were told is in $told
accounted() {
	told=$(awk '
	    function bad(what) { print what; wrong = 1; exit 1 }
	    NR == FNR { if ($1 ~ /^lines?$/) {
			n = split($2, ends, "-")
			for (k = ends[1] + 0; k <= ends[n] + 0; k++) {
				if (k in failed) bad("line " k " is told twice")
				failed[k] = 1; count++; if (k > last) last = k } }
		next }
	    { do i++; while (i in failed)
		if ($1 != i * 2) bad("line " i " is " $1) }
	    END { if (!wrong) { while (i + 1 in failed) i++
		if (i < last) bad("line " i + 1 " is nowhere")
		print count + 0 } }' "$tmp/$1.log" "$tmp/$1.out") ||
		fail "$1: $told"
}

# finish NAME: and all that was fed is accounted for
finish() {
	touch "$tmp/$1.stop"
	logged "$1" '^status'
	accounted "$1"
	same "$(($(wc -l <"$tmp/$1.out") + told))" "$(cat "$tmp/$1.fed")"
}

in_use() { # SOCKET: the PLB there has a caller's request
	lambda-ctl -A "$1" all | grep -q 'plb .*in_flight [1-9]'
}

tier
start calc lambda-listener -c 8 -w line calc bc -q
calc=$pid
plb=$LAMBDA_RUN/calc.plb

# A PLB that nobody named: the broker takes its place, and it takes its place
# again.
start plb lambda-plb -c 4 calc
one=$pid
logged plb 'serving on'
filter found -c 4 -R 3 calc
until_true in_use "$plb" || fail "the PLB is not used"
stop "$one" KILL
goes_on found
start plb lambda-plb -c 4 calc
two=$pid
until_true in_use "$plb" || fail "the new PLB is not used"
goes_on found
finish found
same "$told" 0
same "$(tail -n 1 "$tmp/found.log")" 'status 0'

# One that was named is waited for, and taken again;
filter named -c 4 -R 3 -s "$plb" calc
until_true in_use "$plb" || fail "the named PLB is not used"
stop "$two" KILL
rm -f "$plb"
start plb lambda-plb -c 4 calc
three=$pid
until_true in_use "$plb" || fail "the named PLB is not used again"
finish named
same "$told" 0
# where it does not come back, what was read is told.
filter gone -c 4 -R 3 -s "$plb" calc
until_true in_use "$plb" || fail "the named PLB is not used by the next"
stop "$three" KILL
logged gone '^status 111'
accounted gone
[ "$told" -eq 0 ] || grep -q "lines* [0-9-]*: .*unable to reach $plb: .*: is it running" "$tmp/gone.log" ||
    fail "not the reason"
touch "$tmp/gone.stop"

# A command that is killed is started again, and the line that it had is run again
# where that was asked for.
cat >"$tmp/slow" <<'EOF2'
#!/bin/sh
echo $$ >>"$TMPDIR/channels"
exec lambda-channel -c 1 -w line slow sh -c 'while read -r n; do
	echo "$n" >>"$TMPDIR/began"
	until [ -e "$TMPDIR/go.$n" ]; do sleep 0.05; done
	echo "did $n"
done'
EOF2
chmod +x "$tmp/slow"
began() { # N TIMES
	[ "$(grep -cx "$1" "$tmp/began" 2>/dev/null)" = "$2" ]
}
channel() {
	tail -n 1 "$tmp/channels"
}
for retries in 1 0; do
	rm -f "$tmp/began" "$tmp"/go.*
	start "slow$retries" sh -c 'seq 1 4 | lambda-call -L -R "$0" \
	    -x "|exec $1/slow" slow; echo "status $?"' "$retries" "$tmp"
	: >"$tmp/go.1"
	until_true began 2 1 || fail "the second line does not run"
	kill -9 "$(channel)"
	until_true began 2 $((retries + 1)) && until_true test -s "$tmp/began" ||
	    fail "it is not run again"
	for n in 2 3 4; do
		: >"$tmp/go.$n"
	done
	logged "slow$retries" '^status'
done
same "$(grep -v ': no capacity yet: ' "$tmp/slow1.log")" 'did 1
did 2
did 3
did 4
status 0'
same "$(grep -v -e '^line 2: the channel was lost$' -e ': no capacity yet: ' \
    "$tmp/slow0.log")" 'did 1
did 3
did 4
status 111'

# It cannot be started any more: what there is to say of the rest.
rm -f "$tmp/began" "$tmp"/go.*
: >"$tmp/go.1"
start never sh -c 'seq 1 4 | lambda-call -L -R 9 \
    -x "|test -e $0/never && exit 7; exec $0/slow" slow; echo "status $?"' "$tmp"
until_true began 2 1 || fail "the second line does not run"
: >"$tmp/never"
kill -9 "$(channel)"
logged never '^status 111'
why='the command .* ended with status 7'
grep -q "^line 2: $why" "$tmp/never.log" &&
    grep -q "^lines 3-4: not run: $why" "$tmp/never.log" ||
    fail "not the reason"

# Of two commands both have work; one that is killed is sought again while the
# other goes on.
cat >"$tmp/two" <<'EOF2'
#!/bin/sh
echo $$ >>"$TMPDIR/two.$1"
exec lambda-channel -c 2 -w line calc sh -c 'while read -r n; do
	echo "$n" >>"$TMPDIR/did.$0"; echo $(($n)); done' "$1"
EOF2
chmod +x "$tmp/two"
worked() { # NAME: it did more than before
	[ "$(wc -l <"$tmp/did.$1")" -gt "$2" ]
}
filter two -R 3 -x "|exec $tmp/two a" -x "|exec $tmp/two b" calc
for name in a b; do
	until_true worked "$name" 0 || fail "$name has no work"
done
kill -9 "$(tail -n 1 "$tmp/two.a")"
was=$(wc -l <"$tmp/did.b")
until_true worked b "$was" || fail "b stands"
until_true sh -c 'test "$(wc -l <"$0")" -ge 2' "$tmp/two.a" ||
    fail "a is not started again"
was=$(wc -l <"$tmp/did.a")
until_true worked a "$was" || fail "a has no work again"
finish two
same "$told" 0
grep -q "calc: the command .*two a. was killed by signal 9" "$tmp/two.log" ||
    fail "the loss of a is not told"

stop "$calc"
echo passed
