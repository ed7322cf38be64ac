"""The point groups this library knows, as integer matrices.

A matrix acts on lattice coordinates (row, column), rows counted downwards, so `R` below turns an
image by 90° counter-clockwise, as `numpy.rot90` does, and `M` turns it upside down, as
`numpy.flipud` does. With the paper's parameterisation (section 4.3),

    g(m, r) = M^m · R^r,    M = diag(-1, 1),    R = [[0, -1], [1, 0]],

the elements of every group stand in the order of the index |rotations|·m + (position of r):

    p1   (also "z2")  e                                    no symmetry but translation
    p2                R^0  R^2                             half turns
    p4                R^0  R^1  R^2  R^3                   quarter turns
    pm                R^0  M                               one mirror
    pmm               R^0  R^2  M  M·R^2                   two mirrors and the half turn
    p4m               R^0  R^1  R^2  R^3  M  M·R^1  M·R^2  M·R^3
"""

from keras_gcnn.groups.point_group import PointGroup, register

R0 = ((1, 0), (0, 1))
R1 = ((0, -1), (1, 0))
R2 = ((-1, 0), (0, -1))
R3 = ((0, 1), (-1, 0))
M0 = ((-1, 0), (0, 1))
M1 = ((0, 1), (1, 0))
M2 = ((1, 0), (0, -1))
M3 = ((0, -1), (-1, 0))

register(PointGroup("p1", (R0,)), alias="z2")
register(PointGroup("p2", (R0, R2)))
register(PointGroup("p4", (R0, R1, R2, R3)))
register(PointGroup("pm", (R0, M0)))
register(PointGroup("pmm", (R0, R2, M0, M2)))
register(PointGroup("p4m", (R0, R1, R2, R3, M0, M1, M2, M3)))
