#!/bin/sh
# Every daemon as a runit service, as the manual pages print it: up, down, hup,
# restart, and back after a crash; nothing forks away; a log line is one line;
# the parts of a pipe are joined by FIFOs and restarted one without the other.
. "$(dirname "$0")/lib.sh"

need runsv
for program in runsvdir sv svlogd chpst; do
	command -v "$program" >/dev/null || skip "runit without $program"
done
hosts one
sv=$tmp/sv
services='authority bootstrap broker discovery exchange listener plb'
SVDIR=$sv
SVWAIT=$hang
export SVDIR SVWAIT

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
	until_true grep -qx "$2" "$sv/$1/ended" ||
	    fail "$1 ended with $(cat "$sv/$1/ended"), not $2"
}
is() { # state service
	sv status "$2" | grep -q "^$1: "
}
pid_of() {
	cat "$sv/$1/supervise/pid"
}
# What runsv started is the daemon, it is another than it was, and has come so far
# that SIGTERM is no sudden end: the fourth digit from the right tells of it.
alive() { # service old-pid
	p=$(pid_of "$1")
	is run "$1" && [ "$p" != "$2" ] &&
	    [ "$(name_of "$p")" = "lambda-$1" ] &&
	    grep -q '^SigCgt:.*[4-7c-f]...$' "/proc/$p/status"
}
calls() {
	same "$(echo 21 | on one lambda-call -L -T "$hang" calc)" 42
	same "$(echo 21 | on one lambda-call -L -T "$hang" -k "$etc/key" \
	    -b "$tmp/run.one/broker" calc)" 42
}
for s in $services; do
	until_true sv up "$s" || fail "no runsv for $s"
	until_true is run "$s" || fail "$s is not up"
done
until_true test -S "$tmp/run.one/calc.plb" || fail "the PLB does not serve"
calls

# Nothing forks away.
for s in $services; do
	until_true alive "$s" none || fail "$s: no process of that name"
done

# An exchange ends when nobody has come for 30 s: here another authority, which is
# no service, tells of it.
start announcing on one lambda-authority -k "$etc/key" -l 192.0.2.1:4371 \
    -x calc=192.0.2.1:4400
announcing=$pid
others() { # service: the processes of all the others
	for s in $services; do
		[ "$s" = "$1" ] || pid_of "$s"
	done
}
logs() { # service pattern
	until_true grep -q -e "$2" "$sv/$1/log/main/current" ||
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
	sv restart "$s" >/dev/null || fail "sv restart $s"
	ended "$s" 0
	until_true alive "$s" "$was" || fail "$s did not restart"
	calls
	# A crash comes back.
	was=$(pid_of "$s")
	kill -9 "$was"
	until_true alive "$s" "$was" || fail "$s did not come back"
	calls
	# down and up.
	rm -f "$sv/$s/ended"
	sv -v down "$s" >/dev/null || fail "sv down $s"
	is down "$s" || fail "$s is not down"
	ended "$s" 0
	sv up "$s" >/dev/null
	until_true alive "$s" none || fail "$s is not up again"
	calls
	# And nobody else was.
	same "$(others "$s")" "$rest"
done

# What a bootstrap without broker prints waits in the FIFO; a broker without
# bootstrap gets it from the next one.
sv -v down broker >/dev/null
sv restart bootstrap >/dev/null
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
sv term listener >/dev/null
ended listener 100
stays_down() { # runsv has heard of finish that it is to stay so
	sv status listener >"$tmp/status" && grep '^down: ' "$tmp/status" &&
	    ! grep ', want up' "$tmp/status"
}
until_true stays_down || fail "wrong usage is tried again"
cat "$tmp/listener.good" >"$sv/listener/run"
sv up listener >/dev/null
calls

# All down: nothing is left but the supervisors.
for s in $services; do
	sv -v down "$s" >/dev/null || fail "sv down $s"
done
stop "$announcing"
nothing() {
	for p in $(strays); do
		case $(name_of "$p") in
		lambda-*) return 1 ;;
		esac
	done
	return 0
}
until_true nothing || fail "a process is left"
stop "$runsvdir" HUP
echo passed
