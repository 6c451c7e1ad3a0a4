"""Export recorded episodes, of any environment, to a data set that others read.

Writes LeRobotDataset v3.0: one frame per turn, with what was said in LeRobot's language columns.
What was written is checked, file by file and column by column. The simulator's private truth, token
ids and log-probabilities stay behind, and so do episodes that failed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from configs.export_schema import ExportScript
from scripts.hydra_door import BadInputError, run_script
from scripts.lerobot_form import filled_in, needs_parquet
from training.episode import Episode
from training.progress import progress_bar

EXAMPLES = (
    "python scripts/export.py episodes=runs/record/episodes",
    "python scripts/export.py episodes=runs/rollout/episodes out=exports/push only_solved=true",
    "python scripts/export.py episodes=runs/record/episodes lerobot.images=video overwrite=true",
    "python scripts/export.py episodes=runs/record/episodes lerobot.language=text  # for 0.4, 0.5",
)


def main(config: ExportScript, config_yaml: str) -> None:
    """Survey the episodes, write the data set, and check it."""
    with needs_parquet():
        from training.lerobot.check import check_lerobot
        from training.lerobot.export import (
            episode_folders,
            is_whole,
            load_episodes,
            remove_lerobot,
            write_lerobot,
        )
        from training.lerobot.schema import survey

    def keep(episode: Episode) -> bool:
        return is_whole(episode) and (episode.success or not config.only_solved)

    source = Path(config.episodes)
    num_found = len(episode_folders(source))
    out = source.parent / config.format if config.out is None else Path(config.out)
    if out.exists() and any(out.iterdir()) and not (config.append or config.overwrite):
        raise BadInputError(
            f"{out} is not empty; set append=true to go on with it, overwrite=true to delete it "
            "first, or name another folder by out"
        )
    form = filled_in(config.lerobot, env_of_run(source.parent))
    shape = survey(load_episodes(source, keep))
    if config.overwrite:
        remove_lerobot(out)
    with progress_bar("export", 0, num_found) as advance:

        def told() -> Any:
            for episode in load_episodes(source):
                advance({})
                if keep(episode):
                    yield episode

        num_written = write_lerobot(out, told(), form, shape=shape, append=config.append)
    info = check_lerobot(out)
    print(
        f"{num_written} of {num_found} episodes written; the data set has {info.total_episodes} "
        f"episodes, {info.total_frames} frames and {info.total_tasks} tasks, and passes the check"
    )
    print(f"LeRobot data set: {out}")


def env_of_run(path: Path) -> dict[str, Any]:
    """The environment's settings that a run was recorded with; empty where they are not known.

    Raises:
        BadInputError: where the run's config.yaml cannot be read.
    """
    file = path / "config.yaml"
    if not file.is_file():
        return {}
    try:
        tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInputError(f"{file}: not YAML ({error})") from error
    env = tree.get("env") if isinstance(tree, dict) else None
    settings = env.get("config") if isinstance(env, dict) else None
    return settings if isinstance(settings, dict) else {}


if __name__ == "__main__":
    sys.exit(run_script(main, config_name="export", schema=ExportScript, examples=EXAMPLES))
