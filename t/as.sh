#!/bin/sh
# The whole of make check, as somebody else than root, or as the first process of
# a namespace of its own, in a copy of the tree; for root:
#
#	sh t/as.sh user [argument of make ...]
#	sh t/as.sh first [argument of make ...]
#
# The copy goes when all is well.
cd "$(dirname "$0")/.." || exit 1
make -s t/inherit || exit 1
case ${1:-} in
user | first) who=$1 ;;
*)
	echo 'usage: sh t/as.sh user | first [argument of make ...]' >&2
	exit 100
	;;
esac
shift
copy=$(mktemp -d "${TMPDIR:-/tmp}/lambda-as.XXXXXX") || exit 1
cp -R Makefile README ./*.[ch] man .ci "$copy" && mkdir "$copy/t" || exit 1
for file in t/*; do
	[ "$file" = t/log ] || cp -R "$file" "$copy/t" || exit 1
done
find "$copy" -name '*.o' -exec rm -f {} +
# In the copy all is the other's, who has a name there, which ssh(1) asks for; and
# nothing is installed by him.
as='unshare --pid --fork --mount-proc --kill-child'
[ "$who" != user ] || {
	chmod -R a+rwX "$copy"
	cp t/inherit "$copy/inherit"
	{ cat /etc/passwd && echo "lambda:x:54321:54321::$copy:/bin/sh"; } \
	    >"$copy/passwd" || exit 1
	as="unshare --mount sh $copy/as"
	cat >"$copy/as" <<END
mount --bind $copy/passwd /etc/passwd && exec $copy/inherit nobody "\$@"
END
}
cd "$copy" || exit 1
# shellcheck disable=SC2086
HOME=$copy CHECK_INSTALL=0 $as make check "$@" || {
	echo "the copy stays: $copy"
	exit 1
}
cd / && rm -rf "$copy"
