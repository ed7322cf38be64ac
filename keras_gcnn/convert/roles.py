"""What the layers of a plain model are for: the head of an output, or a gate of a map."""

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
        self._gates = set()
        self._find_gates(model, set())
        ends, found, nodes = _ends(model), _before_outputs(model), {}
        for operation, node in stock.all_calls(model.outputs):
            nodes.setdefault(id(operation), set()).add(id(node))
        self._heads = {
            layer
            for layer, _ in found
            if nodes[layer] <= {n for of, n in found & ends if of == layer}
        }

    def is_head(self, layer):
        """Whether its outputs lead only to the model's, through layers without weights."""
        return id(layer) in self._heads

    def is_gate(self, layer):
        """Whether its vectors are combined with a map."""
        return id(layer) in self._gates

    def _find_gates(self, model, gating):
        """Marks what makes the vectors that are combined with a map, from there backwards.

        Args:
            model: The model, or one within it.
            gating: The identities of those of its tensors that are combined with a map outside.

        Returns:
            The identities of all its tensors that are combined with a map.
        """
        order, gating = stock.in_order(model), set(gating)
        vectors = _Vectors(order)
        for operation, node in reversed(order):
            of_channels = [x for x in node.input_tensors if x in vectors]
            has_maps = len(of_channels) < len(node.input_tensors)
            if stock.is_functional(operation):
                gating |= self._within(operation, node, gating)
            elif has_maps and of_channels:
                gating |= set(map(id, of_channels))
                continue
            if any(id(y) in gating for y in node.outputs):
                self._gates.add(id(operation))
                gating |= set(map(id, of_channels))
        return gating

    def _within(self, model, node, gating):
        """Follows what gates outside into a model, and what gates within it to its inputs."""
        pairs = zip(node.outputs, model.outputs, strict=True)
        inside = self._find_gates(model, {id(y) for x, y in pairs if id(x) in gating})
        pairs = zip(node.input_tensors, model.inputs, strict=True)
        return {id(x) for x, y in pairs if id(y) in inside}


class _Vectors:
    """The tensors that are no image: pooled ones, and what does not come from an image."""

    def __init__(self, order):
        self._found = set()
        leaving = layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D, layers.Flatten
        for operation, node in order:
            if isinstance(operation, leaving) or all(x in self for x in node.input_tensors):
                self._found |= set(map(id, node.outputs))

    def __contains__(self, x):
        return len(x.shape) <= 2 or id(x) in self._found


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
    for inner in {operation for operation, _ in order if stock.is_functional(operation)}:
        if all((id(of), id(node)) in ends for of, node in order if of is inner):
            ends |= _ends(inner)
    return ends


def _before_outputs(model):
    """The calls of convolutions and Dense layers that lead to outputs by layers without weights.

    Returns:
        A set of pairs of the identities of an operation and a node.
    """
    found, known = set(), {}
    for x in model.outputs:
        found |= _before(x, known) or set()
    return found


def _before(x, known):
    """`_before_outputs` for a tensor, `None` if other layers with weights are in between."""
    waiting = [x]
    while waiting:
        tensor = waiting[-1]
        operation, node = stock.call_of(tensor)
        is_last = isinstance(operation, (*CONVOLUTIONS, layers.Dense))
        missing = [] if is_last else [y for y in node.input_tensors if id(y) not in known]
        if missing and id(tensor) not in known:
            waiting += missing
            continue
        waiting.pop()
        if is_last:
            known[id(tensor)] = {(id(operation), id(node))}
        elif id(tensor) not in known:
            known[id(tensor)] = _through(tensor, operation, node, known)
    return known[id(x)]


def _through(x, operation, node, known):
    found = [known[id(y)] for y in node.input_tensors]
    if stock.is_functional(operation):
        inner = dict(zip(map(id, operation.inputs), found, strict=True))
        place = [y is x for y in node.outputs].index(True)
        return _before(operation.outputs[place], inner)
    if getattr(operation, "weights", None) or None in found:
        return None
    return set().union(*found)


def is_convolution(layer):
    """Whether a layer is a planar convolution of any kind."""
    return isinstance(layer, CONVOLUTIONS)
