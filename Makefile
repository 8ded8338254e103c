# Portico: `make run` serves the sample stack, `make test` is the whole gate.
SWIFT ?= swift
BINARY = .build/release/portico

.PHONY: sanitizers clients soak reloads cache-bench function-bench lifetimes replication limits fuzz smoke run build test lint format bench dependencies

run: build
	$(BINARY) up

build: dependencies
	$(SWIFT) build -c release --product portico

test: dependencies lint
	scripts/install-dependencies test
	$(SWIFT) build --build-tests
	$(MAKE) --no-print-directory smoke
	$(SWIFT) test --skip-build

# The short forms of the load and fault scripts, against the binary built beside the tests.
smoke:
	python3 Tests/Benchmarks/idle-connections.py .build/debug/portico --smoke
	python3 Tests/Benchmarks/large-bodies.py .build/debug/portico --smoke
	python3 Tests/Benchmarks/crash-storm.py .build/debug/portico --smoke
	python3 Tests/Replication/replication.py .build/debug/portico --smoke
	python3 Tests/Benchmarks/reloads.py .build/debug/portico --smoke

# One registry and three edges as processes under load, then every fault. The steps of applying at which an edge
# is killed exist in builds for debugging only.
replication: dependencies
	scripts/install-dependencies test
	$(SWIFT) build --product portico
	python3 Tests/Replication/replication.py .build/debug/portico
	python3 Tests/Replication/replication.py .build/debug/portico --postgres

# A million requests while the template is saved every second, another process takes over and an origin dies.
RELOAD_REQUESTS ?= 1000000
reloads: build
	python3 Tests/Benchmarks/reloads.py $(BINARY) --requests $(RELOAD_REQUESTS)

# Browsers, clients and checkers through the doors, each by its own tool.
clients: build
	scripts/install-dependencies clients
	python3 Tests/Benchmarks/clients.py $(BINARY)

# Half an hour at full load: memory, descriptors and processes stay flat.
SOAK_MINUTES ?= 30
soak: build
	python3 Tests/Benchmarks/soak.py $(BINARY) --minutes $(SOAK_MINUTES)

lint:
	$(SWIFT) format lint --strict --recursive Package.swift Sources Tests

format:
	$(SWIFT) format format --in-place --recursive Package.swift Sources Tests

BENCHES = tls-proxy tls-h2 cache-hit hit-allocations hook invoke function cold-start save-to-live idle-connections large-bodies \
	crash-storm faults comparison

bench: build
	scripts/install-dependencies bench
	for bench in $(BENCHES); do \
		echo "== $$bench"; python3 Tests/Benchmarks/$$bench.py $(BINARY) || exit 1; \
	done

# A million objects in the cache: memory of each, and look-ups while it evicts.
cache-bench: dependencies
	PORTICO_DEV=1 PORTICO_MODULES=Edge $(SWIFT) run -c release --scratch-path .build-dev CacheBench

# What a CloudFront Function adds to a cache hit, without sockets.
function-bench: dependencies
	PORTICO_DEV=1 PORTICO_MODULES=Edge $(SWIFT) run -c release --scratch-path .build-dev FunctionBench

# The suite of lifetimes against nginx and Varnish: where they differ from CloudFront.
lifetimes:
	scripts/install-dependencies bench
	python3 Tests/Benchmarks/lifetimes.py

# The page of all named limits, read off the sources.
limits:
	scripts/list-limits

# Each fuzz target for FUZZ_SECONDS; new inputs stay in .build-fuzz, crashes are kept under Tests/Fuzz/Crashes. The Swift
# runtime's own report of a crash is off: with it libFuzzer does not get to save the input.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= request-head response-head chunks fields json result pattern template proxy-header feed signed-url \
	rules
FUZZ = PORTICO_DEV=fuzz PORTICO_MODULES=FuzzTests $(SWIFT) build -c release --sanitize fuzzer \
	--product Fuzz --scratch-path .build-fuzz

fuzz: dependencies
	$(FUZZ)
	for target in $(FUZZ_TARGETS); do \
		mkdir -p .build-fuzz/corpora/$$target Tests/Fuzz/Crashes/$$target; \
		SWIFT_BACKTRACE=enable=no PORTICO_FUZZ=$$target .build-fuzz/release/Fuzz \
			-max_total_time=$(FUZZ_SECONDS) -timeout=10 \
			-print_final_stats=1 -verbosity=1 -artifact_prefix=Tests/Fuzz/Crashes/$$target/ \
			.build-fuzz/corpora/$$target Tests/Fuzz/Corpora/$$target || exit 1; \
		rmdir --ignore-fail-on-non-empty Tests/Fuzz/Crashes/$$target; \
	done

# The tests of these modules with the address sanitizer, then with the thread sanitizer.
SANITIZERS ?= address thread
SANITIZED ?= Reactor,TLS,HTTP,JSON,DataPlane
sanitizers: dependencies
	for kind in $(SANITIZERS); do \
		echo "== $$kind"; \
		PORTICO_MODULES=$(SANITIZED) $(SWIFT) build --build-tests --sanitize $$kind --scratch-path .build-$$kind \
			|| exit 1; \
		PORTICO_MODULES=$(SANITIZED) scripts/run-sanitized $$kind $(SWIFT) test --skip-build --sanitize $$kind \
			--scratch-path .build-$$kind || exit 1; \
	done

dependencies:
	scripts/install-dependencies
