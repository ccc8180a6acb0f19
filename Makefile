# Everything that is done with this repository, by name. `make help` lists it.
#
# Variables: SWIFT_FLAGS goes to every `swift build` and `swift test`, DEMO_ARGUMENTS to the demo, DEMO_WRAPPER is a
# command that the demo is run under, for example to measure it, ROW_ARGUMENTS goes to the rows, BENCH_ARGUMENTS to the
# benchmark, INSTRUCTION_ARGUMENTS to the count of instructions.

SWIFT ?= swift
SWIFT_FLAGS ?=
DEMO_ARGUMENTS ?=
DEMO_WRAPPER ?=
ROW_ARGUMENTS ?=
BENCH_ARGUMENTS ?=
INSTRUCTION_ARGUMENTS ?=
# Swift's libraries are linked into the command where the toolchain has them for that: it calls faster and takes a quarter
# less memory. Apple's systems have them in the system.
STATIC_LIBRARIES := $(wildcard $(dir $(shell readlink -f "$$(command -v $(SWIFT))"))../lib/swift_static/linux)
RELEASE_FLAGS ?= -c release $(if $(STATIC_LIBRARIES),--static-swift-stdlib)
TSAN_SCRATCH ?= .build-tsan
# How many tests run at the same time. Without a bound all begin at once, and on a small machine those with real time-outs,
# against other processes, run into them.
TEST_WIDTH ?= 6
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH := $(TEST_WIDTH)
FALLBACK_SCRATCH ?= .build-fallback


# Builds use every core and much memory; there is never more than one at a time.
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help prerequisites test-peers build demo bench bench-p2pd allocations instructions test rows mutants sanitize fallback format lint clean

help:
	@echo 'make demo      build for release and show two nodes at work; the last line is JSON'
	@echo 'make bench     build for release and measure pairs of nodes on this machine; the last line is JSON'
	@echo 'make bench-p2pd  the same load on raw streams of the go-libp2p daemon, and both side by side'
	@echo 'make allocations  count the allocations per message, and hold them against their budgets'
	@echo 'make instructions  count the instructions of codecs and state machines, and hold them against their budgets'
	@echo 'make test      build and run every test, those against other implementations included'
	@echo 'make rows      play what must not go wrong between two nodes, with real processes; one JSON line each'
	@echo 'make mutants   break one promise after another; each time its test has to go red'
	@echo 'make sanitize  the same tests under the thread sanitizer'
	@echo 'make fallback  the tests with the portable cipher, and those of the address book in a database'
	@echo 'make format    format the sources'
	@echo 'make lint      check the format of the sources and the syntax of the scripts'
	@echo 'make clean     remove what was built'

prerequisites:
	@scripts/install-prerequisites.sh 1>&2

test-peers: prerequisites
	@scripts/install-test-peers.sh 1>&2

build: prerequisites
	@$(SWIFT) build $(SWIFT_FLAGS)

demo: prerequisites
	@$(SWIFT) build $(RELEASE_FLAGS) --product glueberry $(SWIFT_FLAGS) 1>&2
	@$(DEMO_WRAPPER) "$$($(SWIFT) build $(RELEASE_FLAGS) --show-bin-path)/glueberry" demo $(DEMO_ARGUMENTS)

# BENCH_ARGUMENTS: --quick. Nothing else should run meanwhile.
bench: prerequisites
	@$(SWIFT) build $(RELEASE_FLAGS) --product glueberry $(SWIFT_FLAGS) 1>&2
	@"$$($(SWIFT) build $(RELEASE_FLAGS) --show-bin-path)/glueberry" bench $(BENCH_ARGUMENTS)

# BENCH_ARGUMENTS: --quick. scripts/draw-benchmark.py makes the chart of the documentation of the line of JSON.
bench-p2pd: test-peers
	@$(SWIFT) build $(RELEASE_FLAGS) --product glueberry $(SWIFT_FLAGS) 1>&2
	@.tools/venv/bin/python3 scripts/bench-p2pd.py .tools/bin/p2pd \
		"$$($(SWIFT) build $(RELEASE_FLAGS) --show-bin-path)/glueberry" $(BENCH_ARGUMENTS)

allocations: prerequisites
	@$(SWIFT) build $(RELEASE_FLAGS) --product glueberry $(SWIFT_FLAGS) 1>&2
	@python3 scripts/count-allocations.py "$$($(SWIFT) build $(RELEASE_FLAGS) --show-bin-path)/glueberry"

# INSTRUCTION_ARGUMENTS: --update, or names of workloads.
instructions:
	@scripts/install-prerequisites.sh count 1>&2
	@$(SWIFT) build $(RELEASE_FLAGS) --product InstructionCounts $(SWIFT_FLAGS) 1>&2
	@python3 scripts/count-instructions.py "$$($(SWIFT) build $(RELEASE_FLAGS) --show-bin-path)/InstructionCounts" \
		$(INSTRUCTION_ARGUMENTS)

test: test-peers
	$(SWIFT) build --build-tests $(SWIFT_FLAGS)
	$(SWIFT) test --disable-xctest $(SWIFT_FLAGS)
	scripts/check-command.sh "$$($(SWIFT) build --show-bin-path)/glueberry"
	python3 scripts/play-rows.py --left "$$($(SWIFT) build --show-bin-path)/glueberry peer"

# ROW_ARGUMENTS: --thorough, --row NAME, or --right COMMAND, which ours is played against.
rows: test-peers
	@$(SWIFT) build --product glueberry $(SWIFT_FLAGS) 1>&2
	@python3 scripts/play-rows.py --left "$$($(SWIFT) build --show-bin-path)/glueberry peer" $(ROW_ARGUMENTS)

# MUTANT_ARGUMENTS: --only NAME, --rotate N, --list.
mutants: test-peers
	@SWIFT="$(SWIFT)" python3 scripts/run-mutants.py $(MUTANT_ARGUMENTS) -- $(SWIFT_FLAGS)

sanitize: test-peers
	@SWIFT="$(SWIFT)" scripts/run-thread-sanitizer.sh "$(TSAN_SCRATCH)" $(SWIFT_FLAGS)

# The other traits than the default ones: without BoringSSL the cipher of swift-crypto's public interface does the work,
# and with SQLite the address book can be a database.
fallback:
	@scripts/install-prerequisites.sh sqlite 1>&2
	$(SWIFT) test --disable-xctest --traits SQLite --scratch-path "$(FALLBACK_SCRATCH)" $(SWIFT_FLAGS) \
		--filter '^(AEADTests|NoiseTests|GlueberryTests|GlueberrySQLiteTests)\.'

format: prerequisites
	@$(SWIFT) format --in-place --parallel --recursive Benchmarks Sources Tests Package.swift

lint: prerequisites
	@$(SWIFT) format lint --strict --parallel --recursive Benchmarks Sources Tests Package.swift
	@for script in scripts/*.sh .ci/run; do bash -n "$$script" || exit 1; done

clean:
	rm -rf .build "$(TSAN_SCRATCH)" "$(FALLBACK_SCRATCH)"
