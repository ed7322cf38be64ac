"""Errors that are told in one line, without a traceback."""


class SettingsError(ValueError):
    """An argument, a folder or a machine does not fit; the message says how to mend it."""

    exit_code = 2


class DataError(SettingsError):
    """A source of data is missing or damaged; the message says which and how to get it."""


class DivergedError(ArithmeticError):
    """The loss of a run is no number any more."""

    exit_code = 1
