#!/bin/sh
# What one worker or one peer can write to a log or a terminal is bounded, and
# says how much more there was.
. "$(dirname "$0")/lib.sh"

tier
count() { # NAME PATTERN
	grep -c -e "$2" "$tmp/$1.log"
}

# A worker's standard error.
cat >"$tmp/loud" <<'EOF'
#!/bin/sh
seq 1 100000 >&2
echo done
EOF
chmod +x "$tmp/loud"
start listener lambda-listener -c 1 loud "$tmp/loud"
listener=$pid
same "$(lambda-call loud </dev/null)" 'done'
stop "$listener"
more='more lines of standard error not logged: \([0-9]*\); 1000 in 10 s are'
logged listener "$more"
# Where a machine is slow it takes longer than 10 s.
all_told() {
	said=$(count listener 'request 1: ')
	[ $((said + $(sed -n "s/.*$more.*/\1/p" "$tmp/listener.log" |
	    awk '{ n += $1 } END { print n }'))) -eq 100000 ]
}
until_true all_told || fail "not all lines: $(grep -e "$more" "$tmp/listener.log")"
times=$(count listener "$more")
[ "$said" -le $((1000 * (times + 1))) ] ||
    fail "$said lines, and $times times that there were more"
