"""The one vLLM engine of an agent: started from its weights, in this process or in Ray actors.

It is dear (seconds to start, most of a GPU), so that all policies of an agent share it.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from policies.engines.vllm import VllmReplica, make_replica, make_vllm_engine
from policies.engines.vllm_config import VllmConfig
from policies.inputs import PictureFormat
from policies.interface import Engine


def start_vllm_engine(
    save: Callable[[Path], None],
    config: VllmConfig,
    *,
    picture_format: PictureFormat,
    max_batch_size: int,
) -> Engine:
    """An engine with a model's weights, as version 0.

    Args:
        save: writes the model as a checkpoint into a folder.
        config: settings, checked.
        picture_format: how the model cuts pictures.
        max_batch_size: most conversations decoded side by side, in each replica.

    Raises:
        ModuleNotFoundError: where vLLM is not installed.
        ValueError: where Ray is asked for, and there is none or too small a one.
    """
    folder = make_folder(config)
    save(folder)
    if config.placement == "process":
        return make_vllm_engine(
            folder, config, picture_format=picture_format, max_batch_size=max_batch_size
        )
    from training.ray_engine import RayVllmEngine

    make: Callable[[], VllmReplica] = partial(
        make_replica,
        folder,
        config,
        picture_format=picture_format,
        max_batch_size=max_batch_size,
    )
    return RayVllmEngine(make, config, folder=folder)


def make_folder(config: VllmConfig) -> Path:
    """A new folder for the checkpoint and for weights on their way, in `config.folder`. It is gone
    when this process ends.
    """
    if config.folder is not None:
        Path(config.folder).mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="saccade-vllm-", dir=config.folder))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
