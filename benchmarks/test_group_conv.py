"""GroupConv2D, direct, against Conv2D of the same maps, |H|·C in and |H|·filters out, compiled.

tox -e bench-tensorflow,bench-jax,bench-torch
"""

import keras
import numpy as np
import pytest

import keras_gcnn as kg
from benchmarks import backend, paired

# name: group, channels, filters, kernel, size, batch. P4CNN's layers at the paper's batch, and
# All-CNN's with the paper's widths at p4 and p4m, at a batch that 2 cores finish.
LAYERS = {
    "p4cnn-conv2-26x26": ("p4", 10, 10, 3, 26, 128),
    "p4cnn-conv3-12x12": ("p4", 10, 10, 3, 12, 128),
    "p4cnn-conv7-4x4": ("p4", 10, 10, 4, 4, 128),
    "allcnn-p4-48-32x32": ("p4", 48, 48, 3, 32, 8),
    "allcnn-p4-96-16x16": ("p4", 96, 96, 3, 16, 8),
    "allcnn-p4m-32-32x32": ("p4m", 32, 32, 3, 32, 8),
    "allcnn-p4m-64-16x16": ("p4m", 64, 64, 3, 16, 8),
    "allcnn-p4m-64-8x8": ("p4m", 64, 64, 3, 8, 32),
    "allcnn-p4m-1x1-64-8x8": ("p4m", 64, 64, 1, 8, 32),
}


@pytest.mark.parametrize("mode", ["forward", "training_step"])
@pytest.mark.parametrize("name", LAYERS)
def test_against_conv2d(benchmark, name, mode, seconds):
    ours, planar = layers_and_inputs(*LAYERS[name])
    compile_mode = getattr(backend, mode)
    benchmark.group = mode
    paired.measure(benchmark, compile_mode(*ours), compile_mode(*planar), seconds)


def layers_and_inputs(group, channels, filters, kernel, size, batch):
    order = kg.groups.get(group).order
    x = np.random.default_rng(0).normal(size=(batch, size, size, order, channels))
    ours = kg.layers.GroupConv2D(
        filters, kernel, group=group, data_format="channels_last", implementation="direct"
    )
    planar = keras.layers.Conv2D(order * filters, kernel, data_format="channels_last")
    ours.build(x.shape)
    flat = x.reshape(*x.shape[:3], -1)
    planar.build(flat.shape)
    return (ours, x), (planar, flat)
