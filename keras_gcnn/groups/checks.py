"""Checks of integers, booleans, sequences and types, shared by groups, operations and layers."""

import operator
from typing import Any

import numpy as np

LARGEST_INTEGER = 2**31 - 1  # what backends take as a size


def integer(value: Any, name: str, smallest: int = 1, largest: int = LARGEST_INTEGER) -> int:
    """`value` as an int. NumPy's integers are integers; 3.0 and booleans are not."""
    number = _as_int(value)
    if number is None or not smallest <= number <= largest:
        what = "a positive integer" if smallest == 1 else f"an integer of at least {smallest}"
        limit = "" if largest == LARGEST_INTEGER else f" and at most {largest}"
        raise ValueError(
            f"`{name}` must be {what}{limit}, such as {max(smallest, min(8, largest))}. "
            f"Received: {name}={value!r}."
        )
    return number


def integers(
    value: Any, name: str, length: int | None = None, smallest: int = 1
) -> tuple[int, ...]:
    """A list or tuple of integers, of this length if one is given, as a tuple."""
    is_sequence(value, name, length)
    return tuple(integer(n, name, smallest) for n in value)


def boolean(value: Any, name: str) -> bool:
    """`value` as a bool; 0 and 1 are such."""
    if not isinstance(value, (bool, np.bool_)) and _as_int(value) not in (0, 1):
        raise ValueError(f"`{name}` must be True or False. Received: {name}={value!r}.")
    return bool(value)


def is_sequence(value, name, length=None):
    """Raises if it is no list or tuple, of this length if one is given."""
    is_one = isinstance(value, (tuple, list)) or type(value).__name__ == "TensorShape"
    if not is_one or length not in (None, len(value)):
        of_length = "" if length is None else f" of length {length}"
        raise ValueError(f"`{name}` must be a tuple{of_length}. Received: {name}={value!r}.")


def is_a(value, kind, name):
    """Raises if an object is of another class."""
    if not isinstance(value, kind):
        raise TypeError(f"`{name}` must be a {kind.__name__}. Received: {name}={value!r}.")


def _as_int(value):
    try:
        return None if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except (TypeError, RuntimeError, AttributeError):  # by tensors of PyTorch and TensorFlow
        return None
