"""Errors that the user of a command can mend. They are told without a traceback."""


class SettingsError(ValueError):
    """An argument, a folder or a machine does not fit; the message says how to mend it."""


class DataError(SettingsError):
    """A source of data is missing or damaged; the message says which and how to get it."""
