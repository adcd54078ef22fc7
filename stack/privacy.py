"""Keeps what the pipeline stores, such as events and traces, from other users of the machine."""

from __future__ import annotations

from collections.abc import Callable

from stack.settings import StackSettings

SERVED = 0o755
"""The mode of the folder itself: the drift job's pages in it may be served by a web server with a user of its own."""
OTHERS = 0o077
"""The permissions of other users."""


def make_private(settings: StackSettings, say: Callable[[str], None]) -> None:
    """Closes the folders of earlier runs to other users, the drift job's excepted, which has modes of its own.

    Whoever can't open a folder reaches nothing below it. Raises OSError.
    """
    folder = settings.data_dir.absolute()
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(SERVED)
    for path in folder.iterdir():
        mode = path.lstat().st_mode
        if path.is_dir() and not path.is_symlink() and path != settings.drift_folder and mode & OTHERS:
            path.chmod(mode & 0o700)
            say(f"other users could read {path}, and can't any more")
