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
logged listener 'more lines of standard error not logged: 99000; 1000 in 10 s are'
same "$(count listener 'request 1: ')" 1000
