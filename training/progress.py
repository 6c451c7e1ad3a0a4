"""Progress bars, and tables on stdout."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from tqdm import tqdm

from training.avr_metrics import Row

SHOWN = ("nll", "success", "reward", "loss")


@contextmanager
def progress_bar(name: str, first: int, total: int) -> Iterator[Callable[[dict[str, float]], None]]:
    """A bar that is moved by calling it with the metrics of a step."""
    with tqdm(
        total=total, initial=first, desc=f"{name:>22}", dynamic_ncols=True, mininterval=0.5
    ) as bar:

        def advance(metrics: dict[str, float]) -> None:
            shown = {name: f"{metrics[name]:.3f}" for name in SHOWN if name in metrics}
            bar.set_postfix(shown, refresh=False)
            bar.update(1)

        yield advance


def print_table(table: Mapping[str, Row], figures: Mapping[str, float]) -> None:
    """Rows of metrics with their standard errors, then figures, on stdout."""
    for row, metrics in table.items():
        print(row)
        for name, cell in metrics.items():
            error = "" if cell["stderr"] is None else f" +- {cell['stderr']:.3f}"
            print(f"  {name:<10} {cell['mean']:.3f}{error}  (n = {cell['n']})")
    for name, value in figures.items():
        print(f"{name} {value:.4g}")
