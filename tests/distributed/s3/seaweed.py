"""Buckets of the SeaweedFS that `dev/engines` started: folders of its filer."""

import json
import os
import urllib.request

from compostela.adapters.s3.settings import BlobSettings

OFFSET = int(os.environ.get("ENGINES_PORT_OFFSET") or 0)
S3_PORT = 18333 + OFFSET
_BUCKETS = f"http://127.0.0.1:{18888 + OFFSET}/buckets"
SECONDS = 60.0


def blob_settings_of(bucket: str) -> BlobSettings:
    return BlobSettings(
        endpoint=f"http://127.0.0.1:{S3_PORT}",
        access_key="local-identity",
        secret_key="local-credential",
        namespace=bucket,
        read_seconds=60.0,
    )


def _ask(method: str, path: str) -> bytes:
    request = urllib.request.Request(f"{_BUCKETS}/{path}", method=method, headers={"Accept": "application/json"})
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        octets: bytes = answer.read()
    return octets


def make_bucket(name: str) -> None:
    _ask("POST", f"{name}/")


def remove_bucket(name: str) -> None:
    _ask("DELETE", f"{name}?recursive=true&ignoreRecursiveError=true")


def octets_in(name: str) -> int:
    """The octets of all objects."""
    entries = json.loads(_ask("GET", f"{name}/?limit=10000")).get("Entries") or []
    return sum(entry.get("FileSize", 0) for entry in entries)
