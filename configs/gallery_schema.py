"""Schema of the script that draws the documentation's pictures of worlds."""

from __future__ import annotations

from dataclasses import dataclass

from training.checks import check_at_least


@dataclass(kw_only=True)
class GalleryScript:
    """Contact sheets of every scene type and question type, of synthetic films and of manipulation.

    Attributes:
        output_dir: the folder that the pictures are written to.
        image_size: size of the worlds' pictures [px], 112 or more.
        seed: the first reset seed that is tried, and that of the films, 0 or more.
    """

    output_dir: str = "docs/images"
    image_size: int = 256
    seed: int = 0

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        check_at_least(self, image_size=112, seed=0)
