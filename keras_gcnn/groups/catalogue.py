"""The point groups this library knows: data only. A new group is one more row.

In two dimensions a matrix acts on lattice coordinates (row, column). Rows are counted downwards, so
`R1` turns an image by 90° counter-clockwise, as `numpy.rot90` does, and `M0` turns it upside down,
as `numpy.flipud` does. With the paper's parameterisation (section 4.3),

    g(m, r) = M^m · R^r,    M = diag(-1, 1),    R = [[0, -1], [1, 0]],

`Rr` is g(0, r) and `Mr` is g(1, r). The elements of each group stand in the order of m first and r
second. The identity comes first.

On the hexagonal lattice a matrix acts on axial coordinates (r, q), the index of an array counted
from its middle, which is the point q·(1, 0) + r·(1/2, √3/2). `T1` turns by 60°: it takes (r, q) to
(q + r, -r). `N0` is the mirror that keeps the points with r = 0 in place. `Nr` is N0·T1^r. The
mirrors of "p31m" each keep a nearest neighbour of the origin in place; those of "p3m1" reverse one.

In one and three dimensions a row has generators, and the elements stand in the order in which
`PointGroup.from_generators` finds them. In three dimensions a matrix acts on (depth, row, column),
and the main axis is that of depth: `Z4` turns every slice as `R1` turns an image.
"""

R0 = ((1, 0), (0, 1))
R1 = ((0, -1), (1, 0))
R2 = ((-1, 0), (0, -1))
R3 = ((0, 1), (-1, 0))
M0 = ((-1, 0), (0, 1))
M1 = ((0, 1), (1, 0))
M2 = ((1, 0), (0, -1))
M3 = ((0, -1), (-1, 0))

T0 = R0
T1 = ((1, 1), (-1, 0))
T2 = ((0, 1), (-1, -1))
T3 = R2
T4 = ((-1, -1), (1, 0))
T5 = ((0, -1), (1, 1))
N0 = ((-1, 0), (1, 1))
N1 = ((-1, -1), (0, 1))
N2 = ((0, -1), (-1, 0))
N3 = ((1, 0), (-1, -1))
N4 = ((1, 1), (0, -1))
N5 = ((0, 1), (1, 0))

INVERSION = ((-1, 0, 0), (0, -1, 0), (0, 0, -1))
Z2 = ((1, 0, 0), (0, -1, 0), (0, 0, -1))  # turns about the axis of depth
Z4 = ((1, 0, 0), (0, 0, -1), (0, 1, 0))
IMPROPER_Z4 = ((-1, 0, 0), (0, 0, -1), (0, 1, 0))  # and a mirror
Y2 = ((-1, 0, 0), (0, 1, 0), (0, 0, -1))  # a half turn about the axis of rows
DIAGONAL3 = ((0, 0, 1), (1, 0, 0), (0, 1, 0))  # a third of a turn about (1, 1, 1)
MIRROR_Z = ((-1, 0, 0), (0, 1, 0), (0, 0, 1))
MIRROR_Y = ((1, 0, 0), (0, -1, 0), (0, 0, 1))
MIRROR_DIAGONAL = ((0, 1, 0), (1, 0, 0), (0, 0, 1))

# The elements of each group on the square lattice, by dimension and name.
GROUPS: dict[int, dict[str, tuple]] = {
    2: {
        "p1": (R0,),  # only translations
        "p2": (R0, R2),  # half turns
        "p4": (R0, R1, R2, R3),  # quarter turns
        "pm": (R0, M0),  # one mirror
        "pmm": (R0, R2, M0, M2),  # two mirrors and the half turn
        "cm": (R0, M1),  # one mirror, along a diagonal
        "cmm": (R0, R2, M1, M3),  # both diagonals and the half turn
        "p4m": (R0, R1, R2, R3, M0, M1, M2, M3),  # quarter turns and mirrors
    },
}
# Those on the hexagonal lattice.
HEXAGONAL_GROUPS = {
    "p1_hexagonal": (T0,),  # only translations
    "p2_hexagonal": (T0, T3),  # half turns
    "p3": (T0, T2, T4),  # turns by 120°
    "p3m1": (T0, T2, T4, N3, N5, N1),  # turns by 120°, mirrors that reverse nearest neighbours
    "p31m": (T0, T2, T4, N0, N2, N4),  # turns by 120°, mirrors that keep nearest neighbours
    "p6": (T0, T1, T2, T3, T4, T5),  # turns by 60°
    "p6m": (T0, T1, T2, T3, T4, T5, N0, N1, N2, N3, N4, N5),  # turns by 60° and mirrors
}
# Generators of each group in one and in three dimensions.
GENERATORS: dict[int, dict[str, tuple]] = {
    1: {
        "p1": (((1,),),),  # only translations
        "pm": (((-1,),),),  # and the mirror
    },
    3: {
        "C1": (((1, 0, 0), (0, 1, 0), (0, 0, 1)),),
        "Ci": (INVERSION,),
        "Cs": (MIRROR_Z,),
        "C2": (Z2,),
        "C2v": (Z2, MIRROR_Y),
        "C2h": (Z2, INVERSION),
        "D2": (Z2, Y2),
        "D2h": (Z2, Y2, INVERSION),
        "C3": (DIAGONAL3,),
        "C3i": (DIAGONAL3, INVERSION),
        "C3v": (DIAGONAL3, MIRROR_DIAGONAL),
        "D3": (DIAGONAL3, ((0, -1, 0), (-1, 0, 0), (0, 0, -1))),
        "D3d": (DIAGONAL3, MIRROR_DIAGONAL, INVERSION),
        "C4": (Z4,),  # quarter turns about the axis of depth
        "S4": (IMPROPER_Z4,),
        "C4v": (Z4, MIRROR_Y),
        "C4h": (Z4, INVERSION),
        "D4": (Z4, Y2),
        "D2d": (IMPROPER_Z4, Y2),
        "D4h": (Z4, Y2, INVERSION),  # all that keeps a square prism
        "T": (Z2, DIAGONAL3),
        "Th": (Z2, DIAGONAL3, INVERSION),
        "Td": (Z2, DIAGONAL3, MIRROR_DIAGONAL),
        "O": (Z4, DIAGONAL3),  # the turns of the cube
        "Oh": (Z4, DIAGONAL3, INVERSION),  # and its mirrors
    },
}
# Other names of these groups.
ALIASES = {
    2: {"z2": "p1", "C1": "p1", "C2": "p2", "C4": "p4", "D4": "p4m", "C6": "p6", "D6": "p6m"}
}
