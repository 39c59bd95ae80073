. "$(dirname "$0")/lib.sh"
hosts a b c d e
key=$tmp/key
(umask 77 && head -c 32 /dev/urandom >"$key")
LAMBDA_KEY=$key
export LAMBDA_KEY
for n in 1 2 3; do echo "10.77.0.$n:4370"; done >"$tmp/authorities"
n=0
for host in a b c d e; do
	n=$((n + 1))
	[ "$n" -gt 3 ] || start "authority.$host" on "$host" sh -c 'exec lambda-authority -l "$0" <"$1"' "10.77.0.$n:4370" "$tmp/authorities"
	start "broker.$host" on "$host" sh -c 'exec lambda-broker -n "host-$0" -l "$1" <"$2"' "$host" "10.77.0.$n:4371" "$tmp/authorities"
	until_true test -S "$tmp/run.$host/broker" || fail "no broker at $host"
done
cat >"$tmp/slow" <<'END'
#!/bin/sh
while read -r line; do sleep "${1:-0.05}"; echo "$line"; done
END
chmod +x "$tmp/slow"
L() { start "$1.$2" on "$2" lambda-listener -l 0.0.0.0:0 -c 4 -V "$3" -w line "$1" "$tmp/slow" "$4"; logged "$1.$2" "publishing $1"; }
L calc a 1.2 0.05; L calc b 1.2 0.5; L calc c 1.1 0.05; L sum b 2 0.05
start load1 on d sh -c 'yes 1 | lambda-call -L -c 8 calc >/dev/null'
start load2 on e sh -c 'yes 1 | lambda-call -L -c 8 -V 1.2 calc >/dev/null'
start load3 on e sh -c 'yes 1 | lambda-call -L -c 2 -V 9+ sum >/dev/null'
sleep 4
ip -n "$net" link set v3 down
sleep 17
set -- 
run() { echo "\$ $*"; on d sh -c "$*"; echo "[$?]"; }
run lambda-ctl
run lambda-ctl hosts
run lambda-ctl capacity
run lambda-ctl users
run lambda-ctl why calc
run lambda-ctl why sum
run 'timeout 5 lambda-ctl top'
run 'timeout 5 lambda-ctl top host'
run lambda-ctl keyuse
run lambda-ctl audit
run lambda-ctl counts
run 'lambda-ctl -A 10.77.0.2:4371 drain calc'
run lambda-ctl capacity calc
