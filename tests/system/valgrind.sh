#!/bin/sh
# valgrind.sh: memory that is read before it was written, and blocks that nobody frees, in every long command. Not part of
# the suite: it takes minutes. Valgrind 3.19 does not know AVX-512, and the code that oneDNN makes for AVX2 reads past
# its own buffers, which is no fault; so our kernels run as AVX2, oneDNN's as SSE 4.1.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tiny.sh"
make_tiny_data
cd "$work" || exit 1
export LIMBECK_KERNELS=avx2 ONEDNN_MAX_CPU_ISA=SSE41 OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive

checked() {
    run valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
        --num-callers=20 "$LIMBECK" "$@"
    [ "$code" -ne 99 ] || wrong "$(grep '^==' "$err" | head -30)"
    expect_code 0
    echo "valgrind: limbeck $1: exit code $code"
}

checked pack data.jsonl --vocab vocab.txt --image-size 32 --patch-size 16 --out pack
checked train --config tiny.yaml --pack pack --out teacher --set train.epochs=1
checked probe --teacher teacher --pack pack --out cache
checked distill --config tiny.yaml --pack pack --cache cache --weights learned --set distill.meta_fraction=0.25 \
    --set train.epochs=1 --out student
checked eval --model student --pack pack --cache cache
checked predict --model student --text 'a picture of the sun' --image pictures/2.tif
checked export student hf
checked import hf imported
finish
