"""`AVR/Occlusion-v0`: look, move and pick aside until the question can be answered."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Dict

from sims.avr.config import AvrConfig
from sims.avr.expert import expert_reply
from sims.avr.history import VisibleHistory
from sims.avr.options import Action, draw_options, perform
from sims.avr.scene import Scene
from sims.avr.stage import Stage
from sims.avr.tasks import Task, draw_task
from sims.replies import explain_invalid, find_choice
from sims.spaces import ImagesSpace, ReplySpace

INSTRUCTIONS = (
    "You look at a scene in which large objects may hide small ones. The question is about the "
    "scene as it is in the first picture; what you do never changes the right answer. Each reply "
    "chooses one letter: an answer, which ends the episode, or an [action], which shows you a new "
    "picture. Columns are named as they stand in the first picture. Think inside <think></think>, "
    "then write <answer>letter</answer> or <action>letter</action>."
)


class OcclusionEnv(gymnasium.Env[dict[str, Any], str]):
    """Objects hide behind others at first; looking from elsewhere or moving them shows more.

    Observation: `text` (question and lettered options at first, then what turn it is) and `images`
    (one picture, uint8 (H, W, 3)). Action: the policy's whole reply; the last `<answer>` or
    `<action>` tag counts. Reward: 1.0 for the right final answer, else 0.0. An answer terminates;
    `max_turns` truncates.

    `info` holds `success`, `options` (letter -> text) and `truth`, which is private: `gold`,
    `question_kind`, `sufficient` (whether what had been seen before this reply proves the answer),
    `kind` ("answer", "action" or "invalid"), `choice` (letter or None), `gained` (whether the
    action showed objects or hiding places that the question hinges on), `num_revealed`,
    `num_closed`, `visible` (name and box_xyxy [px, half-open] of each recognisable object in the
    new picture), `station`.

    Args:
        config: what the worlds look like; None takes the defaults.
        render_mode: "rgb_array" or None.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 2}  # noqa: RUF012

    def __init__(self, config: AvrConfig | None = None, render_mode: str | None = None) -> None:
        self.config = config or AvrConfig()
        self.config.check()
        self.render_mode = render_mode
        size = (self.config.image_height, self.config.image_width)
        self.observation_space = Dict(
            {"text": ReplySpace(1_000_000), "images": ImagesSpace(*size, max_images=1)}
        )
        self.action_space = ReplySpace(self.config.max_reply_chars)
        self._stage: Stage | None = None
        self._over = True
        self._start_state: dict[str, Any] = {}
        self._replies: list[str] = []

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Draw a world, a question and its options from the seed. `options` is not used."""
        super().reset(seed=seed)
        return self._begin()

    def _begin(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start the episode that the generator's present state stands for."""
        config = self.config
        self._start_state, self._replies = dict(self.np_random.bit_generator.state), []
        if self._stage is None:  # no GL before the first picture
            self._stage = Stage(
                config.image_height,
                config.image_width,
                shadows=config.shadows,
                num_columns=config.num_columns,
            )
        self._task = draw_task(config, self.np_random, self._first_view_fits)
        self._options = draw_options(config, self.np_random, self._task.question)
        self._scene = Scene.from_dict(self._task.scene.to_dict())
        self._history = VisibleHistory(
            question=self._task.question,
            options=self._options,
            num_columns=config.num_columns,
            attributes=config.named_attributes(),
            turns_left=config.max_turns,
        )
        self._history.add(self._view, self._scene)
        self._turn, self._over = 0, False
        truth = self._truth(kind="reset", choice=None)
        return self._observation(self._first_text()), self._info(success=False, truth=truth)

    def step(self, action: str) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Carry out a reply. One that chooses nothing costs a turn and is told what is legal."""
        if self._over:
            raise RuntimeError("step() after the end of an episode; call reset() first")
        reply = str(action)
        self._replies.append(reply)
        letter = find_choice(reply, self._options.texts)
        self._turn += 1
        self._history.turns_left -= 1
        answer = self._options.answers.get(letter or "")
        deed = self._options.actions.get(letter or "")
        kind = "answer" if answer is not None else "action" if deed is not None else "invalid"
        truth = self._truth(kind=kind, choice=letter)
        note = explain_invalid(reply, self._options.texts) if letter is None else ""
        if deed is not None:
            truth.update(self._act(deed))
        success = answer == self._task.gold
        truncated = answer is None and self._turn >= self.config.max_turns
        self._over = answer is not None or truncated
        obs = self._observation(self._turn_text(note))
        info = self._info(success=success, truth=truth)
        return obs, float(success), answer is not None, truncated, info

    def expert_reply(self, style: str = "best") -> str:
        """What the scripted expert says now, from what has been seen only (see
        `sims.avr.expert`).
        """
        return expert_reply(self._history, style)

    def render(self) -> np.ndarray:
        """The present picture, uint8 (H, W, 3)."""
        return self._view.picture.copy()

    def get_state(self) -> dict[str, Any]:
        """The episode so far, JSON-able: where its generator stood at first, and every reply."""
        return {"start": self._start_state, "replies": list(self._replies)}

    def set_state(self, state: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Come back to a state of `get_state`, in this or any other process, by living it again.

        Returns:
            The observation and info that the episode stood at.
        """
        self.np_random.bit_generator.state = state["start"]
        obs, info = self._begin()
        for reply in state["replies"]:
            obs, _, _, _, info = self.step(reply)
        return obs, info

    def close(self) -> None:
        """Drop the stage. The renderer is shared by the process and stays."""
        self._stage = None

    def _act(self, deed: Action) -> dict[str, Any]:
        """Perform an action, look, and say what that revealed of what the question hinges on.

        Once the answer is proven, it hinges on nothing any more, and no look reveals anything.
        """
        assert self._stage is not None
        history, question = self._history, self._task.question
        open_question = history.known_answer() is None
        before = len(question.relevant(history.seen())), len(history.closed_columns())
        perform(deed, self._scene)
        self._view = self._stage.show(self._scene)
        history.actions.append(deed)
        history.add(self._view, self._scene)
        found = len(question.relevant(history.seen())) - before[0]
        opened = before[1] - len(history.closed_columns())
        revealed = found + opened if open_question else 0
        return {
            "gained": revealed > 0,
            "num_revealed": revealed,
            "num_closed": len(history.closed_columns()),
            "visible": self._visible(),
            "station": self._scene.station,
        }

    def _first_view_fits(self, task: Task) -> bool:
        """Whether the first picture shows what is meant to be seen and none of what is hidden."""
        assert self._stage is not None
        self._view = self._stage.show(task.scene)
        hidden = {place.column for place in task.scene.hiding_places}
        for index, thing in enumerate(task.scene.objects):
            is_hidden = thing.row == "back" and thing.column in hidden
            if is_hidden and self._view.pixels[index]:
                return False
            if not is_hidden and not self._view.seen[index]:
                return False
        return not self._view.examined

    def _truth(self, *, kind: str, choice: str | None) -> dict[str, Any]:
        return {
            "gold": self._task.gold,
            "gold_letter": self._options.letter_of(self._task.gold),
            "question_kind": self._task.question.kind,
            "sufficient": self._history.known_answer() is not None,
            "kind": kind,
            "choice": choice,
            "gained": False,
            "num_revealed": 0,
            "num_closed": len(self._history.closed_columns()),
            "visible": self._visible(),
            "station": self._scene.station,
        }

    def _visible(self) -> list[dict[str, Any]]:
        return [
            {"name": thing.describe(), "box_xyxy": list(box)}
            for thing, box, seen in zip(
                self._scene.objects, self._view.boxes, self._view.seen, strict=True
            )
            if seen and box is not None
        ]

    def _observation(self, text: str) -> dict[str, Any]:
        return {"text": text, "images": (self._view.picture.copy(),)}

    def _info(self, *, success: bool, truth: dict[str, Any]) -> dict[str, Any]:
        return {"success": success, "options": dict(self._options.texts), "truth": truth}

    def _first_text(self) -> str:
        lines = [] if self.config.brief else [INSTRUCTIONS]
        lines.append(f"Question: {self._task.question.text}")
        lines += [f"{letter}. {text}" for letter, text in self._options.texts.items()]
        return "\n".join([*lines, self._turn_text("")])

    def _turn_text(self, note: str) -> str:
        turn = f"Turn {min(self._turn + 1, self.config.max_turns)} of {self.config.max_turns}."
        return f"{note} {turn}".strip()
