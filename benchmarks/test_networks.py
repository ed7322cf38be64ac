"""The paper's networks against planar ones with the same feature maps."""

import keras
import numpy as np
import pytest

import keras_gcnn as kg
from benchmarks import backend, paired, work

networks = pytest.mark.parametrize("network", work.NETWORKS)
pytestmark = [
    pytest.mark.filterwarnings("ignore::keras_gcnn.EquivarianceWarning"),
    pytest.mark.filterwarnings("ignore:The .grad attribute"),  # torch.compile's own
]


@pytest.mark.parametrize("mode", ["forward", "training_step"])
@networks
def test_network(benchmark, seconds, network, mode):
    if (keras.backend.backend(), mode, network) == ("torch", "training_step", "All-CNN on p4m"):
        pytest.skip("torch.compile 2.13 ends in an InductorError here")
    ours, x = work.network(network)
    paired.compare(benchmark, seconds, mode, (ours, x), (work.planar_network(ours), x))


@pytest.mark.parametrize("method", ["predict_on_batch", "train_on_batch"])
@networks
def test_network_with_defaults(benchmark, seconds, network, method):
    """As Keras runs a model by default."""
    ours, x = work.network(network)
    planar, images = work.planar_network(ours), (x,)
    if method == "train_on_batch":
        images = x, np.zeros(len(x), int)
    for model in (ours, planar):
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))

    def run_planar():
        with paired.as_keras_would():
            getattr(planar, method)(*images)

    benchmark.group = method
    candidate = backend.Runnable(lambda: getattr(ours, method)(*images))
    paired.measure(benchmark, candidate, backend.Runnable(run_planar), seconds)


@networks
def test_network_made_planar(benchmark, seconds, network):
    """`kg.to_planar` of the network, against `kg.to_planar` of the same network on Z²."""
    ours, x = work.network(network)
    made, before = (kg.to_planar(model) for model in (ours, work.planar_network(ours)))
    paired.compare(benchmark, seconds, "forward", (made, x), (before, x))
