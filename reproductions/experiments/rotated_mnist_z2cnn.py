"""Z2CNN on rotated MNIST: the planar baseline (paper, section 8.1).

The paper trained Z2CNN for 300 epochs; here all three have 100.

    python -m reproductions run rotated_mnist_z2cnn --preset paper
"""

from reproductions.experiment import Experiment

experiment = Experiment(
    data="rotated_mnist/mnist_10k",
    network="z2cnn",
    optimizer="adam",
    learning_rate=0.001,
    augmentation="rotation",
    batch_size=128,
    epochs=100,
    test_angles=24,
    quick={"epochs": 8, "augmentation": None, "seeds": (0,), "test_angles": 0},
    paper_table="1",
    paper_row="Z2CNN",
    paper_error=5.03,
    expected_error=5.97,
    wall_time="9 min, 1 core, TensorFlow",
)
