"""The control plane, on this machine beside the nodes: etcd, API, controllers, scheduler."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.cluster.certificates import Authority
from tests.cluster.network import API_SERVICE, DOMAIN, HOST, SERVICES, node_address
from tests.cluster.processes import Processes

API = f"https://{HOST}:6443"
STORE = f"http://{HOST}:2379"
CONTROLLERS = f"https://{HOST}:10257"
"""The controllers, with a certificate that they make at each start."""


def make_certificates(folder: Path, nodes: int) -> Path:
    """Makes the certificates, and for each program how it finds the API; returns the administrator's kubeconfig."""
    authority = Authority(folder / "certificates")
    service = "kubernetes.default.svc"
    names = ("kubernetes", "kubernetes.default", service, f"{service}.{DOMAIN}")
    authority.issue("api", "kube-apiserver", hosts=(HOST, "127.0.0.1", API_SERVICE, *names))
    authority.issue("api-to-kubelets", "api-to-kubelets", "system:masters")
    authority.issue("front-proxy", "front-proxy-client")
    users = {
        "admin": ("admin", "system:masters"),
        "controllers": ("system:kube-controller-manager", ""),
        "scheduler": ("system:kube-scheduler", ""),
        "proxy": ("system:kube-proxy", ""),
        "policies": ("policies", "system:masters"),
    }
    for file, (name, group) in users.items():
        authority.issue(file, name, group)
        authority.kubeconfig(folder / f"{file}.conf", file, API)
    for number in range(1, nodes + 1):
        node = f"node{number}"
        authority.issue(node, f"system:node:{node}", "system:nodes", hosts=(node_address(number), node))
        authority.kubeconfig(folder / f"{node}.conf", node, API)
    return folder / "admin.conf"


def start_store(processes: Processes, binaries: Mapping[str, Path], folder: Path) -> None:
    """Starts etcd. It writes without waiting for the disk, since nothing must outlive the machine."""
    processes.start(
        "etcd",
        *(str(binaries["etcd"]), "--data-dir", str(folder / "etcd"), "--unsafe-no-fsync", "--log-level=warn"),
        *("--listen-client-urls", STORE, "--advertise-client-urls", STORE, f"--listen-peer-urls=http://{HOST}:2380"),
    )


def start_api(processes: Processes, binaries: Mapping[str, Path], folder: Path) -> None:
    """Starts the API server, with its aggregation layer for metrics of others."""
    certificates = folder / "certificates"
    processes.start(
        "api",
        str(binaries["kube-apiserver"]),
        f"--etcd-servers={STORE}",
        *(f"--bind-address={HOST}", f"--advertise-address={HOST}", "--secure-port=6443"),
        f"--tls-cert-file={certificates}/api.crt",
        f"--tls-private-key-file={certificates}/api.key",
        f"--client-ca-file={certificates}/ca.crt",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={certificates}/accounts.key",
        f"--service-account-signing-key-file={certificates}/accounts.key",
        *("--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction"),
        f"--service-cluster-ip-range={SERVICES}",
        f"--kubelet-client-certificate={certificates}/api-to-kubelets.crt",
        f"--kubelet-client-key={certificates}/api-to-kubelets.key",
        f"--kubelet-certificate-authority={certificates}/ca.crt",
        "--kubelet-preferred-address-types=InternalIP",
        f"--requestheader-client-ca-file={certificates}/ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={certificates}/front-proxy.crt",
        f"--proxy-client-key-file={certificates}/front-proxy.key",
        "--enable-aggregator-routing=true",
    )


def start_controllers(processes: Processes, binaries: Mapping[str, Path], folder: Path) -> None:
    """Starts controllers and scheduler. Times are Kubernetes' own."""
    certificates = folder / "certificates"
    processes.start(
        "controllers",
        str(binaries["kube-controller-manager"]),
        f"--kubeconfig={folder}/controllers.conf",
        f"--root-ca-file={certificates}/ca.crt",
        f"--service-account-private-key-file={certificates}/accounts.key",
        *("--use-service-account-credentials", "--leader-elect=false"),
        f"--bind-address={HOST}",
        "--authorization-always-allow-paths=/healthz,/readyz,/livez,/metrics",
    )
    processes.start(
        "scheduler",
        *(str(binaries["kube-scheduler"]), f"--kubeconfig={folder}/scheduler.conf", "--leader-elect=false"),
        f"--bind-address={HOST}",
    )
