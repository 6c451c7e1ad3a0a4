"""`Saccade/Mixture-v0`: several environments as one, of which the seed chooses: what one policy for
every family is trained and evaluated on.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Dict

from sims.config import EnvConfig, MixtureConfig
from sims.spaces import ImagesSpace, ReplySpace

EXPERT_STYLES = ("best", "demonstrator")
"""How the families' experts act: as well as they can, or as `MixtureConfig.demonstrators` says."""


class MixtureEnv(gymnasium.Env[dict[str, Any], str]):
    """Every episode is one of a family's, from beginning to end.

    Text, pictures, actions, reward and `info` are the family's own; a robot's state is left out,
    and the family's name is added to `info["truth"]` as `family`. A seed always means the same
    family and, in it, the same episode as in the family's own environment.

    Args:
        config: which environments, and how often each.
        render_mode: "rgb_array" or None.

    Attributes:
        family: name of the family that the episode is of.
        expert_styles: the ways in which its expert can act.

    Raises:
        ValueError: for settings out of range, and for a family that is not driven by words.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 2}  # noqa: RUF012
    expert_styles = EXPERT_STYLES

    def __init__(self, config: MixtureConfig, render_mode: str | None = None) -> None:
        config.check()
        self.config, self.render_mode = config, render_mode
        self._chances = config.chances()
        self._parts = {name: _make_part(name, config.parts[name]) for name in self._chances}
        self._check_demonstrators()
        self.family = next(iter(self._chances))
        self.observation_space = self._widest_observations()
        self.action_space = ReplySpace(max(p.action_space.max_length for p in self._spoken()))

    @property
    def part(self) -> gymnasium.Env[dict[str, Any], str]:
        """The environment that the episode is played in."""
        return self._parts[self.family]

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Draw a family from the seed and begin its episode of that seed.

        Args:
            seed: None draws one from where the generator stands.
            options: handed on to the family.
        """
        super().reset(seed=seed)
        if seed is None:
            seed = int(self.np_random.integers(2**31))
        # A generator of its own: the family's draws begin from the same seed, and must not follow
        # from which family it is.
        rng = np.random.default_rng([seed, 0x9A9])
        names, chances = list(self._chances), list(self._chances.values())
        self.family = names[int(rng.choice(len(names), p=chances))]
        return self._shared(*self.part.reset(seed=seed, options=options))

    def step(self, action: str) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """The family's step."""
        obs, reward, terminated, truncated, info = self.part.step(action)
        obs, info = self._shared(obs, info)
        return obs, float(reward), terminated, truncated, info

    def expert_reply(self, style: str = "best") -> str:
        """What the family's expert says now."""
        world: Any = self.part.unwrapped
        return world.expert_reply(self._style_of(self.family, style))

    def render(self) -> Any:
        """What the family shows."""
        return self.part.render()

    def get_state(self) -> dict[str, Any]:
        """The episode so far, JSON-able: the family and its state."""
        world: Any = self.part.unwrapped
        return {"family": self.family, "state": world.get_state()}

    def set_state(self, state: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Come back to a state of `get_state`, in this or any other process.

        Returns:
            The observation and info that the episode stood at.

        Raises:
            ValueError: for a state of a family that is never drawn here.
        """
        if state["family"] not in self._parts:
            raise ValueError(
                f"the state is of family {state['family']!r}; legal: {', '.join(self._parts)}"
            )
        self.family = state["family"]
        world: Any = self.part.unwrapped
        return self._shared(*world.set_state(state["state"]))

    def close(self) -> None:
        """Free every family's environment."""
        for part in self._parts.values():
            part.close()

    def _shared(
        self, obs: dict[str, Any], info: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """What all families have in common, and which one it is."""
        truth = {**info.get("truth", {}), "family": self.family}
        return {"text": obs["text"], "images": obs["images"]}, {**info, "truth": truth}

    def _style_of(self, family: str, style: str) -> str:
        if style not in EXPERT_STYLES:
            raise ValueError(
                f"expert style {style!r} is unknown; legal: {', '.join(EXPERT_STYLES)}"
            )
        return "best" if style == "best" else self.config.demonstrators.get(family, "best")

    def _spoken(self) -> list[Any]:
        return list(self._parts.values())

    def _check_demonstrators(self) -> None:
        """Raise `ValueError` naming a demonstrator that a family does not have."""
        for name, part in self._parts.items():
            world: Any = part.unwrapped
            style = self._style_of(name, "demonstrator")
            if style not in world.expert_styles:
                raise ValueError(
                    f"demonstrators.{name} is {style!r}; legal: {', '.join(world.expert_styles)}"
                )

    def _widest_observations(self) -> Dict:
        spaces: list[ImagesSpace] = [p.observation_space["images"] for p in self._spoken()]
        images = ImagesSpace(
            max(space.max_height for space in spaces),
            max(space.max_width for space in spaces),
            max_images=max(space.max_images for space in spaces),
        )
        texts = [part.observation_space["text"].max_length for part in self._spoken()]
        return Dict({"text": ReplySpace(max(texts)), "images": images})


def _make_part(name: str, config: EnvConfig) -> gymnasium.Env[dict[str, Any], str]:
    """A family's environment.

    Raises:
        ValueError: where it is not driven by words.
    """
    part = gymnasium.make(config.id, disable_env_checker=True, **config.kwargs())
    if not isinstance(part.action_space, ReplySpace):
        raise ValueError(
            f"parts.{name} is {config.id}, which is driven by {part.action_space}; a mixture is of "
            f"environments driven by words: set parts.{name}.config.control=text"
        )
    return part
