# `make` alone lists the targets. Everything that is built goes to bin/, and what is missing is built when it is needed.
SHELL := bash
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --dirty 2>/dev/null || echo dev)
IMAGE ?= ghcr.io/mirrorball-dev/mirrorball:$(VERSION)
FUZZTIME ?= 30s
SEEDS ?= 2000
GOLANGCI_LINT_VERSION := v2.15.0
GOLANGCI_LINT := $(CURDIR)/bin/golangci-lint-$(GOLANGCI_LINT_VERSION)

# Go's race detector needs a C compiler; without one the tests run all the same.
RACE ?= $(if $(shell command -v $${CC:-gcc} 2>/dev/null),-race)
# -buildvcs=auto, whatever GOFLAGS says: `mirrorball version` tells the commit.
BUILD := go build -buildvcs=auto -trimpath
LDFLAGS := -X main.version=$(VERSION)

##@ Use
.PHONY: demo run
demo: build devcluster ## Play the README's story on a real control plane, on this machine
	bin/demo

run: build devcluster ## Start a control plane and the controller and leave them running, for you to try
	bin/demo --stay

##@ Build
.PHONY: build devcluster image clean
build: ## bin/mirrorball, one static binary
	CGO_ENABLED=0 $(BUILD) -ldflags "-s -w $(LDFLAGS)" -o bin/mirrorball ./cmd/mirrorball

devcluster: ## bin/devcluster and bin/kubectl; the first time takes minutes
	./e2e/build

image: ## The container image (needs docker); IMAGE=registry/name:tag
	docker build --build-arg VERSION=$(VERSION) --tag $(IMAGE) .

clean: ## Remove bin/
	rm -rf bin

##@ Check
.PHONY: test test-unit test-e2e test-e2e-quick test-e2e-slow race-build fuzz simulate guards mutants lint fmt tidy
test: test-unit test-e2e ## All tests: unit and end-to-end

test-unit: ## Unit tests, some seconds
	go test $(RACE) -timeout 30m ./...

# The groups of end-to-end tests follow each other, and so do the packages of a group (-p 1): control planes at the same
# time starve each other. -count=1: Go does not see that the programs under test have changed.
E2E := cd e2e && MIRRORBALL="$(CURDIR)/bin/race/mirrorball" go test $(RACE) -count=1 -p 1 -timeout 30m

test-e2e: test-e2e-quick test-e2e-slow ## End-to-end tests on a real control plane

test-e2e-quick: build race-build devcluster ## Those that share a control plane; e2e/README.md says how to run one
	$(E2E) . ./harness ./internal/... ./bench

test-e2e-slow: build race-build devcluster ## Those that have a control plane each
	$(E2E) . -slow
	$(E2E) ./controlplane ./cmd/demo

# The controller that the end-to-end tests run, with the race detector in it; bin/mirrorball stays the static one.
race-build:
	$(BUILD) $(RACE) -ldflags "$(LDFLAGS)" -o bin/race/mirrorball ./cmd/mirrorball

fuzz: ## Run every fuzz target for FUZZTIME (30s) each
	@for package in $$(go list ./...); do \
	  targets=$$(go test -list '^Fuzz' "$$package") || { echo "$$targets"; exit 1; }; \
	  for target in $$(echo "$$targets" | grep '^Fuzz'); do \
	    echo "== $$package $$target"; \
	    go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package" || exit 1; \
	  done; \
	done

simulate: ## SEEDS=2000 histories of faults and tampering in memory; their rate, faults and coverage
	@set -o pipefail; mkdir -p bin; \
	go test ./replicator/simulation -run '^TestSimulation$$' -count=1 -timeout 3h -v -seeds $(SEEDS) \
	  -coverpkg=./replicator,./replicator/plan,./informers -coverprofile=bin/simulate.cover \
	  | grep -vE '^ *(=== |--- (PASS|SKIP))'
	@awk -F'[: ]' 'NR > 1 { sub("/[^/]*$$", "", $$1); all[$$1] += $$3; if ($$4) hit[$$1] += $$3 } \
	  END { for (p in all) printf "coverage of %s: %.1f%%\n", p, 100 * hit[p] / all[p] }' bin/simulate.cover | sort

guards: ## Take each guard away in turn and show which simulated history notices
	go run ./replicator/simulation/cmd/guards -seeds $(SEEDS)

mutants: ## Change parsers, plan and apply, one small change at a time, and show which changes no test notices
	go run ./replicator/simulation/cmd/mutants

lint: $(GOLANGCI_LINT) ## Formatting, vet, golangci-lint and go.mod, in both modules
	@unformatted=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')) || exit 1; \
	if [ -n "$$unformatted" ]; then echo "not formatted, make fmt does it:"; echo "$$unformatted"; exit 1; fi
	@for module in . e2e; do \
	  echo "== $$module: go mod tidy, go vet, golangci-lint"; \
	  (cd "$$module" && go mod tidy -diff && go vet ./... && \
	    "$(GOLANGCI_LINT)" run --allow-parallel-runners --config "$(CURDIR)/.golangci.yml" ./...) || exit 1; \
	done

fmt: ## Format the Go files
	gofmt -w $$(git ls-files --cached --others --exclude-standard '*.go')

tidy: ## Tidy go.mod in both modules
	go mod tidy
	cd e2e && go mod tidy

# The pinned linter, from its Go module: compiled once, which takes some minutes.
$(GOLANGCI_LINT):
	@echo "bin/$(@F): from its Go module (the first build takes minutes)"
	GOBIN="$(CURDIR)/bin" go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	mv bin/golangci-lint $@

##@ Measure
# CONTROLLER='command with {kubeconfig}' and SOURCE_ANNOTATIONS='k=v,…' with {targets} measure another controller;
# BENCH_FLAGS are for bin/bench, such as --case fan-out --rounds 3.
.PHONY: bench bench-scale bench-micro bench-build
bench: bench-build ## Compare with a bare client and Kubernetes' own controllers; writes docs/benchmarks.md; half an hour
	bin/bench --docs $(BENCH_FLAGS)

bench-scale: bench-build ## The same with up to 100,000 replicas
	bin/bench --docs --case scale $(BENCH_FLAGS)

bench-build: build devcluster
	cd e2e && $(BUILD) -o ../bin/bench ./cmd/bench

# The commit before is checked out beside this one, and both are measured by the same machine.
BENCHSTAT := go run golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
BASE ?= HEAD~1
bench-micro: ## Micro-benchmarks, compared with the commit before (BASE=commit)
	@base=$$(mktemp -d) && trap 'git worktree remove --force "$$base"' EXIT && \
	git worktree add --quiet --detach "$$base" $(BASE) && \
	(cd "$$base" && go test -run '^$$' -bench . -benchmem -count 6 ./... >"$$base/old.txt") && \
	go test -run '^$$' -bench . -benchmem -count 6 ./... >"$$base/new.txt" && \
	$(BENCHSTAT) "$$base/old.txt" "$$base/new.txt"

##@ Help
.PHONY: help
help: ## This list
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { print "\n" substr($$0, 5) } \
	  /^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
