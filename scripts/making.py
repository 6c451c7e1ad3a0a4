"""Builds what the scripts need from plain configuration."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from configs.schemas import RunConfig
from configs.store import check_only_training_is_missing
from policies.config import PolicyConfig
from policies.endpoint import EndpointPolicy, TokenPrices, load_api_key
from policies.engines.openai_http import ChatClient
from policies.interface import Policy
from policies.scripted import ExpertPolicy, RandomPolicy
from scripts.hydra_door import BadInputError
from training.baselines import make_random_policy
from training.pool import LocalPool, MakeEnv, MakeKeyedEnv, MixedPool, Pool
from training.rollout_config import RolloutConfig
from training.run_directory import RunDirectory, open_run_directory


def make_pool(config: RolloutConfig, make_env: MakeEnv, num_envs: int) -> Pool:
    """A pool of environments of one kind, in this process or in Ray actors.

    Args:
        config: checked.
        make_env: makes one environment.
        num_envs: episodes in flight at once.

    Raises:
        BadInputError: where Ray is not installed.
        ValueError: where the cluster does not answer or is too small, or `num_envs` can not be
            shared out among the actors.
    """
    if config.kind == "local":
        return LocalPool(make_env, num_envs)
    check_ray()
    from training.ray_rollout import RayPool

    return RayPool(make_env, num_envs, config)


def make_mixed_pool(config: RolloutConfig, make_env: MakeKeyedEnv, num_envs: int) -> Pool:
    """The same for environments of many kinds, each made for a key."""
    if config.kind == "local":
        return MixedPool(make_env, num_envs)
    check_ray()
    from training.ray_rollout import RayPool

    return RayPool(make_env, num_envs, config, keyed=True)


def check_ray() -> None:
    """Raise `BadInputError` where Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise BadInputError(
            "rollout.kind=ray needs ray, which this install leaves out: pip install -e '.[ray]'"
        )


def make_policy(config: PolicyConfig, pool: Pool | None = None) -> Policy:
    """A policy from its configuration. Imports PyTorch only for a model.

    Args:
        config: checked.
        pool: the environments that it will act in, which say what a random action is; None where
            they take words.

    Raises:
        FileNotFoundError: where `policy.path` holds no model.
        ValueError: where an endpoint's key is not in the environment.
    """
    if config.kind == "expert":
        return ExpertPolicy(config.style)
    if config.kind == "random":
        return RandomPolicy() if pool is None else make_random_policy(pool.action_space())
    if config.kind == "openai":
        return make_endpoint_policy(config)
    try:
        from training.agent import EngineConfig, load_agent
    except ModuleNotFoundError as missing:
        raise BadInputError(check_only_training_is_missing(missing)) from missing
    assert config.path is not None  # checked with the configuration
    engine = EngineConfig(
        max_batch_size=config.max_batch_size,
        max_new_tokens=config.max_new_tokens,
        device=config.device,
    )
    engine.check()
    agent = load_agent(Path(config.path), engine)
    return agent.policy(temperature=config.temperature, blind=config.blind)


def make_endpoint_policy(config: PolicyConfig) -> EndpointPolicy:
    """A policy behind an OpenAI-compatible endpoint. Sends nothing yet.

    Raises:
        ValueError: where the key is not in the environment.
    """
    assert config.base_url is not None  # checked with the configuration, and so is the next one
    assert config.model is not None
    client = ChatClient(
        config.base_url,
        api_key=load_api_key(config.api_key_env, config.base_url),
        max_retries=config.max_retries,
        timeout_seconds=config.timeout_seconds,
    )
    prices = None
    if config.prompt_price is not None and config.completion_price is not None:
        prices = TokenPrices(
            prompt=config.prompt_price,
            completion=config.completion_price,
            cached=config.cached_price,
        )
    return EndpointPolicy(
        client,
        model=config.model,
        max_new_tokens=config.max_new_tokens,
        temperature=config.temperature,
        max_concurrency=config.max_concurrency,
        system_prompt=config.system_prompt,
        blind=config.blind,
        image_detail=config.image_detail,
        extra_body=config.extra_body,
        prices=prices,
    )


def open_run(config: RunConfig, config_yaml: str) -> RunDirectory:
    """The run's directory, with the configuration written before anything is built."""
    path = Path(config.root) / config.name
    run = open_run_directory(path, resume=config.resume, overwrite=config.overwrite)
    run.write_config(config_yaml)
    return run
