"""The machine and the versions that a measurement was made with."""

import importlib.metadata
import os
import platform

PACKAGES = ("keras", "tensorflow", "jax", "torch", "numpy")


def processor():
    """The processor, and whether it has AVX-512, without which TensorFlow leaves oneDNN off."""
    with open("/proc/cpuinfo") as lines:
        text = lines.read()
    names = [line.split(":")[1].strip() for line in text.splitlines() if "model name" in line]
    avx = "with" if "avx512f" in text else "without"
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores of {names[0] if names else platform.machine()}, {avx} AVX-512"


def versions():
    """The installed versions of the packages that matter, by name."""
    installed = {d.metadata["Name"]: d.version for d in importlib.metadata.distributions()}
    return {name: installed[name] for name in PACKAGES if name in installed}


def where():
    """The processor, the versions and what is set for the memory allocator, as a line."""
    named = [f"{name} {version}" for name, version in versions().items()]
    settings = [f"{name}={v}" for name, v in sorted(os.environ.items()) if "MALLOC_" in name]
    return "; ".join(filter(None, (processor(), ", ".join(named), " ".join(settings))))


def onednn():
    """`"with oneDNN"` or `"without oneDNN"` on TensorFlow, and nothing on other backends.

    On a CPU, only oneDNN has convolutions with the channels first.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        return ""
    import tensorflow as tf

    try:
        tf.nn.conv2d(tf.zeros((1, 1, 3, 3)), tf.zeros((3, 3, 1, 1)), 1, "SAME", data_format="NCHW")
    except tf.errors.UnimplementedError:
        return "without oneDNN"
    return "with oneDNN"
