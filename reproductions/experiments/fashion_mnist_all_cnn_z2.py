"""All-CNN-C on Z², narrow, 5,500 images of Fashion-MNIST: strides as published.

The paper has no such row: its CIFAR-10 networks in small, for two cores, and for a task
in which no direction is up: training images are turned by a new angle in every epoch. Without
dropout: with the paper's, so narrow a network underfits.

    python -m reproductions run fashion_mnist_all_cnn_z2 --preset paper
"""

from reproductions.experiment import Experiment

experiment = Experiment(
    data="fashion_mnist",
    network="all_cnn",
    network_options={
        "group": "z2",
        "input_shape": (28, 28, 1),
        "widths": (24, 48),
        "dropout": (0.0, 0.0),
    },
    optimizer="adam",
    learning_rate=0.005,
    schedule="cosine",
    augmentation="rotation",
    batch_size=64,
    epochs=15,
    tested="last",
    fraction=0.1,
    seeds=(0,),
    symmetry="p4m",
    test_rotated=True,
    quick={"epochs": 1, "fraction": 0.01},
    title="All-CNN-C, Z²",
    expected_error=24.92,
    wall_time="2 min, 1 core, TensorFlow",
)
