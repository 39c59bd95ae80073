#!/bin/sh
# lambda-bootstrap with files that are rewritten, commands that misbehave, readers
# that go, and what is no source. Names and EPMD are in t/names.sh.
. "$(dirname "$0")/lib.sh"

# boot NAME ARGUMENT...: started; its output in $tmp/NAME.out
boot() {
	name=$1
	shift
	lambda-bootstrap "$@" >"$tmp/$name.out" 2>>"$tmp/$name.log" \
	    </dev/null &
	pid=$!
	pids="$pids $pid"
}

# printed NAME LINE: wait for the line
printed() {
	until_true grep -qxF -e "$2" "$tmp/$1.out" ||
	    fail "$1 did not print $2: $(cat "$tmp/$1.out")"
}

# Files.

echo 10.1.0.1:1 >"$tmp/list"
boot file -i 3600 "file:$tmp/list" "file:$tmp/later"
file=$pid
printed file 10.1.0.1:1
logged file 'later: No such file'
echo 10.1.0.2:1 >>"$tmp/list"
printed file 10.1.0.2:1
{
	echo '# a new one'
	echo
	echo 10.1.0.1:1
	echo nonsense
	echo 10.1.0.3:1
} >"$tmp/list.new"
mv "$tmp/list.new" "$tmp/list"
printed file 10.1.0.3:1
logged file 'line 4: nonsense'
echo 10.1.0.4:1 >"$tmp/later"
printed file 10.1.0.4:1
logged file 'later: good again'
kill -HUP "$file"
rm "$tmp/later"
kill -HUP "$file"
missed() { # N: so often
	[ "$(grep -c 'later: No such file' "$tmp/file.log")" -eq "$1" ]
}
until_true missed 2 || fail "it does not say that the file is gone again"
stop "$file"
same "$ended" 0
same "$(sort "$tmp/file.out" | uniq -d)" ''

# Commands.

# What it prints and what it says are one stream, so that their order is known.
start hang lambda-bootstrap -1 'exec:echo 10.2.0.1:1; exec sleep 1000' \
    'exec:echo 10.2.0.2:1' \
    "exec:sleep 1000 & echo \$! >$tmp/child; sleep 1000" 'exec:yes nonsense' \
    'exec:while :; do echo 10.2.0.3:1; done' \
    'exec:echo 10.2.0.4:1; echo 10.2.0.5:1; exit 7' exec:/nonexistent \
    'exec:printf 10.2.0.6:1; sleep 1000 &' 'exec:cat; echo 10.2.0.7:1' \
    "exec:(trap '' TERM; exec sleep 1000) & echo \$! >$tmp/deaf; wait"
hang=$pid
for i in 1 2 3 6 7; do
	logged hang "^10.2.0.$i:1\$"
done
wait "$hang"
same $? 0
same "$(grep '^10' "$tmp/hang.log" | sort | uniq -d)" ''
# None of them has to wait until time is up for another.
same "$(sed '/not done in 10 s/q' "$tmp/hang.log" |
    grep -c '^10\.2\.0\.[12367]:1$')" 5
logged hang 'child; sleep 1000: not done in 10 s: ended'
logged hang 'yes nonsense: it printed more than 1048576 bytes: ended'
logged hang 'exit 7: exit status 7'
logged hang 'nonexistent: exit status 127'
# Their descendants go with them, and one that is deaf to SIGTERM does.
gone() {
	! kill -0 "$(cat "$1")" 2>/dev/null
}
until_true gone "$tmp/child" || fail "a command's child is left"
until_true gone "$tmp/deaf" || fail "a command's deaf child is left"

# A reader that is gone ends it quietly, silent sources or not.
lambda-bootstrap -i 0.1 10.3.0.1 'exec:sleep 1000' 2>"$tmp/pipe.log" \
    </dev/null | head -n 3 >"$tmp/pipe.out"
same "$(sort -u "$tmp/pipe.out")" 10.3.0.1:4370
same "$(cat "$tmp/pipe.log")" ''

# An output that fails does not.
for i in '-i 1' -1; do
	# shellcheck disable=SC2016
	tells 111 'unable to write standard output: No space left' sh -c \
	    'exec lambda-bootstrap $0 10.3.0.1 >/dev/full' "$i"
done

# Anything that is no source, or gives no address.
tells 100 'source dns::1: ' lambda-bootstrap dns::1
tells 100 'source host:1: .*write dns:host:1$' lambda-bootstrap host:1
tells 100 'source host: .*write dns:host:PORT$' lambda-bootstrap host
tells 100 'source /tmp/x: that is a path: write file:/tmp/x$' \
    lambda-bootstrap /tmp/x
for source in DNS:host:1 fil:/tmp/x exe:true ends:x; do
	tells 100 "source $source: no source begins so: write dns:, epmd:, file:" \
	    lambda-bootstrap "$source"
done
tells 100 'source 10.0.0.1:0: .* port 0' lambda-bootstrap 10.0.0.1:0
tells 111 'line 1: /tmp/x: that is a path' lambda-bootstrap -1 \
    'exec:echo /tmp/x'
tells 111 'exec:true: it gave no address' lambda-bootstrap -1 exec:true
tells 100 usage: lambda-bootstrap
echo passed
