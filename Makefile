# `make` without a target lists the targets. All binaries are built into bin/; missing ones are built when needed.
SHELL := bash
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --dirty 2>/dev/null || echo dev)
FUZZTIME ?= 30s
SEEDS ?= 2000
GOLANGCI_LINT_VERSION := v2.15.0
GOLANGCI_LINT := $(CURDIR)/bin/golangci-lint-$(GOLANGCI_LINT_VERSION)

# Go's race detector needs a C compiler. Without one, the tests run without the race detector.
RACE ?= $(if $(shell command -v $${CC:-gcc} 2>/dev/null),-race)
# -buildvcs=auto overrides GOFLAGS: `mirrorball version` prints the commit.
BUILD := go build -buildvcs=auto -trimpath
LDFLAGS := -X main.version=$(VERSION)

##@ Use
.PHONY: demo run
demo: build devcluster ## Show the features step by step, on a real control plane on this machine
	bin/demo

run: build devcluster ## Start a control plane and the controller, and keep them running for your own tests
	bin/demo --stay

##@ Build
.PHONY: build install devcluster image push release push-release helm clean
build: ## Build bin/mirrorball, one static binary
	CGO_ENABLED=0 $(BUILD) -ldflags "-s -w $(LDFLAGS)" -o bin/mirrorball ./cmd/mirrorball

# kubectl finds plugins on $PATH: kubectl-mirrorball is `kubectl mirrorball`, kubectl_complete-mirrorball completes it.
PREFIX ?= /usr/local
install: build ## Install mirrorball, and as a kubectl plugin, into PREFIX=/usr/local
	install -d "$(DESTDIR)$(PREFIX)/bin"
	install -m 755 bin/mirrorball "$(DESTDIR)$(PREFIX)/bin/mirrorball"
	ln -sf mirrorball "$(DESTDIR)$(PREFIX)/bin/kubectl-mirrorball"
	ln -sf mirrorball "$(DESTDIR)$(PREFIX)/bin/kubectl_complete-mirrorball"

devcluster: ## Build bin/devcluster and bin/kubectl; the first build takes minutes
	./e2e/build

helm: ## Build bin/helm, from the version in e2e/packaging/go.mod
	cd e2e/packaging && go build -o "$(CURDIR)/bin/helm" helm.sh/helm/v4/cmd/helm

# No container engine is needed. Two builds of one commit have the same digest.
PACKAGER := cd e2e/packaging && go run ./cmd/packager --version $(VERSION)
image: ## Build the container image for linux/amd64 and arm64 into dist/image, an OCI layout
	$(PACKAGER) image

push: image ## Build the image and push it; IMAGE=registry.example.com/mirrorball:tag
	$(PACKAGER) push "$(IMAGE)"

release: ## Make a release into dist/; VERSION=v1.2.3 IMAGE=registry.example.com/mirrorball; see docs/releasing.md
	$(PACKAGER) release "$(IMAGE)" --downloads "$(DOWNLOADS)"

push-release: ## Push the image of the release in dist/, with VERSION as its tag
	$(PACKAGER) push "$(IMAGE):$(VERSION)"

clean: ## Remove bin/ and dist/
	rm -rf bin dist

##@ Check
.PHONY: docs picture test test-unit test-e2e test-e2e-quick test-e2e-policies test-e2e-slow test-packaging test-release
.PHONY: race-build
.PHONY: fuzz simulate guards mutants lint fmt tidy
test: test-unit test-e2e ## Run the unit tests, the simulation and the end-to-end tests

test-unit: ## Run the unit tests and the simulation; some seconds, without a control plane
	go test $(RACE) -timeout 30m ./...
	cd e2e && go test $(RACE) -timeout 30m ./simulation/...

# The groups of end-to-end tests follow each other, and so do the packages of a group (-p 1): control planes at the same
# time starve each other. -count=1: the test cache does not notice changes of the programs under test.
E2E := cd e2e && MIRRORBALL="$(CURDIR)/bin/race/mirrorball" go test $(RACE) -count=1 -p 1 -timeout 30m

test-e2e: test-e2e-quick test-e2e-slow ## Run the end-to-end tests on a real control plane

test-e2e-quick: build race-build devcluster ## Run those that share a control plane; e2e/README.md says how to run one
	$(E2E) . ./harness ./internal/... ./bench ./kubelet

test-e2e-policies: build race-build devcluster ## Run those that share a control plane under the admission policies
	$(E2E) . -policies=warn

test-e2e-slow: build race-build devcluster ## Run those that have a control plane each
	$(E2E) . -slow
	$(E2E) ./controlplane ./cmd/demo

# Not part of make test: it first compiles Helm and Prometheus. go test does not print that a test was skipped.
test-packaging: build devcluster helm ## Test image, release, chart, alerts, audit's page and the README's installation
	@command -v chromium-headless-shell >/dev/null || command -v chromium >/dev/null || \
	  echo "make test-packaging: skipping the tests of the page of audit: no chromium-headless-shell or chromium on PATH"
	cd e2e/packaging && go test -count=1 -p 1 -timeout 30m ./...

test-release: helm ## Test a release for all platforms; minutes, and not part of make test
	cd e2e/packaging && go test -count=1 -timeout 60m ./release -run '^TestRelease$$' -all

# The end-to-end tests use this controller, which is built with the race detector. bin/mirrorball is the static binary.
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

# PRODUCT are the packages of which `make simulate` reports the coverage.
comma := ,
empty :=
MODULE := github.com/mirrorball-dev/mirrorball
PRODUCT := $(MODULE)/replicator $(MODULE)/replicator/events $(MODULE)/replicator/plan $(MODULE)/informers
simulate: ## Run SEEDS=2000 simulated traces with faults, in memory; print rate, faults and coverage
	@set -o pipefail; mkdir -p bin; \
	cd e2e && go test ./simulation -run '^TestSimulation$$' -count=1 -timeout 3h -v -seeds $(SEEDS) \
	  -coverpkg=$(subst $(empty) ,$(comma),$(PRODUCT)) -coverprofile=$(CURDIR)/bin/simulate.cover \
	  | grep -vE '^ *(=== |--- (PASS|SKIP))|^coverage: '
	@awk -F'[: ]' 'NR > 1 { sub("/[^/]*$$", "", $$1); all[$$1] += $$3; if ($$4) hit[$$1] += $$3 } \
	  END { for (p in all) printf "coverage of %s: %.1f%%\n", p, 100 * hit[p] / all[p] }' bin/simulate.cover | sort

guards: ## Remove each guard of the controller in turn; show the test, or the seed and the rule, that notice
	cd e2e && go run ./simulation/cmd/mutants -named -seeds $(SEEDS)

# MUTANTS='-sample 40' tries 40 of each package, MUTANTS='-only replicator/plan' one package.
mutants: ## Change parsers, plan and executor, one small change at a time; list the changes that no test notices
	cd e2e && go run ./simulation/cmd/mutants $(MUTANTS)

lint: $(GOLANGCI_LINT) ## Check formatting, go vet, golangci-lint and go.mod, in all modules
	@unformatted=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')) || exit 1; \
	if [ -n "$$unformatted" ]; then echo "These files are not formatted, run make fmt:"; echo "$$unformatted"; exit 1; fi
	@for module in . e2e e2e/packaging; do \
	  echo "== $$module: go mod tidy, go vet, golangci-lint"; \
	  (cd "$$module" && go mod tidy -diff && go vet ./... && \
	    "$(GOLANGCI_LINT)" run --allow-parallel-runners --config "$(CURDIR)/.golangci.yml" ./...) || exit 1; \
	done

docs: ## Write docs/cli from the commands
	go test ./cmd/mirrorball -run '^TestCommandPages$$' -update

picture: ## Take docs/img/audit.png from the page of an example; needs a browser (Debian: chromium-headless-shell)
	cd e2e/packaging && go test -count=1 ./auditpage -run '^TestPicture$$' -update

fmt: ## Format the Go files
	gofmt -w $$(git ls-files --cached --others --exclude-standard '*.go')

tidy: ## Tidy go.mod in all modules
	go mod tidy
	cd e2e && go mod tidy
	cd e2e/packaging && go mod tidy

# The linter, in a pinned version, is compiled from its Go module. That takes some minutes, once.
$(GOLANGCI_LINT):
	@echo "bin/$(@F): compiling from its Go module (the first build takes minutes)"
	GOBIN="$(CURDIR)/bin" go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	mv bin/golangci-lint $@

##@ Measure
# To measure another controller, set CONTROLLER='command with {kubeconfig}' and SOURCE_ANNOTATIONS='k=v,…' with {targets}.
# BENCH_FLAGS are passed to bin/bench, for example --case fan-out --rounds 3.
.PHONY: bench bench-scale bench-hostile bench-micro bench-build
bench: bench-build ## Compare with a bare client and Kubernetes' own controllers; write docs/benchmarks.md; half an hour
	bin/bench --docs $(BENCH_FLAGS)

bench-scale: bench-build ## Run those with up to 100,000 replicas, and with 20 new namespaces a second
	bin/bench --docs --case churn,start,scale $(BENCH_FLAGS)

bench-hostile: bench-build ## Measure a controller under its memory limit, with a tenant who has 5,000 hostile sources
	bin/bench --case hostile --rounds 3 $(BENCH_FLAGS)

bench-build: build devcluster
	cd e2e && $(BUILD) -o ../bin/bench ./cmd/bench

# The base commit is checked out in a temporary worktree, and both commits are measured on this machine.
BENCHSTAT := go run golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
BASE ?= HEAD~1
bench-micro: ## Compare micro-benchmarks with the previous commit (BASE=commit)
	@base=$$(mktemp -d) && trap 'git worktree remove --force "$$base"' EXIT && \
	git worktree add --quiet --detach "$$base" $(BASE) && \
	(cd "$$base" && go test -run '^$$' -bench . -benchmem -count 6 ./... >"$$base/old.txt") && \
	go test -run '^$$' -bench . -benchmem -count 6 ./... >"$$base/new.txt" && \
	$(BENCHSTAT) "$$base/old.txt" "$$base/new.txt"

##@ Real node
# These need Linux and root, and four packages of Debian: docs/node.md.
.PHONY: demo-node test-node devnode
demo-node: build devnode ## Play the guide to image pull secrets on a real kubelet on this machine
	bin/demo-node

# Without the race detector: what runs on the node is other programs.
test-node: build devnode ## Test the guide and the clean-up on a real kubelet; skipped where none can run
	@bin/devcluster check-node || echo "make test-node: skipping what needs a node"
	cd e2e && go test -count=1 -p 1 -timeout 30m ./node/...

# NODE_FLAGS are passed to bin/bench-node, for example --pods 20 --case idle --apply FILE.
.PHONY: bench-node
bench-node: build devnode ## Measure the first Pods of new namespaces on a real kubelet; twenty minutes
	cd e2e && $(BUILD) -o ../bin/bench-node ./cmd/benchnode
	bin/bench-node $(NODE_FLAGS)

devnode: devcluster ## Build bin/devnode, bin/guest and bin/demo-node
	./e2e/build node

##@ Help
.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { print "\n" substr($$0, 5) } \
	  /^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
