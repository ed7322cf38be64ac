"""ResNet44 on Z², CIFAR10+ (paper, table 2).

python -m reproductions run cifar10_plus_resnet44_z2 --preset paper
"""

from reproductions.bases import CIFAR10_RESNET

experiment = CIFAR10_RESNET.but(
    network_options={"group": "z2", "depth": 44},
    augmentation="shift_and_flip",
    paper_row="ResNet44, Z², CIFAR10+",
    paper_error=5.61,
)
