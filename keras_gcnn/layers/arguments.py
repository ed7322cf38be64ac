"""Each argument is brought into its standard form once, here, or refused with a way to mend it."""

import numbers

import keras

PADDINGS = ("valid", "same")
DATA_FORMATS = ("channels_last", "channels_first")


def positive_integer(value, name):
    """`value` as an int of at least 1."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_number or value != int(value) or value < 1:
        raise ValueError(
            f"`{name}` must be a positive integer, such as 8. Received: {name}={value!r}."
        )
    return int(value)


def integer_tuple(value, rank, name):
    """`value`, or `value` for each of `rank` axes, as a tuple of positive integers."""
    is_sequence = isinstance(value, (tuple, list))
    if is_sequence and len(value) != rank:
        raise ValueError(
            f"`{name}` must be one positive integer, or {rank} of them, one per axis. "
            f"Received: {name}={value!r}."
        )
    values = value if is_sequence else (value,) * rank
    return tuple(positive_integer(v, name) for v in values)


def one_of(value, allowed, name):
    """`value` in lower case, which must be among the allowed."""
    standard = value.lower() if isinstance(value, str) else value
    if standard not in allowed:
        raise ValueError(f"`{name}` must be one of {list(allowed)}. Received: {name}={value!r}.")
    return standard


def data_format(value):
    """A data format; Keras' own default for `None`."""
    if value is None:
        return keras.config.image_data_format()
    return one_of(value, DATA_FORMATS, "data_format")
