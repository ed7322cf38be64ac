"""Kernels that lie over several devices, and replicas that share a batch."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_gcnn as kg

BACKEND = keras.backend.backend()
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def sharded():
    """What `tests.sharded` finds on eight virtual devices."""
    if BACKEND != "jax":
        pytest.skip("keras.distribution works on JAX alone")
    done = subprocess.run(
        [sys.executable, "-m", "tests.sharded"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_a_kernel_over_four_devices_gives_what_one_device_gives(sharded):
    for name, found in sharded.items():
        if name != "network":
            assert max(found["errors"]) < 1e-5, name


def test_each_device_transforms_its_part_of_the_kernel_where_it_lies(sharded):
    """Only sums move, as with Conv2D: those of the loss and of gradients over the batch."""
    expected = {kind for _, kind in sharded["Conv2D"]["moved"]}
    assert expected == {"all-reduce"}
    for name, found in sharded.items():
        if name not in ("network", "GroupConv2DTranspose"):  # which gathers its kernel
            assert {kind for _, kind in found["moved"]} == expected, name


def test_a_network_trains_over_eight_devices_as_on_one(sharded):
    alone, found = sharded["network"]["alone"], sharded["network"]["sharded"]
    np.testing.assert_allclose(found["losses"], alone["losses"], rtol=1e-4)
    assert alone["shard"] == [3, 3, 8, 8, 8]
    assert found["shard"] == [3, 3, 8, 8, 2]


def gradients_of_replica(rank, address, weights, images, labels, results):
    """Gradients of half a batch, of which DistributedDataParallel takes the mean."""
    import torch
    from torch.nn.parallel import DistributedDataParallel

    torch.distributed.init_process_group("gloo", address, rank=rank, world_size=2)
    model = network()
    model.set_weights(weights)
    half = slice(4 * rank, 4 * rank + 4)
    replica = DistributedDataParallel(model)
    loss_of(replica(images[half]), labels[half]).backward()
    results[rank] = [v.value.grad.numpy() for v in model.trainable_variables]
    torch.distributed.destroy_process_group()


def network():
    inputs = keras.Input((9, 9, 2))
    x = kg.layers.LiftingConv2D(4, 3, group="p4m", activation="relu")(inputs)
    x = kg.layers.GroupConv2D(4, 3)(x)
    return keras.Model(inputs, keras.layers.Dense(3)(kg.layers.GlobalGroupMaxPooling2D()(x)))


def loss_of(logits, labels):
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)


@pytest.mark.skipif(BACKEND != "torch", reason="of PyTorch")
def test_two_replicas_of_pytorch_have_the_gradients_of_one(tmp_path):
    import torch

    rng = np.random.default_rng(0)
    images, labels = (
        torch.tensor(rng.normal(size=(8, 9, 9, 2)), dtype=torch.float32),
        np.arange(8) % 3,
    )
    model = network()
    loss_of(model(images), labels).backward()
    alone = [v.value.grad.numpy() for v in model.trainable_variables]
    context = torch.multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        results = manager.dict()
        address = f"file://{tmp_path}/address"
        arguments = address, model.get_weights(), images, labels, results
        torch.multiprocessing.spawn(gradients_of_replica, arguments, nprocs=2)
        for rank in (0, 1):
            for found, expected in zip(results[rank], alone, strict=True):
                np.testing.assert_allclose(found, expected, atol=1e-6)
