"""What experiments have in common. Each file in `experiments/` says what differs."""

from dataclasses import replace

from reproductions.experiment import Experiment

# Paper, section 8.1: Adam with learning rate 0.001 and batches of 128. The paper trained Z2CNN for
# 300 epochs; here the three networks have 100.
ROTATED_MNIST = Experiment(
    data="rotated_mnist/mnist_10k",
    network="p4cnn",
    augmentation="rotation",
    test_angles=24,
    quick={"epochs": 8, "augmentation": None, "seeds": (0,), "test_angles": 0},
    paper_table="1",
)

# As the experiments did that the paper's authors published, where the data allow. Z2CNN had 300
# epochs there, and the other two 100.
ROTATED_MNIST_ORIGINAL = ROTATED_MNIST.but(
    network_options={
        "kernel_initializer": {
            "class_name": "VarianceScaling",  # N(0, 1 / fan-in)
            "config": {"scale": 1.0, "mode": "fan_in", "distribution": "untruncated_normal"},
        }
    },
    augmentation="slight_rotation",
    fill="mean",
    held_out=False,
    tested="last",
    statistics="recomputed",
    original=True,
)

# P8CNN is not in the paper. A learning rate that falls to 0 took fewer epochs.
ROTATED_MNIST_COSINE = ROTATED_MNIST.but(
    learning_rate=0.003,
    schedule="cosine",
    epochs=30,
    tested="last",
    quick={**ROTATED_MNIST.quick, "epochs": 6},
    paper_table=None,
)

# Paper, section 8.2 and table 2. The schedule is Springenberg et al.'s (2015). All 50,000 images
# are trained on, as there.
CIFAR10_ALL_CNN = Experiment(
    data="cifar10",
    network="all_cnn",
    optimizer="momentum",
    learning_rate=0.05,
    schedule=(200, 250, 300),
    weight_decay=0.001,
    epochs=350,
    tested="last",
    held_out=False,
    seeds=(0,),
    quick={"epochs": 1, "fraction": 0.02},
    paper_table="2",
)

# Paper, section 8.2 and table 2.
CIFAR10_RESNET = CIFAR10_ALL_CNN.but(
    network="resnet", learning_rate=0.05, schedule=(50, 100, 150), epochs=300
)


def normal(deviation):
    """Initial weights of a normal distribution, as network options have them."""
    return {"class_name": "RandomNormal", "config": {"mean": 0.0, "stddev": deviation}}


# All-CNN in the original experiments: its initial weights on Z² and on groups, and its grid.
ALL_CNN_Z2 = {"group": "z2", "kernel_initializer": normal(0.05), "padding": "centered"}
ALL_CNN_P4 = {"group": "p4", "kernel_initializer": normal(0.035), "padding": "centered"}
ALL_CNN_P4M = {"group": "p4m", "kernel_initializer": normal(0.035), "padding": "centered"}

# Not in the paper: its CIFAR-10 networks in small, for two cores, on a task in which no direction
# is up. Training images are turned by a new angle in every epoch. There is no dropout: with the
# paper's, so narrow a network underfits.
FASHION_MNIST_ALL_CNN = Experiment(
    data="fashion_mnist",
    network="all_cnn",
    network_options={"input_shape": (28, 28, 1), "dropout": (0.0, 0.0)},
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
)

# The same task for the residual network of 44 layers, on half as many images. Not by `but`, which
# would keep the dropout that this network does not take.
FASHION_MNIST_RESNET = replace(
    FASHION_MNIST_ALL_CNN,
    network="resnet",
    network_options={"input_shape": (28, 28, 1), "depth": 44},
    batch_size=32,
    epochs=75,
    fraction=0.05,
)
