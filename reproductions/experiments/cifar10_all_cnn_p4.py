"""All-CNN-C on p4, CIFAR10 (paper, table 2).

The schedule is Springenberg et al.'s (2015).

python -m reproductions run cifar10_all_cnn_p4 --preset paper
"""

from reproductions.experiment import Experiment

experiment = Experiment(
    data="cifar10",
    network="all_cnn",
    network_options={"group": "p4"},
    optimizer="momentum",
    learning_rate=0.05,
    schedule=(200, 250, 300),
    weight_decay=0.001,
    augmentation=None,
    batch_size=128,
    epochs=350,
    seeds=(0,),
    quick={"epochs": 1, "fraction": 0.02},
    paper_table="2",
    paper_row="All-CNN-C, p4, CIFAR10",
    paper_error=8.84,
)
