#!/bin/sh
# Ten upgrades in a row of two listeners, the PLB replaced twice, broken code
# once, an authority that is down once, while a filter of 200,000 lines runs
# through the PLB: every answer right, none failed, every version seen.
. "$(dirname "$0")/lib.sh"

lines=200000
upgrades=10
share=$((lines / (upgrades + 1)))

code() { # VERSION: the program, replaced by rename
	cat >"$tmp/work.new" <<EOF
#!/bin/sh
while read -r n; do echo "\$((n * 2)) $1"; done
EOF
	chmod +x "$tmp/work.new"
	echo "$1" >"$tmp/version"
	mv "$tmp/work.new" "$tmp/work"
}

publish() { # NAME: it looks at its program each second, and at SIGHUP
	start "$1" lambda-listener -W -c 4 -V "@$tmp/version" -w line work \
	    "$tmp/work"
	listeners="${listeners:-} $pid"
}

serve() { # NAME: a PLB on the module's socket
	start "$1" lambda-plb -c 6 -D "$tmp/proxies" work
	plb=$pid
}

seen() { # VERSION: there are answers of that version
	grep -q " $1\$" "$tmp/out"
}

answered() { # N: so many answers are out
	[ "$(wc -l <"$tmp/out")" -ge "$1" ]
}

feed() { # a share of the lines
	awk -v from="$fed" -v n="$share" \
	    'BEGIN { for (i = 1; i <= n; i++) print from + i }' >&3
	fed=$((fed + share))
}

tier
code 1
publish a
publish b
serve plb0
until_true 10 test -S "$LAMBDA_RUN/work.plb" || fail "no PLB"
mkfifo "$tmp/in"
start filter sh -c 'lambda-call -c 64 -L work <"$0/in" >"$0/out"
	echo "status $?"' "$tmp"
exec 3>"$tmp/in"
fed=0
feed
until_true 10 seen 1 || fail "version 1 does not answer"

k=2
while [ "$k" -le $((upgrades + 1)) ]; do
	case $k in
	5)	# Broken code: not executable. The old one serves on.
		cp "$tmp/work" "$tmp/kept"
		chmod -x "$tmp/work"
		for pid in $listeners; do kill -HUP "$pid"; done
		logged a 'not executable'
		logged b 'not executable'
		until_true 10 answered $((fed - 64)) || fail "broken code stops all"
		chmod +x "$tmp/work"
		;;
	7)	# While the authority is down.
		kill -9 "$authority"
		wait "$authority" 2>/dev/null
		;;
	4 | 8)	# The PLB, by a second one on its socket.
		old=$plb
		serve "plb$k"
		until_true 20 sh -c '! kill -0 "$0" 2>/dev/null' "$old" ||
		    fail "the old PLB does not end"
		;;
	esac
	code "$k"
	for pid in $listeners; do kill -HUP "$pid"; done
	feed
	until_true 20 seen "$k" || {
		feed
		share=0
		until_true 10 seen "$k" || fail "version $k never answers"
	}
	if [ "$k" -eq 7 ]; then
		start authority7 lambda-authority -l "$where"
		authority=$pid
	fi
	k=$((k + 1))
done
share=$((lines - fed))
feed
exec 3>&-
logged filter status 60
grep -q 'status 0' "$tmp/filter.log" || fail "the filter failed"
grep 'line [0-9]' "$tmp/filter.log" && fail "calls failed"
awk '$1 != NR * 2 { print NR ": " $0; exit 1 }' "$tmp/out" ||
    fail "a wrong answer"
same "$(wc -l <"$tmp/out" | tr -d ' ')" "$lines"
echo "versions: $(awk '{ n[$2]++ } END { for (v in n) print v ":" n[v] }' \
    "$tmp/out" | sort -n | tr '\n' ' ')"
echo passed
