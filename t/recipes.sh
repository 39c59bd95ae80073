#!/bin/sh
# Each recipe of lambda-recipes(7), as it stands there, does what it says. Its hosts
# share one directory, and are one host here.
. "$(dirname "$0")/lib.sh"

need ps
dir=$tmp/dir
mkdir "$dir" "$tmp/stand-ins"
cd "$dir" || exit 1
# ssh, of which t/ssh.sh has the real one, and a program for cron.
printf '%s\n' '#!/bin/sh' 'shift' 'exec sh -c "$*"' >"$tmp/stand-ins/ssh"
printf '%s\n' '#!/bin/sh' 'echo reported' >"$tmp/stand-ins/report"
chmod +x "$tmp/stand-ins"/*
PATH=$tmp/stand-ins:$PATH
literals '^.Sh' "$top/man/lambda-recipes.7"
missing=

# partner NAME: it is here, or what needs it is not run
partner() {
	sh "$top/t/setup.sh" "$1" && return
	missing="$missing $1"
	return 1
}

# recipe WORDS OUTPUT: the block that has these words gives that, and says nothing on
# standard error but that it waits
recipe() {
	take lambda-recipes.7 "$1"
	sh -e "$block" >"$tmp/out" 2>"$tmp/err" </dev/null &
	pid=$!
	guard "$pid"
	wait "$pid"
	ended=$?
	kill "$guard" 2>/dev/null
	err=$(grep -v ': no capacity yet: ' "$tmp/err")
	[ "$ended" -eq 0 ] && [ -z "$err" ] ||
	    fail "$(cat "$block"): status $ended, $(cat "$tmp/out"), $err"
	same "$(cat "$tmp/out")" "$2"
}

tier
take lambda-recipes.7 'lambda-listener'
start listener sh -c '. "$0"' "$block"

# Lines.
recipe 'item {}' 'item 1
item 2
item 3'
echo one >'an odd "name.log'
echo two and three >other.log
take lambda-recipes.7 'wc -c'
same "$(sh -e "$block" | sed "s,$dir/,," | sort)" '14 other.log
4 an odd "name.log'

# A job log, which a second run goes on with.
seq 1 9 >names
for n in $(seq 1 9); do
	echo "$n" >"$n"
done
rm 5
take lambda-recipes.7 'names >>sums'
sh "$block" 2>"$tmp/err" && fail 'a file is missing, and the status is 0'
grep -q '^line 5: ' "$tmp/err" || fail "line 5: $(cat "$tmp/err")"
same "$(awk '{ print $3 }' sums | tr -d '\n')" 12346789
echo 5 >./5
sh "$block" || fail "the second run ends with $?"
same "$(awk '{ print $3 }' sums | tr -d '\n')" 123467895
take lambda-recipes.7 'sort -t'
sh "$block" >"$tmp/slowest"
same "$(awk -F '\t' 'NF != 9' "$tmp/slowest")" ''
same "$(sed 1,3d "$tmp/slowest" | cut -f 1,8)" '5	1'

# Blocks.
recipe 'grep -c' "$(seq 100000 | grep -c 7)"
{ seq 1 1000; echo '1001 status=500'; } >access.log
recipe 'grep -F' '1001 status=500'
seq 1 200000 | awk '{ print $1 * 7919 % 1000003 }' >big
recipe 'gzip <big' ''
gzip -dc big.gz | cmp - big || fail 'what was compressed in blocks'
printf '%s\n' 'echo one; echo two' "printf '%s\\n' \"a  b\" | wc -c" 'echo $((6 * 7))' \
    >commands
recipe '<commands' 'one
two
5
42'
recipe reboot '6 a file
9 $(reboot)'

# make: each target is made by the module, and it may fail.
cat >Makefile <<'EOF'
all: one two three
one two:
	@echo "$@ $$$$" | sed 's/ .*//' >$@
three: one two
	@cat one two >$@; cat $@; test ! -e fails
EOF
if make --version 2>/dev/null | grep -q GNU; then
	recipe 'SHELL=' 'one
two'
	touch fails
	rm one two three
	make -j 8 SHELL="$PWD/far" >"$tmp/out" 2>&1 && fail 'make did not fail'
	grep -q 'Makefile:5: three' "$tmp/out" || fail "$(cat "$tmp/out")"
else
	take lambda-recipes.7 'SHELL='
	missing="$missing GNU make"
fi

recipe '|ssh one' '7
14
21
28
35
42'

# Streams.
if partner pamscale; then
	for i in 1 2 3; do
		printf 'P2\n4 4\n255\n%s\n' "$(seq -s ' ' "$i" $((i + 15)))" >"$i.pgm"
	done
	recipe pamscale ''
	for i in 1 2 3; do
		pamscale 0.5 <"$i.pgm" | cmp - "small/$i.pgm" || fail "picture $i"
	done
else
	take lambda-recipes.7 pamscale
fi
mkdir source
printf 'program:\n\techo made >program\n\t@echo compiled >&2\n' >source/Makefile
take lambda-recipes.7 'tar cf -'
sh -e "$block" 2>"$tmp/err" || fail "the build ends with $?: $(cat "$tmp/err")"
same "$(cat source/program)" made
grep -q '^compiled$' "$tmp/err" || fail "no word of the build: $(cat "$tmp/err")"
take lambda-recipes.7 'tail -n 0'
start follows sh "$block"
begun() {
	echo "$begun" >>access.log
	begun=$((begun + 1))
	grep -q . "$tmp/follows.log"
}
begun=1
until_true begun || fail 'a log that grows: no answer'
same "$(head -n 1 "$tmp/follows.log" | awk '{ print $2 }')" 1
stop "$pid"

# A line of a crontab: what comes after the five fields.
take lambda-recipes.7 'mv report.new'
cut -d ' ' -f 6- <"$block" >"$tmp/cron"
sh "$tmp/cron" || fail "cron: $?"
same "$(cat report)" reported

if partner escript; then
	recipe escript '1 0 ONE
2 0 TWO'
else
	take lambda-recipes.7 escript
fi
none_left
[ -z "$missing" ] || skip "not run, without$missing"
echo passed
