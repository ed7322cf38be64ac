"""P4CNN on rotated MNIST: every convolution on p4 (paper, section 8.1).

python -m reproductions run rotated_mnist_p4cnn --preset paper
"""

from reproductions.experiment import Experiment

experiment = Experiment(
    data="rotated_mnist/mnist_10k",
    network="p4cnn",
    optimizer="adam",
    learning_rate=0.001,
    augmentation="rotation",
    batch_size=128,
    epochs=100,
    test_angles=24,
    quick={"epochs": 8, "augmentation": None, "seeds": (0,), "test_angles": 0},
    paper_table="1",
    paper_row="P4CNN",
    paper_error=2.28,
    expected_error=2.23,
    wall_time="16 min, 1 core, TensorFlow",
)
