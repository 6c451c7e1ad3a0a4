"""Your own reward: a function of a group of episodes, beside the suite's own terms."""

import numpy as np

from policies.scripted import RandomPolicy
from sims import make_env
from sims.avr.config import nursery_config
from sims.config import AvrEnvConfig
from training.rewards.compose import RewardConfig, RewardTermConfig, reward_group
from training.rewards.terms import REWARD_TERMS
from training.rollout import EpisodeSpec, LocalPool, collect_episodes


def brevity(group):
    """1 for replies of no length, falling to 0 at 100 characters on average; shape (G,)."""
    lengths = [np.mean([len(turn.output.text) for turn in episode.turns]) for episode in group]
    return np.clip(1 - np.array(lengths) / 100, 0, 1)


known = {**REWARD_TERMS, "brevity": brevity}
brief_if_right = RewardTermConfig(weight=0.5, gate="final_answer")
config = RewardConfig(terms={"final_answer": RewardTermConfig(), "brevity": brief_if_right})
config.check(known)

pool = LocalPool(lambda: make_env(AvrEnvConfig(config=nursery_config())), num_envs=4)
for seed in range(4):  # a group: one world, four attempts
    specs = [EpisodeSpec(seed=seed, sample_index=index) for index in range(4)]
    reward = reward_group(collect_episodes(pool, RandomPolicy(), specs), config, known)
    print(f"world {seed}: rewards {reward.total.round(2)}, brevity {reward.terms['brevity']}")
