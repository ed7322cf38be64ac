"""`python -m reproductions` on a few digits, in numbers that four devices can share.

    python -m tests.reproductions.small_job run … --data rotated_mnist/divisible

It computes in float64, since batch normalization rounds differently on several devices. With
VIRTUAL_DEVICES=4, TensorFlow splits its CPU into four devices.
"""

import os
from functools import partial

import keras
import tensorflow as tf

from reproductions.__main__ import main
from reproductions.data import catalogue, rotated_mnist

keras.config.set_floatx("float64")
divisible = rotated_mnist.RotatedMnistConfig(
    name="divisible", train=200, validation=12, test=12, angles_per_test_digit=3
)
catalogue.LOADERS["rotated_mnist/divisible"] = partial(rotated_mnist.load, divisible)
if "VIRTUAL_DEVICES" in os.environ:
    virtual = [tf.config.LogicalDeviceConfiguration()] * int(os.environ["VIRTUAL_DEVICES"])
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], virtual)
main()
