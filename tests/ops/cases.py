"""What the tests of convolutions draw from."""

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st


@st.composite
def cases(draw):
    """Sizes, kernels of both parities, strides, dilations and paddings that fit together."""
    kernel = draw(st.integers(1, 4))
    dilation = draw(st.integers(1, 2))
    strides = 1 if dilation > 1 else draw(st.integers(1, 3))
    padding = draw(st.sampled_from(["valid", "same"]))
    size = draw(st.tuples(st.integers(2, 7), st.integers(2, 7)))
    assume(padding == "same" or (kernel - 1) * dilation + 1 <= min(size))
    return size, kernel, strides, dilation, padding


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")
