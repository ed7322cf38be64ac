"""All-CNN-C on p4, CIFAR10 (paper, table 2).

python -m reproductions run cifar10_all_cnn_p4 --preset paper
"""

from reproductions.bases import ALL_CNN_P4, CIFAR10_ALL_CNN

experiment = CIFAR10_ALL_CNN.but(
    network_options=ALL_CNN_P4,
    paper_row="All-CNN-C, p4, CIFAR10",
    paper_error=8.84,
)
