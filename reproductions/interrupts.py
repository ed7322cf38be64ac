"""Ctrl-C that is not lost: Python drops an interrupt that falls into a destructor."""

import contextlib
import signal
import threading

_pressed = threading.Event()


@contextlib.contextmanager
def noted():
    """Notes an interrupt as it is raised, so that `check` can raise it again."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _pressed.clear()
    before = signal.signal(signal.SIGINT, _note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        _pressed.clear()


def check():
    """Raises the interrupt that was noted, if one was."""
    if _pressed.is_set():
        raise KeyboardInterrupt


def _note(*_):
    _pressed.set()
    raise KeyboardInterrupt
