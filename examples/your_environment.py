"""Your own environment: define it, register it, check it, let a policy play it."""

import gymnasium
import numpy as np

from policies.scripted import RandomPolicy
from sims.conformance import check_environment
from sims.spaces import ImagesSpace, ReplySpace
from training.rollout import EpisodeSpec, LocalPool, collect_episodes


class Brighter(gymnasium.Env):
    """Which half of the picture is brighter? The first reply ends the episode."""

    observation_space = gymnasium.spaces.Dict(text=ReplySpace(99), images=ImagesSpace(4, 8))
    action_space = ReplySpace(500)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.levels = self.np_random.permutation(256)[:2]
        return self.show("Which half is brighter?\nA. left\nB. right", success=False)

    def show(self, text, *, success):
        row = np.repeat(self.levels.astype(np.uint8), 4)
        obs = {"text": text, "images": (np.full((4, 8, 3), row[:, None]),)}
        return obs, {"success": success, "options": {"A": "left", "B": "right"}, "truth": {}}

    def step(self, action):
        gold = "AB"[self.levels.argmax()]
        obs, info = self.show("The end.", success=f"<answer>{gold}</answer>" in action)
        self.levels = None  # a step after the end has to raise
        return obs, float(info["success"]), True, False, info


gymnasium.register("Brighter-v0", entry_point=Brighter)
check_environment(lambda: gymnasium.make("Brighter-v0"))
pool = LocalPool(lambda: gymnasium.make("Brighter-v0"), num_envs=4)
episodes = collect_episodes(pool, RandomPolicy(), [EpisodeSpec(seed=s) for s in range(100)])
print(f"Brighter-v0 keeps the contract; guessing solves {sum(e.success for e in episodes)} of 100.")
