"""P4CNNRotationPooling on rotated MNIST: pools rotations at every layer (paper, section 8.1).

python -m reproductions run rotated_mnist_p4cnn_rotation_pooling --preset paper
"""

from reproductions.experiment import Experiment

experiment = Experiment(
    data="rotated_mnist/mnist_10k",
    network="p4cnn_rotation_pooling",
    optimizer="adam",
    learning_rate=0.001,
    augmentation="rotation",
    batch_size=128,
    epochs=100,
    test_angles=24,
    quick={"epochs": 6, "augmentation": None, "seeds": (0,), "test_angles": 0},
    paper_table="1",
    paper_row="P4CNNRotationPooling",
    paper_error=3.21,
    expected_error=3.64,
    wall_time="22 min, 1 core, TensorFlow",
)
