"""The graph of a functional model, followed back from a map to the layers that made it."""

import inspect
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import keras

from keras_gcnn import groups
from keras_gcnn.groups import Space
from keras_gcnn.stock import trial
from keras_gcnn.stock.checks import Call, always
from keras_gcnn.stock.table import is_pointwise, named, row_of

PADDINGS = ("ZeroPadding2D", "ZeroPadding3D", "Pad")


@dataclass(frozen=True)
class Found:
    """What the graph tells of a tensor.

    Attributes:
        space: The `Space` of the map, `None` where it is unknown or the tensor is no map.
        maker: The layer of this library that made the map, if one did.
        losses: Why equivariance was lost after that layer, one sentence for each loss.
        broken: Why the axis of H is no longer that of the space, if it is not.
        is_masked: A function that says whether points outside of a hexagon are zero.
    """

    space: Space | None = None
    maker: Any = None
    losses: tuple = ()
    broken: str | None = None
    is_masked: Any = always


def follow(x, space, data_format):
    """Follows the graph from a symbolic tensor back to the layers that made it.

    Args:
        x: A `keras.KerasTensor`.
        space: The `Space` that a layer wants. An input of the model with its rank is taken to be on
            it, and one with the rank of an image on the lattice. `None`: inputs are unknown.
        data_format: The layer's.

    Returns:
        `Found`.
    """
    walk = _Walk(space, data_format)
    return walk.judged(x, walk.result(x))


def follower(space, data_format, shapes=()):
    """`follow` for several tensors of one model, each of which is visited once.

    Args:
        space: As of `follow`.
        data_format: As of `follow`.
        shapes: A dict from the identity of an input of the model to another shape of it. If given,
            what layers of this library lose at these sizes is found too.
    """
    return _Walk(space, data_format, shapes=shapes, tells_all=bool(shapes)).result


def in_order(model):
    """Each operation of a functional model with its node, after those that it depends on."""
    return calls_before(model.outputs)


def calls_before(tensors):
    """`in_order` for what symbolic tensors are made of."""
    seen, order = set(), []
    waiting = [(x, False) for x in reversed(tensors)]
    while waiting:
        tensor, is_ready = waiting.pop()
        operation, node = call_of(tensor)
        if is_ready:
            if not node.is_input and id(node) not in seen:
                order.append((operation, node))
            seen.add(id(node))
        elif id(node) not in seen:
            waiting.append((tensor, True))
            waiting += [(x, False) for x in reversed(node.input_tensors)]
    return order


class _Walk:
    def __init__(self, space, data_format, known=(), shapes=(), tells_all=False):
        self.space = space
        self.data_format = data_format
        self.found = dict(known)
        self.shapes = dict(shapes)  # of tensors in a model that is called on others
        self.tells_all = tells_all  # also what layers have warned of when they were built
        self.is_inside = tells_all or bool(known)  # of a model, built on inputs of its own
        self.new_losses = {loss for f in self.found.values() for loss in f.losses}

    def result(self, x):
        """Visits what a tensor is made of before the tensor, without recursion."""
        waiting = [x]
        while waiting:
            tensor = waiting[-1]
            operation, node = call_of(tensor)
            sources = self._sources(operation, node)
            missing = [s for s in sources if id(s) not in self.found]
            if missing and id(tensor) not in self.found:
                waiting += missing
                continue
            waiting.pop()
            if id(tensor) not in self.found:
                if any(id(s) in self.shapes for s in sources) and not is_functional(operation):
                    self._keep_shapes(operation, node)
                self.found[id(tensor)] = self._of(tensor, operation, node, sources)
        return self.found[id(x)]

    def judged(self, x, found):
        """What is known of the input of a layer, whose space may have been lost on the way."""
        is_lost = found.maker is not None and found.space is None
        if not is_lost or found.losses or found.broken or self.space is None:
            return found
        if not self.space.has_shape(self.shape(x), self.data_format):
            return found
        reason = self._tried_from_maps(x, self.space)
        return replace(found, losses=_loss(maker_of(x), reason)) if reason else found

    def _tried_from_maps(self, x, space):
        """Why a tensor is no map on `space`, tried from the nearest maps whose space is known."""
        starts, seen, waiting = {}, set(), [x]
        while waiting:
            tensor = waiting.pop()
            _, node = call_of(tensor)
            known = self.found.get(id(tensor), Found()).space
            if tensor is not x and (known is not None or not node.input_tensors):
                starts[id(tensor)] = tensor, known, self.shape(tensor)
            elif id(node) not in seen:
                seen.add(id(node))
                waiting += node.input_tensors
        if any(on is None and len(shape) > 2 for _, on, shape in starts.values()):
            return None  # nobody knows how an element moves it
        calls = [call for call in calls_before([x]) if id(call[1]) in seen]
        return trial.loss(calls, starts.values(), x, space, self.data_format)

    def shape(self, tensor):
        """The shape of a tensor, with the sizes that a model within a model is called on."""
        return self.shapes.get(id(tensor), tuple(tensor.shape))

    def _keep_shapes(self, operation, node):
        """Finds the shapes of what an operation makes of tensors of other shapes."""
        known = {id(x): keras.KerasTensor(self.shape(x), x.dtype) for x in node.input_tensors}
        args, kwargs = trial.arguments_with(node, known)
        outputs = keras.tree.flatten(operation.compute_output_spec(*args, **kwargs))
        for x, y in zip(node.outputs, outputs, strict=True):
            self.shapes[id(x)] = tuple(y.shape)

    def _of(self, tensor, operation, node, sources):
        maker = own_layer(operation)
        if maker is not None:
            return self._after_layer(maker, sources)
        if not sources:
            spaces = () if self.space is None else (self.space, Space.lattice(self.space.group))
            return Found(next((s for s in spaces if len(tensor.shape) == s.rank), None))
        if is_functional(operation):
            return self._through_model(tensor, operation, node, sources)
        return self._through_stock(tensor, operation, node, sources)

    def _sources(self, operation, node):
        """The symbolic tensors that an operation was called on; none for those of this library.

        These have warned of what stands before them, except within a wrapper, which hides the
        graph, and in a model that is called on other tensors.
        """
        if operation is None:
            return []
        has_warned = own_layer(operation) is operation and not self.is_inside
        return [] if has_warned else list(node.input_tensors)

    def _after_layer(self, maker, sources):
        """What is known after a layer of this library."""
        found = [self.found[id(source)] for source in sources]
        losses = dict.fromkeys(loss for f in found for loss in f.losses if self._is_new(loss))
        if any(self._is_lost_at(maker, source) for source in sources):
            (loss,) = _loss(maker, "its windows do not turn with an input of this size")
            losses[loss] = None
            self.new_losses.add(loss)
        spaces = {f.space for f in found} - {None, maker.input_space}
        broken = next(filter(None, (f.broken for f in found)), None)
        for space in spaces:
            taken = f"{named(maker)} takes a map on {space.name} for one on "
            broken = broken or f"{taken}{maker.input_space.name}"
        return Found(maker.output_space, maker, tuple(losses), broken)

    def _is_new(self, loss):
        """Whether a layer of this library has not warned of a loss when it was built."""
        return self.tells_all or not self.is_inside or loss in self.new_losses

    def _is_lost_at(self, maker, source):
        """Whether a layer of this library loses equivariance at a shape it was not built on."""
        shape = self.shape(source)
        is_new = self.tells_all or shape != tuple(source.shape)
        return is_new and not maker.keeps_equivariance(shape)

    def _through_model(self, tensor, model, node, sources):
        inner_inputs = keras.tree.flatten(model.inputs)
        given = (*node.arguments.args, None)[0]
        if isinstance(given, dict) and {x.name for x in inner_inputs} <= set(given):
            sources = [given[x.name] for x in inner_inputs]
        pairs = list(zip(inner_inputs, sources, strict=False))
        known = {id(inner): self.found[id(outer)] for inner, outer in pairs}
        shapes = {id(inner): self.shape(outer) for inner, outer in pairs}
        outputs = keras.tree.flatten(model.outputs)
        inner = outputs[min(tensor._keras_history.tensor_index, len(outputs) - 1)]
        walk = _Walk(self.space, self.data_format, known, shapes, self.tells_all)
        found = walk.result(inner)
        if any(id(s) in self.shapes for s in sources):
            self.shapes[id(tensor)] = walk.shape(inner)
        return found

    def _through_stock(self, tensor, operation, node, sources):
        found = [self.found[id(source)] for source in sources]
        maker = next((f.maker for f in found if f.maker is not None), None)
        losses = tuple(dict.fromkeys(loss for f in found for loss in f.losses))
        broken = next(filter(None, (f.broken for f in found)), None)
        maps = [(f, s) for f, s in zip(found, sources, strict=True) if f.space is not None]
        if not maps:
            return Found(None, maker, losses, broken)
        main, source = max(maps, key=lambda pair: pair[0].space.cosets * pair[0].space.has_axis)
        others = {f.space for f, s in maps if not _is_invariant(s)} - {main.space}
        if any(space.has_axis and space.cosets > 1 for space in others):
            names = " and ".join(sorted(space.name for space in (main.space, *others)))
            return Found(None, maker, losses, f"{named(operation)} combines maps on {names}")
        call = Call(
            operation,
            main.space,
            getattr(main.maker, "data_format", self.data_format),
            self.shape(source),
            constants_of(node),
            self.shape(tensor),
            tuple(self.shape(s) for s in sources if s is not source),
            lambda: all(f.is_masked() for f, _ in maps),
            dict(node.arguments.kwargs),
        )
        said = _spaces_by_operation(operation, node)
        space, length = _space_after(call) if said is None else (said[1], None)
        if said is not None and said[0] != main.space:
            broken = broken or f"{named(operation)} takes it for a map on {said[0].name}"
        reason = _reason(call)
        is_known = row_of(operation) is not None and is_pointwise(call.get("activation"))
        is_of_other_group = said is not None and said[1].group != main.space.group
        is_told = reason or losses or is_of_other_group
        if not is_told and (not is_known or self._seems_an_image(call, space)):
            space, reason = self._tried(call, space, tensor, node)
        if not (reason or is_told) and space is not None and _meets_unknown(call, found, sources):
            reason = self._tried_from_maps(tensor, space)
        if reason:
            losses = (*losses, *_loss(operation, reason))
            built = replace(call, shape=tuple(source.shape), output_shape=tuple(tensor.shape))
            if built.shape != call.shape and not _reason(built):
                self.new_losses.add(losses[-1])
        if length is not None:
            broken = broken or f"{named(operation)} makes the axis {length} long"
        return Found(space, maker, losses, broken, partial(self._is_masked, call, node))

    def _is_masked(self, call, node):
        """Whether an operation leaves points outside of a hexagon zero, and cuts none off."""
        is_cut = len(call.output_shape) == len(call.shape) and any(
            None in (n, m) or m < n
            for n, m in zip(call.shape[1:], call.output_shape[1:], strict=True)
            if n != m
        )
        shapes = {id(x): self.shape(x) for x in node.input_tensors}
        return call.is_masked() and not is_cut and trial.keeps_zeros(call.operation, node, shapes)

    def _seems_an_image(self, call, space):
        """Whether a map has lost an axis and is now of the rank of an image, for a lifting."""
        lattice = Space.lattice(call.space.group)
        is_image = len(call.output_shape) == lattice.rank
        return space is None and is_image and self.space == lattice

    def _tried(self, call, space, tensor, node):
        """The space after what the table does not know, and why a trial finds equivariance lost."""
        lattice = Space.lattice(call.space.group)
        is_image = space is None and len(call.output_shape) == lattice.rank  # as it may seem
        space = lattice if is_image else space
        if space is None:
            return None, None
        starts = [(x, self.found[id(x)].space, self.shape(x)) for x in node.input_tensors]
        calls = [(call.operation, node)]
        reason = trial.loss(calls, starts, tensor, space, call.data_format)
        is_none = is_image and reason and (self.space is None or self.space.has_axis)
        return (None, None) if is_none else (space, reason)


def _loss(operation, reason):
    """What is said of a loss, in a tuple."""
    return (f"{named(operation)} loses it: {reason}.",)


def _meets_unknown(call, found, sources):
    """Whether a map is merged with a tensor of no known space that has several points."""
    shapes = (tuple(s.shape) for f, s in zip(found, sources, strict=True) if f.space is None)
    axes = (*call.space_axes, *call.coset_axes)
    return any(
        len(shape) == call.space.rank and any(shape[axis] != 1 for axis in axes) for shape in shapes
    )


def _reason(call):
    """Why a stock layer loses equivariance, `None` if it does not or is not in the table."""
    row, is_hexagonal = row_of(call.operation), call.space.group.lattice.bounds
    is_padding = is_hexagonal and type(call.operation).__name__ in PADDINGS
    if is_padding and not call.is_masked():
        return "points outside of the hexagon come into it. Use GroupZeroPadding2D"
    if row is None:
        return None
    is_at_rest = row.planar == "dropped"
    if call.get("data_format") not in (None, call.data_format) and not is_at_rest:
        return f"its data_format is {call.get('data_format')!r}"
    return row.check(call)


def _space_after(call):
    """The space of the output, and the length of an axis of H that is no longer right."""
    shape, space = call.output_shape, call.space
    as_axis = Space(space.group, space.group, has_axis=True)  # of length 1
    if len(shape) == space.rank:
        if space.has_axis and space.cosets == 1 and shape[call.coset_axes[0]] == space.group.order:
            return Space.whole(space.group), None  # copies of an image, one for each element
        wrong = [shape[a] for a in call.coset_axes if shape[a] not in (None, space.cosets)]
        if not wrong:
            return space, None
        return (as_axis, None) if wrong == [1] else (None, wrong[0])
    if len(shape) == space.rank - 1 and space.has_axis:
        is_pooled = call.get("axis") is not None and call.axes() == set(call.coset_axes)
        return (Space.lattice(space.group) if is_pooled or space.cosets == 1 else None), None
    if len(shape) != space.rank + 1 or space.has_axis:
        return None, None
    whole = Space.whole(space.group)
    return (whole if whole.has_shape(shape, call.data_format) else as_axis), None


def _spaces_by_operation(operation, node):
    """The spaces of what a function of `kg.ops` takes and makes, where its arguments say it."""
    kind = getattr(type(operation), "function", None)
    if kind is None:
        return None
    given = inspect.signature(kind).bind(*node.arguments.args, **node.arguments.kwargs).arguments
    if "output_space" in given:
        return given["input_space"], given["output_space"]
    if given.get("subgroup") is None or kind.__name__ not in ("restrict_group", "coset_pool"):
        return None
    group = groups.get(given["group"])
    subgroup = group.subgroup(given["subgroup"])
    before = Space.quotient(group, given.get("input_subgroup"))
    if kind.__name__ == "restrict_group":
        return before, Space.whole(subgroup)
    return before, Space.quotient(group, subgroup)


def _is_invariant(tensor):
    """Whether a tensor has only one number for each channel."""
    return all(n == 1 for n in tensor.shape[1:-1]) or all(n == 1 for n in tensor.shape[2:])


def constants_of(node):
    """The arguments that hold no symbolic tensor, and the arrays beside one."""
    found = []
    for argument in (*node.arguments.args, *node.arguments.kwargs.values()):
        inside = keras.tree.flatten(argument)
        others = [x for x in inside if not isinstance(x, keras.KerasTensor)]
        is_constant = len(others) == len(inside)
        found += [argument] if is_constant else [x for x in others if getattr(x, "shape", ())]
    return found


def all_calls(tensors):
    """`calls_before`, and what is within the models of which it finds a call."""
    for operation, node in calls_before(tensors):
        yield operation, node
        if is_functional(operation):
            yield from all_calls(operation.outputs)


def is_functional(operation):
    """Whether an operation is a model with a graph of its own."""
    return isinstance(operation, keras.Model) and bool(getattr(operation, "outputs", None))


def maker_of(tensor):
    """The operation that made a symbolic tensor."""
    return call_of(tensor)[0]


def call_of(tensor):
    """The operation that made a symbolic tensor, and the node of that call.

    Keras 3.15 tells this only by `_keras_history`.
    """
    history = getattr(tensor, "_keras_history", None)
    if history is None or history.operation is None:
        return None, None
    return history.operation, history.operation._inbound_nodes[history.node_index]


def own_layer(operation):
    """The layer of this library that an operation is, or whose weights it normalizes."""
    if isinstance(operation, keras.layers.SpectralNormalization):
        operation = operation.layer
    return operation if getattr(operation, "output_space", None) is not None else None
