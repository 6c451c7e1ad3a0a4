"""The longest episode of an environment, as its settings have it."""

from __future__ import annotations

from configs.plan_schema import PlanScript
from sims.config import AvrEnvConfig, EnvConfig, ManipulationEnvConfig
from training.planning import Workload
from video.spotlight.config import SpotlightConfig, SpotlightEnvConfig


def make_workload(config: PlanScript) -> Workload:
    """What `config.episode` says, and where it is silent what `config.env` does.

    Raises:
        ValueError: where neither says how many pictures of what size there are.
    """
    stated = {name: value for name, value in vars(config.episode).items() if value is not None}
    known = environment_episode(config.env)
    missing = {"image_height", "image_width", "num_images", "num_turns"} - {*stated, *known}
    if missing:
        raise ValueError(
            f"episode.{min(missing)} is not set, and {config.env.id} does not say; set "
            f"{', '.join(f'episode.{name}' for name in sorted(missing))}"
        )
    return Workload(**{"reply_tokens": config.engine.max_new_tokens, **known, **stated})


def environment_episode(env: EnvConfig) -> dict[str, int]:
    """Pictures and turns of the longest episode; empty where the settings do not say."""
    if isinstance(env, AvrEnvConfig):
        avr = env.config
        size = {"image_height": avr.image_height, "image_width": avr.image_width}
        return {**size, "num_images": avr.max_turns, "num_turns": avr.max_turns}
    if isinstance(env, ManipulationEnvConfig):
        arm = env.config
        size = {"image_height": arm.height, "image_width": arm.width}
        num_images = arm.max_steps * len(arm.cameras)
        return {**size, "num_images": num_images, "num_turns": arm.max_steps}
    if isinstance(env, SpotlightEnvConfig):
        return spotlight_episode(env.config)
    return {}


def spotlight_episode(films: SpotlightConfig) -> dict[str, int]:
    """Of the films, short or long, that show more pixels."""
    looks = 0 if films.scan_only else films.max_turns - 1
    budget = max(films.frame_budgets, default=films.frame_budget)

    def episode(scan: int, per_look: int, height: int, width: int) -> dict[str, int]:
        shown = scan + looks * per_look
        num_images = shown if budget is None else min(shown, budget)
        size = {"image_height": height, "image_width": width}
        return {**size, "num_images": num_images, "num_turns": looks + 1}

    kinds = [
        episode(films.scan_frames, films.frames_per_look, films.max_height, films.max_width),
        episode(
            films.scan_frames_long,
            films.frames_per_look_long,
            films.max_height_long,
            films.max_width_long,
        ),
    ]
    return max(kinds, key=lambda k: k["num_images"] * k["image_height"] * k["image_width"])
