"""P8CNN on rotated MNIST: our own, with P4CNN's weights.

python -m reproductions run rotated_mnist_p8cnn --preset paper
"""

from reproductions.experiment import Experiment

experiment = Experiment(
    data="rotated_mnist/mnist_10k",
    network="p8cnn",
    optimizer="adam",
    learning_rate=0.003,
    schedule="cosine",
    augmentation="rotation",
    batch_size=128,
    epochs=30,
    tested="last",
    test_angles=24,
    quick={"epochs": 6, "augmentation": None, "seeds": (0,), "test_angles": 0},
    title="P8CNN (ours)",
    expected_error=1.72,
    wall_time="11 min, 1 core, TensorFlow",
)
