#!/bin/sh
# Chain loading: it does not matter what has started a program, and the variables
# stand in for the options.
. "$(dirname "$0")/lib.sh"

need envdir runsv
(umask 077; head -c 32 /dev/urandom >"$tmp/key")
mkdir -p "$tmp/chain" "$tmp/run.chain"
chmod 700 "$tmp/run.chain"
echo "$tmp/run.chain" >"$tmp/chain/LAMBDA_RUN"
echo "$tmp/key" >"$tmp/chain/LAMBDA_KEY"
echo "$tmp/run.chain/elsewhere" >"$tmp/chain/LAMBDA_BROKER"
chmod 711 "$tmp"
cat >"$tmp/worker" <<'EOF'
#!/bin/sh
while read -r n; do
	echo $((n * 2))
done
EOF
chmod +x "$tmp/worker"
# Another user, where there is one that can come to the programs.
user=$(id -u) as=
if setuidgid nobody test -x "$top/lambda-plb" -a -x "$tmp/worker" 2>/dev/null; then
	user=$(id -u nobody) as="setuidgid nobody"
	chown nobody "$tmp/run.chain" "$tmp/key"
fi
chained() { # command...
	# shellcheck disable=SC2086
	exec $as envdir "$tmp/chain" "$@"
}
start a chained chpst -o 256 lambda-authority -l 127.0.0.1:0
at=$(address a)
echo "$at" >"$tmp/at"
start_b() {
	exec <"$tmp/at"
	chained chpst -o 256 lambda-broker -l 127.0.0.1:0
}
start b start_b
logged b 'linked to authority'
start l chained chpst -o 256 lambda-listener -l 127.0.0.1:0 -w line double \
    "$tmp/worker"
start p chained chpst -o 256 lambda-plb double
plb=$pid
logged p 'serving on'
same "$(echo 21 | chained lambda-call -L double)" 42
(chained lambda-ctl authorities) | grep -q "$at" ||
    fail "lambda-ctl asks another broker"
[ -S "$tmp/run.chain/elsewhere" ] || fail "LAMBDA_BROKER does not stand for -b"
[ ! -e "$tmp/run.chain/key" ] || fail "LAMBDA_KEY does not stand for -k"
[ -n "$(find "/proc/$plb" -prune -user "$user")" ] || fail "it is another user's"
echo passed
