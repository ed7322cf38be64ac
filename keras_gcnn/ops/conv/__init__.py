"""The G-correlation, one module for each part.

`correlation`: the formula, the checks, and the choice of implementation.
`cost_model`: predicts which of the two implementations is faster.
`filters`: the filter bank, and the filter of the adjoint.
`direct`: the direct implementation, one convolution with the bank.
`planar`: that planar convolution, in whichever way is fastest.
`fourier`: the Fourier implementation: which plan, and which gradient.
`plan`: its sums and products, prepared once and then applied.
`fourier_gradient`: its own gradient.
`fourier_transpose`: that gradient for the input of a strided correlation.
`quotient`: the correlation between quotients G/K and G/L.
`transposed`: the adjoint, which spreads a map.
`depthwise`: depthwise and separable correlations, and products at each point.
"""
