#!/bin/sh
# Every daemon as a runit service, as the manual pages print it: up, down, hup,
# restart, and back after a crash; nothing forks away; a log line is one line;
# the parts of a pipe are joined by FIFOs and restarted one without the other.
# Then chain loading.
. "$(dirname "$0")/lib.sh"

need runsv envdir
for program in runsvdir sv svlogd chpst; do
	command -v "$program" >/dev/null || skip "runit without $program"
done
hosts one
sv=$tmp/sv
services='authority bootstrap broker discovery exchange listener plb'
SVDIR=$sv
export SVDIR

logs_too() {
	status=$?
	for s in $services; do
		tail -n 20 "$sv/$s/log/main/current" >"$tmp/$s.log" 2>/dev/null
	done
	return "$status"
}
trap 'logs_too; clean_up' EXIT

# The bc of the pages, which says more on standard error than a log would bear.
cat >"$tmp/worker" <<'EOF2'
#!/bin/sh
while read -r n; do
	printf 'one\ntwo \033[1m three\r\nfour\n' >&2
	echo $((n * 2))
done
EOF2
chmod +x "$tmp/worker"
ln -s ../worker "$tmp/bin/bc"

# Where the pages have the files, and at which addresses.
etc=$tmp/etc
mkdir "$etc"
(umask 077; head -c 32 /dev/urandom >"$etc/key")
echo 192.0.2.1:4370 >"$etc/authorities"
for address in 192.0.2.1/24 10.0.0.2/24; do
	ip -n "${net}one" addr add "$address" dev eth0
done

# block PAGE WORDS: the run script of the page, or what else is to be executed,
# that has these words
block() {
	awk -v want="$2" '
	/^\.Bd -literal/ { on = 1; text = ""; next }
	/^\.Ed/ { if (on && index(text, "#!/bin/sh\n") == 1 &&
		    index(text, want)) printf "%s", text; on = 0 }
	on { gsub(/\\e/, "\\"); text = text $0 "\n" }' "$top/man/$1" |
	    sed "s,/etc/lambda,$etc,g; s,/run/lambda,$tmp/run.one,
		s,/run/addresses,$tmp/addresses,g; s,/run/nodes,$tmp/nodes,g"
}
# service NAME PAGE WORDS: its run script; finish and log/run are those of
# lambda(7), but that finish leaves a note. It is down at first.
service() {
	mkdir -p "$sv.new/$1/log"
	block "$2" "$3" >"$sv.new/$1/run"
	same "$(grep -c '^#!' "$sv.new/$1/run") script of $2" \
	    "1 script of $2"
	block lambda.7 'exec svlogd' >"$sv.new/$1/log/run"
	{
		echo '#!/bin/sh'
		echo 'echo "$1" >ended'
		block lambda.7 'sv down' | sed 1d
	} >"$sv.new/$1/finish"
	touch "$sv.new/$1/down"
	for script in run finish log/run; do
		sh -n "$sv.new/$1/$script" || fail "$1/$script"
		[ -s "$sv.new/$1/$script" ] || fail "$1/$script is empty"
		chmod +x "$sv.new/$1/$script"
	done
}
service authority lambda-authority.8 lambda-authority
service bootstrap lambda-bootstrap.1 lambda-bootstrap
service broker lambda-discovery.8 lambda-broker
service discovery lambda-discovery.8 lambda-discovery
service exchange lambda-exchange.8 lambda-exchange
service listener lambda-listener.8 lambda-listener
service plb lambda-plb.8 lambda-plb
mv "$sv.new" "$sv"
supervised runsvdir on one runsvdir "$sv"
runsvdir=$pid

ended() { # service status
	until_true 10 grep -qx "$2" "$sv/$1/ended" ||
	    fail "$1 ended with $(cat "$sv/$1/ended"), not $2"
}
is() { # state service
	sv status "$2" | grep -q "^$1: "
}
pid_of() {
	cat "$sv/$1/supervise/pid"
}
# What runsv started is the daemon, and it is another than it was.
alive() { # service old-pid
	p=$(pid_of "$1")
	is run "$1" && [ "$p" != "$2" ] &&
	    [ "$(name_of "$p")" = "lambda-$1" ]
}
calls() {
	same "$(echo 21 | on one lambda-call -L -T 30 calc)" 42
	same "$(echo 21 | on one lambda-call -L -T 30 -k "$etc/key" \
	    -b "$tmp/run.one/broker" calc)" 42
}
for s in $services; do
	until_true 10 test -e "$sv/$s/supervise/ok" || fail "no runsv for $s"
	sv up "$s" >/dev/null || fail "sv up $s"
	until_true 10 is run "$s" || fail "$s is not up"
done
until_true 10 test -S "$tmp/run.one/calc.plb" || fail "the PLB does not serve"
calls

# Nothing forks away.
for s in $services; do
	until_true 5 alive "$s" none || fail "$s: no process of that name"
done

# others SERVICE: the processes of all the others, but for the exchange, which
# ends when nobody comes for 30 s, and nobody does
others() {
	for s in $services; do
		[ "$s" = "$1" ] || [ "$s" = exchange ] || pid_of "$s"
	done
}
logs() { # service pattern
	until_true 20 grep -q -e "$2" "$sv/$1/log/main/current" ||
	    fail "$1 did not log: $2"
}
for s in $services; do
	# hup: the same process goes on.
	was=$(pid_of "$s") rest=$(others "$s")
	sv hup "$s" >/dev/null || fail "sv hup $s"
	calls
	same "$(pid_of "$s")" "$was"
	# restart, with status 0 for SIGTERM.
	rm -f "$sv/$s/ended"
	sv -w 40 restart "$s" >/dev/null || fail "sv restart $s"
	ended "$s" 0
	until_true 10 alive "$s" "$was" || fail "$s did not restart"
	calls
	# A crash comes back.
	was=$(pid_of "$s")
	kill -9 "$was"
	until_true 10 alive "$s" "$was" || fail "$s did not come back"
	calls
	# down and up.
	rm -f "$sv/$s/ended"
	sv -v -w 40 down "$s" >/dev/null || fail "sv down $s"
	is down "$s" || fail "$s is not down"
	ended "$s" 0
	sv up "$s" >/dev/null
	until_true 10 alive "$s" none || fail "$s is not up again"
	calls
	# And nobody else was.
	same "$(others "$s")" "$rest"
done

# What a bootstrap without broker prints waits in the FIFO; a broker without
# bootstrap gets it from the next one.
sv -v -w 40 down broker >/dev/null
sv -w 40 restart bootstrap >/dev/null
sv up broker >/dev/null
logs broker 'linked to authority 192.0.2.1:4370'
calls

# A log line is one line, with a time before it, of one program.
logs listener 'worker .* two \\x1b\[1m three\\x0d'
for s in $services; do
	grep -qv '^[0-9T:._-]* lambda-[a-z]*: ' "$sv/$s/log/main/current" &&
	    fail "$s: $(grep -v '^[0-9T:._-]* lambda-' \
		"$sv/$s/log/main/current")"
done

# Wrong usage is not tried again and again.
sed 's/-c 16/-c none/' "$sv/listener/run" >"$tmp/listener.run"
cp "$sv/listener/run" "$tmp/listener.good"
cat "$tmp/listener.run" >"$sv/listener/run"
sv -w 3 restart listener >/dev/null 2>&1
until_true 10 is down listener || fail "wrong usage is tried again"
ended listener 100
cat "$tmp/listener.good" >"$sv/listener/run"
sv up listener >/dev/null
calls

# All down: nothing is left but the supervisors.
for s in $services; do
	sv -v -w 40 down "$s" >/dev/null || fail "sv down $s"
done
nothing() {
	for p in $(strays); do
		case $(name_of "$p") in
		lambda-*) return 1 ;;
		esac
	done
	return 0
}
until_true 10 nothing || fail "a process is left"
stop "$runsvdir" HUP

# Chain loading: who has started it does not matter; the variables stand in for
# the options.
(umask 077; head -c 32 /dev/urandom >"$tmp/key")
mkdir -p "$tmp/chain" "$tmp/run.chain"
chmod 700 "$tmp/run.chain"
echo "$tmp/run.chain" >"$tmp/chain/LAMBDA_RUN"
echo "$tmp/key" >"$tmp/chain/LAMBDA_KEY"
echo "$tmp/run.chain/elsewhere" >"$tmp/chain/LAMBDA_BROKER"
user=root
chmod 711 "$tmp"
if setuidgid nobody test -x "$top/lambda-plb" -a -x "$tmp/worker"; then
	user=nobody
	chown nobody "$tmp/run.chain" "$tmp/key"
fi
chain() { # name command...
	name=$1
	shift
	start "$name" setuidgid "$user" envdir "$tmp/chain" chpst -o 256 "$@"
}
chain a lambda-authority -l 127.0.0.1:0
at=$(address a)
# shellcheck disable=SC2016
start b sh -c 'echo "$0" | exec setuidgid "$1" envdir "$2" lambda-broker \
    -l 127.0.0.1:0' "$at" "$user" "$tmp/chain"
logged b 'linked to authority'
chain l lambda-listener -l 127.0.0.1:0 -w line double "$tmp/worker"
chain p lambda-plb double
plb=$pid
logged p 'serving on'
same "$(echo 21 | setuidgid "$user" envdir "$tmp/chain" lambda-call -L double)" 42
setuidgid "$user" envdir "$tmp/chain" lambda-ctl authorities |
    grep -q "$at" || fail "lambda-ctl asks another broker"
[ -S "$tmp/run.chain/elsewhere" ] || fail "LAMBDA_BROKER does not stand for -b"
[ ! -e "$tmp/run.chain/key" ] || fail "LAMBDA_KEY does not stand for -k"
same "$(stat -c %U "/proc/$plb")" "$user"
