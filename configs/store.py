"""Registers the dataclass schemas that the YAML files start from."""

from __future__ import annotations

from hydra.core.config_store import ConfigStore

from configs.bench_schema import BenchScript
from configs.schemas import EvaluateScript, RecordScript, RolloutScript
from policies.config import PolicyConfig
from sims.config import AvrEnvConfig


def register_schemas() -> None:
    """Make every schema known to Hydra. Doing so twice changes nothing."""
    store = ConfigStore.instance()
    store.store(name="rollout_schema", node=RolloutScript)
    store.store(name="evaluate_schema", node=EvaluateScript)
    store.store(name="record_schema", node=RecordScript)
    store.store(name="bench_schema", node=BenchScript)
    store.store(group="env", name="_avr_schema", node=AvrEnvConfig)
    store.store(group="policy", name="_policy_schema", node=PolicyConfig)
    register_training_schema(store)


def register_training_schema(store: ConfigStore) -> None:
    """The schema of `train.yaml`, where PyTorch is installed; the light install does without."""
    try:
        from configs.train_schema import TrainScript
    except ModuleNotFoundError as error:
        check_only_training_is_missing(error)
        return
    store.store(name="train_schema", node=TrainScript)


def check_only_training_is_missing(error: ModuleNotFoundError) -> str:
    """What to tell a user of the light install who asked for training.

    Raises:
        ModuleNotFoundError: `error` itself, where something else is missing.
    """
    if error.name not in ("torch", "transformers", "tokenizers", "safetensors"):
        raise error
    return f"this needs {error.name}, which the light install leaves out: pip install -e '.[train]'"
