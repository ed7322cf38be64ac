"""The site of the documentation, made by `tox -e docs`.

Pages are Markdown. Their Python is run while the site is made, and what it prints and draws stands
below it.
"""

import functools
import inspect
import os
import re
import subprocess
import sys
import typing
from importlib.util import find_spec
from pathlib import Path

import keras_gcnn

SUBMODULES = ["groups", "layers", "models", "ops", "visualization"]

project = "keras_gcnn"
release = keras_gcnn.__version__
html_title = f"keras_gcnn {release}"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
]
# The sources are the clone, so that links lead to the same places here and in the clone.
root_doc = "docs/index"
include_patterns = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/**.md",
    "docs/**.rst",
    "reproductions/**.md",
]
include_patterns += ["benchmarks/*.md"]
exclude_patterns = ["docs/_templates", "**/*_template.md", "reproductions/data"]
templates_path = [str(Path(__file__).parent / "_templates")]

# The extension of that package only copies its files, and would forbid to read pages in parallel.
html_static_path = [
    "static",
    str(Path(find_spec("sphinx-mathjax-offline").origin).parent / "static"),
]
mathjax_path = "mathjax/tex-chtml.js"
html_theme = "furo"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_css_files = ["site.css"]
html_extra_path = ["root"]

myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 3
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_merge_streams = True

autosummary_generate = True
autosummary_ignore_module_all = False
autosummary_context = {"submodules": SUBMODULES}
autosummary_imported_members = True
autodoc_inherit_docstrings = False
autodoc_typehints = "none"
napoleon_custom_sections = ["Input shape", "Output shape", "Input shape, output shape"]
napoleon_use_rtype = False
default_role = "code"

FIRST_SECTION = re.compile(r"(?m)^(?=[A-Z][a-z, ]*:$)")
BETWEEN_NAMES = re.compile(r"(?<=,)\n {4}(?=\w)")
SPECIAL = re.compile(r"(?m)(`[^`]*`|^>>>.*$)|([|*])")  # except in code

FIRST_CELL = """---
file_format: mystnb
kernelspec: {name: python3}
---
```{code-cell} python
:tags: [remove-cell]
%cd -q ..
%matplotlib inline
import warnings
warnings.formatwarning = lambda message, kind, *_: f"{kind.__name__}: {message}\\n"
```
"""
PICTURE = re.compile(r"!\[[^]]*\]\(visualization/[^)]+\)")
DRAWN = """```{code-cell} python
:tags: [remove-input]
figure
```"""


def add_playground(app):
    """Makes what the page to play with loads. PyTorch can export its networks, and JAX cannot."""
    folder = Path(app.outdir) / "_static" / "playground"
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    command = [sys.executable, "-m", "docs.playground", str(folder)]
    subprocess.run(command, cwd=Path(__file__).parents[1], env=environment, check=True)


def run_python(app, docname, source):
    """Blocks of Python become cells of a notebook, and a picture what its cell has drawn."""
    if docname.startswith("docs/") and "```python\n" in source[0]:
        cells = source[0].replace("```python\n", "```{code-cell} python\n")
        source[0] = FIRST_CELL + PICTURE.sub(DRAWN, cells)


def from_markdown(app, what, name, obj, options, lines):
    """Docstrings are Markdown, with formulas that are indented; Sphinx reads reStructuredText."""
    head, *sections = FIRST_SECTION.split("\n".join(lines), maxsplit=1)
    paragraphs = [
        f"::\n\n{part}" if part.startswith("    ") else escaped(part) for part in head.split("\n\n")
    ]
    sections = [BETWEEN_NAMES.sub(" ", escaped(part)) for part in sections]
    text = "".join(["\n\n".join(paragraphs), *sections])
    lines[:] = text.replace("Example:\n", ".. rubric:: Example\n\n").split("\n")


def escaped(text):
    """Bars and stars as they are, and public names as links."""
    return SPECIAL.sub(lambda found: linked(found[1]) if found[1] else f"\\{found[2]}", text)


def linked(code):
    """A name in backticks as a link, if it is that of something public."""
    name = code.strip("`")
    path = documented().get(name)
    return f":py:obj:`{name} <{path}>`" if path else code


@functools.cache
def documented():
    """Where what is public has its page, by the ways in which docstrings name it.

    A name of one word in lower case may be an argument. It is a link only after that of its module.
    """
    places = {}
    for module in (keras_gcnn, *(getattr(keras_gcnn, name) for name in SUBMODULES)):
        for name in module.__all__:
            path = f"{module.__name__}.{name}"
            within = path.removeprefix("keras_gcnn.")
            names = [path, f"kg.{within}", within, name]
            places |= dict.fromkeys(filter(is_no_argument, names), path)
    return places


def is_no_argument(name):
    """Whether a name in backticks cannot be that of an argument."""
    return not name.islower() or "_" in name or "." in name


def whole_signature(app, what, name, obj, options, signature, returns):
    """That of a class is its constructor's, with the keywords that its bases take."""
    if what != "class":
        return None
    inherited = {}
    for base in filter(lambda base: "__init__" in vars(base), obj.__mro__):
        for key, parameter in inspect.signature(base.__init__).parameters.items():
            inherited.setdefault(key, parameter)
    parameters = []
    for given in inspect.signature(obj).parameters.values():
        if typing.get_origin(given.annotation) is typing.Unpack:
            (keywords,) = typing.get_args(given.annotation)
            names = sorted(
                keywords.__annotations__, key=[*inherited, *keywords.__annotations__].index
            )
            parameters += [_keyword(key, inherited.get(key)) for key in names]
        elif given.kind is not inspect.Parameter.VAR_POSITIONAL:
            parameters.append(given)
    untyped = [p.replace(annotation=inspect.Parameter.empty) for p in parameters]
    return str(inspect.Signature(untyped)), returns


def _keyword(name, parameter):
    default = parameter.default if parameter else None
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)


def setup(app):
    """Called by Sphinx."""
    app.connect("builder-inited", add_playground)
    app.connect("source-read", run_python)
    app.connect("autodoc-process-signature", whole_signature)
    app.connect("autodoc-process-docstring", from_markdown, priority=400)
