"""A network namespace without a way out, which records every name that is looked up and every packet to elsewhere.

``run(command, folder)`` runs a command in it. Names have an answer and foreign addresses a route, so that a program
goes on as if it were connected; nothing leaves the namespace.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.server_process import ROOT

NAMESPACES = ("unshare", "--map-root-user", "--net", "--mount")
"""Needs no root where unprivileged user namespaces are allowed."""
CHOICES = ("CI", "PYTEST", "DO_NOT_TRACK", "ORT_", "MLFLOW_", "STREAMLIT_", "HF_", "TTSCOPE_", "OTEL_")
"""Prefixes of variables that commands do not inherit: some of these switch telemetry off, and programs that need them
have to set them themselves."""
OUTSIDE = "outside"
"""The network interface that leads nowhere; all routes but those of the loopback lead to it."""
SETUP = (
    "ip link set lo up",
    f"ip link add {OUTSIDE} type veth peer name recorder",
    f"ip address add 198.51.100.1/24 dev {OUTSIDE}",
    f"ip link set {OUTSIDE} arp off up",  # packets are sent without a question for a neighbour
    "ip link set recorder up",
    f"ip route add default dev {OUTSIDE}",
)
SETUP_IPV6 = (f"ip -6 address add 2001:db8::1/64 dev {OUTSIDE} nodad", f"ip -6 route add default dev {OUTSIDE}")
"""Left out where the kernel has no IPv6."""
FILES = {
    "/etc/resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
    "/etc/nsswitch.conf": "hosts: files dns\n",
}
SOCKETS = ("/run/nscd", "/run/systemd/resolve")
"""Folders of the machine's own resolvers, which would look names up outside the namespace."""
ANSWER = bytes((203, 0, 113, 9))
"""The address of every name: one for documentation (RFC 5737)."""
END_NAME, END_ADDRESS = "end.of.recording", "192.0.2.254"
"""What is looked up and sent to last, so that all before it is known to be recorded."""
END_SECONDS = 10.0
ETH_P_ALL = 3
ICMPV6 = 58
HOP_BY_HOP = 0


@dataclass
class Recording:
    """What was seen, each entry once."""

    names: list[str] = field(default_factory=list)
    """Looked up names."""
    addresses: list[str] = field(default_factory=list)
    """Foreign addresses that a packet was sent to."""

    def add(self, entries: list[str], entry: str) -> None:
        if entry not in entries:
            entries.append(entry)


def require() -> None:
    """Skips the test where this machine makes no such namespaces, and names the reason; CI fails."""
    missing = [program for program in ("unshare", "ip", "mount") if shutil.which(program) is None]
    reason = f"{', '.join(missing)} not installed" if missing else _refusal()
    if reason and os.environ.get("CI") == "true":
        pytest.fail(f"CI must watch the network: {reason}")
    if reason:
        pytest.skip(f"no network namespaces: {reason}")


def run(command: list[str], folder: Path, **environment: str) -> tuple[int, str, Recording]:
    """Returns the command's exit code, its output, and what was recorded while it ran."""
    report = folder / "recording.json"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(CHOICES)}
    done = subprocess.run(
        [*NAMESPACES, sys.executable, "-m", "tests.sealed_network", str(report), *command],
        cwd=ROOT,
        env={**inherited, "HOME": str(folder), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert report.exists(), done.stdout
    return done.returncode, done.stdout, Recording(**json.loads(report.read_text()))


def main(report: str, *command: str) -> int:
    """Runs ``command`` in the namespace that this process was started in, and writes the recording to ``report``."""
    for line in SETUP:
        subprocess.run(line.split(), check=True)
    for line in SETUP_IPV6:
        subprocess.run(line.split(), check=False, stderr=subprocess.DEVNULL)
    folder = Path(report).parent
    for path, text in FILES.items():
        own = folder / Path(path).name
        own.write_text(text)
        if Path(path).exists():
            subprocess.run(["mount", "--bind", str(own), path], check=True)
    for path in filter(os.path.isdir, SOCKETS):
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", path], check=True)
    recording = Recording()
    for serve in (_record_names, _record_packets):
        threading.Thread(target=serve, args=(_socket_of(serve), recording), daemon=True).start()
    code = subprocess.run(command, check=False).returncode
    _end(recording)
    Path(report).write_text(json.dumps(asdict(recording)))
    return code


def _end(recording: Recording) -> None:
    """Waits until all that was sent so far is recorded. Raises TimeoutError if nothing is recorded any more."""
    lookup = f"import socket; socket.gethostbyname({END_NAME!r})"
    subprocess.run([sys.executable, "-c", lookup], check=True)  # this process may know another server of names
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
        last.sendto(b"", (END_ADDRESS, 9))
    deadline = time.monotonic() + END_SECONDS
    while END_NAME not in recording.names or END_ADDRESS not in recording.addresses:
        if time.monotonic() > deadline:
            raise TimeoutError("the last look-up or packet was not recorded")
        time.sleep(0.01)
    recording.names.remove(END_NAME)
    recording.addresses.remove(END_ADDRESS)


def _refusal() -> str:
    done = subprocess.run([*NAMESPACES, *SETUP[1].split()], capture_output=True, text=True, check=False)
    return done.stderr.strip()


def _socket_of(serve: object) -> socket.socket:
    if serve is _record_names:
        names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        names.bind(("127.0.0.1", 53))
        return names
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    packets.bind(("recorder", ETH_P_ALL))
    return packets


def _record_names(server: socket.socket, recording: Recording) -> None:
    """A DNS server: every name is ANSWER."""
    while True:
        query, client = server.recvfrom(4096)
        labels, end = [], 12
        while length := query[end]:
            labels.append(query[end + 1 : end + 1 + length].decode("ascii", "replace"))
            end += 1 + length
        recording.add(recording.names, ".".join(labels))
        question, kind = query[12 : end + 5], query[end + 1 : end + 3]
        record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04" + ANSWER if kind == b"\x00\x01" else b""
        counts = bytes((0, 1, 0, 1 if record else 0, 0, 0, 0, 0))
        server.sendto(query[:2] + b"\x81\x80" + counts + question + record, client)


def _record_packets(interface: socket.socket, recording: Recording) -> None:
    while True:
        packet = interface.recv(65535)
        if packet[0] >> 4 == 4:
            recording.add(recording.addresses, str(ip_address(packet[16:20])))
        elif packet[0] >> 4 == 6 and not (packet[6] in (ICMPV6, HOP_BY_HOP) and packet[24] == 0xFF):  # the kernel's own
            recording.add(recording.addresses, str(ip_address(packet[24:40])))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
