# The doors of limbeck. Meson and ninja do the work; `make help` lists the targets.

# What a fresh Debian 12 needs, by purpose.
BUILD_PACKAGES = gcc libc6-dev meson ninja-build pkg-config libdnnl-dev libsleef-dev nettle-dev libssl-dev libjansson-dev \
                 libcyaml-dev libyaml-dev libutf8proc-dev libhdf5-dev libprotobuf-c-dev protobuf-c-compiler libvips-dev libwebp-dev libzip-dev libxml2-dev libappstream-dev libcmocka-dev
# What the plots of `limbeck study` are drawn with; without it a report has tables only.
STUDY_PACKAGES = gnuplot-nox
DEMO_PACKAGES  = $(BUILD_PACKAGES) ca-certificates python3-pip unzip
CHECK_PACKAGES = $(BUILD_PACKAGES) binutils locales $(STUDY_PACKAGES)
CLANG_PACKAGES = $(BUILD_PACKAGES) clang libomp-dev
FUZZ_PACKAGES  = $(CLANG_PACKAGES) libclang-rt-14-dev
VALGRIND_PACKAGES = $(BUILD_PACKAGES) valgrind
COVERAGE_PACKAGES = $(CHECK_PACKAGES) gcovr
LINT_PACKAGES  = clang-format cppcheck
BENCH_PACKAGES = $(BUILD_PACKAGES) python3-venv

# For `meson setup`, also from the environment: for example MESON_OPTIONS=-Dwerror=true or --prefix=/usr.
MESON_OPTIONS ?=
PREFIX = /usr/local
# A PyTorch script that times the same work (option names as of `limbeck bench`); left out when absent.
PEERS = ../shared/peers/torch_msd.py
# Real texts and pictures for `make bench` (movies/, openclipart/) and BERT's vocab.txt; rows that lack them are left out.
DATA = ../shared/data
VOCAB =
# For example --rows msd,kd --rounds 2 (bench/table.py --help).
BENCH_OPTIONS =

packages = tools/packages.sh
setup    = tools/setup.sh
sources  = $(shell find src include tests fuzz examples -name '*.[ch]')

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile

demo: ## fetch real data, train a teacher, probe it, distil students, print the table; leaves it all in demo/
	@$(packages) $(DEMO_PACKAGES)
	@$(setup) build --prefix=$(PREFIX) $(MESON_OPTIONS)
	ninja -C build src/cli/limbeck
	recipes/demo.sh

build: ## the library and the program, in build/
	@$(packages) $(BUILD_PACKAGES)
	@$(setup) build --prefix=$(PREFIX) $(MESON_OPTIONS)
	ninja -C build

check: build ## build and run all tests
	@$(packages) $(CHECK_PACKAGES)
	meson test -C build --print-errorlogs

N = 200
kill: build ## SIGKILL at N (200) moments of every long command and at N steps of files to disk; an hour
	meson test -C build kill order --print-errorlogs --test-args "$(N) $(N)" --verbose --timeout-multiplier 0

million: build ## a million JSON lines, then as many rows of SNLI-VE, are packed in less than 128 MiB of memory; minutes
	LIMBECK="$(CURDIR)/build/src/cli/limbeck" bench/pack_million.sh 1000000 jsonl
	LIMBECK="$(CURDIR)/build/src/cli/limbeck" bench/pack_million.sh 1000000 snli-ve

clang: ## all tests with clang, in build-clang/
	@$(packages) $(CLANG_PACKAGES)
	@CC=clang $(setup) build-clang $(MESON_OPTIONS)
	ninja -C build-clang
	meson test -C build-clang --print-errorlogs

# Warnings are no errors here: the sanitizers' own code makes gcc see what is not there.
asan: ## all tests under the address and undefined-behaviour sanitizers, in build-asan/
	@$(packages) $(BUILD_PACKAGES)
	@$(setup) build-asan -Db_sanitize=address,undefined -Db_lundef=false $(MESON_OPTIONS) -Dwerror=false
	ninja -C build-asan
	meson test -C build-asan --print-errorlogs --timeout-multiplier 4

# libgomp tells the sanitizer nothing of its own locks: the test's contexts have one thread each.
tsan: ## contexts in several threads under the thread sanitizer, in build-tsan/
	@$(packages) $(BUILD_PACKAGES)
	@$(setup) build-tsan -Db_sanitize=thread -Db_lundef=false $(MESON_OPTIONS) -Dwerror=false
	ninja -C build-tsan tests/test_threads
	OMP_NUM_THREADS=1 TSAN_OPTIONS="halt_on_error=1 suppressions='$(CURDIR)/tools/tsan.txt'" build-tsan/tests/test_threads

valgrind: build ## every long command under valgrind's memcheck; minutes
	@$(packages) $(VALGRIND_PACKAGES)
	LIMBECK="$(CURDIR)/build/src/cli/limbeck" tests/system/valgrind.sh

# The reader's rooms are mostly checks of hostile input: their errors must be reached, too.
coverage: ## lines and branches that the tests reach, in build-coverage/; fails below 90 % of the errors of base/, format/, data/
	@$(packages) $(COVERAGE_PACKAGES)
	@$(setup) build-coverage -Db_coverage=true -Doptimization=0 $(MESON_OPTIONS)
	ninja -C build-coverage
	meson test -C build-coverage --print-errorlogs --timeout-multiplier 4
	gcovr --root . build-coverage --filter src/ --exclude-unreachable-branches --print-summary \
	    --html-details build-coverage/coverage.html --json build-coverage/coverage.json
	tools/error_paths.py build-coverage/coverage.json 90 src/base/ src/format/ src/data/

# Seconds for each of the targets (or of TARGETS), as many at a time as there are processors.
SECONDS = 60
fuzz: ## every reader under libFuzzer for SECONDS, in build-fuzz/; what it finds is in build-fuzz/runs/found
	@$(packages) $(FUZZ_PACKAGES)
	@CC=clang $(setup) build-fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false \
	    -Doptimization=1 $(MESON_OPTIONS) -Dwerror=false
	ninja -C build-fuzz fuzz/limbeck-fuzz
	fuzz/run.sh build-fuzz/fuzz/limbeck-fuzz $(SECONDS) build-fuzz/runs $(TARGETS)

lint: ## clang-format and cppcheck
	@$(packages) $(LINT_PACKAGES)
	@clang-format --dry-run -Werror $(sources)
	cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
	    --library=tools/cppcheck.cfg --suppressions-list=tools/cppcheck.txt -j 2 -Iinclude -Isrc src examples

bench: build ## limbeck beside PyTorch, ONNX Runtime, OpenVINO, tokenizers and Pillow; needs PEERS, DATA, VOCAB (see the top)
	@$(packages) $(BENCH_PACKAGES)
	@test -x .venv-bench/bin/pip || python3 -m venv .venv-bench
	.venv-bench/bin/pip install --quiet -r bench/requirements.txt
	.venv-bench/bin/python bench/table.py --peers $(PEERS) --data $(DATA) $(if $(VOCAB),--vocab $(VOCAB)) $(BENCH_OPTIONS)

interop: build ## round trips with transformers, onnxruntime and a published model, in .venv-interop/
	@$(packages) $(BENCH_PACKAGES)
	@test -x .venv-interop/bin/pip || python3 -m venv .venv-interop
	.venv-interop/bin/pip install --quiet -r tests/interop/requirements.txt
	.venv-interop/bin/python tests/interop/interop.py --build build

install: build ## into PREFIX (/usr/local)
ifneq ($(origin PREFIX),file)
	meson configure build --prefix=$(PREFIX)
endif
	meson install -C build
	@test -n "$(DESTDIR)" || PATH="$$PATH:/usr/sbin:/sbin" ldconfig 2>/dev/null || \
	    echo "run ldconfig as root, or the loader will not know of the library"

.PHONY: help demo build check kill million clang asan tsan valgrind coverage fuzz lint bench interop install
