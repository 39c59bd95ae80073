#!/bin/sh
# lambda-ctl in a tier of 1,000 hosts, which one puppet plays: an authority, and the
# answers of the brokers that are linked to it. Each is asked once in a walk, and no
# more than 64 at a time; where none of them answers the walk ends all the same; of
# 5,000 no more than 4,096 processes are asked; and so much memory is enough. The
# time that a walk has is given (-w), so a slow machine only takes longer.
. "$(dirname "$0")/lib.sh"

# A sanitizer is to keep little of what is freed.
ASAN_OPTIONS=${ASAN_OPTIONS:-}:quarantine_size_mb=1
export ASAN_OPTIONS
helper puppet
cat >"$tmp/authority" <<'END'
# Answers come when 60 are asked, so it hangs if fewer are asked at a time. In mode
# "silent" there are none, and how many are asked is how many may be.
hosts=$(cat "$1.hosts") mode=$(cat "$1.mode") open=0 most=0 asked=0
answer() { # PEER SERIAL ID
	n=$((1${3#????????????????????????????} - 10000))
	at=10.$((n / 256)).$((n % 256)).1
	l=l$3
	printf "$1 report more 1 serial $2 rows [ \"%s\" ]\n" "process $3 role broker pid 1" \
	    "broker $at:4371 instance $3 self 1 node host-$n" \
	    "process $l role listener pid 2" \
	    "listener $at:5000 module calc instance $l state publishing capacity 4 held 1 left 3 channels 1 attributes -" \
	    "requests $at:5000 module calc role listener instance $l silent 0 running 1 begun $round done $round status 0 failed 0 late 0 abandoned 0 drained 0 lost 0 again 0 bytes_in 0 bytes_out 0 started 0 died 0" \
	    "times $at:5000 module calc role listener instance $l kind run count $round sum_us 0 buckets 0:$round"
	echo "$1 report serial $2 rows [ ]"
}
flush() {
	echo "$waiting" | while read -r one; do
		# shellcheck disable=SC2086
		[ -z "$one" ] || answer $one
	done
	waiting='' open=0
}
round=0 waiting=''
while read -r peer what rest; do
	[ "$what" = inspect ] || continue
	case $rest in
	*'to '*)
		id=${rest#*to } id=${id%% *}
		serial=${rest#*serial } serial=${serial%% *}
		open=$((open + 1)) asked=$((asked + 1))
		[ "$open" -le "$most" ] || most=$open
		echo "$most $asked" >"$1.most"
		waiting="$waiting
$peer $serial $id"
		if [ "$mode" = silent ]; then
			:
		elif [ "$open" -eq 60 ] || [ $((asked % hosts)) -eq 0 ]; then
			flush
		fi
		;;
	*)
		round=$((round + 1)) open=0 most=0 asked=0 waiting=''
		seq "$hosts" | sed "s/.*/0000000000000000000000000000000&/
		    s/.*\\(.\\{32\\}\\)\$/$peer report more 1 rows [ \"broker 10.9.9.9:1 instance \\1 state linked for_s 7\" ]/"
		echo "$peer report rows [ \"authority 10.0.0.1:4370 instance 0 self 1\" ]"
		;;
	esac
done
END
tier() { # NAME HOSTS MODE
	mkfifo "$tmp/$1.says"
	echo "$2" >"$tmp/$1.hosts"
	echo "$3" >"$tmp/$1.mode"
	# shellcheck disable=SC2016
	start "$1" sh -c '"$0/t/puppet" authority listen "$1" <>"$1.says" |
		sh "${1%/*}/authority" "$1" >"$1.says"' "$top" "$tmp/$1"
	until_true test -S "$tmp/$1" || fail "no puppet"
}

# Each once, and all shown. Where a handshake takes too long, all begins anew.
tier all 1000 answers
all() { # COMMAND...: its rows
	whole() {
		lambda-ctl -w "$hang" -A "$tmp/all" "$@" >"$tmp/rows" 2>"$tmp/why"
	}
	until_true whole "$@" || fail "$*: $(head -n 3 "$tmp/why")"
}
all hosts
same "$(grep -c '^host 10\.[0-9.]* .* node host-[0-9]* .* sells calc ' "$tmp/rows")" 1000
same "$(cut -d ' ' -f 4 "$tmp/rows" | sort -u | wc -l | xargs)" 1000
same "$(cat "$tmp/all.most")" '60 1000'
# In order, whatever order they came in.
sort -t . -k 2,2n -k 3,3n "$tmp/rows" >"$tmp/sorted"
cmp "$tmp/sorted" "$tmp/rows" || fail "hosts are not sorted"
all capacity
same "$(head -n 1 "$tmp/rows")" \
    'capacity calc total 4000 used 1000 free 3000 waiting 0 exchanges 0 sellers 1000 answers 1000 least_pct 25 median_pct 25 most_pct 25'
same "$(grep -c '^seller ' "$tmp/rows")" 1000
sed 1d "$tmp/rows" | sort -t . -k 2,2n -k 3,3n >"$tmp/sorted"
sed 1d "$tmp/rows" | cmp "$tmp/sorted" - || fail "sellers are not sorted"
all dot
same "$(grep -c 'label="10\.' "$tmp/rows")" 1000

# Each has run one call more when it is asked again.
start top sh -c 'exec lambda-ctl -J -w "$2" -A "$0" top >"$1"' "$tmp/all" \
    "$tmp/top" "$hang"
loads() { # N: that often it has shown what there is
	[ "$(grep -c '"row":"load"' "$tmp/top")" -ge "$1" ]
}
peak() { # kB that it ever had
	sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$pid/status"
}
until_true loads 2 || fail "no load"
early=$(peak)
until_true loads 5 || fail "no more load"
peak=$(peak)
[ "$peak" -le "$(bound 32768)" ] && [ $((peak - early)) -le "$(bound 1024)" ] ||
    fail "that is too much memory: $early kB, then $peak kB"
echo "top: $early kB, then $peak kB"
stop "$pid" INT
sed 's/"ms":[0-9]*,//' "$tmp/top" | grep -q \
    '^{"row":"load","name":"calc","calls":1000,"failures":0,"status":0,"running":1000,' ||
    fail "the load is not shown: $(cat "$tmp/top")"

# Nobody answers, and more are named than a walk asks: it ends, and says so of each.
# The time is doubled until it is enough for the authority itself.
tier none 5000 silent
for seconds in 3 6 12 24 48 96 192 384; do
	lambda-ctl -w "$seconds" -A "$tmp/none" hosts >"$tmp/rows" 2>"$tmp/why"
	same "$?" 111
	[ "$(grep -c '^host ' "$tmp/rows")" -eq 0 ] || break
done
same "$(grep -c 'no answer from the broker at 10.9.9.9:1: \(it is stopped\|no time\)' \
    "$tmp/why")" 4095
same "$(tail -n 1 "$tmp/why")" 'lambda-ctl: processes not asked: 905; 4096 at most are'
same "$(grep -c '^host ' "$tmp/rows")" 5000
enough() {
	asked=$(cut -d ' ' -f 2 "$tmp/none.most")
	[ "$asked" -ge 64 ]
}
until_true enough && [ "$asked" -le 384 ] ||
    fail "64 at a time, each for a fifth of the time, were not $asked"
echo passed
