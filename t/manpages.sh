#!/bin/sh
# The manual pages are true, as far as a script can see: every program has one,
# it and usage() and getopt() name the same options, every page named is there,
# every variable and every message that a page speaks of is in the sources,
# lambda-protocol(7) has the protocol's tables, and all are clean mdoc(7).
. "$(dirname "$0")/lib.sh"
cd "$top" || exit 1

status=0
wrong() {
	echo "FAILED: $*"
	status=1
}

# Every program has its page.
for source in lambda-*.c; do
	program=${source%.c}
	page=$(ls man/"$program".[1-9] 2>/dev/null) ||
	    wrong "$program has no page"
	grep -q "^\.Nm $program\$" "$page" || wrong "$page: not of $program"
	grep -q "^\.Xr $program ${page##*.}\( ,\)\?\$" man/lambda.7 ||
	    wrong "lambda(7) does not name $program"
done

# Every page of ours that a page refers to is there.
for page in man/*.[1-9]; do
	awk '$1 == ".Xr" && $2 ~ /^lambda/ { print $2 "." $3 }' "$page" |
	    sort -u >"$tmp/refs"
	while read -r ref; do
		[ -f "man/$ref" ] || wrong "$page refers to $ref"
	done <"$tmp/refs"
done

# letters FILE: what getopt() takes there, a letter a line, with `:'
letters() {
	tr '\n\t' '  ' <"$1" |
	    sed -n 's/.*getopt(argc, argv, *"+\{0,1\}\([^"]*\)".*/\1/p' |
	    sed 's/[^:]:\{0,1\}/&\
/g' | sed '/^$/d' | sort -u
}

# entries FILE: the options with an entry of their own, likewise
entries() {
	awk '/^The options? (are|is) as follows:/ { on = 1 }
	    /^\.Bl/ && on { depth++ }
	    /^\.El/ && on && --depth == 0 { on = 0 }
	    on && depth == 1 && $1 == ".It" && $2 == "Fl" {
		print $3 (NF > 3 ? ":" : "") }' "$1" | sort -u
}

for source in lambda-*.c; do
	program=${source%.c}
	letters "$source" >"$tmp/letters"
	entries man/"$program".[1-9] >"$tmp/entries"
	[ -s "$tmp/letters" ] || wrong "$source: no getopt() found"
	diff "$tmp/letters" "$tmp/entries" >"$tmp/diff" ||
	    wrong "$program: getopt() (<) and the page's entries (>)" \
		"$(cat "$tmp/diff")"
done

# Every variable that is read is in a page, and the other way round.
sed -n 's/.*getenv("\([A-Z_]*\)").*/\1/p' ./*.c | sort -u >"$tmp/read"
sed -n 's/^\.\(It \)\{0,1\}Ev \([A-Z_, ]*\).*/\2/p' man/*.[1-9] |
    tr ', ' '[\n*]' | grep . | sort -u >"$tmp/told"
while read -r name; do
	grep -qx "$name" "$tmp/told" || wrong "$name is read, and in no page"
done <"$tmp/read"
while read -r name; do
	case $name in BC_LINE_LENGTH) continue ;; esac
	grep -qw "$name" ./*.[ch] ||
	    wrong "$name is in a page, and not in the sources"
done <"$tmp/told"

# Every message under DIAGNOSTICS can be said: what stands between its
# placeholders, in capitals, is in the sources (or in another of them).
cat ./*.[ch] | tr -s '\n\t ' '[ *]' | sed 's/" "//g; s/\\"/"/g' >"$tmp/sources"
for page in man/*.[1-9]; do
	awk '/^\.Bl -diag/ { on = 1 } /^\.El/ { on = 0 }
	    on && sub(/^\.It /, "")' "$page" |
	    sed 's/[A-Z][A-Z_]\{1,\}\(:PORT\)\{0,1\}/\
/g; s/\.\.\./\
/g; s/[( ][N0-9]\{1,\}[), :]/\
/g; s/ [N0-9]\{1,\}$//; s/[,;] /\
/g' | sed 's/^[^a-z]*//; s/[^a-z]*$//; s/ at$//; /^.\{0,3\}$/d' >"$tmp/said"
	while read -r words; do
		grep -qF -e "$words" "$tmp/sources" ||
		    wrong "$page: the sources do not say: $words"
	done <"$tmp/said"
done

# Every message under DIAGNOSTICS is provoked by a test: four words of it in a row,
# or all where there are fewer, are in a line of a test that is no comment. Where
# a test has them in other words, it is named here with what it has; where none
# provokes it, there is no name, but why.
cat >"$tmp/provoked" <<'END'
-l ADDRESS: REASON|deadends.sh|here: write an IP address$' lambda-discovery
LISTEN_FDS: N TCP sockets|activation.sh|LISTEN_FDS: 9 TCP sockets
MODULE: REASON|deadends.sh|workers die at once' lambda-call dies
SOURCE: EPMD at ADDRESS: REASON|names.sh|EPMD at 127.0.0.1:24369: Connection refused
SOURCE: NAME: REASON|names.sh|dns:nobody.example.org:1: nobody.example.org: 
SOURCE: REASON|deadends.sh|tells 111 'No such file' lambda-bootstrap
SOURCE: server ADDRESS: about|names.sh|about b.example.org: Connection refused
broker NAME|ctl.sh|logged broker 'broker host-seven'
closed ROLE ADDRESS: REASON|keys.sh|closed peer .fd77
line N: REASON|call.sh|line 1: the worker ended
line N: TEXT: REASON|deadends.sh|line 1: localhost
line N: give NODE|core/discovery/contacts.script|line 4: give NODE IP PORT
publishing new code of|broken.sh|publishing new code
refused: REASON|deadends.sh|calc is served here, not other
request N: TEXT|broken.sh|request 1: says 4
processes of a channel survived||it takes a process that SIGKILL does not end
source SOURCE: REASON|bootstrap.sh|source host: 
taking SOCKET over|switch.sh|taking .* over
the ROLE at ADDRESS: give drain|drain.sh|give drain a module
the seller at ADDRESS does not answer ,|core/plb/buy.script|10.0.0.1:7 refuses all: no capacity
this PLB serves MODULE, not MODULE|core/plb/client.script|this PLB serves calc, not call
too many orders of this module||it takes a million orders
unable to accept: REASON|acceptor.c|unable to accept: 
unable to look for proxies||it takes a descriptor that is missing just then
unable to serve a client: REASON||it takes memory that is missing just then
worker N (request N): TEXT|told.sh|worker 1 (request 1): has one
writing FILE again|files.sh|writing $tmp/later/hosts again
END
for test in t/*.sh t/*.c t/core/*/*.script; do
	[ "$test" = t/manpages.sh ] || cat "$test"
done | sed '/^[[:space:]]*#/d
	s/\([a-z]\)\.s /\1'"'"'s /g' | tr -s '\n\t ' '[ *]' |
    sed 's/" "//g; s/\\\././g' >"$tmp/tested"
awk '/^\.Bl -diag/ { on = 1 } /^\.El/ { on = 0 }
    on && sub(/^\.It /, "")' man/*.[1-9] | sort -u >"$tmp/told"
awk -v tested="$tmp/tested" '
BEGIN { getline all <tested }
{
	text = $0
	gsub(/[A-Z][A-Z_]+(:PORT)?|\.\.\.|[( ][N0-9]+[), :]| N$|^N /, "\n", text)
	parts = split(text, part, "\n")
	most = 0
	for (i = 1; i <= parts; i++) {
		gsub(/^[^a-zA-Z]+|[^a-z]+$/, "", part[i])
		n = split(part[i], word, " ")
		if (n > most)
			most = n
	}
	if (most > 4)
		most = 4
	for (i = 1; i <= parts; i++) {
		n = split(part[i], word, " ")
		if (n < 2 && length(part[i]) < 8)
			continue
		for (k = 1; most > 0 && k + most - 1 <= n; k++) {
			run = word[k]
			for (j = 1; j < most; j++)
				run = run " " word[k + j]
			if (index(all, run))
				next
		}
	}
	print
}' "$tmp/told" >"$tmp/unproven"
while read -r entry; do
	row=$(awk -F '|' -v entry="$entry" 'index(entry, $1) == 1' "$tmp/provoked")
	[ -n "$row" ] || wrong "no test provokes, or names: $entry"
	echo "$row" >>"$tmp/rows.used"
done <"$tmp/unproven"
while IFS='|' read -r entry file words; do
	grep -qF -e "$entry|" "$tmp/rows.used" || wrong "it needs no row: $entry"
	[ -z "$file" ] || sed '/^[[:space:]]*#/d' "t/$file" |
	    grep -qF -e "$words" || wrong "$file does not provoke: $entry"
done <"$tmp/provoked"

# The rows of lambda-ctl(1) are those that the programs report: values, and what
# stands for them in the page, are %. Those of requests end in keys of a table.
tr '\n\t' '  ' <"$tmp/sources" >"$tmp/line"
names=$(grep -o 'stats_names\[STAT_NAMED\] = {[^}]*}' "$tmp/line" |
    grep -o '"[a-z_]*"' | sed 's/"\(.*\)"/ \1 %/' | tr -d '\n')
{ grep -o 'report_row(&\{0,1\}r, "[^"]*"' "$tmp/line"
  grep -o 'tier_row(t, "[a-z]* %[^"]*"' "$tmp/line"
  grep -o 'snprintf(text, sizeof(text), "load %[^"]*"' "$tmp/line"; } |
    sed 's/.*"\(.*\)"/\1/; s/%llu%s$/%'"$names"'/; s/%[^ ]*/%/g; /^%$/d
	s/ self [01]/ self %/; s/ state announced/ state %/' |
    sort -u >"$tmp/rows"
awk '/^\.Bd -literal -compact/ { on = 1; next }
    /^\.Ed/ { if (row != "") print row; row = ""; on = 0 }
    on && sub(/^ +/, " ") { row = row $0; next }
    on { if (row != "") print row; row = $0 }' man/lambda-ctl.1 |
    sed 's/ [A-Z][A-Z]*/ %/g; s/ 0|1/ %/g' | sort -u >"$tmp/page"
diff "$tmp/rows" "$tmp/page" >"$tmp/diff" ||
    wrong "rows that are reported (<) and lambda-ctl(1) (>): $(cat "$tmp/diff")"

# What processes count has a metric: each number of a row that has one at all. Those
# named here have none, since they follow from others or are of the moment.
cat >"$tmp/unmetered" <<'END'
plb connecting
END
sed -n '/^static const struct metric metrics/,/^};/p' ctl_metrics.c |
    tr -s '\n\t ' '[ *]' | sed 's/" "//g; s/METRIC/\
METRIC/g; s/{ "lambda/\
&/g' | sed -n 's/^METRIC_RESULT("\([a-z]*\)").*/requests \1/p
	s/^METRIC("[^"]*", "[a-z]*", "[^"]*", "\([a-z]*\)", "\([a-z_]*\)").*/\1 \2/p' |
    cat - "$tmp/unmetered" | sort >"$tmp/metered"
for word in requests links fills plb exchange listener; do
	sed -n "s/^$word % //p" "$tmp/rows" | awk -v word="$word" '{
		for (i = 1; i < NF; i += 2)
			if ($i !~ /^(module|role|instance|authority|state|announced|address|attributes|version|reason|node)$/)
				print word, $i }'
done | sort -u >"$tmp/counted"
[ -s "$tmp/counted" ] || wrong "no row has a number"
comm -23 "$tmp/counted" "$tmp/metered" >"$tmp/diff"
[ ! -s "$tmp/diff" ] ||
    wrong "numbers of rows that are no metric (ctl_metrics.c): $(cat "$tmp/diff")"

# The protocol's tables, in the form that t/rows.c prints.
awk '
/^\.Sh/ { section = $2 }
/^\.Ss/ && section == "MESSAGES" { name = $3; print "message", $2, name }
/^\.Ss/ && section == "GROUPS" { name = $2; print "group", name }
/^\.Bd -literal -offset indent -compact/ { paths = 1; next }
/^\.Ed/ { paths = 0 }
paths { print name ": " $0 }
/^\.It [0-9]/ && section ~ /^(MESSAGES|GROUPS)$/ {
	number = $2 " " $4
	sub(/.* Pq /, "")
	print name ": " number " (" $0 ")"
}
/^\.It/ && section == "ROLES" && $2 != "Em" { print "role " $2 ": " $4 }
/^\.It/ && section == "LIMITS" {
	sub(/^\.It /, ""); sub(/ Ta /, ": "); print "limit: " $0
}' man/lambda-protocol.7 | sort >"$tmp/page"
make -s t/rows >"$tmp/make.log" 2>&1 || fail "t/rows: $(cat "$tmp/make.log")"
t/rows | sort >"$tmp/rows"
diff "$tmp/rows" "$tmp/page" >"$tmp/diff" ||
    wrong "the tables (<) and lambda-protocol(7) (>): $(cat "$tmp/diff")"

# The worked example, as t/handshake.c prints it.
make -s t/handshake >"$tmp/make.log" 2>&1 ||
    fail "t/handshake: $(cat "$tmp/make.log")"
t/handshake >"$tmp/made"
sed -n '/^key file$/,/^\.Ed/p' man/lambda-protocol.7 | sed '$d' >"$tmp/page"
diff "$tmp/made" "$tmp/page" >"$tmp/diff" ||
    wrong "the handshake (<) and lambda-protocol(7) (>): $(cat "$tmp/diff")"

[ "$status" -eq 0 ] || exit 1
need mandoc

for page in man/*.[1-9]; do
	mandoc -T lint -W warning "$page" || wrong "$page: mandoc -T lint"
done

# usage() is the SYNOPSIS.
words() {
	tr -s '\n\t ' '[ *]' | sed 's/^ //; s/ $//'
}
back=$(printf '\b')
for source in lambda-*.c; do
	program=${source%.c}
	"$program" -! >"$tmp/usage" 2>&1 </dev/null
	[ $? -eq 100 ] || wrong "$program -!: exit status is not 100"
	usage=$(sed -n '/^usage: /,$p' "$tmp/usage" | sed 's/^usage: //' |
	    words)
	synopsis=$(mandoc -T ascii man/"$program".[1-9] | sed "s/.$back//g" |
	    sed -n '/^SYNOPSIS/,/^DESCRIPTION/p' | sed '1d;$d' | words)
	[ "$usage" = "$synopsis" ] ||
	    wrong "$program: usage is '$usage', SYNOPSIS '$synopsis'"
	"$program" -h >"$tmp/help" 2>"$tmp/usage" </dev/null ||
	    wrong "$program -h: exit status is not 0"
	[ -s "$tmp/usage" ] && wrong "$program -h: $(cat "$tmp/usage")"
	help=$(sed '1s/^usage: //; /^"man /,$d' "$tmp/help" | words)
	[ "$help" = "$synopsis" ] ||
	    wrong "$program: -h says '$help', SYNOPSIS '$synopsis'"
done

[ "$status" -eq 0 ] && echo passed
exit "$status"
