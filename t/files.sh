#!/bin/sh
# Whatever stands where a user names a file - a FIFO that nobody writes, a
# directory, a device without end, nothing - a program says so at once, and ends
# when it is told to; one that runs keeps what it had.
. "$(dirname "$0")/lib.sh"

mkfifo "$tmp/fifo"
mkdir "$tmp/directory"
ln -s /dev/zero "$tmp/device"
ln -s /dev/tty "$tmp/terminal"
kinds="fifo directory device"
no='it is not a regular file'

for kind in $kinds; do
	file=$tmp/$kind
	while read -r command; do
		# shellcheck disable=SC2086
		tells 100 "the key $file: $no" $command </dev/null
		# shellcheck disable=SC2086
		LAMBDA_KEY=$file tells 100 "the key $file: $no" \
		    ${command%" -k"*} ${command#*" -k $file"} </dev/null
	done <<EOF
lambda-authority -k $file
lambda-broker -k $file
lambda-exchange -k $file m
lambda-listener -k $file m cat
lambda-plb -k $file m
lambda-call -k $file m
lambda-ctl -k $file all
lambda-solo -k $file true
EOF
	tells 100 "unable to read the version from $file: $no" \
	    lambda-listener -V "@$file" m cat
	tells 100 "unable to read the version from $file: $no" \
	    lambda-plb -V "@$file" m
	tells 100 "unable to read the version from $file: $no" \
	    lambda-call -V "@$file" m
	tells 111 "$no" lambda-bootstrap -1 "file:$file"
done
tells 100 "$tmp/fifo is not executable" lambda-listener m "$tmp/fifo"

# At a hangup.
tier
for kind in $kinds; do
	rm -rf "$tmp/version"
	echo 1 >"$tmp/version"
	start "listener-$kind" lambda-listener -V "@$tmp/version" "$kind" cat
	listener=$pid
	logged "listener-$kind" publishing
	start "plb-$kind" lambda-plb -V "@$tmp/version" "$kind"
	plb=$pid
	logged "plb-$kind" 'serving on'
	rm "$tmp/version"
	cp -R -P "$tmp/$kind" "$tmp/version"
	kill -HUP "$listener" "$plb"
	logged "listener-$kind" "not published: .*version: $no"
	logged "plb-$kind" "version: $no"
	same "$(echo hello | lambda-call "$kind")" hello
	stop "$listener"
	same "$ended" 0
	stop "$plb"
	same "$ended" 0
done

# A hosts file that cannot be written is tried again from the start on, and what
# would help is said of one that a container has mounted by itself.
start hosts lambda-discovery -p 0 -H "$tmp/later/hosts"
logged hosts "unable to write $tmp/later/hosts: No such file .*; trying again"
mkdir "$tmp/later"
logged hosts "writing $tmp/later/hosts again"
mkfifo "$tmp/fifo.hosts"
start kind lambda-discovery -p 0 -H "$tmp/fifo.hosts"
logged kind "unable to write $tmp/fifo.hosts: it is no regular file; trying again"
[ -p "$tmp/fifo.hosts" ] || fail "a FIFO was replaced"
rm "$tmp/fifo.hosts"
logged kind "writing $tmp/fifo.hosts again"
mount=unshare\ -m
[ "$(id -u)" -eq 0 ] || mount='unshare -Urm'
$mount mount --bind "$tmp/later/hosts" "$tmp/later/hosts" 2>/dev/null ||
    skip "unshare -m is not to be had; the rest passed"
# shellcheck disable=SC2016,SC2086
start mounted $mount sh -c 'mount --bind "$0" "$0" &&
    exec lambda-discovery -p 0 -H "$0"' "$tmp/later/hosts"
logged mounted "mounted by itself.*: mount its directory; trying again"
echo passed
