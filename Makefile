# SPDX-License-Identifier: MIT OR Apache-2.0
#
# `make help` lists the targets. Each of them builds what it needs, in target/ only. Tools that are missing are
# installed from Debian's packages when make runs as root, else named.
#
#   CARGO_FLAGS       options for every cargo command, such as --locked
#   CARGO_TARGET_DIR  where everything is built (target)
#   PREFIX, DESTDIR   where `make install` puts it (/usr/local, nothing in front); BINDIR, LIBDIR, INCLUDEDIR, DATADIR and
#                     MANDIR name single folders, as docs/install.md tells
#   STAY, PAGE        for `make demo`: see scripts/demo.sh
#   PREFIX            for `make asterisk-test`: where an Asterisk is installed (none: those of Debian)
#   ASTERISK_TEST_FLAGS  further options for tests/asterisk/run.py
#   BENCH_ASTERISK_FLAGS  further options for bench/asterisk/run.py
#   QUICK             for the benchmarks: anything that is not empty makes them short
#   BENCH_FLAGS       further options for `make bench`, such as --only events
#   ROUNDS            for `make test-hostile`: how often everything is done (100)
#   SEEDS, SEED, TIME for `make simulate`: how many seeds (1000), the first (any), seconds after which none is begun (none)
#   RECORD            for `make bench`: anything that is not empty records the instructions that are compared later

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

CARGO ?= cargo
CARGO_FLAGS ?=
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
LIBRARY := $(TARGET)/release/libariws.so
ifneq ($(words $(TARGET)),1)
$(error the path of the target folder must not contain blanks: $(TARGET))
endif
# All C but the header, which is generated.
C_SOURCES := $(wildcard c_examples/*/*.[ch] c_examples/*/*/*.[ch] bench/asterisk/*.c tests/c/*.c \
    tests/install/*.c tests/install/*.cpp)
# Folders with Python. Those of `make test` and of the samples run with 3.9, as Debian 11 has it, the others with 3.11.
PYTHON := $(sort $(patsubst %/,%,$(dir $(wildcard bench/*/*.py examples/*/*.py tests/*/*.py))))
PYTHON_3_11 := bench/asterisk tests/asterisk tests/monitoring tests/packages tests/page
MINIPBX := $(MAKE) --no-print-directory -C c_examples/minipbx

# The scripts look for what was built in the same folder, with the same options.
export CARGO_TARGET_DIR := $(TARGET)
export CARGO_FLAGS
export PREFIX BINDIR LIBDIR INCLUDEDIR DATADIR MANDIR DESTDIR ASTERISK_TEST_FLAGS BENCH_FLAGS BENCH_ASTERISK_FLAGS QUICK
export RECORD ROUNDS SEEDS SEED TIME STAY PAGE

# Compiling is cargo's: it uses every core by itself, and two cargos in one folder wait for each other.
.NOTPARALLEL:

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 28

.PHONY: build
build: ## the library, optimized
	@scripts/require.sh cargo cc
	$(CARGO) build --release $(CARGO_FLAGS)

.PHONY: demo
demo: application minipbx ## two calls at once through the library, shown from both sides; STAY=1 goes on, with a page
	@scripts/demo.sh

.PHONY: page-test
page-test: application venv ## the sample application's page, in Chromium
	@scripts/require.sh chromium python3.11
	$(CARGO) test --package ariws-application $(CARGO_FLAGS)
	ARIWS_APPLICATION=$(TARGET)/release/ariws-application $(TARGET)/venv/bin/python -m unittest discover \
	    --start-directory tests/page

.PHONY: monitoring-test
monitoring-test: build application minipbx ## metrics, alerts and dashboard with Prometheus and Grafana's models
	@scripts/require.sh prometheus python3.11
	@scripts/venv.sh $(TARGET)/venv-monitoring tests/asterisk/requirements.txt tests/monitoring/requirements.txt
	ARIWS_APPLICATION=$(TARGET)/release/ariws-application ARIWS_LIBRARY=$(LIBRARY) \
	    ARIWS_MINIPBX=$(TARGET)/minipbx/minipbx $(TARGET)/venv-monitoring/bin/python -m unittest discover \
	    --start-directory tests/monitoring

.PHONY: monitoring
monitoring: export ARIWS_WRITE_MONITORING := 1
monitoring: monitoring-test ## writes the tables of docs/monitoring.md anew from the metrics

.PHONY: picture
picture: application minipbx venv ## docs/page.png anew: the page of `make demo STAY=1`
	@scripts/require.sh chromium python3.11
	$(TARGET)/venv/bin/python tests/page/picture.py docs/page.png

.PHONY: test
test: build application minipbx minipbx-address venv ## all tests, and calls under AddressSanitizer and valgrind
	@scripts/require.sh valgrind openssl binutils c++ node
	@scripts/test.sh

.PHONY: test-hostile
test-hostile: ## hostile peers and hosts, each a hundred times; ROUNDS=n for another number
	@scripts/require.sh cargo cc
	@scripts/test-hostile.sh

.PHONY: simulate
simulate: ## the library between bad hosts, servers and networks, by a clock that jumps; SEEDS=n, SEED=first
	@scripts/require.sh cargo cc
	@scripts/simulate.sh

.PHONY: reliability
reliability: ## writes docs/reliability.md anew from the hostile peers
	@scripts/require.sh cargo cc
	ARIWS_WRITE_RELIABILITY=1 $(CARGO) test --test hostile_peers $(CARGO_FLAGS) -- --exact 'docs/reliability.md is what the rows say'

.PHONY: parameters
parameters: ## writes docs/parameters.md anew from the table of parameters
	@scripts/require.sh cargo cc
	ARIWS_WRITE_PARAMETERS=1 $(CARGO) test --test check $(CARGO_FLAGS) -- document_of_the_parameters

.PHONY: man
man: ## writes what is generated in docs/man anew, from the table of parameters and the header
	@scripts/require.sh cargo cc
	ARIWS_WRITE_MANUAL=1 $(CARGO) test --test manual $(CARGO_FLAGS)

# A folder of cases that REFERENCE names is replayed instead of the recorded cases of tests/reference.
.PHONY: conformance
conformance: ## recorded cases of Asterisk replayed against the library; REFERENCE=DIR for other ones
	@scripts/require.sh cargo cc python
	$(if $(REFERENCE),REFERENCE='$(abspath $(REFERENCE))') $(CARGO) test --test conformance $(CARGO_FLAGS) -- --quiet

.PHONY: lint
lint: lint-format lint-c-format lint-clippy lint-documentation lint-scripts lint-python ## formats and warnings: none passes

.PHONY: lint-format
lint-format:
	@scripts/require.sh cargo rustfmt
	$(CARGO) fmt --all --check

.PHONY: lint-c-format
lint-c-format:
	@scripts/require.sh clang-format
	@clang-format --dry-run --Werror $(C_SOURCES)

.PHONY: format-c
format-c: ## brings the C into the form of .clang-format
	@scripts/require.sh clang-format
	@clang-format -i $(C_SOURCES)

.PHONY: lint-clippy
lint-clippy:
	@scripts/require.sh cargo clippy cc
	$(CARGO) clippy --workspace --all-targets --all-features $(CARGO_FLAGS) -- -D warnings

.PHONY: lint-documentation
lint-documentation:
	@scripts/require.sh cargo cc
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --no-deps --all-features $(CARGO_FLAGS)

.PHONY: lint-scripts
lint-scripts:
	@scripts/require.sh shellcheck
	shellcheck --external-sources scripts/*.sh packaging/*.sh $(wildcard $(addprefix packaging/debian/*.,config postinst postrm)) .ci/run

# The samples, and what `make test` runs, are for the Python that users have: 3.9 or newer. No test may begin to need more.
.PHONY: lint-python
lint-python:
	@scripts/require.sh python
	@scripts/venv.sh $(TARGET)/lint-python scripts/lint-requirements.txt
	@scripts/lint-python.sh 3.9 $(filter-out $(PYTHON_3_11),$(PYTHON))
	@scripts/lint-python.sh 3.11 $(PYTHON_3_11)

.PHONY: check-documentation
check-documentation: build application minipbx venv ## every link of the documentation; every block of code is read, or run
	@scripts/require.sh cc pkg-config cmake meson ninja haproxy socat
	@scripts/check-documentation.sh

.PHONY: header
header: ## writes include/ariws.h anew from the Rust sources
	@scripts/require.sh cargo cc
	ARIWS_WRITE_HEADER=1 $(CARGO) test --test header $(CARGO_FLAGS)

.PHONY: check-header
check-header: ## the header alone as C99 and C++17
	@scripts/require.sh cc c++
	@scripts/check-header.sh

.PHONY: check-exports
check-exports: build ## what the built library exports, its SONAME, and that it stays mapped
	@scripts/require.sh binutils
	@scripts/check-exports.sh $(LIBRARY)

.PHONY: portable
portable: ## the library for every Linux with glibc 2.28 or newer, in target/portable
	@scripts/require.sh cargo cc python binutils
	@scripts/portable.sh

.PHONY: package
package: portable ## a tarball with the portable library and an installer for every Linux, in target/packages
	@scripts/require.sh xz
	@scripts/package-tarball.sh

.PHONY: package-debian
package-debian: portable ## Debian packages for the Asterisks of Debian 11 and 14, in target/packages; as root
	@scripts/require.sh debootstrap
	@scripts/package-debian.sh

.PHONY: check-packages
check-packages: build venv ## installs, upgrades under a call, removes and purges packages and tarball in roots of Debian; as root
	@scripts/require.sh cargo cc python3.11 binutils debootstrap iproute2 xz
	@scripts/package-check.sh

# Compiles nothing: `sudo make install` is for a root without Rust.
.PHONY: install
install: ## what `make build` has built, into PREFIX (/usr/local), below DESTDIR if that is set
	@scripts/install.sh install $(TARGET)/release

.PHONY: uninstall
uninstall: ## removes what `make install` with the same PREFIX and DESTDIR has put there
	@scripts/install.sh uninstall

.PHONY: check-install
check-install: build ## hosts compile and run against what `make install` puts in place
	@scripts/require.sh cc c++ binutils pkg-config cmake meson ninja mandoc
	@scripts/check-install.sh

.PHONY: sample
sample: build minipbx venv ## the sample configuration over TLS: 1,000 calls, 50 at a time
	@scripts/require.sh openssl
	@scripts/calls.sh --config c_examples/sample --tls --report --seconds 300 \
	    --calls '1000 50 s@stasis-app1 1# 24' -- $(TARGET)/minipbx/minipbx --playback-ms 2000

.PHONY: samples
samples: build application minipbx venv ## the sample applications in Python, JavaScript and Rust: the same calls, the same lines
	@scripts/require.sh node openssl
	@scripts/samples.sh

.PHONY: asterisk-test
asterisk-test: venv $(if $(PREFIX),build) ## the Asterisk module, in Debian's Asterisk 16 and 22 or in the one of PREFIX=DIR
	@scripts/require.sh cargo cc python3.11 node sipp $(if $(PREFIX),,binutils debootstrap)
	@scripts/asterisk-test.sh

.PHONY: network-test
network-test: ## TLS, names, proxies, silence and balancing with real servers in networks of their own; as root
	@scripts/require.sh cargo cc openssl python iproute2 nftables dnsmasq haproxy nginx squid tinyproxy
	@scripts/network-test.sh

.PHONY: bench
bench: build ## what the library costs, beside bare websockets, into docs/benchmarks.md; QUICK=1 takes two minutes
	@scripts/require.sh cargo cc binutils valgrind
	@scripts/bench.sh

.PHONY: bench-asterisk
bench-asterisk: venv ## Asterisk 22's own outbound WebSockets measured beside ours, into docs/benchmarks.md; QUICK=1 is short
	@scripts/require.sh cargo cc python3.11 binutils sipp debootstrap
	@scripts/bench-asterisk.sh

.PHONY: valgrind
valgrind: build minipbx venv ## 20 calls under valgrind
	@scripts/require.sh valgrind
	@scripts/memory.sh valgrind

.PHONY: sanitize
sanitize: build minipbx-address venv ## 20 calls under AddressSanitizer
	@scripts/memory.sh address

.PHONY: clean
clean: ## removes target/
	rm -rf '$(TARGET)'

# With the library, all of whose dependencies it shares then: nothing is compiled for it but its own sources.
.PHONY: application
application:
	@scripts/require.sh cargo cc
	$(CARGO) build --release --package ariws --lib --package ariws-application --bin ariws-application $(CARGO_FLAGS)

.PHONY: minipbx
minipbx:
	@scripts/require.sh cc
	@$(MINIPBX) --silent BUILD=$(TARGET)/minipbx

.PHONY: minipbx-address
minipbx-address:
	@scripts/require.sh address-sanitizer
	@$(MINIPBX) --silent BUILD=$(TARGET)/minipbx-address SANITIZE=address

.PHONY: venv
venv:
	@scripts/require.sh python
	@scripts/venv.sh $(TARGET)/venv examples/python/requirements.txt tests/python/requirements.txt \
	    tests/asterisk/requirements.txt tests/documentation/requirements.txt
