#!/bin/sh
# t/script fails a script that is wrong, says what is wrong with it, and writes
# the one that would pass. Each script here is of a channel that is alone.
. "$(dirname "$0")/lib.sh"
helper script

# script: the lines of standard input, after what each begins with
script() {
	{
		echo '# A channel that is alone.'
		echo 'core channel module calc mode exec capacity 3'
		echo 'up plb plb tag 1'
		echo
		cat
	} >"$tmp/script"
}

# passes: the script of standard input does. fails LINE PATTERN: it does not, in
# that line, with a message like that. Its own first line is the fifth.
run() {
	(cd "$tmp" && ${CHECK_UNDER:-} "$top/t/script" script) \
	    >"$tmp/out" 2>&1
}
passes() {
	script
	run || fail "it fails: $(cat "$tmp/script" "$tmp/out")"
}
fails() {
	script
	run && fail "it passes: $(cat "$tmp/script")"
	grep -q "^script:$1: " "$tmp/out" ||
	    fail "it fails elsewhere: $(cat "$tmp/script" "$tmp/out")"
	grep -q -e "$2" "$tmp/out" ||
	    fail "it does not say $2: $(cat "$tmp/out")"
}

passes <<'EOT'
== A connect is granted.
> plb connect quantity 2 module calc
< plb demand tokens 2
? held
= 2
EOT

# What comes out is named, and nothing else is.
fails 6 'it came out and stands nowhere' <<'EOT'
== An act that the script does not mention.
> plb connect quantity 2 module calc
EOT
fails 7 'got:      < plb demand tokens 2' <<'EOT'
== Another act than that which comes.
> plb connect quantity 2 module calc
< plb demand tokens 1
EOT
fails 8 'got:      nothing' <<'EOT'
== An act that does not come.
> plb connect quantity 2 module calc
< plb demand tokens 2
< plb demand tokens 2
EOT
fails 13 'and then: < kill worker 2' <<'EOT'
== An order of acts that is not theirs.
> plb connect quantity 2 module calc
< plb demand tokens 2
> plb request id 1 left_ms 5
< start worker 1 number 1 request id 1 left_ms 5
> plb request id 2 left_ms 5
< start worker 2 number 2 request id 2 left_ms 5
wait 5
< kill worker 2 and again after 1000
< kill worker 1 and again after 1000
EOT
fails 8 'it came out and stands nowhere' <<'EOT'
== An answer that the script does not mention.
? held
= 0
? held
EOT
fails 8 'error EPROTO' <<'EOT'
== An error of the core's.
> plb connect quantity 1 module calc
< plb demand tokens 1
> plb return tokens 2
EOT

# In any order, but each once.
passes <<'EOT'
== Two acts in any order.
> plb connect quantity 2 module calc
< plb demand tokens 2
> plb request id 1 left_ms 5
< start worker 1 number 1 request id 1 left_ms 5
> plb request id 2 left_ms 5
< start worker 2 number 2 request id 2 left_ms 5
wait 5
any order
< kill worker 2 and again after 1000
< kill worker 1 and again after 1000
end
EOT
fails 14 'expected: < kill worker 2' <<'EOT'
== One of two acts twice.
> plb connect quantity 2 module calc
< plb demand tokens 2
> plb request id 1 left_ms 5
< start worker 1 number 1 request id 1 left_ms 5
> plb request id 2 left_ms 5
< start worker 2 number 2 request id 2 left_ms 5
wait 5
any order
< kill worker 2 and again after 1000
< kill worker 2 and again after 1000
end
EOT

# Names.
passes <<'EOT'
== A name stands for what it was first.
> plb connect quantity 2 module calc
< plb demand tokens $n
? held
= $n
> plb return tokens $n
EOT
fails 10 'expected: = 2' <<'EOT'
== Another value of a name.
> plb connect quantity 2 module calc
< plb demand tokens $n
> plb return tokens 1
? held
= $n
EOT
fails 7 'is not used again' <<'EOT'
== A name that could be anything.
> plb connect quantity 2 module calc
< plb demand tokens $n
EOT
fails 6 'not bound' <<'EOT'
== A name that stands for nothing.
> plb return tokens $n
EOT
passes <<'EOT'
== Definitions, and blocks for several numbers.
def connect of $n
> plb connect quantity $n module calc
< plb demand tokens $n
end
for k 1..2 held 1..3
connect of $k
? held
= $held
end
EOT

# Time: nothing comes before it is due, and a wait ends there.
fails 10 'it came out after 5 of the 6 ms' <<'EOT'
== A wait that is too long.
> plb connect quantity 1 module calc
< plb demand tokens 1
> plb request id 1 left_ms 5
< start worker 1 number 1 request id 1 left_ms 5
wait 6
EOT

# What no driver would do, and what means nothing.
fails 6 'no driver lets' <<'EOT'
== A message that its role must not send.
> plb demand tokens 1
EOT
fails 6 'is not up' <<'EOT'
== A message of nobody.
> nobody connect quantity 1 module calc
EOT
fails 6 'has no field' <<'EOT'
== A field that there is not.
> plb connect tokens 1
EOT
fails 6 'breaks msg_table' <<'EOT'
== A message that is not whole.
> plb connect quantity 1
EOT
fails 6 'knows no such thing' <<'EOT'
== An input that there is not.
frobnicate worker 1
EOT
fails 6 'more than it takes' <<'EOT'
== A word too many.
tick twice
EOT
fails 6 'has no end' <<'EOT'
== A block without an end.
for k 1..2
EOT
fails 5 'the test is empty' <<'EOT'
== A test in which nothing happens.
EOT

# A script says what it is about, and has a test.
printf '== Something.\ncore broker\n' >"$tmp/script"
run && fail 'a script that does not say what it is about passes'
printf '# A script.\ncore broker\n' >"$tmp/script"
run && fail 'a script without a test passes'
: >"$tmp/script"
run && fail 'an empty script passes'

# What -w writes passes, and keeps comments and names.
script <<'EOT'
== The acts are missing, or are others.
> plb connect quantity 2 module calc
# It holds $n.
< plb demand tokens $n
? held
= $n
> plb request id 1 left_ms 5
< start worker 2
wait 7
? tokens
= $n
EOT
(cd "$tmp" && ${CHECK_UNDER:-} "$top/t/script" -w script >written 2>&1)
mv "$tmp/written" "$tmp/script"
run || fail "what was written fails: $(cat "$tmp/script" "$tmp/out")"
for line in '# It holds $n.' '< plb demand tokens $n' 'wait 5' 'wait 2' \
    '< start worker 1 number 1 request id 1 left_ms 5' '= 1'; do
	grep -Fqx -e "$line" "$tmp/script" ||
	    fail "it does not write $line: $(cat "$tmp/script")"
done
