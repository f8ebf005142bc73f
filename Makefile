# The two commands: `make book` and `make test`. Each makes .venv on its first run; `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python scripts/run_steps.py

.DEFAULT_GOAL := help
.PHONY: help book test check write outputs links bench ledger machines lock clean

help:  ## say what the commands do
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-16s%s\n", $$1, $$2}'

book: $(VENV)/installed  ## build _build/html, executing what changed (8 minutes at first, then seconds)
	@$(RUN) book

test: $(VENV)/installed  ## style, types, unit tests, every chapter, a strict build and its pages, in a browser too (15 minutes)
	@$(RUN) test

check: $(VENV)/installed  ## style, types and the tests of what changed since the last commit, or SINCE=main (a minute)
	@$(RUN) check $(SINCE)

write: $(VENV)/installed  ## show CHAPTER=geometry in the browser, built and reloaded whenever you save a file
	@$(VENV)/bin/python scripts/write.py $(or $(CHAPTER),--help)

outputs: $(VENV)/installed  ## execute CHAPTER=geometry in place, and keep its outputs as they are committed
	@$(VENV)/bin/python scripts/outputs.py $(or $(CHAPTER),--help)

links: $(VENV)/installed  ## ask every address that the book links to whether it is still there (a minute)
	@BOOK_ONLY=none $(RUN) links

bench: $(VENV)/installed  ## measure speed, against the paper's published loop and the machine (10 minutes)
	@$(VENV)/bin/python benchmarks/bench.py $(BENCH)

ledger: $(VENV)/installed  ## run every chapter with SEEDS=20 fresh seeds, for the ledger (7 minutes a seed)
	@$(VENV)/bin/python scripts/ledger.py $(or $(SEEDS),20) $(LEDGER)

machines: $(VENV)/installed  ## compare chapters with one and two threads, plain to wide instructions, old versions (2 hours)
	@$(VENV)/bin/python scripts/machines.py $(MACHINES)

lock:  ## renew constraints.txt with the newest versions that fit together (3 minutes)
	@bash scripts/lock.sh "$(PYTHON)"

clean:  ## remove what the other commands made, .venv included
	rm -rf _build build dist *.egg-info .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis book/package

$(VENV)/installed: pyproject.toml constraints.txt scripts/make_venv.sh
	@bash scripts/make_venv.sh "$(PYTHON)" "$(VENV)"
