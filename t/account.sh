#!/bin/sh
# Every record that a filter reads has a result or a line, and is run once, or as
# often as was asked for: whatever its framing is, whatever workers do, and
# whoever is killed, stopped, ended or started again meanwhile. $ACCOUNT_ROUNDS (16)
# rounds, each drawn from $ACCOUNT_SEED and its number.
. "$(dirname "$0")/lib.sh"

need ps
helper listen

seed=${ACCOUNT_SEED:-$(date +%s)}
rounds=${ACCOUNT_ROUNDS:-16}
account=$top/t/account
[ -x "$account" ] || (cd "$top" && make -s t/account) || fail "no t/account"
echo "ACCOUNT_SEED=$seed"

# pick N: a number below it, in $picked; the same ones for the same seed
state=0
pick() {
	state=$(((state * 1103515245 + 12345) % 2147483648))
	picked=$((state / 65536 % $1))
}

# one WORD...: one of them, in $one
one() {
	pick $#
	shift "$picked"
	one=$1
}

# up WHO: it is started, in $tmp/pid.WHO
up() {
	case $1 in
	authority)
		start authority lambda-authority -l "$where"
		authority=$pid
		;;
	broker) start broker sh -c 'exec lambda-broker -l 127.0.0.1:0 <"$0"' \
	    "$tmp/authorities" ;;
	listener) start listener lambda-listener -q -c 6 -g 0.3 -w netstring m \
	    "$account" worker "$tmp/ran" ;;
	plb) start plb lambda-plb -q -c 4 -g 0.3 -s "$plb" m ;;
	esac
	echo "$pid" >"$tmp/pid.$1"
}

# strike: something befalls one of those that the filter needs: whom it would be
# is drawn, but in the first rounds it is a drain
strike() {
	one listener channel plb broker exchange authority command command none
	who=$one
	one kill stop end
	case $round in
	1) who=listener one=end ;;
	2) who=plb one=end ;;
	3) who=channel one=end ;;
	esac
	case $who in
	none) return ;;
	channel) victim=$(children "$(cat "$tmp/pid.listener")" lambda-channel |
	    head -n 1) ;;
	exchange) victim=$(children "$authority" lambda-exchange | head -n 1) ;;
	command) # of -x, which is lambda-channel by then
		victim=$(children "$running" lambda-call)
		[ -z "$victim" ] ||
		    victim=$(children "$victim" lambda-channel | head -n 1)
		;;
	*) victim=$(cat "$tmp/pid.$who") ;;
	esac
	[ -n "$victim" ] || return
	struck="$one $who"
	case $one in
	stop)
		kill -STOP "$victim" 2>/dev/null
		sleep 0.7
		kill -CONT "$victim" 2>/dev/null
		;;
	kill | end)
		[ "$one" != end ] || kill "$victim" 2>/dev/null
		[ "$one" != kill ] || kill -9 "$victim" 2>/dev/null
		case $who in
		listener | plb | broker | authority)
			wait "$victim" 2>/dev/null
			# What it had just forked may listen there until its exec.
			[ "$who" != authority ] ||
			    until_true "$top/t/listen" "$where" true
			sleep 0.2
			up "$who"
			;;
		esac
		;;
	esac
}

tier
plb=$LAMBDA_RUN/m.plb
lambda-ctl authorities | sed -n 's/.*address \([^ ]*\).*/\1/p' |
    head -n 1 >"$tmp/authorities"
grep -q : "$tmp/authorities" || echo "$where" >"$tmp/authorities"
echo "$authority" >"$tmp/pid.authority"
stop "$broker"
up broker
up listener
up plb
until_true test -S "$plb" || fail "no PLB"
command="|exec lambda-channel -q -c 3 -w netstring m $account worker $tmp/ran"

round=0
while [ "$round" -lt "$rounds" ]; do
	round=$((round + 1))
	state=$(((seed + round * 7919) % 2147483648))
	set -- -s $((seed % 100000 * 1000 + round))
	pick 3
	[ "$picked" -eq 0 ] && how=-u || how=
	one L 0 N 4
	framing=$one
	set -- "$@" -f "$framing"
	pick 2
	[ "$picked" -eq 0 ] || { how="$how -S"; set -- "$@" -S; }
	one 0 0 1 3
	how="$how -R $one"
	set -- "$@" -r "$one"
	pick 2
	[ "$picked" -eq 0 ] || { how="$how -T 1"; set -- "$@" -h; }
	one fast fast slow closed never
	set -- "$@" -o "$one"
	case $one in
	never) one 2 15 ;;
	*) one 0 0 0 2 15 1 ;;
	esac
	[ "$one" = 0 ] || set -- "$@" -k "$one"
	pick 5
	case $round in # by whom it drains
	1 | 3) picked=2 ;;
	2) picked=1 ;;
	esac
	case $picked in
	0) way="-b $LAMBDA_RUN/broker" ;;
	1) way="-s $plb" ;;
	2) way= ;;
	3) way=x ;;
	4) way=xx ;;
	esac
	pick 3
	set -- "$@" -n $((100 + picked * 150)) "$tmp/ran" \
	    lambda-call -q "-$framing"
	# shellcheck disable=SC2086
	case $way in
	x) set -- "$@" $how -x "$command" m ;;
	xx) set -- "$@" $how -x "$command" -x "$command" m ;;
	*) set -- "$@" $how $way m ;;
	esac
	(cd "$tmp" && exec "$account" "$@") >"$tmp/account.log" 2>&1 &
	pids="$pids $!"
	running=$!
	struck=nothing
	pick 4
	sleep "0.$picked"
	strike
	wait "$running"
	ended=$?
	echo "round $round: $struck: account $*"
	[ "$ended" -eq 0 ] || {
		tail -n 30 "$tmp/account.log"
		fail "round $round: $ended"
	}
done
echo passed
