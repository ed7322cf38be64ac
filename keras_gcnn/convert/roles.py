"""What the layers of a plain model are for: the head of an output, or a gate of a map."""

from keras import Model, layers

from keras_gcnn import stock

CONVOLUTIONS = (
    layers.Conv2D,
    layers.Conv2DTranspose,
    layers.DepthwiseConv2D,
    layers.SeparableConv2D,
)
# Layers with weights that give as many channels as they take, or a multiple.
FOLLOWERS = (
    layers.BatchNormalization,
    layers.DepthwiseConv2D,
    layers.GroupNormalization,
    layers.LayerNormalization,
    layers.PReLU,
    layers.RMSNormalization,
)
# Merges of tensors with as many channels each.
ELEMENTWISE = (
    layers.Add,
    layers.Average,
    layers.Maximum,
    layers.Minimum,
    layers.Multiply,
    layers.Subtract,
)


class Roles:
    """Which layers of a plain model are heads or gates.

    Args:
        model: The plain model.
    """

    def __init__(self, model):
        self._gates, self._joined = set(), {}
        self._find_gates(model, set())
        ends = _ends(model)
        found = _behind_outputs(model, ())
        nodes = {}
        for operation, node in _all_calls(model):
            nodes.setdefault(id(operation), set()).add(id(node))
        self._heads = {
            layer
            for layer, _ in found
            if nodes[layer] <= {n for of, n in found & ends if of == layer}
        }
        self._lasting = {layer for layer, _ in _behind_outputs(model, FOLLOWERS)}

    def is_head(self, layer):
        """Whether its outputs lead only to the model's, through layers without weights."""
        return id(layer) in self._heads

    def keeps_width(self, layer):
        """Whether an output of the model has the channels that it makes."""
        return id(layer) in self._lasting

    def joined(self, layer):
        """The operation that made what the vectors of this layer are combined with, or `None`."""
        return self._joined.get(id(layer))

    def is_gate(self, layer):
        """Whether its vectors are combined with a map."""
        return id(layer) in self._gates

    def _find_gates(self, model, gating):
        """Marks what makes the vectors that are combined with a map, from there backwards.

        Args:
            model: The model, or one within it.
            gating: The identities of those of its tensors that are combined with a map outside.
        """
        order = stock.in_order(model)
        vectors = _Vectors(order)
        for operation, node in reversed(order):
            if is_functional(operation):
                pairs = zip(node.outputs, operation.outputs, strict=True)
                self._find_gates(operation, {id(y) for x, y in pairs if id(x) in gating})
            of_channels = [x for x in node.input_tensors if x in vectors]
            maps = [x for x in node.input_tensors if x not in vectors]
            if maps and of_channels and not is_functional(operation):
                gating |= set(map(id, of_channels))
                self._join(of_channels, stock.maker_of(maps[0]))
            elif any(id(y) in gating for y in node.outputs):
                self._gates.add(id(operation))
                gating |= set(map(id, of_channels))
            elif isinstance(operation, ELEMENTWISE):
                makers = list(map(_last_with_weights, of_channels))
                pooled = next(filter(is_convolution, makers), None)
                self._join(
                    [x for x, m in zip(of_channels, makers, strict=True) if m is not pooled], pooled
                )

    def _join(self, vectors, maker):
        """Tells the last layers with weights before vectors with what these are combined."""
        for x in vectors if maker is not None else ():
            layer = _last_with_weights(x)
            if layer is not None:
                self._joined[id(layer)] = maker


class _Vectors:
    """The tensors that have one value for each channel of an image, or none of an image."""

    def __init__(self, order):
        self._found = set()
        leaving = layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D, layers.Flatten
        for operation, node in order:
            if isinstance(operation, leaving) or all(x in self for x in node.input_tensors):
                self._found |= set(map(id, node.outputs))

    def __contains__(self, x):
        return len(x.shape) <= 2 or id(x) in self._found


def _last_with_weights(x):
    """The last layer with weights before a tensor, along the first input of each; or `None`."""
    while True:
        operation, node = stock.call_of(x)
        if getattr(operation, "weights", None):
            return operation
        if not node.input_tensors:
            return None
        x = node.input_tensors[0]


def _all_calls(model):
    """Each operation of a model and of those within it, with its node."""
    for operation, node in stock.in_order(model):
        yield operation, node
        if is_functional(operation):
            yield from _all_calls(operation)


def _ends(model):
    """The calls whose results lead only to outputs, through layers without weights.

    Returns:
        A set of pairs of the identities of an operation and a node.
    """
    order, ends, goes_on = stock.in_order(model), set(), set()
    for operation, node in reversed(order):
        is_passed_on = any(id(y) in goes_on for y in node.outputs)
        if not is_passed_on:
            ends.add((id(operation), id(node)))
        if is_passed_on or getattr(operation, "weights", None):
            goes_on |= set(map(id, node.input_tensors))
    for inner in {operation for operation, _ in order if is_functional(operation)}:
        if all((id(of), id(node)) in ends for of, node in order if of is inner):
            ends |= _ends(inner)
    return ends


def _behind_outputs(model, followers):
    """The calls of the convolutions and Dense layers that make the channels of the outputs.

    Args:
        model: The model.
        followers: Classes of layers with weights through which to look. Through others there is no
            looking, and all that comes before one must follow.

    Returns:
        A set of pairs of the identities of an operation and a node.
    """
    found, known = set(), {}
    for x in model.outputs:
        found |= _behind(x, followers, known) or set()
    return found


def _behind(x, followers, known):
    """`_behind_outputs` for a tensor, `None` where something has to follow. Without recursion."""
    waiting = [x]
    while waiting:
        tensor = waiting[-1]
        operation, node = stock.call_of(tensor)
        missing = [y for y in node.input_tensors if id(y) not in known]
        is_last = _is_last(operation, followers)
        if missing and not is_last and id(tensor) not in known:
            waiting += missing
            continue
        waiting.pop()
        if is_last:
            known[id(tensor)] = {(id(operation), id(node))}
        elif id(tensor) not in known:
            known[id(tensor)] = _through(tensor, operation, node, followers, known)
    return known[id(x)]


def _is_last(operation, followers):
    kinds = *CONVOLUTIONS, layers.Dense
    return isinstance(operation, kinds) and not isinstance(operation, followers)


def _through(x, operation, node, followers, known):
    found = [known[id(y)] for y in node.input_tensors]
    if is_functional(operation):
        inner = dict(zip(map(id, operation.inputs), found, strict=True))
        place = [y is x for y in node.outputs].index(True)
        return _behind(operation.outputs[place], followers, inner)
    is_follower = isinstance(operation, followers) or type(operation).__name__ == "LayerScale"
    if getattr(operation, "weights", None) and not (followers and is_follower):
        return None
    return None if None in found else set().union(*found)


def is_functional(operation):
    """Whether an operation is a model with a graph of its own."""
    return isinstance(operation, Model) and bool(getattr(operation, "outputs", None))


def is_convolution(layer):
    """Whether a layer is a planar convolution of any kind."""
    return isinstance(layer, CONVOLUTIONS)
