"""A walk through a functional model that makes another one, layer by layer."""

import inspect
import itertools

import keras

from keras_gcnn import stock
from keras_gcnn.convert.merged import ByTensor, structure


class Walk:
    """Calls `call` for every layer, with the new tensors in place of those of the model.

    Attributes:
        spaces: What is known of each new tensor.
        made: What was made for a layer, so that layers used twice stay shared.
        names: All names of layers, of the old model and of the new one.
        given: The names that layers of the new model have taken over from the old one.
        sizes: The shapes of the inputs of each operation, by its identity.
    """

    def __init__(self):
        self.spaces = ByTensor()
        self.made = {}
        self.names, self.given = set(), set()
        self.sizes = {}

    def of_model(self, model, like, name):
        """The new model. Each input stands for the same as the tensor in `like`."""
        order = stock.in_order(model)
        for operation, node in order:
            self.sizes.setdefault(id(operation), set()).add(_shapes(node.input_tensors))
            self.names.add(operation.name)
        self.names |= {layer.name for layer in model._flatten_layers()}
        inputs = []
        for tensor, old in zip(like, model.inputs, strict=True):
            options = {"dtype": tensor.dtype, "name": stock.maker_of(old).name}
            shape = _opened(tensor, old) if self._is_called_at_sizes(model) else tensor.shape
            inputs.append(keras.Input(batch_shape=shape, **options))
            self.carry(tensor, inputs[-1])
            self.stands_for(old, inputs[-1])
        known = dict(zip(map(id, model.inputs), inputs, strict=True))
        for operation, node in order:
            args, kwargs = stock.arguments_with(node, known)
            args, kwargs = _with_input_first(operation, args, kwargs)
            outputs = keras.tree.flatten(self.call(operation, *args, **kwargs))
            for old, new in zip(node.outputs, outputs, strict=True):
                known[id(old)] = new
                self.stands_for(old, new)
        return keras.Model(inputs, [known[id(x)] for x in model.outputs], name=name)

    def _is_called_at_sizes(self, model):
        """Whether a model within the model is called at several sizes."""
        return len(self.sizes.get(id(model), ())) > 1

    def stands_for(self, old, new):
        """Called for each tensor of a model with the one that stands for it."""

    def nested(self, model, *inputs, **options):
        """The new counterpart of a model within the model, called."""
        flat = keras.tree.flatten(inputs)
        spaces = tuple(map(self.spaces.get, flat))
        sizes = spaces if self._is_called_at_sizes(model) else _shapes(flat)
        made = self.once_for(model, sizes, lambda name: self.of_model(model, flat, name))
        outputs = keras.tree.flatten(made(flat, **options))
        for inside, outside in zip(made.outputs, outputs, strict=True):
            self.carry(inside, outside)
        return keras.tree.pack_sequence_as(structure(model, "output"), outputs)

    def call(self, layer, *args, **kwargs):
        """What comes out of the new counterpart of a layer."""
        raise NotImplementedError

    def once(self, key, make):
        """What was made for a key, or is made now."""
        if key not in self.made:
            made = self.made[key] = make()
            if isinstance(made, keras.layers.Layer):
                made.name = self._given(made.name)
        return self.made[key]

    def once_for(self, layer, use, make, suffix=""):
        """What `make(name)` gave for a layer and a use of it; each use has a name of its own.

        The first has the layer's, unless a suffix says what it is.
        """
        made = self.once((layer, "uses"), dict)
        if use not in made:
            name = self.fresh(f"{layer.name}{suffix}") if suffix else self._given(layer.name)
            made[use] = make(name)
        return made[use]

    def _given(self, name):
        """The name, or a fresh one where a new layer has it."""
        name = self.fresh(name) if name in self.given else name
        self.given.add(name)
        return name

    def fresh(self, name):
        """A name that no layer has, this one or one with a number."""
        numbered = (f"{name}_{n}" for n in itertools.count(1))
        found = next(n for n in itertools.chain([name], numbered) if n not in self.names)
        self.names.add(found)
        return found

    def name_outputs(self, model, outputs):
        """Names the layers that make the outputs as the old model does: outputs go by them."""
        operations = {operation for operation, _ in stock.calls_before(outputs)}
        of_plain = {operation for operation, _ in stock.in_order(model)}
        last = set(map(stock.maker_of, outputs))
        for old, new in zip(map(stock.maker_of, model.outputs), outputs, strict=True):
            made = stock.maker_of(new)
            others = {other for other in operations if other.name == old.name}
            is_own = isinstance(made, keras.layers.Layer) and not isinstance(made, keras.Model)
            is_free = is_own and not others & (of_plain | last) and made not in of_plain
            if not is_free or isinstance(made, keras.layers.InputLayer):
                continue
            for other in others:
                other.name = self.fresh(f"{old.name}_inside")
            made.name = old.name

    def carry(self, tensor, other):
        """Marks what is known of one tensor for another that stands for it."""
        self.mark(other, self.spaces.get(tensor))

    def mark(self, tensor, space):
        """The tensor, with what is known of it."""
        self.spaces[tensor] = space
        return tensor


def _shapes(tensors):
    return tuple(tuple(x.shape) for x in tensors)


def _opened(tensor, old):
    """The shape of a tensor, open along the axes along which the old one is.

    An axis of H stands after those of space, or between them and the channels in front.
    """
    shape, is_last = list(tensor.shape), old.shape[-1] is not None
    more = 0 if is_last else len(shape) - len(old.shape)
    for axis, n in enumerate(old.shape):
        if n is None and axis:
            shape[axis + more] = None
    return tuple(shape)


def copy_of(layer, name):
    """A layer of Keras with the same arguments and weights."""
    if isinstance(layer, keras.layers.Lambda):  # whose function Keras copies by no name
        return layer
    copy = type(layer).from_config({**layer.get_config(), "name": name})
    if layer.weights:
        copy.build_from_config(layer.get_build_config())
        set_weights(copy, layer.get_weights())
    return copy


def precision(x):
    """The dtype for a layer that takes or makes a tensor, `None` for integers."""
    return x.dtype if "float" in x.dtype else None


def set_weights(layer, values):
    """Sets the weights of a layer, and what a Normalization computes of them."""
    layer.set_weights(values)
    if isinstance(layer, keras.layers.Normalization):
        layer.finalize_state()


def unknown(layer, reason):
    """The error for a layer that cannot be converted, and what to do."""
    return ValueError(
        f"`convert` knows no counterpart of {stock.named(layer)}: {reason}. Replace it in the "
        "plain model by layers that docs/stock_layers.md lists, convert the models before and "
        "after it by themselves, or write that part with the layers of keras_gcnn."
    )


def _with_input_first(layer, args, kwargs):
    """The arguments of a call, with the first one by position, also if it was given by name."""
    first = next(iter(inspect.signature(layer.call).parameters))
    if args or first not in kwargs:
        return args, kwargs
    return (kwargs[first],), {name: of for name, of in kwargs.items() if name != first}
