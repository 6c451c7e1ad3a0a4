"""Your own environment: define it, check it against the contract, let a policy play it."""

import gymnasium

from policies.scripted import RandomPolicy
from sims import check_environment
from sims.spaces import ImagesSpace, ReplySpace
from training.rollout import EpisodeSpec, LocalPool, collect_episodes


class Brighter(gymnasium.Env):  # which half of the picture is brighter? one reply, then the end
    observation_space = gymnasium.spaces.Dict(text=ReplySpace(99), images=ImagesSpace(4, 8))
    action_space = ReplySpace(500)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.levels = self.np_random.permutation(256)[:2].astype("uint8")
        image = self.levels.repeat(4)[None, :, None].repeat(4, axis=0).repeat(3, axis=2)
        obs = {"text": "Which half is brighter?\nA. left\nB. right", "images": (image,)}
        return obs, {"success": False, "options": {"A": "left", "B": "right"}, "truth": {}}

    def step(self, action):
        gold, self.levels = "AB"[self.levels.argmax()], None  # a step after the end has to raise
        info = {"success": f"<answer>{gold}</answer>" in action, "options": {}, "truth": {}}
        return {"text": "The end.", "images": ()}, float(info["success"]), True, False, info


check_environment(Brighter)
played = collect_episodes(LocalPool(Brighter, 4), RandomPolicy(), [EpisodeSpec(seed=7)])
print(f"Brighter keeps the contract. The random policy was right: {played[0].success}.")
