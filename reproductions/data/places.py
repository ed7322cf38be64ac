"""Where data sets are on this machine."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """Folders of data, as the command line names them.

    Args:
        data_dir: Where TFDS keeps prepared data sets; `None` for its default.
        manual_dir: Files of data sets that TFDS cannot download by itself.
        idx_dir: IDX files of Fashion-MNIST, such as Debian's dataset-fashion-mnist installs.
    """

    data_dir: Path | str | None = None
    manual_dir: Path | str | None = None
    idx_dir: Path | str | None = None
