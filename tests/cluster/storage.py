"""Storage for claims: a folder of the node that the scheduler has chosen, as a small provisioner."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

from tests.cluster.api import Api

CLASS = "local"
PROVISIONER = "ttscope.test/local"
SELECTED = "volume.kubernetes.io/selected-node"
PERIOD_SECONDS = 0.5


class Provisioner(threading.Thread):
    """Makes a volume for each claim that waits for one, and removes it after the claim."""

    def __init__(self, api: Api, folder: Path) -> None:
        super().__init__(daemon=True)
        self._api = api
        self._folder = folder
        self._end = threading.Event()
        self.error: Exception | None = None

    def run(self) -> None:
        while not self._end.wait(PERIOD_SECONDS):
            try:
                self._work()
                self.error = None
            except OSError as error:  # the API is busy, or gone: again
                self.error = error

    def stop(self) -> None:
        """Ends the thread."""
        self._end.set()
        self.join()

    def _work(self) -> None:
        volumes = self._api.list("/api/v1/persistentvolumes")
        made = {volume["metadata"]["name"] for volume in volumes}
        for claim in self._api.list("/api/v1/persistentvolumeclaims"):
            node = claim["metadata"].get("annotations", {}).get(SELECTED)
            ours = claim["spec"].get("storageClassName") == CLASS and claim["status"].get("phase") == "Pending"
            if ours and node and _name(claim) not in made:
                self._make(claim, node)
        for volume in volumes:
            if volume["spec"].get("storageClassName") == CLASS and volume["status"].get("phase") == "Released":
                self._api.delete(f"/api/v1/persistentvolumes/{volume['metadata']['name']}")
                shutil.rmtree(volume["spec"]["local"]["path"], ignore_errors=True)

    def _make(self, claim: dict[str, Any], node: str) -> None:
        folder = self._folder / _name(claim)
        folder.mkdir(parents=True, exist_ok=True)
        terms = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}]
        metadata = claim["metadata"]
        volume = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": _name(claim), "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER}},
            "spec": {
                "storageClassName": CLASS,
                "capacity": claim["spec"]["resources"]["requests"],
                "accessModes": claim["spec"]["accessModes"],
                "persistentVolumeReclaimPolicy": "Retain",  # this class removes it
                "local": {"path": str(folder)},
                "nodeAffinity": {"required": {"nodeSelectorTerms": terms}},
                "claimRef": {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    **{key: metadata[key] for key in ("namespace", "name", "uid")},
                },
            },
        }
        self._api.create("/api/v1/persistentvolumes", volume)


def _name(claim: dict[str, Any]) -> str:
    return f"claim-{claim['metadata']['uid']}"
