"""Functions of `kg.ops` in functional models, where each is one operation of the graph."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import keras

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def operation(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Lets a function of tensors also accept `keras.KerasTensor`s, even of unknown sizes.

    Keras finds the shape of its result. A model that holds the operation is saved with the name of
    the function and its arguments.
    """
    kind = _operation_of(function)

    @functools.wraps(function)
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        is_symbolic = any(map(_is_symbolic, (*args, *kwargs.values())))
        return kind()(*args, **kwargs) if is_symbolic else function(*args, **kwargs)

    return call


class _Bound(keras.Operation):
    """A function only of its symbolic tensors: JAX would trace its other arguments too."""

    def __init__(self, function, args, kwargs):
        super().__init__()
        self.function, self.given = function, (args, kwargs)

    def call(self, *tensors):
        tensors, (args, kwargs) = iter(tensors), self.given
        args = [next(tensors) if _is_symbolic(x) else x for x in args]
        kwargs = {k: next(tensors) if _is_symbolic(x) else x for k, x in kwargs.items()}
        return self.function(*args, **kwargs)


def _operation_of(function):
    """The class of a function's operations, such as GroupConvOperation."""

    def compute_output_spec(self, *args, **kwargs):
        tensors = filter(_is_symbolic, (*args, *kwargs.values()))
        try:
            return _Bound(function, args, kwargs).compute_output_spec(*tensors)
        except (TypeError, ValueError) as error:  # in whose message Keras puts that of the function
            raise error.__context__ or error from None

    name = "".join(word.title() for word in function.__name__.split("_")) + "Operation"
    members = {
        "call": staticmethod(function),
        "compute_output_spec": compute_output_spec,
        "function": staticmethod(function),
        "__module__": __name__,
        "__doc__": function.__doc__,
    }
    return keras.saving.register_keras_serializable(package="keras_gcnn")(
        type(name, (keras.Operation,), members)
    )


def _is_symbolic(x):
    return isinstance(x, keras.KerasTensor)
