"""The network of the cluster: a switch, the nodes on it, and this machine, which is where the API listens.

Pods and Services are reached from this machine too. Its firewall is not touched.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.cluster.processes import Namespaces, Processes, run

HOST = "10.87.0.1"
DOMAIN = "cluster.local"
PODS = "10.88.0.0/16"
SERVICES = "10.89.0.0/24"
API_SERVICE = "10.89.0.1"
DNS_SERVICE = "10.89.0.10"
LINK = "ttscope-host"


def node_address(number: int) -> str:
    """Returns the address of a node, which are counted from 1."""
    return f"10.87.0.{10 + number}"


def pods_of(number: int) -> str:
    """Returns the addresses of a node's pods."""
    return f"10.88.{number}.0/24"


class Network:
    """The switch, with a cable to each of ``nodes``. Services are reached from here through the first node."""

    def __init__(self, processes: Processes, nodes: Sequence[Namespaces]) -> None:
        self._switch = processes.hold("switch", mount=False)
        self._switch.run("ip", "link", "add", "switch", "type", "bridge")
        for name in ("lo", "switch"):
            self._switch.run("ip", "link", "set", name, "up")
        self._plug(LINK, "host", "")
        run("ip", "addr", "add", f"{HOST}/24", "dev", LINK)
        run("ip", "link", "set", LINK, "up")
        for number, node in enumerate(nodes, 1):
            self._plug("eth0", f"node{number}", str(node.pid))
            node.run("ip", "link", "set", "lo", "up")
            node.run("ip", "addr", "add", f"{node_address(number)}/24", "dev", "eth0")
            node.run("ip", "link", "set", "eth0", "up")
            node.run("ip", "route", "add", "default", "via", HOST)
            node.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
            run("ip", "route", "add", pods_of(number), "via", node_address(number))
            for other in range(1, len(nodes) + 1):
                if other != number:
                    node.run("ip", "route", "add", pods_of(other), "via", node_address(other))
        run("ip", "route", "add", SERVICES, "via", node_address(1))

    def _plug(self, name: str, port: str, target: str) -> None:
        """Puts a cable between ``port`` of the switch and the interface ``name`` of a process, or of this machine."""
        place = ["netns", target] if target else []
        run("ip", "link", "add", name, *place, "type", "veth", "peer", "name", port, "netns", str(self._switch.pid))
        self._switch.run("ip", "link", "set", port, "master", "switch", "up")

    def cut(self, number: int) -> None:
        """Pulls the cable of a node out of the switch."""
        self._switch.run("ip", "link", "set", f"node{number}", "down")

    def mend(self, number: int) -> None:
        """Puts it back."""
        self._switch.run("ip", "link", "set", f"node{number}", "up")
