import keras
import numpy as np
import pytest
from keras import ops

import keras_gcnn as kg
from keras_gcnn.ops import policy

on_torch = pytest.mark.skipif(keras.backend.backend() != "torch", reason="about torch.compile")
LAYERS = [
    (lambda: kg.layers.LiftingConv2D(3, 3, group="p4m"), (2, 7, 7, 2)),
    (lambda: kg.layers.GroupConv2D(3, 3, group="p4m"), (2, 7, 7, 8, 2)),
    (
        lambda: kg.layers.GroupConv2D(3, 4, data_format="channels_first", group="p4"),
        (2, 2, 4, 7, 7),
    ),
    (lambda: kg.layers.GroupConv2D(3, 3, group="p4m", implementation="fourier"), (2, 7, 7, 8, 2)),
    (lambda: kg.layers.GroupMaxPooling2D(2, group="p4"), (2, 6, 6, 4, 2)),
    (lambda: kg.layers.LiftingConv2D(3, 3, "p4", output_subgroup="p2"), (2, 7, 7, 2)),
    (lambda: kg.layers.GroupConv2D(3, 3, "p4", output_subgroup=[0, 2]), (2, 7, 7, 4, 2)),
    (lambda: kg.layers.CosetPooling2D(group="p4", input_subgroup="p2"), (2, 7, 7, 2, 3)),
]


def alike_when_compiled(monkeypatch):
    """Makes eager code multiply as compiled code does, so that both round alike."""
    monkeypatch.setattr(policy, "convolves_products", lambda *_: False)


@on_torch
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("build", "shape"), LAYERS)
def test_torch_compile_makes_one_graph(build, shape, monkeypatch):
    import torch

    alike_when_compiled(monkeypatch)

    layer, x = build(), torch.randn(*shape)
    expected = layer(x)
    compiled = torch.compile(layer.__call__, backend="eager", fullgraph=True)
    np.testing.assert_array_equal(compiled(x).detach(), expected.detach())
    torch.compiler.reset()


@on_torch
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_tables_of_several_sizes_pass_through_the_same_code():
    import torch

    compiled = torch.compile(
        lambda x, kernel, group: kg.ops.group_conv(x, kernel, group), backend="eager"
    )
    for group, size in [("p4", 3), ("p4", 2), ("p4m", 3), ("p2", 4)]:
        order = kg.groups.get(group).order
        x, kernel = torch.randn(1, 6, 6, order, 2), torch.randn(size, size, order, 2, 2)
        expected = ops.convert_to_numpy(kg.ops.group_conv(x, kernel, group))
        np.testing.assert_array_equal(compiled(x, kernel, group), expected)
    torch.compiler.reset()


@on_torch
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("implementation", ["direct", "fourier"])
def test_several_convolutions_and_their_gradients_are_one_graph(implementation, monkeypatch):
    import torch

    alike_when_compiled(monkeypatch)

    def loss(x, *kernels):
        for kernel in kernels:
            x = kg.ops.group_conv(
                x,
                kernel,
                "p4",
                padding="same",
                data_format="channels_last",
                implementation=implementation,
                training=True,
            )
        return (x * x).mean()

    shapes = [(1, 4, 4, 4, 2), (2, 2, 4, 2, 3), (2, 2, 4, 3, 2), (1, 1, 4, 2, 2)]
    tensors = [torch.randn(*shape, requires_grad=True) for shape in shapes]
    expected = torch.autograd.grad(loss(*tensors), tensors)
    compiled = torch.compile(loss, backend="aot_eager", fullgraph=True)
    for actual, gradient in zip(
        torch.autograd.grad(compiled(*tensors), tensors), expected, strict=True
    ):
        torch.testing.assert_close(actual, gradient)
    torch.compiler.reset()
