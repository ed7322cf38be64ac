"""ResNet44 on p4m, CIFAR10+ (paper, table 2).

python -m reproductions run cifar10_plus_resnet44_p4m --preset paper
"""

from reproductions.bases import CIFAR10_RESNET

experiment = CIFAR10_RESNET.but(
    network_options={"group": "p4m", "depth": 44},
    augmentation="shift_and_flip",
    paper_row="ResNet44, p4m, CIFAR10+",
    paper_error=4.94,
)
