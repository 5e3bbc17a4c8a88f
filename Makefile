# `make demo` and `make test` work on a fresh machine with Go and Node.
# `make help` lists the rest.
SHELL := /bin/sh
.DEFAULT_GOAL := help
export CGO_ENABLED = 0
# Under load the slowest package takes half of it.
TEST_TIMEOUT := 30m
# What `make check` vets need not be vetted again with each test.
GOTEST := go test -vet=off -timeout $(TEST_TIMEOUT)
# The linter has a module of its own, so that its needs are none of the program's.
GOLANGCI := go tool -modfile=tools/go.mod golangci-lint
NO_BROWSER = $$(go list ./... | grep -v /test/browser)
# Tests that go from page to page alone: nothing races in them.
ALONE := ^(TestAccess|TestAccessToOthers|TestAccessOfManyPeople|TestTextStaysText|TestStrangeBytes|TestOpenPageHearsOfReadings|TestSearchesGoByAnIndex)$$
# Half of the tests of the browser, by the time that they take.
BROWSER_HALF := ^(TestEveryPage|TestMainPagesKeepTheirLayout|TestFirstView|TestOperations|TestLifeOfADangerousDelete)$$

VIEWS := $(shell find views -name '*.templ')
ASSET_SOURCES := $(wildcard static/src/* static/src/css/* static/src/editor/*) scripts/assets.mjs scripts/icons.mjs $(VIEWS)

.PHONY: help demo dev build test test-fast race check bench soak screenshots mutate generate need-go need-node test-tools

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: build ## run the portal with everything around it; flags: make demo ARGS="--listen 127.0.0.1:9090"
	@exec bin/portal demo $(ARGS)

dev: need-go static/dist/manifest.json ## the demo, anew in the browser within seconds of a change; flags as for demo
	@mkdir -p tmp/dev && go build -o tmp/dev/dev ./cmd/dev
	@exec tmp/dev/dev $(ARGS)

# Go knows what it embeds, so it decides itself whether something has changed.
build: need-go tmp/generated static/dist/manifest.json ## make bin/portal with its pages and browser assets
	go build -ldflags '-s -w' -o bin/portal ./cmd/portal

test: check test-tools build ## run every check and every test, browser tests included
	@# The browser waits more than it works, so it goes beside the others, in two halves.
	$(GOTEST) -run '$(BROWSER_HALF)' ./test/browser & half=$$!; \
	$(GOTEST) -skip '$(BROWSER_HALF)' ./test/browser $(NO_BROWSER); others=$$?; \
	wait $$half && exit $$others

test-fast: test-tools build ## run the tests that take no more than a minute together: no browser, no crowds
	go test -short -timeout $(TEST_TIMEOUT) $(NO_BROWSER)

race: build ## run the tests under the race detector, crowds too, all but those in test/
	@scripts/test-tools.sh race
	@# The crowds wait more than they work, so they go beside the others.
	export CGO_ENABLED=1; \
	$(GOTEST) -race ./internal/execute & crowds=$$!; \
	$(GOTEST) -short -race -skip '$(ALONE)' $$(go list ./... | grep -v -e /test/ -e /internal/execute); others=$$?; \
	wait $$crowds && exit $$others

check: need-go static/dist/manifest.json ## formatting, vet, linters, drift of generated files
	@unformatted=$$(gofmt -l cmd internal migrations static test views); test -z "$$unformatted" || { echo "not formatted by gofmt: $$unformatted" >&2; exit 1; }
	go vet ./...
	$(GOLANGCI) run
	go mod tidy -diff
	@scripts/drift.sh

bench: build ## run the benchmarks; needs Chromium
	go test -run '^$$' -bench . -benchtime 3s ./internal/web/... ./internal/doapi/... ./internal/audit ./internal/store ./internal/policy ./internal/request ./internal/execute ./internal/inventory
	go test -run '^$$' -bench . -benchtime 5x ./test/browser

SOAK ?= 10m
soak: build ## kill the portal at random moments of executions, for SOAK=10m; SEED=… has it do the same again
	SOAK=$(SOAK) go test -run '^TestSoak$$' -v -count 1 -timeout 0 ./test/crash

screenshots: build ## make the pictures of README anew, and take the layout of the main pages as right
	go test -run TestMainPagesKeepTheirLayout ./test/browser -args -update

mutate: need-go static/dist/manifest.json ## break the checks of who may do what, one by one; flags: make mutate ARGS="-quick -only portal"
	go run ./test/mutate $(ARGS)

generate: need-go ## make the Go files of the pages
	go tool templ generate

tmp/generated: $(VIEWS) | need-go
	go tool templ generate
	@mkdir -p $(@D) && touch $@

static/dist/manifest.json: $(ASSET_SOURCES) node_modules/.package-lock.json
	node scripts/assets.mjs

node_modules/.package-lock.json: package.json package-lock.json | need-node
	npm ci --ignore-scripts --no-progress --loglevel=error
	@touch $@

test-tools:
	@scripts/test-tools.sh

need-go:
	@command -v go >/dev/null 2>&1 || { echo "Go is missing: install it from https://go.dev/dl" >&2; exit 1; }

need-node:
	@command -v npm >/dev/null 2>&1 || { echo "Node with npm is missing: install it, for instance Debian's packages nodejs and npm" >&2; exit 1; }
