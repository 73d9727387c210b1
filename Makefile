# The front door. Every target works on a fresh Debian 12: what is missing is installed first.
# `make help` lists the targets.

JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
RELEASE = build/release
# What a little traffic taught about the sources as they are; `make build TRAIN=no` does without, in half the time.
PROFILE = $(CURDIR)/build/profile
TRAIN ?= yes
TRAINED = $(if $(filter yes,$(TRAIN)),$(PROFILE)/trained)
SOURCES = $(shell find src include -name '*.cpp' -o -name '*.hpp') CMakeLists.txt cmake/SluiceBuild.cmake cmake/train

.DEFAULT_GOAL := help
.PHONY: help deps deps-test deps-bench deps-lint build demo test bench bench-micro lint format install clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

deps:
	@cmake/install-packages build

deps-test: deps
	@cmake/install-packages test

deps-bench: deps
	@cmake/install-packages bench

deps-lint: deps
	@cmake/install-packages lint

build: deps $(TRAINED) ## the release programs, in build/release/bin
	cmake --preset release -DSLUICE_PROFILE=$(if $(TRAINED),$(PROFILE))
	cmake --build --preset release -j $(JOBS)

$(PROFILE)/trained: $(SOURCES) | deps
	cmake --preset release -DSLUICE_PROFILE=$(PROFILE)
	cmake --build --preset release -j $(JOBS) --target sluice-origin sluice-bench
	cmake --preset trainee -DSLUICE_PROFILE=$(PROFILE)
	cmake --build --preset trainee -j $(JOBS) --target sluice
	rm -rf $(PROFILE)
	cmake/train build/trainee/bin/sluice $(RELEASE)/bin
	touch $@

demo: deps ## Sluice over TLS in front of several origins, with URLs to try
	cmake --preset release $(if $(wildcard $(PROFILE)/trained),,-DSLUICE_PROFILE=)
	cmake --build --preset release -j $(JOBS)
	conf/demo/run

test: deps-test deps-lint ## build and run every test
	tests/run

bench: build deps-bench ## Sluice beside nginx, HAProxy and a plain Beast proxy, in one run
	cmake --build --preset release -j $(JOBS) --target beast-proxy
	/usr/bin/python3 bench/compare.py $(BENCH)

bench-micro: deps deps-bench ## single steps of the hot path; MICRO="--benchmark_filter=…"
	cmake --preset release $(if $(wildcard $(PROFILE)/trained),,-DSLUICE_PROFILE=)
	cmake --build --preset release -j $(JOBS) --target sluice-micro
	$(RELEASE)/bin/sluice-micro $(MICRO)

lint: deps-lint ## formatting, static analysis
	tests/lint

format: deps-lint ## format the sources in place
	git ls-files '*.cpp' '*.hpp' | xargs clang-format-14 -i

install: build ## programs, unit files and examples, below PREFIX
	cmake --preset release -DCMAKE_INSTALL_PREFIX=$(PREFIX)
	cmake --install $(RELEASE)

clean: ## remove what was built
	rm -rf build
