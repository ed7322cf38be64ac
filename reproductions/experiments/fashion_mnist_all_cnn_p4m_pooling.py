"""All-CNN-C on p4m, narrow, 5,500 images of Fashion-MNIST: pooling in place of strides.

The paper has no such row: its CIFAR-10 networks in small, for two cores, and for a task
in which no direction is up: training images are turned by a new angle in every epoch. Without
dropout: with the paper's, so narrow a network underfits.

    python -m reproductions run fashion_mnist_all_cnn_p4m_pooling --preset paper
"""

from reproductions.experiment import Experiment

experiment = Experiment(
    data="fashion_mnist",
    network="all_cnn",
    network_options={
        "group": "p4m",
        "input_shape": (28, 28, 1),
        "widths": (8, 17),
        "dropout": (0.0, 0.0),
        "downsampling": "pooling",
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
    title="All-CNN-C, p4m, pooling",
    expected_error=23.23,
    wall_time="11 min, 1 core, TensorFlow",
)
