# Sluice: what a person needs is `make demo` and `make test`; `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

SEEDS ?= 1000
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
TOOL = $(shell hack/tools/build.sh $(1))
GO_PACKAGES = ./api/... ./cmd/... ./config/... ./docs/... ./hack/... ./internal/... ./test/...

##@ For everybody

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*##"} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*##/ {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Bring a cluster up, install Sluice, and watch releases pass, fail, and be refused
	hack/demo/demo.sh

.PHONY: test
test: lint binaries unit simulate ## Run every test that needs no node
	@$(MAKE) --no-print-directory -j2 mutants suites

# What runs on a control plane waits most of the time, so mutants have what is left of the processors meanwhile. Two
# control planes at once would be in each other's way.
.PHONY: suites
suites:
	@for suite in metrics admission integration attacks policy-matrix; do $(MAKE) --no-print-directory $$suite; done

.PHONY: cluster
cluster: ## Bring a cluster up (CLUSTER=kind|node|kwok|existing)
	hack/cluster/up.sh

.PHONY: down
down: ## Take the cluster down
	hack/cluster/down.sh

##@ Tests

.PHONY: unit
unit: ## Tests that need nothing but Go
	go test $(shell go list $(GO_PACKAGES) | grep -vE '/test/(admission|attacks|controlplane|e2e|integration|metrics|mutants|simulation)$$')

.PHONY: simulate
simulate: ## Run SEEDS=1000 random schedules of the operator against an in-memory API
	@out=$$(go test ./test/simulation -count=1 -v -run TestSimulation -timeout 60m -args -seeds=$(SEEDS) 2>&1) || { echo "$$out" | tail -n 80; exit 1; }; \
	  echo "$$out" | grep '^schedules:' | tail -n 1

.PHONY: mutants
mutants: ## Seed the core with bugs, one at a time, and see the tests kill each
	@nice -n 10 go run ./test/mutants

.PHONY: admission
admission: binaries ## What each admission policy refuses and lets through, on a real API server
	go test ./test/controlplane ./test/admission -count=1

.PHONY: integration
integration: binaries ## The operator on a real control plane with simulated nodes
	go test ./test/integration -count=1

.PHONY: attacks
attacks: binaries ## What insiders try on the API server and on the operator, and what stops them
	@out=$$(go test ./test/attacks -count=1 -v -run 'TestAttacks|TestScenario' 2>&1) || { echo "$$out" | grep -vE '^ *(=== |--- PASS)'; exit 1; }; \
	  echo "$$out" | grep '^attacks:' | tail -n 1

.PHONY: policy-matrix
policy-matrix: binaries ## Take each admission policy away in turn, and see which attacks then succeed
	@out=$$(go test ./test/attacks -count=1 -v -run TestPolicyMatrix 2>&1) || { echo "$$out"; exit 1; }; \
	  echo "$$out" | grep -E '^(sluice-|    (succeeds|fails|\.\.\.) )'; echo "$$out" | grep '^policies:' | tail -n 1

.PHONY: metrics
metrics: ## Metric gates against a real Prometheus that scrapes the sample application
	go test ./test/metrics -count=1

.PHONY: writes
writes: binaries ## Count the operator's API writes for one promotion
	@out=$$(go test ./test/integration -count=1 -v -run TestOnePromotionFromDevToProd 2>&1) || { echo "$$out"; exit 1; }; \
	  echo "$$out" | grep -E '^ +[0-9]+ '; echo "$$out" | grep '^writes per promotion' | tail -n 1

.PHONY: lock-latency
lock-latency: binaries ## Measure what lock and pin add to the creation of a pod
	@out=$$(go test ./test/admission -count=1 -v -run 'TestLockLatency$$' -args -latency=1000 2>&1) || { echo "$$out"; exit 1; }; \
	  echo "$$out" | grep -E '^ +(repositories|[0-9]+ )'; echo "$$out" | grep '^lock adds' | tail -n 1

.PHONY: restarts
restarts: binaries ## Restart the API server RESTARTS=20 times while pods are created, locked and not
	@out=$$(go test ./test/admission -count=1 -v -run 'TestScenario29RestartOfTheAPIServer$$' -args -restarts=$(or $(RESTARTS),20) 2>&1) || { echo "$$out"; exit 1; }; \
	  echo "$$out" | grep 'creates, '; echo "$$out" | grep '^restarts:' | tail -n 1

.PHONY: e2e
e2e: ## The demo's path, asserted, on a real node or kind
	hack/demo/e2e.sh

.PHONY: bench-load
bench-load: ## The load generator beside vegeta, and how true its percentiles are, on loopback
	go run ./test/bench/load -vegeta "$(call TOOL,vegeta)"

.PHONY: fuzz
fuzz: ## Fuzz the core, and what reads the words of others, for FUZZTIME=1m each
	go test ./internal/promotion -run '^$$' -fuzz FuzzDecide -fuzztime $(or $(FUZZTIME),1m)
	go test ./internal/load/result -run '^$$' -fuzz FuzzDecode -fuzztime $(or $(FUZZTIME),1m)
	go test ./internal/metric/result -run '^$$' -fuzz FuzzDecode -fuzztime $(or $(FUZZTIME),1m)
	go test ./internal/webhook -run '^$$' -fuzz FuzzAnswer -fuzztime $(or $(FUZZTIME),1m)
	go test ./internal/webhook/result -run '^$$' -fuzz FuzzDecode -fuzztime $(or $(FUZZTIME),1m)
	go test ./internal/promotion/calendar -run '^$$' -fuzz FuzzAt -fuzztime $(or $(FUZZTIME),1m)
	go test ./internal/junit -run '^$$' -fuzz FuzzAdd -fuzztime $(or $(FUZZTIME),1m)
	go test ./internal/junit -run '^$$' -fuzz FuzzDecodeSummary -fuzztime $(or $(FUZZTIME),1m)

##@ Development

.PHONY: build
build: ## Build the operator and the plugin into bin/
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o bin/ ./cmd/...

.PHONY: binaries
binaries: ## Provide etcd, the API server and kwok: from the cache, a download, or a build
	@hack/cluster/binaries.sh integration

.PHONY: generate
generate: ## Generate deep copies, CRDs, apply configurations, the API reference, and the static form of the policies
	hack/generate.sh

.PHONY: verify
verify: ## Fail where generated files are not what generate makes of the sources
	hack/generate.sh --verify

.PHONY: fmt
fmt: ## Format
	$(call TOOL,golangci-lint) fmt

.PHONY: lint
lint: verify ## Vet, lint, lint the API, and check the shape of the code
	go vet $(GO_PACKAGES)
	$(call TOOL,golangci-lint) run $(GO_PACKAGES)
	$(call TOOL,golangci-lint) run -c .golangci-kal.yml ./api/v1alpha1/...
	@hack/shape.sh

.PHONY: install
install: ## Install the CRDs, roles, policies and the operator into the current kubectl context
	hack/install.sh
