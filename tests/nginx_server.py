"""A real nginx for tests."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from pathlib import Path

from tests.installed import installed
from tests.server_process import ROOT
from tests.stack import free_ports

MAIN = """daemon off; {user} pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/bodies; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    {sites}
}}
"""


def documented_configuration() -> str:
    """The configuration that docs/proxies.md shows."""
    [block] = re.findall(r"^```nginx\n(.*?)^```$", (ROOT / "docs" / "proxies.md").read_text(), re.DOTALL | re.MULTILINE)
    return str(block)


class Nginx:
    """nginx with the documented configuration, on a port of its own, before a server at ``url``."""

    def __init__(self, folder: Path, url: str, certificate: Path, key: Path) -> None:
        program = installed("nginx")
        self.port = free_ports(["nginx"])["nginx"]
        self.url = f"https://127.0.0.1:{self.port}"
        changes = {
            "127.0.0.1:8010": url.partition("://")[2],
            "listen 443": f"listen 127.0.0.1:{self.port}",
            "/etc/letsencrypt/live/speech.example/fullchain.pem": str(certificate),
            "/etc/letsencrypt/live/speech.example/privkey.pem": str(key),
        }
        sites = documented_configuration()
        for documented, used in changes.items():
            assert documented in sites
            sites = sites.replace(documented, used)
        # Started by root, it would change to a user that can't read the folder of a test.
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user, sites=sites))
        self._log = folder / "error.log"
        command = [program, "-e", str(self._log), "-p", str(folder), "-c", str(folder / "nginx.conf")]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    @property
    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def accepts(self) -> bool:
        """Whether it listens."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)
