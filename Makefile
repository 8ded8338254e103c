# Portico: `make run` serves the sample stack, `make test` is the whole gate.
SWIFT ?= swift
BINARY = .build/release/portico

.PHONY: run build test lint format bench dependencies

run: build
	$(BINARY) up

build: dependencies
	$(SWIFT) build -c release --product portico

test: dependencies lint
	scripts/install-dependencies test
	$(SWIFT) build --build-tests
	$(SWIFT) test --skip-build

lint:
	$(SWIFT) format lint --strict --recursive Package.swift Sources Tests

format:
	$(SWIFT) format format --in-place --recursive Package.swift Sources Tests

bench: build
	scripts/install-dependencies bench
	python3 Tests/Benchmarks/tls-proxy.py $(BINARY)

dependencies:
	scripts/install-dependencies
