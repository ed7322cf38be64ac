"""Functions of `kg.ops` in functional models, where each is one operation of the graph."""

import functools

import keras


def operation(function):
    """Makes a function of tensors one that takes a `keras.KerasTensor` too, of any open sizes.

    Keras finds the shape of its result. A model that holds the operation is saved with the name of
    the function and its arguments.
    """
    kind = _operation_of(function)

    @functools.wraps(function)
    def call(*args, **kwargs):
        is_symbolic = any(isinstance(x, keras.KerasTensor) for x in (*args, *kwargs.values()))
        return kind()(*args, **kwargs) if is_symbolic else function(*args, **kwargs)

    return call


def _operation_of(function):
    """The class of a function's operations, such as GroupConvOperation."""
    name = "".join(word.title() for word in function.__name__.split("_")) + "Operation"
    members = {"call": staticmethod(function), "__module__": __name__, "__doc__": function.__doc__}
    return keras.saving.register_keras_serializable(package="keras_gcnn")(
        type(name, (keras.Operation,), members)
    )
