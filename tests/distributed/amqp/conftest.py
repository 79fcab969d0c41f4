"""A RabbitMQ that runs. Without COMPOSTELA_TEST_ENGINES=1 nothing here is collected."""

import os

ENABLED = bool(os.environ.get("COMPOSTELA_TEST_ENGINES"))
if not ENABLED:
    collect_ignore_glob = ["*"]
