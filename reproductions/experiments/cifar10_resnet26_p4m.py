"""ResNet26 on p4m, CIFAR10 (paper, table 2).

python -m reproductions run cifar10_resnet26_p4m --preset paper
"""

from reproductions.bases import CIFAR10_RESNET

experiment = CIFAR10_RESNET.but(
    network_options={"group": "p4m", "depth": 26},
    paper_row="ResNet26, p4m, CIFAR10",
    paper_error=5.74,
)
