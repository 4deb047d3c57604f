# The tags leave documentation and suggestion code of the flag library out of every start.
TAGS     := urfave_cli_no_docs,urfave_cli_no_suggest
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo 0.1.0-dev)
LDFLAGS  := -s -w -X main.version=$(VERSION)
BUILD    := CGO_ENABLED=0 go build -trimpath -tags $(TAGS) -ldflags "$(LDFLAGS)"
FUZZTIME ?= 10s
SEED     ?= 1
CHAOS    ?= 10m
PREFIX   ?= /usr/local

.PHONY: all test race script cgroup2 many fuzz fuzz-long faults chaos bench oracle oracle-check oracle-live explore reload-proof lint vet check demo soak compare install clean

all: ## static executables in bin/
	$(BUILD) -o bin/weaver ./cmd/weaver
	$(BUILD) -o bin/weaverd ./cmd/weaverd
	$(BUILD) -o bin/weaver-js ./cmd/weaver-js

test: ## all tests
	go test ./...

race: ## all tests under the race detector
	CGO_ENABLED=1 go test -race -short ./...

cgroup2: ## ceilings and groups on a kernel whose cgroup2 has all controllers (user-mode-linux)
	testdata/uml/run.sh ./supervisor/spawn 'Busy|Bound|Controllers|Memory|Processes|Group|Cgroup|Paused'

many: ## SERVICES services at once, on a kernel where root may raise the limit of descriptors (user-mode-linux)
	MEM=6G WEAVER_TEST_SERVICES=$(SERVICES) testdata/uml/run.sh ./cmd/weaverd TestAThousandServicesCostLittle

script: ## the sessions of the whole binary
	go test ./cmd/weaverd -run Script -v

fuzz: ## every fuzz target for FUZZTIME
	@for pkg in $$(go list ./...); do \
	  for f in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "== $$pkg $$f"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
	  done; \
	done

SERVICES ?= 5000
FUZZLONG ?= 10m
fuzz-long: ## each target gets FUZZLONG of CPU in all, those that had least first; goes on from the table in bench/fuzz.txt
	nice -n 19 go run ./testdata/fuzz -cpu $(FUZZLONG)

bench: all ## weaver, its rivals and the floor, side by side: table and picture in bench/
	go run ./testdata/bench

reload-proof: ## 50 reloads under load, 100,000 requests of each runtime, none may fail
	WEAVER_RELOAD_PROOF=50 go test ./cmd/weaverd -run TestReloadProof -v -timeout 120m

vet:
	go vet ./...
	GOOS=darwin go vet ./...
	GOOS=windows go vet ./...

oracle: ## the npm pm2's answers to every session that is new or has changed ($$WEAVER_TEST_PM2)
	go test ./pm2/oracle -run Record -record -v -timeout 2h

oracle-check: ## every session replayed against weaver
	go test ./pm2/oracle -run Sessions -all -timeout 20m

oracle-live: ## ten sessions, others each time, asked of the npm pm2 again: it says what is recorded
	go test ./pm2/oracle -run Live -live 10 -v -timeout 10m

N ?= 20
explore: ## N random sessions (20), played with the npm pm2 and with weaver, and where they differ; SEED: which ones ($$WEAVER_TEST_PM2)
	go test ./pm2/oracle -run Explore -explore $(N) -seed $(SEED) -v -timeout 2h

lint:
	@files=$$(go tool gofumpt -l $$(git ls-files '*.go')); if [ -n "$$files" ]; then echo "not gofumpt-ed:"; echo "$$files"; exit 1; fi
	go tool staticcheck ./...

check: lint vet test race ## what must hold before a commit
	WEAVER_TEST_SEED=random go test -count 1 -run TestLinesMeanWhatTheyMeanToPM2 ./cli
	$(MAKE) fuzz FUZZTIME=2s

FAULTS ?= 1
faults: ## each system call that writes state fails in its turn, in five ways, below the whole supervisor: ten minutes; FAULTS=2/4: the second quarter of them
	WEAVER_FAULTS=$(FAULTS) go test ./cmd/weaverd -run TestEveryWriteMayFail -v -timeout 60m

chaos: all ## kill whatever there is, and look from outside; SEED, CHAOS (how long)
	go run ./testdata/chaos -bin bin -seed $(SEED) -for $(CHAOS)

SOAK ?= 20m
soak: all ## 200 services and commands all the time; SOAK (how long): memory, descriptors, threads, goroutines stay flat
	go run ./testdata/soak -bin bin -for $(SOAK)

compare: all ## what survives the deaths of weaver, PM2 and supervisord: the table in docs/survival.md
	go run ./testdata/compare -bin bin

demo: ## the main job, shown
	go run ./testdata/demo

install: all
	install -d $(DESTDIR)$(PREFIX)/bin
	install bin/weaver bin/weaverd bin/weaver-js $(DESTDIR)$(PREFIX)/bin

clean:
	rm -rf bin
