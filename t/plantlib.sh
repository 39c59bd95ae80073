# For t/plant.sh and t/credit.sh: sourced, not run. Does a test find bugs? In a
# copy of the tree, one at a time, each that is planted must be found, and by
# what is there for it.
# shellcheck shell=sh disable=SC2034,SC2154

cd "$(dirname "$0")/.." || exit 1
# A make of ours is built with no other's flags: what ends at a bug is no news to
# a sanitizer.
unset MAKEFLAGS MFLAGS MAKELEVEL
tmp=$(mktemp -d "${TMPDIR:-/tmp}/lambda-plant.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

cp ./*.c ./*.h Makefile "$tmp" && mkdir "$tmp/t" && cp t/*.c t/*.h t/*.sh "$tmp/t" &&
    cp -R t/bench t/core t/fuzz t/virtual "$tmp/t" && cd "$tmp" || exit 1
find . -name '*.o' -exec rm -f {} +
make -s "$target" || exit 1
status=0

# plant NAME SAYS FILE SED...: the bug, what is said of it, and where it is. It
# is for $target to find it, which look() runs: that fails, and says in a line
# what was found.
plant() {
	name=$1 says=$2 file=$3
	shift 3
	cp "$file" sound && sed "$@" sound >"$file"
	if cmp -s sound "$file"; then
		echo "$name: there is no place for it in $file any more"
		status=1
	elif ! make -s "$target" 2>log; then
		cat log
		status=1
	elif look >found; then
		echo "$name: NOT found"
		status=1
	elif ! grep -q "$says" found; then
		echo "$name: found, but not by what is there for it: \
$(cat found)"
		status=1
	else
		echo "$name: found: $(cat found)"
	fi
	cp sound "$file" && touch "$file"
}
