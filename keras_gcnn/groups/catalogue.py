"""The point groups this library knows: data only. A new group is one more row.

A matrix acts on lattice coordinates (row, column). Rows are counted downwards, so `R1` turns an
image by 90° counter-clockwise, as `numpy.rot90` does, and `M0` turns it upside down, as
`numpy.flipud` does. With the paper's parameterisation (section 4.3),

    g(m, r) = M^m · R^r,    M = diag(-1, 1),    R = [[0, -1], [1, 0]],

`Rr` is g(0, r) and `Mr` is g(1, r). The elements of each group stand in the order of m first and r
second. The identity comes first.
"""

R0 = ((1, 0), (0, 1))
R1 = ((0, -1), (1, 0))
R2 = ((-1, 0), (0, -1))
R3 = ((0, 1), (-1, 0))
M0 = ((-1, 0), (0, 1))
M1 = ((0, 1), (1, 0))
M2 = ((1, 0), (0, -1))
M3 = ((0, -1), (-1, 0))

# By dimension and name.
GROUPS = {
    2: {
        "p1": (R0,),  # translations alone
        "p2": (R0, R2),  # half turns
        "p4": (R0, R1, R2, R3),  # quarter turns
        "pm": (R0, M0),  # one mirror
        "pmm": (R0, R2, M0, M2),  # two mirrors and the half turn
        "p4m": (R0, R1, R2, R3, M0, M1, M2, M3),  # quarter turns and mirrors
    },
}
# Other names of these groups.
ALIASES = {2: {"z2": "p1", "C1": "p1", "C2": "p2", "C4": "p4", "D4": "p4m"}}
