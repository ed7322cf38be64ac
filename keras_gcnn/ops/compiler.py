"""What compiles the function that a tensor is in, and for which device."""

import sys

import keras


def compiler_of(x):
    """What will compile the function that `x` is being traced into, `None` if nothing does.

    `"xla"`, `"graph"` for TensorFlow by itself, or `"torch.compile"`. No backend is imported.
    """
    if keras.backend.backend() == "torch":
        return "torch.compile" if is_traced_by_torch() else None
    if type(x).__name__ == "SymbolicTensor":
        return "xla" if _is_for_xla(x.graph) else "graph"
    return "xla" if type(x).__name__.endswith("Tracer") else None


def _is_for_xla(graph):
    """Whether a graph of TensorFlow, or one around it, is of a function with jit_compile=True.

    TensorFlow does not tell in public: a version that hides it counts as without XLA.
    """
    while graph is not None:
        context = getattr(graph, "_get_control_flow_context", lambda: None)()
        if context is not None and context.IsXLAContext():
            return True
        graph = getattr(graph, "outer_graph", None)
    return False


def device_of(x):
    """The kind of device that will compute, `"cpu"` or `"gpu"`."""
    if keras.backend.backend() == "torch":  # where Keras lists none
        return {"cuda": "gpu"}.get(x.device.type, x.device.type)
    return keras.distribution.list_devices()[0].split(":")[0]


def is_traced_by_torch():
    """Whether `torch.compile` is tracing, without importing torch, which Keras has done."""
    return keras.backend.backend() == "torch" and sys.modules["torch"].compiler.is_compiling()


def is_xla_on_cpu(x):
    """Whether XLA compiles this for a CPU."""
    return compiler_of(x) == "xla" and device_of(x) == "cpu"
