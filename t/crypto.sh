#!/bin/sh
# The cryptography of links against libsodium, on random inputs, and under
# valgrind with all secrets marked: no branch and no index may depend on one.
# CRYPTO_COUNT: how many inputs of each kind (10,000).
. "$(dirname "$0")/lib.sh"
need libsodium valgrind
cd "$top" || exit 1

seed=${CRYPTO_SEED:-$(date +%s)}
echo "seed $seed"
# Built here, by the compiler alone: valgrind runs nothing that is sanitized.
cc=${CC:-cc}
built() { # NAME SOURCE [FLAG ...]
	name=$1 source=$2
	shift 2
	"${cc%% *}" -std=c99 -D_POSIX_C_SOURCE=200809L -O2 -g -I. -o "$tmp/$name" \
	    "$source" crypto.c crypto_curve.c noise.c rng.c "$@" >&2 ||
	    fail "$source does not compile"
}
built peer t/crypto_peer.c -lsodium
built avx2 t/crypto_peer.c -DCRYPTO_AVX2 -lsodium
built plain t/crypto_peer.c -DCRYPTO_PLAIN -lsodium
built time t/crypto_time.c
# With all that this processor has, with less, and as every other is served.
for peer in peer avx2 plain; do
	"$tmp/$peer" "${CRYPTO_COUNT:-10000}" "$seed" || fail "$peer: see above"
done

# Verdicts are public, since each ends a connection: the tag is wrong, the
# peers share no secret.
for function in chachapoly_open noise_write_second noise_read_second; do
	echo "{
	verdict
	Memcheck:Cond
	fun:$function
}"
done >"$tmp/verdicts"
valgrind -q --error-exitcode=9 --suppressions="$tmp/verdicts" \
    "$tmp/time" 2>"$tmp/valgrind" || fail "$(cat "$tmp/valgrind")"
# It sees what there is to see: the verdicts.
valgrind -q --error-exitcode=9 "$tmp/time" >/dev/null 2>&1 &&
    fail "valgrind reports nothing at all"
echo passed
