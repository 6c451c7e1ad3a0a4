"""Lets vLLM's CPU build import torchvision as PyPI has it, in every process of its own too.

PyPI's torchvision is built for CUDA: beside a torch for the CPU its compiled operators do not load,
and its import fails where it registers how two of them behave, since nothing has declared them.
This declares them, without anything that computes: pictures are prepared without these operators.
PyTorch's own CPU builds of torchvision need none of it and are left alone.

Python imports a module of this name at its start from wherever PYTHONPATH says;
`scripts/external_tests.py vllm` names this folder there, because vLLM starts processes whose first
line is not ours.
"""

import sys
from importlib.metadata import PackageNotFoundError, version

LIBRARY = None
"""Operators are forgotten with the object that declared them, so it has to stay."""

try:
    if not version("torchvision").endswith("+cpu"):
        import torch

        LIBRARY = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            LIBRARY.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
except PackageNotFoundError:
    pass
except Exception as error:  # a Python that cannot do this still starts
    print(f"sitecustomize: torchvision's operators are not declared: {error}", file=sys.stderr)
