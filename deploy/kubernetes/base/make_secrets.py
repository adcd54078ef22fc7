"""Makes the Secrets of ttscope in Kubernetes: API keys, and the passwords of Redis and Grafana. Each is made once.

Runs as a Job. Its service account may create Secrets, but neither read nor change them; one that exists stays as it is.
Arguments are the names of the Secrets to make; without any it makes all.
"""

from __future__ import annotations

import json
import secrets
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Collection
from pathlib import Path

from server.access.api_key import issue
from server.access.caller import KeyLimits, Scope
from server.access.key_entry import entry
from server.access.key_record import KeyHash, KeyRecord

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
API = "https://kubernetes.default.svc"
BYTES = 24
REDIS = """bind * -::*
requirepass {password}
save ""
appendonly no
maxmemory 256mb
maxmemory-policy allkeys-lru
dir /tmp
"""


def new_secrets() -> dict[str, dict[str, str]]:
    """Returns the content of every Secret by its name."""
    first, observe, probe = issue(), issue(), issue()
    now = time.time()
    records = [
        KeyRecord(
            first.key_id,
            "first",
            (KeyHash(first.digest),),
            scopes=frozenset(Scope),
            created=now,
            limits=KeyLimits(requests_per_minute=0),
        ),
        KeyRecord(
            observe.key_id, "observe", (KeyHash(observe.digest),), scopes=frozenset({Scope.OBSERVE}), created=now
        ),
        KeyRecord(
            probe.key_id,
            "probe",
            (KeyHash(probe.digest),),
            scopes=frozenset({Scope.SPEAK}),
            tenant="probe",
            created=now,
            limits=KeyLimits(requests_per_minute=0),
        ),
    ]
    password = secrets.token_urlsafe(BYTES)
    return {
        "ttscope-keys": {
            "keys.json": json.dumps({"keys": [entry(record) for record in records]}, indent=2),
            "first.key": first.text,
            "observe.key": observe.text,
            "probe.key": probe.text,
        },
        "ttscope-redis": {
            "redis.conf": REDIS.format(password=password),
            "url": f"redis://:{password}@redis:6379/0",
            "cache_secret": secrets.token_urlsafe(BYTES),
        },
        "ttscope-grafana": {"admin_password": secrets.token_urlsafe(BYTES)},
    }


def create(name: str, content: dict[str, str]) -> bool:
    """Creates one Secret; returns False if it exists. Raises OSError for every other answer than these two."""
    namespace = (ACCOUNT / "namespace").read_text()
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "Opaque", "stringData": content}
    request = urllib.request.Request(
        f"{API}/api/v1/namespaces/{namespace}/secrets",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10, context=ssl.create_default_context(cafile=ACCOUNT / "ca.crt")):
            return True
    except urllib.error.HTTPError as error:
        if error.code == 409:
            return False
        raise


def main(names: Collection[str] = ()) -> int:
    """Creates what is missing, of all or of ``names``. Returns the exit code: 1 if the cluster refuses a Secret."""
    for name, content in new_secrets().items():
        if names and name not in names:
            continue
        try:
            state = "created" if create(name, content) else "is there already"
        except OSError as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 1
        print(f"{name}: {state}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
