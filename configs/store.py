"""Registers the dataclass schemas that the YAML files start from."""

from __future__ import annotations

from hydra.core.config_store import ConfigStore

from configs.bench_schema import BenchScript
from configs.benchmark_schema import BuildBenchmarkScript, CheckGuessingScript
from configs.check_belief_schema import CheckBeliefScript
from configs.check_engines_schema import CheckEnginesScript
from configs.check_films_schema import CheckFilmsScript
from configs.clevr_schema import ClevrScript
from configs.compare_schema import CompareScript
from configs.dataset_schema import (
    FilmDatasetConfig,
    ManipulationDatasetConfig,
    TraceDatasetConfig,
)
from configs.export_schema import ExportScript
from configs.gallery_schema import GalleryScript
from configs.generate_schema import GenerateScript
from configs.play_schema import PlayScript
from configs.reward_spread_schema import RewardSpreadScript
from configs.schemas import EvaluateScript, RecordScript, RolloutScript
from configs.sweep_schema import SweepScript
from policies.config import PolicyConfig
from sims.avr.benchmark import AvrBenchmarkConfig
from sims.config import AvrEnvConfig, LookEnvConfig, ManipulationEnvConfig, MixtureEnvConfig
from sims.external.config import ExternalEnvConfig
from video.benchmarks.config import VideoBenchmarkConfig
from video.spotlight.config import SpotlightEnvConfig


def register_schemas(config_name: str | None = None) -> None:
    """Make the schemas known to Hydra. Doing so twice changes nothing.

    Args:
        config_name: the primary file. Those of `train.yaml`, `probe.yaml` and `plan.yaml` are
            registered for these alone, since it takes seconds to import PyTorch; None registers
            all.
    """
    store = ConfigStore.instance()
    store.store(name="rollout_schema", node=RolloutScript)
    store.store(name="evaluate_schema", node=EvaluateScript)
    store.store(name="record_schema", node=RecordScript)
    store.store(name="bench_schema", node=BenchScript)
    store.store(name="generate_schema", node=GenerateScript)
    store.store(name="play_schema", node=PlayScript)
    store.store(name="gallery_schema", node=GalleryScript)
    store.store(name="clevr_schema", node=ClevrScript)
    store.store(name="compare_schema", node=CompareScript)
    store.store(name="reward_spread_schema", node=RewardSpreadScript)
    store.store(name="sweep_schema", node=SweepScript)
    store.store(name="check_belief_schema", node=CheckBeliefScript)
    store.store(name="check_films_schema", node=CheckFilmsScript)
    store.store(name="build_benchmark_schema", node=BuildBenchmarkScript)
    store.store(name="check_guessing_schema", node=CheckGuessingScript)
    store.store(name="check_engines_schema", node=CheckEnginesScript)
    store.store(name="export_schema", node=ExportScript)
    store.store(group="benchmark", name="_avr_benchmark_schema", node=AvrBenchmarkConfig)
    store.store(group="benchmark", name="_video_benchmark_schema", node=VideoBenchmarkConfig)
    store.store(group="env", name="_avr_schema", node=AvrEnvConfig)
    store.store(group="env", name="_external_schema", node=ExternalEnvConfig)
    store.store(group="env", name="_look_schema", node=LookEnvConfig)
    store.store(group="env", name="_manipulation_schema", node=ManipulationEnvConfig)
    store.store(group="env", name="_mixture_schema", node=MixtureEnvConfig)
    store.store(group="env", name="_spotlight_schema", node=SpotlightEnvConfig)
    store.store(group="policy", name="_policy_schema", node=PolicyConfig)
    store.store(group="dataset", name="_trace_schema", node=TraceDatasetConfig)
    store.store(group="dataset", name="_film_schema", node=FilmDatasetConfig)
    store.store(group="dataset", name="_manipulation_schema", node=ManipulationDatasetConfig)
    if config_name in (None, "train"):
        register_training_schema(store)
    if config_name in (None, "probe"):
        register_probe_schema(store)
    if config_name in (None, "plan"):
        register_plan_schema(store)


def register_training_schema(store: ConfigStore) -> None:
    """The schema of `train.yaml`, where PyTorch is installed; the light install does without."""
    try:
        from configs.train_schema import TrainScript
    except ModuleNotFoundError as error:
        check_only_training_is_missing(error)
        return
    store.store(name="train_schema", node=TrainScript)


def register_probe_schema(store: ConfigStore) -> None:
    """The schema of `probe.yaml`, where PyTorch is installed."""
    try:
        from configs.probe_schema import ProbeScript
    except ModuleNotFoundError as error:
        check_only_training_is_missing(error)
        return
    store.store(name="probe_schema", node=ProbeScript)


def register_plan_schema(store: ConfigStore) -> None:
    """The schema of `plan.yaml`, where PyTorch is installed."""
    try:
        from configs.plan_schema import PlanScript
    except ModuleNotFoundError as error:
        check_only_training_is_missing(error)
        return
    store.store(name="plan_schema", node=PlanScript)


def check_only_training_is_missing(error: ModuleNotFoundError) -> str:
    """What to tell a user of the light install who asked for training.

    Raises:
        ModuleNotFoundError: `error` itself, where something else is missing.
    """
    if error.name not in ("torch", "transformers", "tokenizers", "safetensors"):
        raise error
    return f"this needs {error.name}, which the light install leaves out: pip install -e '.[train]'"
