# Short names for what people type often. Everything works without make, too:
# the program is `go run .` and the tests are `go test ./...`.

.DEFAULT_GOAL := help
time := 20s
python := /usr/bin/python3
rounds := 5

.PHONY: help run demo test browser race fuzz soak bench bench-torch screenshots generate founding build verify check

help: ## print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## serve the last community on localhost:8080
	go run . serve

demo: ## play a community's whole life, then serve it
	go run . demo

test: ## run the tests; a missing browser skips its tests
	go test ./...

browser: ## run the tests, and fail without a browser
	ALTHING_REQUIRE_BROWSER=1 go test ./...

race: ## run the tests with the race detector; slow
	go test -race -timeout 60m ./governance/... ./handlers/... ./workers/... ./training/...

fuzz: ## fuzz everything that strangers send, time=20s each
	@grep -r --include='*_test.go' -o '^func Fuzz[A-Za-z0-9]*' . | sort | while IFS=: read -r file func; do \
		dir=$$(dirname "$$file"); name=$${func#func }; \
		echo "== $$dir $$name"; go test "$$dir" -run '^$$' -fuzz "^$$name$$" -fuzztime $(time) || exit 1; \
	done

soak: ## run the tests that count crashes and races at full length; hours
	ALTHING_SOAK=1 go test -count=1 -timeout 12h ./...

bench: ## run the benchmarks six times, as benchstat wants them
	go test -run '^$$' -bench . -benchmem -count 6 ./training/... ./governance/... ./handlers/...

bench-torch: ## train beside PyTorch on this processor: make bench-torch python=/usr/bin/python3 rounds=5
	CGO_ENABLED=0 go build -trimpath -o bin/althing .
	$(python) training/llama/testdata/compare.py --althing bin/althing --rounds $(rounds)

screenshots: ## write a picture of every page to .screenshots
	mkdir -p .screenshots
	ALTHING_REQUIRE_BROWSER=1 ALTHING_SCREENSHOTS=$(CURDIR)/.screenshots go test -count=1 ./web/gallery

generate: ## write the Go code of the pages again
	go tool templ generate

founding: ## train the founding version again and compare every byte
	go run ./training/founding/make

build: ## build the platform and the node program into bin, statically
	CGO_ENABLED=0 go build -trimpath -o bin/althing .
	CGO_ENABLED=0 go build -trimpath -o bin/node ./workers/node

verify: ## have Tessera's fsck read a log: make verify url=https://…/log/ key=…
	go -C governance/translog/fsck run . $(url) '$(key)'

check: ## run what CI runs
	.ci/run
