"""ResNet44 on Z², CIFAR10+ (paper, table 2).

The schedule is that of He et al. (2016).

python -m reproductions run cifar10_plus_resnet44_z2 --preset paper
"""

from reproductions.experiment import Experiment

experiment = Experiment(
    data="cifar10",
    network="resnet",
    network_options={"group": "z2", "depth": 44},
    optimizer="momentum",
    learning_rate=0.1,
    schedule=(82, 123),
    weight_decay=0.001,
    augmentation="shift_and_flip",
    batch_size=128,
    epochs=164,
    seeds=(0,),
    quick={"epochs": 1, "fraction": 0.02},
    paper_table="2",
    paper_row="ResNet44, Z², CIFAR10+",
    paper_error=5.61,
)
