"""A node: containerd, kubelet, kube-proxy and the controller of NetworkPolicies, in namespaces of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.cluster.network import DNS_SERVICE, DOMAIN, PODS, node_address, pods_of
from tests.cluster.processes import Namespaces, Processes, make_node_cgroups

CNI_PROGRAMS = Path("/usr/lib/cni")
PAUSE = "docker.io/local/pause:1"
RESERVED_MEMORY = "8Gi"
"""Each node believes that all of the machine is its own."""


def containerd_configuration(folder: Path, network: Path | None = None) -> str:
    """Returns the configuration of Debian's containerd 1.6, which keeps everything in ``folder``."""
    unused = ("btrfs", "zfs", "devmapper", "aufs")
    configuration = {
        "version": 2,
        "root": str(folder / "images"),
        "state": str(folder / "run" / "state"),
        "oom_score": 0,
        "disabled_plugins": [f"io.containerd.snapshotter.v1.{name}" for name in unused],
        "grpc": {"address": str(socket_of(folder))},
    }
    lines = _toml(configuration)
    if network is None:
        return lines
    plugin = 'plugins."io.containerd.grpc.v1.cri"'
    return lines + _toml(
        {
            plugin: {
                "sandbox_image": PAUSE,
                "disable_apparmor": True,
                "netns_mounts_under_state_dir": True,
                "disable_tcp_service": True,
                "restrict_oom_score_adj": True,  # also where root lacks CAP_SYS_RESOURCE
            },
            f"{plugin}.cni": {"bin_dir": str(CNI_PROGRAMS), "conf_dir": str(network)},
            f"{plugin}.containerd.runtimes.runc": {"runtime_type": "io.containerd.runc.v2"},
            f"{plugin}.containerd.runtimes.runc.options": {"SystemdCgroup": False},
        }
    )


def socket_of(folder: Path) -> Path:
    """Returns where the containerd of ``folder`` listens."""
    return folder / "run" / "containerd.sock"


class Node:
    """Node ``number``, which is called node1 or node2; its files are in ``state``/node1."""

    def __init__(self, processes: Processes, binaries: Mapping[str, Path], state: Path, number: int) -> None:
        self.name = f"node{number}"
        self.number = number
        self.folder = state / self.name
        self._processes = processes
        self._binaries = binaries
        self._state = state
        self.namespaces: Namespaces = processes.hold(self.name, mount=True)

    def start_containerd(self) -> None:
        """Starts containerd, whose images must be in ``folder``/images already."""
        network = self.folder / "network"
        network.mkdir()
        (network / "pods.conflist").write_text(json.dumps(_pod_network(self.folder, self.number)))
        configuration = self.folder / "containerd.toml"
        configuration.write_text(containerd_configuration(self.folder, network))
        self._start("containerd", shutil.which("containerd") or "", "--config", str(configuration))

    def start_kubelet(self) -> None:
        """Starts the kubelet, by which the node joins the cluster."""
        configuration = self.folder / "kubelet.yaml"
        configuration.write_text(yaml.safe_dump(self._kubelet_configuration()))
        labels = f"topology.kubernetes.io/zone=zone{self.number},kubernetes.io/hostname={self.name}"
        self._start(
            "kubelet",
            *(str(self._binaries["kubelet"]), f"--config={configuration}"),
            *(f"--kubeconfig={self._state}/{self.name}.conf", f"--root-dir={self.folder}/kubelet"),
            *(f"--hostname-override={self.name}", f"--node-ip={node_address(self.number)}"),
            *(f"--cert-dir={self.folder}/certificates", f"--node-labels={labels}"),
        )

    def start_network(self) -> None:
        """Starts what makes Services and NetworkPolicies work; the node must have joined."""
        configuration = self.folder / "proxy.yaml"
        configuration.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
                    "kind": "KubeProxyConfiguration",
                    "mode": "iptables",
                    "clientConnection": {"kubeconfig": str(self._state / "proxy.conf")},
                    "hostnameOverride": self.name,
                    "clusterCIDR": PODS,
                    "conntrack": {"maxPerCore": 0},
                    "healthzBindAddress": "127.0.0.1:10256",
                    "metricsBindAddress": "127.0.0.1:10249",
                }
            )
        )
        self._start("proxy", str(self._binaries["kube-proxy"]), f"--config={configuration}")
        self._start(
            "policies",
            *(str(self._binaries["kube-router"]), f"--kubeconfig={self._state}/policies.conf"),
            *("--run-firewall=true", "--run-router=false", "--run-service-proxy=false", "--run-loadbalancer=false"),
            *(f"--hostname-override={self.name}", "--health-port=0", "--metrics-port=0", "--v=1"),
        )

    def _start(self, name: str, *command: str) -> None:
        self._processes.start(f"{self.name}-{name}", *command, inside=self.namespaces)

    def _kubelet_configuration(self) -> dict[str, object]:
        certificates = self._state / "certificates"
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "containerRuntimeEndpoint": f"unix://{socket_of(self.folder)}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": make_node_cgroups(self.name),
            "failCgroupV1": False,
            "failSwapOn": False,
            "address": node_address(self.number),
            "healthzBindAddress": "127.0.0.1",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(certificates / "ca.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(certificates / f"{self.name}.crt"),
            "tlsPrivateKeyFile": str(certificates / f"{self.name}.key"),
            "resolvConf": "",
            "clusterDomain": DOMAIN,
            "clusterDNS": [DNS_SERVICE],
            "imageGCHighThresholdPercent": 100,
            "evictionHard": {"memory.available": "200Mi", "nodefs.available": "1Gi", "imagefs.available": "1Gi"},
            "podLogsDir": str(self.folder / "logs"),
            "volumePluginDir": str(self.folder / "plugins"),
            "maxPods": 60,
            "systemReserved": {"memory": RESERVED_MEMORY},
            "makeIPTablesUtilChains": False,
        }


def _pod_network(folder: Path, number: int) -> dict[str, object]:
    """Each pod has a cable of its own to the node, so that all its connections pass the node's firewall."""
    addresses = {
        "type": "host-local",
        "dataDir": str(folder / "addresses"),
        "ranges": [[{"subnet": pods_of(number)}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    plugins = [{"type": "ptp", "ipMasq": False, "ipam": addresses}]
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": plugins}


def _toml(tables: Mapping[str, object]) -> str:
    """Returns one level of tables, and values before them."""
    lines = [f"{name} = {json.dumps(value)}" for name, value in tables.items() if not isinstance(value, dict)]
    for name, table in tables.items():
        if isinstance(table, dict):
            lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"
