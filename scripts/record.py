"""Film episodes: question, reasoning, chosen action and reward drawn beside every picture.

Writes one mp4 per episode and a contact sheet to runs/<name>/films/.
"""

from __future__ import annotations

import sys

from configs.schemas import RecordScript
from scripts.hydra_door import run_script
from scripts.making import make_policy, open_run
from scripts.watching import Watched
from sims import make_env
from training.episode import save_episode
from training.film_motion import Motion
from training.progress import progress_bar
from training.recording import contact_sheet, record_episode
from training.rollout import EpisodeSpec, LocalPool, check_failures, collect_episodes
from training.seeding import task_seeds

EXAMPLES = (
    "python scripts/record.py env=avr/occlusion policy=expert",
    "python scripts/record.py env=avr/occlusion policy=random num_episodes=2 run.name=random",
    "python scripts/record.py env=avr/nursery policy=model policy.path=runs/demo/models/grpo",
    "python scripts/record.py env=manipulation/push 'env.config.cameras=[front, wrist]'",
    "python scripts/record.py env=manipulation/reach env.config.control=text",
)


def main(config: RecordScript, config_yaml: str) -> None:
    """Collect the episodes and film them."""
    seeds = task_seeds(config.purpose, config.first_index, config.num_episodes)
    motions: dict[int, Motion] = {}
    pool = LocalPool(lambda: Watched(make_env(config.env), motions), min(config.num_episodes, 16))
    policy = make_policy(config.policy, pool)
    run = open_run(config.run, config_yaml)
    specs = [EpisodeSpec(seed=seed) for seed in seeds]
    episodes = collect_episodes(pool, policy, specs, sampling_seed=config.seed)
    pool.close()
    check_failures(episodes, max_failed_share=0.0)
    films = run.path / "films"
    films.mkdir(exist_ok=True)
    title = f"{config.env.id}, {config.policy.kind}"
    with progress_bar("film", 0, len(episodes)) as advance:
        for episode in episodes:
            save_episode(run.episodes_path, episode)
            path = films / f"{episode.episode_id}.mp4"
            record_episode(
                episode,
                path,
                title=title,
                draw_truth=config.draw_truth,
                cameras=getattr(config.env.kwargs().get("config"), "cameras", ()),
                motion=motions.get(episode.seed),
            )
            advance({})
    contact_sheet(episodes, films / "contact_sheet.png")
    figures = {
        "num_films": float(len(episodes)),
        "success": sum(episode.success for episode in episodes) / len(episodes),
    }
    run.write_summary("record", figures, {})
    print(f"Films: {films}")


if __name__ == "__main__":
    sys.exit(run_script(main, config_name="record", schema=RecordScript, examples=EXAMPLES))
