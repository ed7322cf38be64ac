"""The G-correlation: `correlation` holds the formula, the checks and the choice of implementation.

`filters` makes the filter bank. `direct` convolves with it, by `planar`. `fourier` computes the
same sum by the Fourier transform on H, by a `plan`, with a gradient of its own in
`fourier_gradient`.
`cost_model` predicts which of the two is faster.
"""
