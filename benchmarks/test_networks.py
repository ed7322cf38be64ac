"""The paper's networks against planar ones with the same feature maps."""

import keras
import pytest

import keras_gcnn as kg
from benchmarks import backend, paired, work

networks = pytest.mark.parametrize("network", work.NETWORKS)
pytestmark = [
    pytest.mark.filterwarnings("ignore::keras_gcnn.EquivarianceWarning"),
    pytest.mark.filterwarnings("ignore:The .grad attribute"),  # torch.compile's own, of BatchNorm
]


@pytest.mark.parametrize("mode", ["forward", "training_step"])
@networks
def test_network(benchmark, seconds, network, mode):
    if (keras.backend.backend(), mode) == ("torch", "training_step"):
        pytest.skip("torch.compile 2.13 aborts the process in a network's training step")
    ours, x = work.network(network)
    compile_mode = getattr(backend, mode)
    candidate = compile_mode(ours, x)
    baseline = compile_mode(work.planar_network(ours), x)
    benchmark.group = mode
    paired.measure(benchmark, candidate, baseline, seconds)


@networks
def test_network_made_planar(benchmark, seconds, network):
    """`kg.to_planar` of the network against `to_planar` of the one that was planar before."""
    ours, x = work.network(network)
    planar = work.planar_network(ours)
    candidate = backend.forward(kg.to_planar(ours), x)
    baseline = backend.forward(kg.to_planar(planar), x)
    benchmark.group = "forward"
    paired.measure(benchmark, candidate, baseline, seconds)
