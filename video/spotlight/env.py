"""`Video/Spotlight-v0`: choose frames of a long film until a question about it can be answered."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Dict

from sims.spaces import ImagesSpace, ReplySpace
from video.sampling import sample_frames
from video.spotlight.config import SpotlightConfig
from video.spotlight.consistency import Exchange, verify
from video.spotlight.decisions import Decision, Situation, decide, make_exchange
from video.spotlight.look_texts import look_text
from video.spotlight.looks import Look
from video.spotlight.opening import make_source
from video.spotlight.pictures import make_sheet
from video.spotlight.showing import Pictures, Screen
from video.spotlight.sources import Expert, QuestionSet, SpotlightTask
from video.spotlight.texts import first_text, text_after, turn_text
from video.spotlight.truth import Shown, Step, Watched, best_overlap, make_truth
from video.synthetic.expert import STYLES

NUMBERS = 100_000_000
"""A reset without a seed draws one of this many tasks."""


class SpotlightEnv(gymnasium.Env[dict[str, Any], str]):
    """A policy sees a question and a uniform scan of a film; each reply asks for something more, or
    answers.

    Observation: `text` and `images` (uint8 (H, W, 3); the marker `<image>` in the text says where
    each one stands). Action: the policy's whole reply; the last `<answer>` or `<action>` tag
    counts. Reward: 1.0 for the right answer, else 0.0. An answer terminates, and so does the one
    reply that `scan_only` admits; `max_turns` truncates.

    `info` holds `success`, `options` (letter -> text; empty where the answer is a stretch of film),
    and `truth`, which is private: see `video.spotlight.truth`. Where the films are synthetic,
    `expert_reply(style)` says what the scripted expert would.

    Args:
        config: what is shown and what may be asked for; None takes the defaults.
        questions: a set of questions in place of the synthetic films; None for those.
        render_mode: "rgb_array" or None.

    Raises:
        ValueError: for settings out of range, or a `data_dir` that cannot be read.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 2}  # noqa: RUF012

    def __init__(
        self,
        config: SpotlightConfig | None = None,
        questions: QuestionSet | None = None,
        render_mode: str | None = None,
    ) -> None:
        self.config = config = config or SpotlightConfig()
        config.check("env.config.")
        self.render_mode = render_mode
        self._source = make_source(config, questions)
        if self._source.has_expert:  # an attribute only where there is one, as callers ask for it
            self.expert_reply, self.expert_styles = self._expert_reply, STYLES
        images = ImagesSpace(
            *config.largest_picture(),
            max_images=config.max_images(),
        )
        self.observation_space = Dict({"text": ReplySpace(10_000_000), "images": images})
        self.action_space = ReplySpace(config.max_reply_chars)
        self._screen: Screen | None = None
        self._over = True

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Open the task that a seed stands for: a film and a question drawn from it, or question
        number `seed` of a set, counted round.

        Args:
            seed: any; None draws a task.
            options: `question_id` names a question of a set; it goes before the seed.

        Raises:
            VideoError: where the film cannot be read.
            ValueError: for a `question_id` that is not there.
        """
        super().reset(seed=seed)
        asked = (options or {}).get("question_id")
        number = int(self.np_random.integers(NUMBERS)) if seed is None else int(seed)
        return self._begin(self._source.find(number if asked is None else str(asked)))

    def step(self, action: str) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Carry out a reply. One that cannot be met costs a turn and is told what is legal."""
        if self._over:
            raise RuntimeError("step() after the end of an episode; call reset() first")
        reply = str(action)
        sufficient = self._watched.sufficient
        decision = decide(reply, self._situation())
        shown = self._note(decision)
        self._turn += 1
        terminated = decision.ends or self._rules.scan_only
        truncated = not terminated and self._turn >= self._rules.num_turns()
        self._over = terminated or truncated
        step = Step(
            kind=decision.kind,
            choice=decision.choice,
            interval=decision.interval,
            evidence_interval=decision.evidence,
            look=decision.look,
            shown=shown,
            gained=self._watched.add(shown.seconds),
            sufficient=sufficient,
        )
        self._history.append(shown)
        text = text_after(decision, self._situation())
        self._exchanges.append(make_exchange(reply, text, decision))
        info = self._info(step, success=self._is_right(decision))
        obs = {"text": text, "images": decision.pictures}
        return obs, float(info["success"]), terminated, truncated, info

    @property
    def task(self) -> SpotlightTask:
        """What the episode is about; private, like `info["truth"]`."""
        return self._task

    def render(self) -> np.ndarray:
        """The pictures that were shown last, as one sheet, uint8 (H, W, 3)."""
        return make_sheet(self._last_pictures)

    def get_state(self) -> dict[str, Any]:
        """The episode so far, JSON-able: which task it is, and every reply."""
        return {"task": self._task.key, "replies": [e.reply for e in self._exchanges]}

    def set_state(self, state: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Come back to a state of `get_state`, in this or any other process, by living it again.

        Returns:
            The observation and info that the episode stood at.
        """
        obs, info = self._begin(self._source.find(state["task"]))
        for reply in state["replies"]:
            obs, _, _, _, info = self.step(reply)
        return obs, info

    def close(self) -> None:
        """Close the film."""
        if self._screen is not None:
            self._screen.close()
            self._screen = None
        super().close()

    def _begin(self, task: SpotlightTask) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start the episode of a task."""
        self._over = True
        if self._screen is not None:
            self._screen.close()
        self._rules = self.config.for_task(task.key)
        self._task, self._screen = task, Screen(task.open_film, self._rules)
        self._film = film = self._screen.film
        num = self._rules.num_scan_frames(film.duration_seconds)
        indices = sample_frames(self._rules.scan_sampler, film.num_frames, num)
        self._last_pictures, seconds = self._screen.show(indices)
        self._turn, self._over = 0, False
        self._exchanges: list[Exchange] = []
        self._asked: set[tuple[str, tuple[float, ...]]] = set()
        shown = Shown(frames=tuple(indices), seconds=seconds)
        self._history = [shown]
        self._experts: dict[str, Expert] = {}
        self._watched = Watched(evidence=task.question.evidence)
        gained = self._watched.add(seconds)
        sufficient = self._watched.sufficient
        step = Step(kind="reset", shown=shown, gained=gained, sufficient=sufficient)
        scan = look_text(shown, self._rules, task.captions, whole_stretch=False)
        turn = turn_text(self._situation())
        text = first_text(task.question, film, self._rules, scan, turn)
        return {"text": text, "images": self._last_pictures}, self._info(step, success=False)

    def _situation(self) -> Situation:
        return Situation(
            question=self._task.question,
            film=self._film,
            config=self._rules,
            asked=self._asked,
            frames_left=self._frames_left(),
            turns_left=self._rules.num_turns() - self._turn,
            shown=[frame for turn in self._history for frame in turn.frames],
            captions=self._task.captions,
            project=self._project,
        )

    def _project(self, look: Look) -> Pictures:
        """The pictures of a look."""
        assert self._screen is not None, "a film is open while an episode goes on"
        return self._screen.show_closer(look.indices, look.box_xyxy_norm)

    def _note(self, decision: Decision) -> Shown:
        """Remember what a reply was shown or told."""
        look = decision.look
        if look is None:
            return Shown()
        self._asked.add((look.tool, look.numbers))
        self._last_pictures = decision.pictures or self._last_pictures
        return Shown(
            frames=tuple(look.indices),
            seconds=decision.seconds,
            box_xyxy_norm=look.box_xyxy_norm,
            told=look.told,
        )

    def _is_right(self, decision: Decision) -> bool:
        """Whether a reply gives the right answer."""
        question = self._task.question
        if question.options:
            return decision.choice is not None and decision.choice == question.answer
        overlap = best_overlap(decision.interval, question.intervals)
        return overlap is not None and overlap >= self._rules.tiou_success

    def _frames_left(self) -> int | None:
        budget = self._rules.frame_budget
        return None if budget is None else max(0, budget - self._watched.num_frames)

    def _expert_reply(self, style: str = "best") -> str:
        """What the scripted expert says now, from what has been shown only."""
        if style not in self._experts:
            make_expert = self._task.make_expert
            assert make_expert is not None, "the attribute is there only where experts are"
            self._experts[style] = make_expert(style, self._rules)
        return self._experts[style].reply(list(self._history))

    def _info(self, step: Step, *, success: bool) -> dict[str, Any]:
        question, config = self._task.question, self._rules
        verdict = verify(
            config.verification,
            self._exchanges,
            num_frames=self._film.num_frames,
            look_frames=config.look_frames(self._film.duration_seconds),
            over=self._over,
        )
        truth = make_truth(
            step,
            question,
            self._film,
            self._watched,
            frame_budget=config.frame_budget,
            verdict=verdict,
        )
        return {"success": success, "options": question.letters(), "truth": truth}
