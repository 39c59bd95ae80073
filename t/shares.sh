#!/bin/sh
# Equal shares over the whole tier: buyers that want more than there is hold as
# much as each other, to within a token, wherever the capacity is. Late ones get
# theirs as requests of the others end; who leaves leaves it; a single call beside
# filters that hold all is answered; a PLB shares with them as one buyer; where
# there are more buyers than tokens these go round; and who gives nothing back is
# granted less, so that the others share the rest.
# shellcheck disable=SC2034 # of_NAME is used by its name
. "$(dirname "$0")/lib.sh"

need ps

cat >"$tmp/work" <<EOF
#!/bin/sh
while read -r line; do
	sleep 0.3
	echo "\$line"
done
EOF
chmod +x "$tmp/work"

module=work
# filter NAME CAPACITY [OPTION...]: one of $module that never ends
filter() {
	name=$1
	capacity=$2
	shift 2
	start "$name" sh -c 'yes | exec lambda-call -c "$0" -L "$@" >/dev/null' \
	    "$capacity" "$@" "$module"
}
# end NAME: what it reads from is gone, and so it is
end() {
	eval "top_of=\$of_$1"
	# shellcheck disable=SC2046,SC2154
	kill $(children "$top_of" lambda-call) 2>/dev/null || kill "$top_of"
}

# held: what each buyer holds as the exchanges see it, the least first
held() {
	lambda-ctl exchanges | awk -v m="$module" "$of"'of("module") == m { print $2 }' |
	    head -n 1 >"$tmp/at"
	lambda-ctl -A "$(cat "$tmp/at")" orders | awk "$of"'$1 == "buy" { print of("held") }' |
	    sort -n | tr '\n' ' '
}
holds() { # N...: just that
	[ "$(held)" = "$(printf '%s ' "$@")" ]
}
reach() { # WHAT N...
	what=$1
	shift
	until_true holds "$@" || fail "$what: $(held), not $*"
}

tier
for i in 1 2 3 4 5 6 7 8; do
	start "listener$i" lambda-listener -c 4 -w line work "$tmp/work"
done
on_offer() {
	[ "$(lambda-ctl orders | grep -c 'kind sell .* quantity 4 ')" -eq 8 ]
}
until_true on_offer || fail "not all is on offer: $(lambda-ctl orders)"

# One has all; a second has half of it; a third a part as large as the others'.
filter one 64
of_one=$pid
reach "alone" 32
filter two 64
of_two=$pid
reach "two filters" 16 16
filter three 64
of_three=$pid
reach "three filters" 10 11 11

# Who wants little has it, and the others share the rest.
filter little 2
of_little=$pid
reach "beside one of 2" 2 10 10 10
end little
reach "three again" 10 11 11

# A call beside them is answered. It is a buyer of one while it runs.
same "$(echo hello | lambda-call -T "$hang" work)" hello
reach "after a call" 10 11 11

# Who leaves leaves it to the others.
end three
reach "one has left" 16 16
end two
reach "two have left" 32

# A PLB is one buyer, whoever asks it: a caller of 1 and a filter of 64.
start plb lambda-plb -c 64 -s "$tmp/plb" work
plb=$pid
until_true test -S "$tmp/plb" || fail "no PLB"
filter through 64 -s "$tmp/plb"
of_through=$pid
reach "a PLB" 16 16
same "$(echo hello | lambda-call -s "$tmp/plb" -T "$hang" work)" hello
end through
end one
stop "$plb"

# More buyers than tokens: these go round, and each buyer moves on.
start few lambda-listener -c 2 -w line few "$tmp/work"
for i in 1 2 3 4 5; do
	start "turn$i" sh -c 'yes | exec lambda-call -P -c 1 -L few >/dev/null'
	eval "of_turn$i=\$pid"
done
moved() { # I: it has done some
	grep -q '^[3-9][0-9]* done' "$tmp/turn$1.log"
}
for i in 1 2 3 4 5; do
	until_true moved "$i" || fail "filter $i of 5 has no turn"
done
for i in 1 2 3 4 5; do
	end "turn$i"
done

# One that goes to a listener by itself is asked by no broker, and keeps all. The
# listener leaves it one more than those who wait have, and these share the rest.
module=kept
at_kept() {
	lambda-ctl orders | sed -n 's/.* module kept .* address \([^ ]*\) .*/\1/p'
}
start kept lambda-listener -c 8 -w line kept "$tmp/work"
until_true eval '[ -n "$(at_kept)" ]' || fail "kept is not on offer"
filter keeps 8 -x "$(at_kept)"
of_keeps=$pid
all_kept() {
	lambda-ctl orders | grep -q 'kind sell module kept .* quantity 0 '
}
until_true all_kept || fail "it has not all: $(lambda-ctl orders)"
share_rest() { # N SUM: buyers, to within a token, that hold so much or more
	held | tr ' ' '\n' | awk -v n="$1" -v least="$2" '
		NF > 0 { seen++; sum += $1; last = $1 }
		seen == 1 { first = $1 }
		END { exit !(seen == n && sum >= least && last <= first + 1) }'
}
filter heeds 64
of_heeds=$pid
until_true share_rest 1 4 || fail "beside one that keeps all: $(held)"
filter other 64
of_other=$pid
until_true share_rest 2 5 || fail "two beside it: $(held)"
end other
end heeds
end keeps
echo passed
