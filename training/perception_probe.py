"""A perception probe: a small network trained with supervision to read what an object is from a
crop of a picture.

It answers one question: do the pixels carry the attributes? So it gets what helps, such as a mask
that says which pixels are the object's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.checks import check_at_least

OnStep = Callable[[dict[str, float]], None]
SCORE_BATCH = 512
BRIGHTNESS = 0.1
"""How much brighter or darker a training crop is made, at most."""
LEAST_DEVIATION = 0.01
"""Shading that is flatter than this is not amplified further."""
NUM_LAYERS = 5
"""Of what the network reads: colours, mask, shading."""
INPUT_SIDE = 40
"""Side of the crops that the network reads [px]; smaller crops are enlarged to it."""
MAX_SHIFT = 2
"""How far a training crop is shifted, at most [px]."""


@dataclass(kw_only=True)
class ProbeConfig:
    """A probe and its training.

    Attributes:
        num_steps: optimizer steps, at least 1.
        batch_size: crops in a step, at least 2.
        learning_rate: the highest; it warms up over a tenth of the steps and falls to 0 along a
            cosine, above 0.
        weight_decay: of AdamW, 0 or more.
        num_channels: of the first convolution; the last one has four times as many, at least 4.
        seed: decides the first weights, the order and the changes made to crops, 0 or more.
    """

    num_steps: int = 3000
    batch_size: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    num_channels: int = 32
    seed: int = 0

    def check(self, prefix: str = "") -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        check_at_least(self, prefix, num_steps=1, batch_size=2, weight_decay=0, num_channels=4)
        check_at_least(self, prefix, seed=0)
        if not 0 < self.learning_rate < math.inf:  # also false for NaN
            raise ValueError(
                f"{prefix}{'.' if prefix else ''}learning_rate is {self.learning_rate}; it must be "
                "above 0 and finite"
            )


class PerceptionProbe(nn.Module):
    """Four convolutions down to a quarter of the resolution, and a linear head per attribute.

    Args:
        num_values: how many values each attribute has.
        num_channels: of the first convolution.
    """

    def __init__(self, num_values: Sequence[int], *, num_channels: int = 32) -> None:
        super().__init__()
        widths = [num_channels * share // 2 for share in (2, 3, 6, 8)]
        self.stages = nn.Sequential(
            _convolution(NUM_LAYERS, widths[0], size=5, stride=2),
            _convolution(widths[0], widths[1]),
            nn.MaxPool2d(2),
            _convolution(widths[1], widths[2]),
            _convolution(widths[2], widths[3]),
        )
        self.heads = nn.ModuleList(nn.Linear(2 * widths[3], count) for count in num_values)

    def forward(self, crops: Tensor) -> list[Tensor]:
        """Logits of each attribute, (N, values).

        Args:
            crops: float (N, 5, H, W): colours and mask, -1 to 1, and shading.
        """
        features = self.stages(crops)
        pooled = torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1)
        return [head(pooled) for head in self.heads]


def train_probe(
    crops: np.ndarray,
    labels: np.ndarray,
    num_values: Sequence[int],
    config: ProbeConfig,
    *,
    on_step: OnStep = lambda metrics: None,
) -> PerceptionProbe:
    """Train a probe on crops and the attributes of what they show.

    Args:
        crops: uint8 (N, 4, H, W): red, green, blue, and 255 where the thing is that is meant, else
            0; or (N, variants, 4, H, W), of which one variant is taken at random every time.
        labels: int64 (N, attributes), each below its number of values.
        num_values: how many values each attribute has.
        config: see `ProbeConfig`.
        on_step: called after each step with its `loss`.

    Raises:
        ValueError: arrays that do not fit each other.
    """
    config.check()
    if crops.ndim == 4:
        crops = crops[:, None]
    _check_labels(crops, labels, num_values)
    rng = np.random.default_rng(config.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        probe = PerceptionProbe(num_values, num_channels=config.num_channels)
    probe.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(
        probe.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: _rate_share(step, config.num_steps)
    )
    probe.train()
    for _ in range(config.num_steps):
        rows = rng.integers(len(crops), size=config.batch_size)
        variants = rng.integers(crops.shape[1], size=config.batch_size)
        batch = _to_input(_vary(crops[rows, variants], rng), rng)
        loss = _loss(probe(batch), torch.from_numpy(labels[rows]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        on_step({"loss": float(loss.detach())})
    return probe.eval()


def read_attributes(probe: PerceptionProbe, crops: np.ndarray) -> np.ndarray:
    """What the probe takes each thing for: int64 (N, attributes).

    Each crop is read as it is and mirrored, and the logits are added.

    Args:
        probe: in eval mode.
        crops: uint8 (N, 4, H, W), as in `train_probe`.
    """
    found = []
    with torch.no_grad():
        for start in range(0, len(crops), SCORE_BATCH):
            batch = _to_input(crops[start : start + SCORE_BATCH])
            sums = zip(probe(batch), probe(batch.flip(3)), strict=True)
            found.append(torch.stack([(a + b).argmax(dim=1) for a, b in sums], dim=1).numpy())
    return np.concatenate(found)


def _convolution(num_in: int, num_out: int, *, size: int = 3, stride: int = 1) -> nn.Sequential:
    layer = nn.Conv2d(num_in, num_out, size, stride, padding=size // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(num_out), nn.ReLU())


def _loss(logits: list[Tensor], labels: Tensor) -> Tensor:
    """Cross-entropies of all attributes, added up."""
    pairs = zip(logits, labels.T, strict=True)
    return torch.stack([functional.cross_entropy(one, wanted) for one, wanted in pairs]).sum()


def _rate_share(step: int, num_steps: int) -> float:
    """Share of the highest learning rate at a step: a short rise, then a cosine down to 0."""
    warm_up = max(1, num_steps // 10)
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, num_steps - warm_up)))


def _vary(crops: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The crops, some of them mirrored, all of them shifted a little."""
    mirrored = rng.random(len(crops)) < 0.5
    crops[mirrored] = crops[mirrored, :, :, ::-1]
    down, right = rng.integers(-MAX_SHIFT, MAX_SHIFT + 1, size=2)
    return np.roll(crops, (down, right), axis=(2, 3))


def _to_input(crops: np.ndarray, rng: np.random.Generator | None = None) -> Tensor:
    """Crops as the network reads them: float, -1 to 1, and one layer more, the shading.

    Args:
        crops: uint8 (N, 4, H, W).
        rng: brightens or darkens the colours of each crop; None leaves them.
    """
    batch = torch.from_numpy(np.ascontiguousarray(crops)).float() / 127.5 - 1
    if rng is not None:
        gains = 1 + BRIGHTNESS * (2 * rng.random((len(crops), 1, 1, 1)) - 1)
        batch[:, :3] = (batch[:, :3] + 1) * torch.from_numpy(gains).float() - 1
    batch = torch.cat([batch, _shading(batch)], dim=1)
    if batch.shape[2] < INPUT_SIDE:
        size = (INPUT_SIDE, INPUT_SIDE)
        batch = functional.interpolate(batch, size, mode="bilinear", align_corners=False)
    return batch.contiguous(memory_format=torch.channels_last)


def _shading(batch: Tensor) -> Tensor:
    """How bright each of the thing's pixels is among them: mean 0, deviation 1; 0 elsewhere.

    It makes the shading of dark things as plain as that of bright ones. (N, 1, H, W).
    """
    brightness, inside = batch[:, :3].mean(dim=1, keepdim=True), (batch[:, 3:4] > 0).float()
    count = inside.sum(dim=(2, 3), keepdim=True).clamp(min=1)
    centred = (brightness - (inside * brightness).sum(dim=(2, 3), keepdim=True) / count) * inside
    deviation = (centred.square().sum(dim=(2, 3), keepdim=True) / count).sqrt()
    return centred / deviation.clamp(min=LEAST_DEVIATION)


def _check_labels(crops: np.ndarray, labels: np.ndarray, num_values: Sequence[int]) -> None:
    if labels.shape != (len(crops), len(num_values)):
        raise ValueError(
            f"labels have the shape {labels.shape}; legal for {len(crops)} crops and "
            f"{len(num_values)} attributes: {(len(crops), len(num_values))}"
        )
    if (labels < 0).any() or (labels >= np.asarray(num_values)).any():
        raise ValueError(f"labels must be at least 0 and below {tuple(num_values)}")
