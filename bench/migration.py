"""`python -m bench.migration --messages 1000000`: how long a data folder of schema version 3 takes to migrate.

Makes the database with the tables of version 3 and rows of the shape a mail server leaves: 100 mailboxes, half of the
messages seen, every tenth expunged, every hundredth mailbox keyword. Prints seconds and the largest write-ahead log."""

import argparse
import logging
import tempfile
import threading
import time
from pathlib import Path

from compostela.adapters.embedded.database import DATABASE_NAME, connect
from compostela.adapters.embedded.schema import MIGRATIONS, migrate

MAILBOXES = 100
OLD_VERSION = 3
_HEADER_BYTES = 300
_LOOK_SECONDS = 0.05


def generate(path: Path, messages: int) -> None:
    connection = connect(path)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("BEGIN")
    for migration in MIGRATIONS[:OLD_VERSION]:
        for statement in migration:
            connection.execute(statement)
    connection.execute(
        """INSERT INTO mailbox (id, user, namespace, name, uid_validity, uid_next, highest_modseq, messages, first_recent_uid)
           WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
           SELECT i, 'user' || i || '@example.org', '#private', 'INBOX', 1, ?, ?, ?, ? FROM n""",
        (MAILBOXES, messages // MAILBOXES + 1, messages, messages // MAILBOXES, messages // MAILBOXES // 2),
    )
    numbers = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)"
    connection.execute(
        f"INSERT INTO message {numbers} SELECT i + 1, i + 1, 0, x'00', randomblob({_HEADER_BYTES}) FROM n", (messages,)
    )
    connection.execute(
        f"INSERT INTO placement {numbers} SELECT 1 + i / ?, 1 + i % ?, i + 1, i % 2, '', 1024, i, i, i + 1 FROM n",
        (messages, messages // MAILBOXES, messages // MAILBOXES),
    )
    connection.execute(f"INSERT INTO expunged {numbers} SELECT 1 + i % {MAILBOXES}, i, i FROM n", (messages // 10,))
    connection.execute(
        f"INSERT INTO keyword {numbers} SELECT 1 + i % {MAILBOXES}, 'word' || i FROM n", (MAILBOXES * 3,)
    )
    connection.execute(f"PRAGMA user_version = {OLD_VERSION}")
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()


class LogWatch(threading.Thread):
    """Notes the largest size of the write-ahead log."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self._path = path
        self._over = threading.Event()
        self.largest_bytes = 0

    def run(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            self.look()

    def look(self) -> None:
        if self._path.exists():
            self.largest_bytes = max(self.largest_bytes, self._path.stat().st_size)

    def end(self) -> None:
        self._over.set()
        self.join()
        self.look()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    messages = parser.parse_args().messages
    logging.basicConfig(level=logging.INFO)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / DATABASE_NAME
        generate(path, messages)
        size = path.stat().st_size
        connection = connect(path)
        watch = LogWatch(path.with_name(f"{DATABASE_NAME}-wal"))
        watch.start()
        began_at = time.monotonic()
        migrate(connection, lambda: None)
        seconds = time.monotonic() - began_at
        watch.end()
        placed, recent = connection.execute(
            "SELECT (SELECT count(*) FROM placement), (SELECT sum(recent) FROM mailbox)"
        ).get
        version = connection.execute("PRAGMA user_version").get
        connection.close()
        log = watch.largest_bytes / 1e6
        print(
            f"{placed} messages, {recent} recent, {size / 1e6:.0f} MB, now version {version}: {seconds:.3f} s, log at most {log:.1f} MB"
        )


if __name__ == "__main__":
    main()
