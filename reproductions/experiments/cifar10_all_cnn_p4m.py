"""All-CNN-C on p4m, CIFAR10 (paper, table 2).

python -m reproductions run cifar10_all_cnn_p4m --preset paper
"""

from reproductions.bases import ALL_CNN_P4M, CIFAR10_ALL_CNN

experiment = CIFAR10_ALL_CNN.but(
    network_options=ALL_CNN_P4M,
    paper_row="All-CNN-C, p4m, CIFAR10",
    paper_error=7.59,
)
