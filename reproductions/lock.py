"""A folder that one process at a time may train in."""

import contextlib
import os

from reproductions.errors import SettingsError

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None


@contextlib.contextmanager
def held(folder):
    """Holds the lock of a folder. The system frees it when its process ends, however it ends.

    Raises:
        SettingsError: If another process holds it. The message has its number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+", encoding="utf-8") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.seek(0)
                raise SettingsError(
                    f"Process {file.read().strip() or '(unknown)'} is training in {folder}. Wait "
                    "until it is done, or name another folder with --out."
                ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
