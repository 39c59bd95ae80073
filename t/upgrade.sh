#!/bin/sh
# A running tier is upgraded ten times in a row, on three hosts, while a filter
# of 200,000 lines runs through its PLB: two listeners each time, one told by
# SIGHUP and one that looks for itself; the PLB twice by another on its socket,
# and once by SIGHUP; once to code that is broken; once while an authority is
# down. Every answer is right, none failed, each version answers from each host,
# and no listener ever runs more than its capacity, old and new code together.
. "$(dirname "$0")/lib.sh"

lines=200000
upgrades=10
share=$((lines / (upgrades + 1)))
began=$(date +%s)

helper slot
hosts a b c
(umask 077 && head -c 32 /dev/urandom >"$tmp/key")
LAMBDA_KEY=$tmp/key
export LAMBDA_KEY

# program [MODE]: its text comes in, and takes the old one's place by rename
program() {
	cat >"$tmp/work.new"
	chmod "${1:-755}" "$tmp/work.new"
	mv "$tmp/work.new" "$tmp/work"
}

# The worker takes a millisecond a line, in one of 4 slots of its host, and says
# who it is.
code() { # VERSION
	echo "$1" >"$tmp/version.new"
	mv "$tmp/version.new" "$tmp/version"
	program <<EOF
#!/bin/sh
exec $top/t/slot -l 1 "$tmp/slots.\$1" 4 "$1 \$1"
EOF
}

publish() { # HOST ADDRESS [OPTION...]
	host=$1 at=$2
	shift 2
	start "$host" on "$host" lambda-listener "$@" -c 4 -V "@$tmp/version" \
	    -l "$at:0" -w line work "$tmp/work" "$host"
}

serve() { # NAME: a PLB that wants all there is, on the module's socket
	start "$1" on a lambda-plb -c 8 -V "@$tmp/wanted" work
	plb=$pid
}

answered() { # in $answered, and whether there are so many
	answered=$(wc -l <"$tmp/out")
	[ "$answered" -ge "$1" ]
}

feed() { # N: more lines
	awk -v from="$fed" -v n="$1" \
	    'BEGIN { for (i = 1; i <= n; i++) print from + i }' >&3
	fed=$((fed + $1))
}

# meanwhile COMMAND...: what it says, and the filter has something to do: as
# much as it can up to this upgrade's share, and then a little
meanwhile() {
	if answered $((fed - 1000)); then
		if [ "$fed" -lt $((share * k)) ]; then
			feed 1000
		elif [ "$fed" -lt $((lines - 20)) ]; then
			feed 20
		fi
	fi
	"$@"
}

seen() { # VERSION HOST: there are answers of that
	grep -q " $1 $2\$" "$tmp/out"
}

# come WHAT COMMAND...: it becomes true under load
come() {
	what=$1
	shift
	until_true meanwhile "$@" || fail "$what"
}

is_gone() { # PID
	! kill -0 "$1"
}

refused() { # N: each listener has said so many times that the old code stays
	for host in b c; do
		[ "$(grep -c 'not published: ' "$tmp/$host.log")" \
		    -eq "$1" ] || return 1
	done
}

has_ended() { # the filter; else how far it had come is in $was
	was=$(wc -l <"$tmp/out")
	grep -q status "$tmp/filter.log"
}
moves() {
	answered $((was + 1)) || grep status "$tmp/filter.log"
}

goes_on() { # some hundred more answers than $1
	answered $(($1 + 500))
}

echo 10.77.0.2:4370 >"$tmp/authorities"
authority() { # HOST ADDRESS
	start "authority$1" on "$1" sh -c \
	    'exec lambda-authority -l "$1:4370" <"$0"' "$tmp/authorities" "$2"
	authority=$pid
}
authority c 10.77.0.3
authority b 10.77.0.2
n=0
for host in a b c; do
	n=$((n + 1))
	start "broker$host" on "$host" sh -c 'exec lambda-broker -n "$1@$1" \
	    -l "$2:4371" <"$0"' "$tmp/authorities" "$host" "10.77.0.$n"
	logged "broker$host" 'linked to authority 10.77.0.2'
	logged "broker$host" 'linked to authority 10.77.0.3'
done

k=1
code 1
publish b 10.77.0.2 -W
publish c 10.77.0.3
told=$pid
echo 1+ >"$tmp/wanted"
serve plb1
until_true test -S "$tmp/run.a/work.plb" || fail "no PLB"
mkfifo "$tmp/in"
start filter on a sh -c 'lambda-call -c 64 -L work <"$0/in" >"$0/out"
	echo "status $?"' "$tmp"
exec 3>"$tmp/in"
fed=0
until_true test -e "$tmp/out"
for host in b c; do
	come "version 1 does not answer from $host" seen 1 "$host"
done

while [ "$k" -le "$upgrades" ]; do
	k=$((k + 1))
	case $k in
	5)	# Broken code, which is no program, and then one that ends at
		# once: what was published serves on.
		echo nonsense | program 644
		kill -HUP "$told"
		come "code that is not executable is not refused" refused 1
		printf '#!/bin/sh\nexit 1\n' | program
		kill -HUP "$told"
		come "code that ends at once is not refused" refused 2
		answered 0
		come "broken code stops all" goes_on "$answered"
		;;
	7)	# While an authority is down.
		kill -9 "$authority" || fail "the authority was gone"
		;;
	4 | 8)	# The PLB, by a second one on its socket.
		old=$plb
		serve "plb$k"
		come "the old PLB does not end" is_gone "$old"
		;;
	esac
	code "$k"
	kill -HUP "$told"
	for host in b c; do
		come "version $k never answers from $host" seen "$k" "$host"
	done
	case $k in
	6)	# The PLB, by SIGHUP, to the version that is there.
		echo 6+ >"$tmp/wanted"
		kill -HUP "$plb" || fail "the PLB was gone"
		;;
	7)
		authority b 10.77.0.2
		;;
	esac
done
# Nothing was said about broken code but what had to be.
refused 2 || fail "more than one line tells of broken code"
feed $((lines - fed)) &
exec 3>&-
# All that is left takes as long as it does: what may not be is that nothing more
# comes.
until has_ended; do
	until_true moves || fail "the filter stands at $was lines"
done
grep -q 'status 0' "$tmp/filter.log" || fail "the filter failed"
grep 'line [0-9]' "$tmp/filter.log" && fail "calls failed"
awk '$1 != NR * 2 { print NR ": " $0; exit 1 }' "$tmp/out" ||
    fail "a wrong answer"
same "$(wc -l <"$tmp/out" | tr -d ' ')" "$lines"
within "$tmp/slots.b" "$tmp/slots.c"
echo "$lines answers in $(($(date +%s) - began)) s, by version and host:" \
    "$(awk '{ n[$2 $3]++ } END { for (v in n) print v ":" n[v] }' \
    "$tmp/out" | sort -n | tr '\n' ' ')"
echo passed
