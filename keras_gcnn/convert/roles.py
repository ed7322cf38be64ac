"""What the layers of a plain model are for: the head of an output, or a gate of a map."""

from collections import Counter

import keras
from keras import layers

from keras_gcnn import stock

CONVOLUTIONS = (
    layers.Conv2D,
    layers.Conv2DTranspose,
    layers.DepthwiseConv2D,
    layers.SeparableConv2D,
)


class Roles:
    """Which layers of a plain model are heads or gates.

    Args:
        model: The plain model.
    """

    def __init__(self, model):
        self._gates, self._gating, self._joined = set(), set(), {}
        order = stock.in_order(model)
        makers = {id(x): (operation, node) for operation, node in order for x in node.outputs}
        uses = Counter(id(operation) for operation, _ in order)
        heads, known = {}, {}
        for x in model.outputs:
            for layer, node in _heads_of(x, makers, known) or ():
                heads.setdefault(layer, set()).add(node)
        self._heads = {layer for layer, nodes in heads.items() if uses[layer] <= len(nodes)}
        vectors = _vectors(order)
        for operation, node in reversed(order):
            self._follow_gate(operation, node, vectors, makers)

    def is_head(self, layer):
        """Whether its outputs reach the model's only through layers without weights."""
        return id(layer) in self._heads

    def joined(self, layer):
        """The operation that made the map which the vectors of this layer gate, or `None`."""
        return self._joined.get(id(layer))

    def is_gate(self, layer):
        """Whether its vectors are combined with a map."""
        return id(layer) in self._gates

    def _follow_gate(self, operation, node, vectors, makers):
        """Marks what makes the vectors that are combined with a map, from there backwards."""
        inputs, outputs = node.input_tensors, node.outputs
        maps = [x for x in inputs if id(x) not in vectors]
        if maps and len(maps) < len(inputs):
            self._gating |= {id(x) for x in inputs if id(x) in vectors}
            for x in inputs:
                if id(x) in vectors and id(maps[0]) in makers:
                    self._join(x, makers[id(maps[0])][0], makers)
        elif any(id(y) in self._gating for y in outputs):
            self._gates.add(id(operation))
            self._gating |= {id(x) for x in inputs if id(x) in vectors}

    def _join(self, x, maker, makers):
        """Tells the last layer with weights before a vector which map it gates."""
        while id(x) in makers:
            operation, node = makers[id(x)]
            if getattr(operation, "weights", None):
                self._joined[id(operation)] = maker
                return
            (x, *_) = node.input_tensors


def _heads_of(x, makers, known):
    """The layers with weights that a tensor is made of by layers without, each with its node.

    Args:
        x: A tensor.
        makers: The operation and node of each tensor, by its identity.
        known: What has been found for tensors, by their identity.

    Returns:
        A set; `None` if one of them is no convolution and no Dense layer, so that all widths on the
        way must follow.
    """
    x = _before_chain(x, makers)
    if id(x) not in known:
        made = makers.get(id(x))
        known[id(x)] = _heads_behind(x, *made, makers, known) if made else set()
    return known[id(x)]


def _before_chain(x, makers):
    """The tensor that a chain of layers without weights, of one input each, began with."""
    while id(x) in makers:
        operation, node = makers[id(x)]
        is_link = len(node.input_tensors) == 1 and not isinstance(operation, keras.Model)
        if not is_link or getattr(operation, "weights", None):
            break
        (x,) = node.input_tensors
    return x


def _heads_behind(x, operation, node, makers, known):
    if is_convolution(operation) or isinstance(operation, layers.Dense):
        return {(id(operation), id(node))}
    is_model = isinstance(operation, keras.Model) and getattr(operation, "outputs", None)
    if getattr(operation, "weights", None) and not is_model:
        return None
    found = [_heads_of(y, makers, known) for y in node.input_tensors]
    if is_model:
        inner = {id(y): made for made in stock.in_order(operation) for y in made[1].outputs}
        place = [y is x for y in node.outputs].index(True)
        inputs = dict(zip(map(id, operation.inputs), found, strict=True))
        return _heads_of(operation.outputs[place], inner, inputs)
    return None if None in found else set().union(*found)


def _vectors(order):
    """The tensors that have one value for each channel of an image."""
    vectors = set()
    leaving = (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D, layers.Flatten)
    for operation, node in order:
        inputs = node.input_tensors
        if isinstance(operation, leaving) or all(id(x) in vectors for x in inputs):
            vectors |= set(map(id, node.outputs))
    return vectors


def is_convolution(layer):
    """Whether a layer is a planar convolution of any kind."""
    return isinstance(layer, CONVOLUTIONS)
