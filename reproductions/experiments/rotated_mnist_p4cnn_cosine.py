"""P4CNN on rotated MNIST with P8CNN's schedule: what of its gain is the schedule's.

python -m reproductions run rotated_mnist_p4cnn_cosine --preset paper
"""

from reproductions.experiment import Experiment

experiment = Experiment(
    data="rotated_mnist/mnist_10k",
    network="p4cnn",
    optimizer="adam",
    learning_rate=0.003,
    schedule="cosine",
    augmentation="rotation",
    batch_size=128,
    epochs=30,
    tested="last",
    test_angles=24,
    quick={"epochs": 6, "augmentation": None, "seeds": (0,), "test_angles": 0},
    title="P4CNN, P8CNN's schedule",
    expected_error=2.01,
    wall_time="4 min, 1 core, TensorFlow",
)
