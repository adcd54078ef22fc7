"""What needs minutes to make, made once: the installed voice, and the real server that speaks with it."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples import load_profile
from tests.server_process import ROOT, LiveServer

load_profile()
os.environ.setdefault("TTSCOPE_RECOGNISED_SHARE", "0")  # what a test measures is not disturbed by chance
pytest.register_assert_rewrite(  # their assertions say what they found, as those of a test module
    "tests.provider_behaviour", "tests.drift_house"
)


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """Puts back the umask, which the commands set that some tests call in this process."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


@pytest.fixture(scope="session")
def voices_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the default voice, to be read only, which the processes of a run share.

    $TTSCOPE_TEST_DATA_DIR keeps it from one run to the next.
    """
    from server.voices.install import install_default

    kept, run = os.environ.get("TTSCOPE_TEST_DATA_DIR"), tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        run = run.parent
    data_dir = Path(kept) if kept else run / "default-voice"
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        install_default(data_dir / "voices", print)
    return data_dir / "voices"


@pytest.fixture(scope="module")
def data_dir(voices_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of the module's own, with the default voice in it."""
    folder = tmp_path_factory.mktemp("data")
    shutil.copytree(voices_folder, folder / "voices", copy_function=os.link)
    return folder


@pytest.fixture(scope="session")
def live_server(voices_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """The real server, ready to speak."""
    folder = tmp_path_factory.mktemp("live")
    shutil.copytree(voices_folder, folder / "voices", copy_function=os.link)
    with LiveServer(folder) as server:
        yield server.wait_until_ready()
        assert server.stop() == 0


@pytest.fixture(scope="session")
def server_url(live_server: LiveServer) -> str:
    return live_server.url


@pytest.fixture(scope="session")
def javascript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the SDKs for JavaScript, TraceQL's grammar and axe-core, as the lock file has them."""
    if shutil.which("npm") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("npm is not installed, and CI must test the clients in JavaScript: apt-get install nodejs npm")
        pytest.skip("npm is not installed: apt-get install nodejs npm")
    folder = tmp_path_factory.mktemp("javascript")
    shutil.copytree(ROOT / "tests" / "javascript", folder, dirs_exist_ok=True)
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, check=True, timeout=120)
    return folder
