"""The player's npm package: one source file, which the server serves too, and types of what the server accepts."""

from __future__ import annotations

import json
import re

from server.routes.console import FILES, PLAYER
from server.routes.playback import PlaybackReport

PACKAGE = json.loads((PLAYER / "package.json").read_text())


def test_the_package_is_the_file_that_the_server_serves_and_needs_nothing() -> None:
    assert FILES["/player.js"] == PLAYER / PACKAGE["main"]
    assert sorted(path.name for path in PLAYER.iterdir()) == sorted([*PACKAGE["files"], "package.json"])
    assert not [key for key in PACKAGE if key.endswith("ependencies")]
    assert "import " not in re.sub(r"//.*", "", (PLAYER / "player.js").read_text())


def test_types_and_player_have_the_fields_of_a_report() -> None:
    [declared] = re.findall(r"interface PlaybackReport \{(.*?)\}", (PLAYER / "player.d.ts").read_text(), re.DOTALL)
    [sent] = re.findall(
        r"this\.#settle\(this\.response && \{(.*?)\n    \}\)", (PLAYER / "player.js").read_text(), re.DOTALL
    )
    fields = {*PlaybackReport.model_fields}
    assert set(re.findall(r"^\s+(\w+):", declared, re.MULTILINE)) == fields
    assert set(re.findall(r"^\s+(\w+)[:,]", sent, re.MULTILINE)) == fields
