# make setup | run | run-distributed | test | test-rest | test-all | test-distributed | test-distributed-all | test-rabbitmq4 | chaos [SECONDS=120] [SEED=1] [REPLICAS=3] | clients | bench | lint | crash [N=500] | reference | kerberos | distributed

# containers often set it; then every worker of pytest compiles all tests, and every server that a test starts all of the server, again
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= $(shell dev/quickest-python)
VENV := .venv
BIN := $(VENV)/bin
N ?= 500
SECONDS ?= 120
SEED ?=
REPLICAS ?= 1
CONTRACTS ?= -m "not slow"
DATA ?= data
CONF ?= conf
DISTRIBUTED_DIALOGUES := $(addprefix tests/dialogues/test_,$(addsuffix .py,\
	delivery_reports ended_sessions imap imap_durable_writes imap_keywords imap_manners lmtp mailbox_listeners pop3 processing queue_listing \
	relaying sieve sieve_administration smtp vacation webadmin_policies webadmin_quotas webadmin_rewriting))

# its data is apart: neither version reads that of the other
RABBITMQ4_RUN := $(or $(ENGINES_HOME),.engines)/run-rabbitmq4
RABBITMQ4 := ENGINES_RABBITMQ=dev/rabbitmq4 ENGINES_RUN=$(RABBITMQ4_RUN)
# publishing and confirms, delays and retries, quorum queues, the fanout of hints and questions, deaths of consumers, loss and absence of the broker
RABBITMQ4_TESTS := $(addprefix tests/distributed/,queue/test_queue.py queue/test_broker_away.py queue/test_places.py amqp test_hints.py test_peers.py) \
	tests/distributed/test_two_nodes.py::test_what_a_node_accepted_before_it_was_killed_is_read_once_on_the_other \
	$(foreach how,refuses hangs,"tests/distributed/test_start_while_engines_are_away.py::test_a_node_starts_while_one_engine_is_away[rabbitmq-$(how)]") \
	--deselect tests/distributed/queue/test_queue.py::TestClusterQueueDeaths::test_a_killer_runs_alone_from_its_second_death_on_and_its_neighbours_are_handed_out

.PHONY: setup run run-distributed test test-rest test-all test-distributed test-distributed-all test-contracts test-edition test-rabbitmq4 chaos engines clients bench lint crash reference kerberos distributed clean

setup: $(VENV)/.installed

run: setup
	@echo "Starting Compostela with $(CONF) on $(DATA); Ctrl-C ends it ..."
	@exec $(BIN)/compostela serve --conf $(CONF) --data $(DATA)

# real engines and two nodes on them
run-distributed: setup distributed
	@exec dev/two-nodes

# the quick part, see tests/conftest.py
test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n auto --dist worksteal -rs --part quick

# what `make test` leaves out
test-rest: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n auto --dist worksteal -rs --part rest

test-all: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n auto --dist worksteal -rs

clients: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 0 -v -rs tests/clients

# real engines, which stay up for the next run: dev/engines stop ends them
test-distributed: test-contracts test-edition chaos

# also the contracts in small steps and with faults on the way to the engines
test-distributed-all: CONTRACTS =
test-distributed-all: test-distributed

test-contracts: engines
	COMPOSTELA_TEST_ENGINES=1 $(BIN)/python -m pytest -n 2 $(CONTRACTS) tests/distributed

test-edition: engines
	COMPOSTELA_TEST_ENGINES=1 COMPOSTELA_TEST_EDITION=distributed $(BIN)/python -m pytest -n 2 $(DISTRIBUTED_DIALOGUES)
	COMPOSTELA_TEST_ENGINES=1 COMPOSTELA_TEST_EDITION=distributed $(BIN)/python -m pytest -n 2 -rs tests/clients/test_reading.py tests/clients/test_sending.py

# what speaks to RabbitMQ, on RabbitMQ 4 in place of that of the other tests. It is installed as root, and fails where Debian trixie is out of reach
test-rabbitmq4: $(VENV)/.installed-dev
	dev/engines install
	dev/engines start cassandra seaweedfs
	dev/rabbitmq4 install
	@trap '$(RABBITMQ4) dev/engines stop rabbitmq' EXIT; set -ex; dev/engines stop rabbitmq; \
		$(RABBITMQ4) dev/engines start rabbitmq; \
		grep -q 'Starting RabbitMQ 4' $(RABBITMQ4_RUN)/rabbitmq/output.log; \
		COMPOSTELA_TEST_ENGINES=1 $(RABBITMQ4) $(BIN)/python -m pytest -n 2 $(RABBITMQ4_TESTS)

# two nodes under load while engines and nodes fail, on engines of its own, which it ends
chaos: $(VENV)/.installed-dev
	dev/engines install
	$(BIN)/python -m tests.chaos.run --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) --replicas $(REPLICAS)

engines: $(VENV)/.installed-dev
	dev/engines install
	dev/engines start

bench: $(VENV)/.installed-dev
	$(BIN)/python -m bench

crash: $(VENV)/.installed-dev
	$(BIN)/python -m tests.crash.harness --kills $(N)

reference: $(VENV)/.installed-dev
	$(BIN)/python -m tools.reference

kerberos: $(VENV)/.installed
	@echo "Building the package gssapi ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-kerberos.lock || \
		{ echo "It needs a C compiler and headers: on Debian, apt install gcc libc6-dev python3-dev libkrb5-dev" >&2; exit 1; }

distributed: $(VENV)/.installed-distributed

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check src tests bench examples tools
	$(BIN)/ruff format --check src tests bench examples tools
	$(BIN)/mypy
	$(BIN)/mypy examples
	$(BIN)/mypy bench
	$(BIN)/lint-imports
	$(BIN)/python -m tools.odd_words

clean:
	rm -rf $(VENV)

$(BIN)/python:
	@python="$(PYTHON)"; \
		test -n "$$python" || { echo "Compostela needs Python 3.11 or newer: on Debian 12, apt install python3 python3-venv" >&2; exit 1; }; \
		"$$python" -m venv $(VENV) || { rm -rf $(VENV); echo "Python cannot make a virtual environment: on Debian, apt install python3-venv" >&2; exit 1; }

$(VENV)/.installed: $(BIN)/python requirements.lock pyproject.toml
	@echo "Installing what Compostela needs into $(VENV) (once, about half a minute) ..."
	@$(BIN)/python tools/install.py requirements.lock .
	@touch $@

# with the drivers of the distributed edition, whose modules are checked and documented everywhere
$(VENV)/.installed-dev: $(VENV)/.installed $(VENV)/.installed-distributed requirements-dev.lock
	@echo "Installing what the tests need into $(VENV) (once) ..."
	@$(BIN)/python tools/install.py requirements-dev.lock
	@touch $@

$(VENV)/.installed-distributed: $(VENV)/.installed requirements-distributed.lock
	@echo "Installing the drivers of the distributed edition ..."
	@$(BIN)/python tools/install.py requirements-distributed.lock
	@touch $@
