"""Which tensors of a plain model have as many channels as each other, whatever their number."""

from keras import layers

from keras_gcnn import stock
from keras_gcnn.convert.roles import is_convolution
from keras_gcnn.ops.layout import channels_of

OF_OWN_WIDTH = layers.Conv2D, layers.Conv2DTranspose, layers.Dense, layers.SeparableConv2D
PARTS = "GetItem", "Split", "Unstack", "Take"


class Widths:
    """The tensors of a model in sets, all of one number of channels.

    What is added up or multiplied has as many channels, and so has what a normalization or a
    pooling makes of it. Some numbers are fixed: those of inputs and outputs, those of which parts
    are taken, and those that a layer makes which `convert` leaves as it is.

    Args:
        model: The plain model.
        data_format: That of its images.
    """

    def __init__(self, model, data_format):
        self._data_format = data_format
        self._parents, self._made, self._visited = {}, {}, set()
        self._convolved, self._fixed, self._derived = set(), [*model.inputs, *model.outputs], []
        self._of_images = {id(x) for x in model.inputs if len(x.shape) == 4}
        self._visit(model)
        self._kept = {self.set_of(x) for x in self._fixed}
        while more := self._before_kept() - self._kept:
            self._kept |= more

    def set_of(self, tensor):
        """The identity of one tensor of its set."""
        found = id(tensor)
        while self._parents.get(found, found) != found:
            found = self._parents[found]
        return found

    def keeps(self, layer):
        """Whether a layer must make as many channels as before."""
        return id(layer) not in self._made or self.set_of(self._made[id(layer)]) in self._kept

    def is_convolved(self, layer):
        """Whether a convolution makes channels of the same number as a layer."""
        made = self._made.get(id(layer))
        return made is not None and self.set_of(made) in map(self.set_of, self._convolved)

    def made_by(self, layer):
        """A tensor that a layer of a width of its own makes."""
        return self._made[id(layer)]

    def _visit(self, model):
        self._visited.add(id(model))
        for operation, node in stock.in_order(model):
            inputs, outputs = node.input_tensors, node.outputs
            if any(id(x) in self._of_images for x in inputs):
                self._of_images.update(map(id, outputs))
            if stock.is_functional(operation):
                pairs = [(inputs, operation.inputs), (outputs, operation.outputs)]
                for outside, inside in pairs:
                    for x, y in zip(outside, inside, strict=True):
                        self._join(x, y)
                        if id(x) in self._of_images:
                            self._of_images.add(id(y))
                if id(operation) not in self._visited:
                    self._visit(operation)
            elif isinstance(operation, OF_OWN_WIDTH):
                self._fixed += [y for y in outputs if id(y) not in self._of_images]
                self._join(self._made.setdefault(id(operation), outputs[0]), outputs[0])
                self._convolved |= {outputs[0]} if is_convolution(operation) else set()
            else:
                for y in outputs:
                    self._relate(operation, y, inputs)

    def _relate(self, operation, y, inputs):
        """What a layer without a width of its own says of the channels of its inputs."""
        channels = self.channels(y)
        alike = [x for x in inputs if self.channels(x) == channels]
        for x in alike:
            self._join(x, y)
        if alike:
            return
        if type(operation).__name__ in PARTS:
            self._fixed += inputs
        follows = isinstance(operation, layers.DepthwiseConv2D)
        if getattr(operation, "weights", None) and not follows:
            self._fixed.append(y)
        self._derived += [(y, x) for x in inputs]

    def _join(self, x, y):
        self._parents[self.set_of(x)] = self.set_of(y)

    def _before_kept(self):
        return {self.set_of(x) for y, x in self._derived if self.set_of(y) in self._kept}

    def channels(self, x):
        """The number of channels of an image, a map on G or a vector."""
        return channels_of(x, self._data_format if len(x.shape) > 2 else "channels_last")
