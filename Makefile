# Every target does its own set-up. `make` alone says what there is.

INSIDE = .venv/bin/python
# All tests: by two processes, each with servers of its own; what ARGS names: by one.
TWO_AT_A_TIME = -n 2 --dist loadfile
RUN = packaging/environment run
DEV = packaging/environment dev

# Set in many containers; every process that is started would compile the whole program anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test lint unit format bench clients imaptest fuzz model debian12 clean

help:  ## What there is
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name what; do \
		printf '%-16s %s\n' "$$name" "$$what"; done

demo:  ## Try it: a server with users and mail on 127.0.0.1 (ARGS='--users 50 --imap-port 2143')
	@$(RUN)
	@exec $(INSIDE) imapd.py demo $(ARGS)

test: lint unit  ## All that must hold before a commit: linters, types, import contract, tests

lint:  ## ruff, mypy, and which part may import which
	@$(DEV)
	$(INSIDE) -m ruff check --output-format concise .
	$(INSIDE) -m mypy
	$(INSIDE) -c 'from importlinter.cli import lint_imports_command as lint; lint()'

unit:  ## The tests alone (ARGS='tests/wire -k literal')
	@$(DEV)
	$(INSIDE) -m pytest $(or $(ARGS),$(TWO_AT_A_TIME))

format:  ## Formats the code
	@$(DEV)
	$(INSIDE) -m ruff check --fix-only --quiet .
	$(INSIDE) -m ruff format --quiet .

bench:  ## Side by side with Debian's Dovecot: prints ratios
	@$(DEV)
	@exec $(INSIDE) -m tests.benchmarks $(ARGS)

clients:  ## Real mail programs against a demo: mbsync, neomutt, offlineimap, getmail, curl …
	@$(DEV)
	@exec $(INSIDE) -m tests.clients $(ARGS)

imaptest:  ## ImapTest's scripts and stress against a demo (IMAPTEST=/path/to/imaptest, ARGS=--seconds\ 300)
	@$(DEV)
	@IMAPTEST="$(IMAPTEST)" IMAPTEST_SCRIPTS="$(IMAPTEST_SCRIPTS)" $(INSIDE) -m tests.clients.imaptest $(ARGS)

debian12:  ## The tests with the libraries of Debian 12, in a root of its own (needs root and debootstrap)
	@exec packaging/debian12 $(or $(ARGS),$(TWO_AT_A_TIME))

fuzz:  ## The fuzzer for ten minutes, or FUZZ=60 seconds, from SEED=1 on
	@$(DEV)
	@IMAPD_FUZZ_SECONDS=$(or $(FUZZ),600) IMAPD_FUZZ_SEED=$(or $(SEED),1) \
		$(INSIDE) -m pytest -o timeout=0 -rP tests/fuzz/test_fuzz.py

model:  ## Random commands against the model for ten minutes, or MODEL=60 seconds, from SEED=1 on
	@$(DEV)
	@IMAPD_MODEL_SECONDS=$(or $(MODEL),600) IMAPD_MODEL_SEED=$(or $(SEED),1) \
		$(INSIDE) -m pytest -o timeout=0 -rP tests/model

clean:  ## Removes the environment and caches; var/demo stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
