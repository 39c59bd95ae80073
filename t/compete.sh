#!/bin/sh
# Twenty one-shot callers and three endless filters compete for a capacity of 8,
# beside one PLB that sits on 8 and does nothing: never more than 8 at once,
# counted at the worker, kills included; all callers finish, nobody starves.
. "$(dirname "$0")/lib.sh"

# The worker takes one of 8 slots by making a directory; finding none free means
# that more than 8 run at once. A slot of a killed worker is freed by whoever
# finds that its process is gone.
cat >"$tmp/work" <<'EOF'
#!/bin/sh
dir=$1 slot=
taken() {
	for i in 1 2 3 4 5 6 7 8; do
		if mkdir "$dir/$i" 2>/dev/null; then
			echo $$ >"$dir/$i/pid"
			slot=$dir/$i
			return 0
		fi
		read -r pid 2>/dev/null <"$dir/$i/pid" || continue
		kill -0 "$pid" 2>/dev/null || rm -rf "${dir:?}/$i"
	done
	return 1
}
taken || taken || taken || { echo over >>"$dir/over"; exit 1; }
sleep 0.01
rm -rf "$slot"
cat
EOF
chmod +x "$tmp/work"
mkdir "$tmp/slots"

tier
start listener lambda-listener -c 8 work "$tmp/work" "$tmp/slots"
listener=$pid
start idle lambda-plb -c 8 -s "$tmp/idle.plb" work
until_true 10 sh -c 'lambda-ctl orders | grep -q "quantity 0"' ||
    fail "the idle PLB did not take all that there is"

filters=
for i in 1 2 3; do
	start "filter$i" sh -c 'yes | lambda-call -P -b "$0" -L work run \
	    >/dev/null' "$LAMBDA_RUN/broker"
	filters="$filters $pid"
done
# Every filter moves, though the idle PLB had it all.
for i in 1 2 3; do
	until_true 15 grep -q '[1-9][0-9]* done' "$tmp/filter$i.log" ||
	    fail "filter $i starves"
done

callers=
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	start "caller$i" sh -c 'test "$(echo "$1" |
	    lambda-call -b "$0" -T 60 work run)" = "$1"' \
	    "$LAMBDA_RUN/broker" "$i"
	callers="$callers $pid"
done
# A channel is killed meanwhile, and a worker.
pkill_one() {
	victim=$(ps -o pid= -o ppid= -o args= -A | awk -v p="$listener" \
	    '$2 == p && /lambda-channel/ { print $1; exit }')
	[ -n "$victim" ] && kill -9 "$victim"
}
pkill_one
n=0 lost=0
for pid in $callers; do
	n=$((n + 1))
	wait "$pid" || lost=$((lost + 1))
done
# The one whose channel was killed may have failed, and no other.
[ "$lost" -le 8 ] || fail "$lost of $n callers failed"
done_of() {
	sed -n 's/^\([0-9]*\) done.*/\1/p' "$tmp/filter$1.log" | tail -n 1
}
# Nobody starves: each filter goes on moving.
for i in 1 2 3; do
	was=$(done_of "$i")
	until_true 15 sh -c 'test "$(sed -n "s/^\([0-9]*\) done.*/\1/p" "$0" |
	    tail -n 1)" -gt "$1"' "$tmp/filter$i.log" "$was" ||
	    fail "filter $i stands at $was"
done
echo "filters: $(done_of 1) $(done_of 2) $(done_of 3)"
[ ! -e "$tmp/slots/over" ] || fail "more than 8 ran at once"
echo passed
