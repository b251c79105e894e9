# `make` lists the targets. Upstream versions are in go.mod and in
# podman-patches/LINE/go.mod, build tags in .ci/tags; .ci/series lays the trees.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# A distribution's newer Go stands beside the one in PATH.
GO_DIR := $(shell .ci/find-go 2>/dev/null)
ifneq ($(GO_DIR),)
export PATH := $(GO_DIR):$(PATH)
endif

MODULES := storage image common buildah podman
# v4 is podman 4.9, v5 is 5.8. .ci/series reads it, too.
LINES := v4 v5
LINE ?= v4
export LINE
TREES := _build/$(LINE)
BIN := $(CURDIR)/bin$(if $(filter-out v4,$(LINE)),/$(LINE))
WORK := $(CURDIR)/$(TREES)/go.work
TAGS ?= $(shell .ci/tags)
# The test files to run, by number or name; empty for all.
TESTS ?=
# How many of them side by side.
JOBS ?= $(shell nproc 2>/dev/null || echo 1)
FUZZTIME ?= 30s
# For rpmbuild; --without hardening takes less time.
RPM_OPTIONS ?=
# Packages of the patched modules whose own tests `make unit` runs as well, as
# <module>/<directory>, such as storage/drivers/overlay.
UPSTREAM_TESTS ?=
# Our packages' tests run with the race detector, where Go has it and a C
# compiler; RACE= leaves it out, and is three times as fast.
RACE ?= $(shell GOWORK=off go build -race -buildvcs=false -o /dev/null ./layers/cvmfs/cmd/cvmfs-view 2>/dev/null && echo -race)

# As upstream's Makefile sets them, but from the commit, so that the same
# sources give the same binary.
COMMIT = $(shell git rev-parse HEAD 2>/dev/null)$(if $(shell git status --porcelain --untracked-files=no 2>/dev/null),-dirty)
EPOCH = $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null || stat -c %Y go.mod))
DEFINE := github.com/containers/podman/$(LINE)/libpod/define
SERIES_VARIABLE := github.com/podman-cvmfs/podman-cvmfs/layers/cvmfs.Series
LDFLAGS_PODMAN = -X $(DEFINE).gitCommit=$(COMMIT) -X $(DEFINE).buildInfo=$(EPOCH)

# -trimpath: a result does not depend on the directory, so that patch-check's
# builds and these share the build cache.
GO_BUILD := go build -trimpath -buildvcs=false
IN_WORK := GOWORK=$(WORK) $(GO_BUILD)
# Static and small: podman starts one of these for each container.
IN_WORK_SMALL := CGO_ENABLED=0 $(IN_WORK) -ldflags '-s -w'
COMMANDS := ./layers/cvmfs/cmd/cvmfs-layers ./layers/cvmfs/cmd/cvmfs-standin ./layers/cvmfs/cmd/cvmfs-view

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z<>-]*\):[^#]*## */\1\t/p; s/^## \(\S*\) */\1\t/p' $(MAKEFILE_LIST) | \
		awk -F '\t' '{ printf "make %-20s %s\n", $$1, $$2 }'

.PHONY: demo
demo: ## Pull and run a real image with and without CVMFS, print a table [IMAGE=… REPOSITORY=/cvmfs/…]
	.ci/deps demo
	$(MAKE) build
	IMAGE='$(IMAGE)' REPOSITORY='$(REPOSITORY)' tests/system/demo

.PHONY: test
test: ## All tests, as CI runs them: of our packages, of each line's series, of the binaries
	.ci/run

# What needs neither root nor minutes.
.PHONY: check
check: ## What to run after each change: lint, unit tests, the series that changed; no root, minutes
	$(MAKE) lint
	$(MAKE) unit RACE=
	for line in $(LINES); do $(MAKE) lint-patched LINE=$$line && LINE=$$line .ci/series check --changed; done

.PHONY: build
build: lay ## Build bin/podman and the other binaries from patched upstream [STOCK=1 for bin/stock/ too; LINE=v5 for bin/v5/]
	@mkdir -p '$(BIN)'
	@series="podman-cvmfs: $$(.ci/series describe)"; set -x; \
	cd $(TREES)/podman; $(IN_WORK) -tags '$(TAGS)' -o '$(BIN)/podman' \
		-ldflags "$(LDFLAGS_PODMAN) -X '$(SERIES_VARIABLE)=$$series'" ./cmd/podman; \
	CGO_ENABLED=0 $(IN_WORK) -tags 'remote $(TAGS)' -o '$(BIN)/podman-remote' \
		-ldflags "-s -w $(LDFLAGS_PODMAN) -X '$(SERIES_VARIABLE)=$$series'" ./cmd/podman; \
	cd ../storage; $(IN_WORK) -tags '$(TAGS)' -o '$(BIN)/containers-storage' \
		-ldflags "-X '$(SERIES_VARIABLE)=$$series'" ./cmd/containers-storage
	cd $(TREES)/podman && $(IN_WORK_SMALL) -o '$(BIN)/rootlessport' ./cmd/rootlessport
	$(IN_WORK_SMALL) -o '$(BIN)/' $(COMMANDS)
	$(if $(STOCK),$(MAKE) stock)

.PHONY: lay
lay: ## Lay the patched upstream trees under _build/LINE/
	@.ci/series lay

.PHONY: work
work: ## The same, and say how to open them in an editor [LINE=v5]
	@.ci/series work

# Straight from the module cache, with the versions that each one's own go.mod
# names: nothing of ours is in it. cri is a program of ours on the stock
# libraries, with the versions that skopeo names.
STOCK_BUILD = GOWORK=off $(GO_BUILD) -mod=readonly -tags '$(TAGS)' -o '$(CURDIR)/bin/stock/'
STOCK_TOOLS ?= podman buildah skopeo containers-storage cri
.PHONY: stock
stock: ## Build bin/stock/: podman, buildah and others from upstream as it is, for tests that compare [STOCK_TOOLS=podman]
	@mkdir -p bin/stock
	@for each in podman:podman/v4 buildah:buildah skopeo:skopeo containers-storage:storage; do \
		case ' $(STOCK_TOOLS) ' in *" $${each%:*} "*) ;; *) continue ;; esac; \
		module=github.com/containers/$${each#*:}; \
		GOWORK=off go mod download "$$module"; \
		dir=$$(GOWORK=off go list -m -f '{{.Dir}}' "$$module"); \
		(set -x; cd "$$dir" && $(STOCK_BUILD) "./cmd/$${each%:*}"); \
	done
ifneq ($(filter cri,$(STOCK_TOOLS)),)
	@GOWORK=off go mod download github.com/containers/skopeo
	@dir=$$(GOWORK=off go list -m -f '{{.Dir}}' github.com/containers/skopeo); \
		install -m 644 "$$dir/go.mod" bin/stock/cri.mod; install -m 644 "$$dir/go.sum" bin/stock/cri.sum
	$(STOCK_BUILD)cri -modfile=bin/stock/cri.mod tests/system/cri/main.go
endif

# What knows about CVMFS needs no upstream tree, and is tested without one.
.PHONY: unit
unit: $(if $(UPSTREAM_TESTS),lay) ## Vet and test our packages, with all seeds of fuzz targets [RACE=, UPSTREAM_TESTS=storage/drivers/overlay]
	GOWORK=off go vet ./layers/... ./tests/...
	GOWORK=off go test -buildvcs=false $(RACE) $(GOTESTFLAGS) ./layers/...
	GOWORK=off go test -buildvcs=false $(GOTESTFLAGS) ./tests/...
	$(if $(RACE),GOWORK=off go test -buildvcs=false $(GOTESTFLAGS) ./layers/cvmfs/confine ./layers/cvmfs/lookup) # what links with C is not confined
	@for package in $(UPSTREAM_TESTS); do \
		(set -x; cd "$(TREES)/$${package%%/*}" && USER="$${USER:-$$(id -un)}" GOWORK=$(WORK) \
			go test -trimpath -buildvcs=false -tags '$(TAGS)' $(GOTESTFLAGS) "./$${package#*/}"); \
	done

# As root, since most of them mount.
.PHONY: unit-patched
unit-patched: lay ## Run the Go tests that the series add to the patched modules [LINE=v5 RACE=]
	RACE='$(RACE)' .ci/series test

.PHONY: system
system: build ## Run the system tests, rootless first [TESTS=030 JOBS=1]
	$(if $(filter-out v4,$(LINE)),mkdir -p '$(BIN)/stock' bin/stock; OCI_RUNTIME="$${OCI_RUNTIME:-$(CURDIR)/tests/system/runtime/crun}" CVMFS_TEST_BIN='$(BIN)') \
		JOBS=$(JOBS) tests/system/run $(TESTS)

.PHONY: faults
faults: ## Break repository and node at every moment, print what comes of it [UPDATE=1 writes docs/faults.md]
	$(MAKE) system TESTS=faults
	@sed -n '/^<!-- measured/,/^<!-- end/{/^<!--/!p}' docs/faults.md

# Where a run of the whole bench writes: the page is always one of a full run.
WRITE ?= $(if $(QUICK),_build/bench,docs/bench)

.PHONY: bench
bench: build ## Measure beside what people use instead, into docs/bench/ [QUICK=1: less, into _build/bench/; BENCH='--rounds 2 start': prints]
	.ci/deps bench
	tests/bench/run $(or $(BENCH),$(if $(QUICK),--quick) --write $(WRITE))

.PHONY: bench-counts
bench-counts: build ## Hold a pull, a start and an idle server to what no clock has to do with: bytes, requests, names, syncs
	.ci/deps bench
	tests/bench/run --quick --counts counts memory

.PHONY: rpm
rpm: lay ## Build packages of the patched podman for EL, Fedora and SLES into _build/rpm/ [RPM_OPTIONS='--without hardening']
	.ci/deps rpm
	RPM_OPTIONS='$(RPM_OPTIONS)' .ci/rpm build _build/rpm
	@find _build/rpm -name '*.rpm' | sort

.PHONY: rpm-test
rpm-test: build ## Install what `make rpm` built into a scratch root, verify it, lint it, run containers with it
	rpmlint --rpmlintrc rpm/podman-cvmfs.rpmlintrc _build/rpm/RPMS _build/rpm/SRPMS
	tests/rpm/run _build/rpm

.PHONY: lint
lint: ## golangci-lint, go fix, shellcheck, ends of lines
	.ci/lint

.PHONY: lint-patched
lint-patched: lay ## The same golangci-lint over what the series add to the patched modules [LINE=v5]
	.ci/lint patched

.PHONY: cross
cross: lay ## Do the patched modules build for all systems and machines that upstream builds them for? [LINE=v5]
	.ci/cross

.PHONY: licences
licences: lay ## Are the licences of what we link known and listed? [UPDATE=1 writes docs/licences.md]
	@TAGS='$(TAGS)' GOWORK=off go run ./tests/audit licences docs/licences.md $(if $(UPDATE),update)

.PHONY: audit
audit: licences ## Licences, and vulnerabilities that what we add can reach [GOVULNDB=url of another database]
	@TAGS='$(TAGS)' .ci/vulnerabilities

.PHONY: fuzz
fuzz: lay ## Run each fuzz target [FUZZTIME=30s, or BUDGET=2h for all of them; TARGETS=FuzzRequests]
	BUDGET='$(BUDGET)' TARGETS='$(TARGETS)' .ci/fuzz $(FUZZTIME)

.PHONY: conformance
conformance: ## Upstream's own tests without and with the series, side by side; slow, as root [LINE=v5 CONFORMANCE='common podman']
	.ci/conformance $(CONFORMANCE)

.PHONY: patch-check
patch-check: ## Do the series apply, build, round-trip, and say why? [LINE=v5 CHECK=--test: and pass their tests, patch by patch]
	.ci/series check $(CHECK)

.PHONY: patch-export
patch-export: ## Write what was done in _build/LINE/<module> back as patches and sources [LINE=v5]
	.ci/series export

.PHONY: series
series: ## Write each module's series as mails to upstream, our packages carried in, into _build/series/ [CHECK=1 LINE=v5]
	.ci/series mail $(if $(CHECK),--check)

.PHONY: series-check
series-check: ## The same, applied to fresh sources with git am, each mail built, the packages tested; slow
	.ci/series mail --check

.PHONY: recover
recover: ## Set work in the trees aside on branches, and lay them again [LINE=v5]
	.ci/series recover

.PHONY: clean
clean: ## Remove bin/ and the trees that hold no work of yours
	rm -rf bin
	for line in $(LINES); do LINE=$$line .ci/series clean; done

## clean-<module> Remove one tree of LINE, and all work in it
.PHONY: $(MODULES:%=clean-%)
$(MODULES:%=clean-%): clean-%:
	.ci/series clean --force $*
