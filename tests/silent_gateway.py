"""``python -m tests.silent_gateway COLLECTOR FOLDER``: an agent whose connections to the gateway fall silent.

It runs in a network namespace of its own. Packets of the connections that the agent has are dropped from then on, as
those of a gateway whose node is lost; new connections are not. It prints the seconds until the gateway receives again.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc as logs_grpc

from stack.services import CONFIG
from tests.collector import Collector
from tests.stack import eventually

MOST_SECONDS = 90.0
RECEIVER, HEALTH = "127.0.0.1:4317", "127.0.0.1:13133"


def run(command: str) -> str:
    return subprocess.run(command, shell=True, check=True, capture_output=True, text=True).stdout


def drop_connections(port: int) -> int:
    """Drops the packets of every connection to the port; returns the number of connections."""
    peers = re.findall(rf"127\.0\.0\.1:(\d+)\s+127\.0\.0\.1:{port}\b", run(f"ss -tn state established dport = :{port}"))
    for peer in peers:
        for one, other in ((peer, port), (port, peer)):
            run(f"iptables -A OUTPUT -p tcp --sport {one} --dport {other} -j DROP")
    return len(peers)


def main(collector: str, folder: Path) -> None:
    run("ip link set lo up")
    gateway = Collector()
    address = gateway.endpoint.removeprefix("http://")
    environment = {
        "COLLECTOR_OTLP_GRPC_ENDPOINT": RECEIVER,
        "COLLECTOR_HEALTH_ENDPOINT": HEALTH,
        "COLLECTOR_DATA_DIR": str(folder),
        "COLLECTOR_GATEWAY_ENDPOINT": address,
    }
    agent = subprocess.Popen([collector, f"--config=file:{CONFIG / 'agent.yaml'}"], env=environment)
    try:
        stub = logs_grpc.LogsServiceStub(grpc.insecure_channel(RECEIVER))
        event = logs.ExportLogsServiceRequest()
        event.resource_logs.add().scope_logs.add().log_records.add().event_name = "tts.request"

        def received_one_more(before: int) -> bool:
            stub.Export(event, timeout=30, wait_for_ready=True)
            return len(gateway.received) > before

        assert eventually(lambda: received_one_more(10))
        assert drop_connections(int(address.rpartition(":")[2]))
        begun, before = time.monotonic(), len(gateway.received)
        assert eventually(lambda: received_one_more(before), MOST_SECONDS), "nothing arrives any more"
        print(time.monotonic() - begun)
    finally:
        agent.kill()
        gateway.stop()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
