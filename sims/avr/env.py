"""`AVR/Occlusion-v0`, `AVR/Stack-v0`, `AVR/Composite-v0`: look, move, pick and open until the
question can be answered.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Dict

from sims.avr.actions import Action, perform
from sims.avr.arm_executor import BY_ARM, ArmExecutor, Executed
from sims.avr.candidates import (
    OptionList,
    deal_letters,
    draw_candidates,
    draw_first_candidates,
    make_list,
)
from sims.avr.config import AvrConfig
from sims.avr.decision import Decision, read_decision
from sims.avr.expert import STYLES, expert_reply
from sims.avr.foresight import Foresight
from sims.avr.knowledge import Knowledge
from sims.avr.marks import deal_marks, draw_marks
from sims.avr.process import Task, choose_scene_types, draw_task, visible_part
from sims.avr.sight import Sight, look
from sims.avr.texts import first_text, name_targets, turn_text
from sims.avr.truth import Step, make_truth
from sims.avr.typed import write_typed_action
from sims.avr.world import UnsettledError, World
from sims.rendering import RenderSettings
from sims.spaces import ImagesSpace, ReplySpace

PEEPING_PIXELS = 0.02
"""Largest share of a small thing's pixels that may peep out of a hidden place at first."""


class AvrEnv(gymnasium.Env[dict[str, Any], str]):
    """Things are hidden from the first view; looking from elsewhere, or handling what hides them,
    shows more.

    Observation: `text` (question and options at first; then what turn it is, and the options now)
    and `images` (one picture, uint8 (H, W, 3)). Action: the policy's whole reply; the last
    `<answer>` or `<action>` tag counts. Reward: 1.0 for the right final answer, else 0.0. An answer
    terminates; `max_turns` truncates.

    `info` holds `success`, `options` (letter -> text; empty in the typed form) and `truth`, which
    is private: see `sims.avr.truth`.

    Args:
        config: what the worlds look like; None takes the defaults.
        scene_kind: "occlusion", "stack" or "composite".
        render_mode: "rgb_array" or None.

    Attributes:
        world: the world as it stands; private like `info["truth"]`, and so are the next two.
        sight: what the latest picture shows.
        knowledge: what has been seen, the belief, and the options on offer.
        executor: the arm that carries out deeds, or None where none does.
        expert_styles: the ways in which its expert can act.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 2}  # noqa: RUF012
    expert_styles = STYLES

    def __init__(
        self,
        config: AvrConfig | None = None,
        scene_kind: str = "occlusion",
        render_mode: str | None = None,
    ) -> None:
        self.config = config or AvrConfig()
        self.config.check()
        self._types = choose_scene_types(
            scene_kind, self.config.scene_types, include_held_out=self.config.include_held_out
        )
        of_kind = choose_scene_types(scene_kind, [], include_held_out=True)
        self.executor = ArmExecutor() if self.config.executor == "arm" else None
        self._with_open = not self.config.brief and any(t.has_openable for t in of_kind)
        self.render_mode = render_mode
        height, width = self.config.image_height, self.config.image_width
        self._settings = RenderSettings(height=height, width=width, shadows=self.config.shadows)
        self.observation_space = Dict(
            {"text": ReplySpace(1_000_000), "images": ImagesSpace(height, width, max_images=1)}
        )
        self.action_space = ReplySpace(self.config.max_reply_chars)
        self.world: World
        self.sight: Sight
        self.knowledge: Knowledge
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
        config, rng = self.config, self.np_random
        self._start_state, self._replies = dict(rng.bit_generator.state), []
        self._task, (self.world, self.sight) = draw_task(config, self._types, rng, self.realise)
        self._foresight = Foresight(self.world, by_arm=self.executor is not None)
        handles = [n for device in self._task.layout.devices for n in device.handles]
        self._marks = deal_marks(handles, rng) if config.target_names == "marks" else {}
        self._answers = self._deal_answers()
        names = name_targets(self._task.layout, self._marks)
        self.knowledge = Knowledge(
            question=self._task.question,
            belief=self._task.belief,
            options=make_list(self._answers, [], names, brief=config.brief, rng=None),
            names=names,
            attributes=config.named_attributes(),
            turns_left=config.max_turns,
            brief=config.brief,
        )
        self.knowledge.add(self.sight, self.world)
        self._turn, self._over, self._num_failed = 0, False, 0
        self._offer_actions()
        truth = self._truth(Step(kind="reset"))
        return self._observation(""), self._info(success=False, truth=truth)

    def step(self, action: str) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Carry out a reply. One that chooses nothing costs a turn and is told what is legal."""
        if self._over:
            raise RuntimeError("step() after the end of an episode; call reset() first")
        reply = str(action)
        self._replies.append(reply)
        decision = self._read(reply)
        self._turn += 1
        self.knowledge.turns_left -= 1
        step = self._carry_out(decision)
        success = decision.answer == self._task.gold
        terminated = decision.answer is not None
        truncated = not terminated and self._turn >= self.config.max_turns
        self._over = terminated or truncated
        info = self._info(success=success, truth=self._truth(step))
        note = decision.note or step.note
        return self._observation(note), float(success), terminated, truncated, info

    @property
    def task(self) -> Task:
        """What the episode is about; private, like `info["truth"]`."""
        return self._task

    def expert_reply(self, style: str = "best") -> str:
        """What the scripted expert says now, from what has been seen only (see
        `sims.avr.expert`).
        """
        return expert_reply(self.knowledge, self._foresight, style)

    def render(self) -> np.ndarray:
        """The present picture, uint8 (H, W, 3)."""
        picture = self.sight.picture.copy()
        draw_marks(picture, self._marks, self.sight, self.world)
        return picture

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

    def realise(self, task: Task) -> tuple[World, Sight] | None:
        """The world of a task and its first picture, or None where it does not settle, or shows or
        hides what it should not.
        """
        try:
            world = World(task.layout, task.contents, task.yaws)
        except UnsettledError:
            return None
        sight = look(world, self._settings)
        if sight.shows != set(visible_part(task.layout, task.contents)):
            return None
        allowed = PEEPING_PIXELS * world.full_pixels(self._settings.width)
        hidden = [place.name for place in task.layout.hidden_places()]
        return None if any(sight.pixels.get(n, 0) > allowed for n in hidden) else (world, sight)

    def _read(self, reply: str) -> Decision:
        options = self.knowledge.options
        if self.config.action_form == "lettered":
            return read_decision(reply, options)
        return read_decision(reply, options, self.sight, self.world)

    def _carry_out(self, decision: Decision) -> Step:
        """Do what was decided, look, and say what that revealed."""
        knowledge = self.knowledge
        before, expected, executed = dict(knowledge.known), None, None
        if decision.action is not None:
            offered = knowledge.options.actions.items()
            letter = next((k for k, action in offered if action == decision.action), "")
            expected = knowledge.gains.get(letter)
            executed = self._perform(decision.action)
            self.sight = look(self.world, self._settings)
            knowledge.actions.append(decision.action)
            knowledge.add(self.sight, self.world)
            self._offer_actions()
        return Step(
            kind=decision.kind,
            letter=decision.letter,
            action=decision.action,
            known_before=before,
            expected_gain=expected,
            executed=executed,
            num_failed=self._num_failed,
        )

    def _perform(self, action: Action) -> Executed | None:
        """Carry an action out, by magic or by the arm; what the arm cannot do is learned."""
        if self.executor is None or action.kind not in BY_ARM:
            perform(action, self.world)
            return None
        executed = self.executor.perform(action, self.world)
        self._num_failed += not executed.moved
        self.knowledge.learn(action, is_possible=executed.moved)
        self._foresight.learn(action, is_possible=executed.moved)
        return executed

    def _offer_actions(self) -> None:
        """Put the actions for the world as it stands on the list, and foresee what they gain."""
        config, knowledge, rng = self.config, self.knowledge, self.np_random
        dealer = rng if config.shuffle_options else None
        if config.action_form == "typed":
            knowledge.options = self._spell_out(draw_candidates(config, self.world, rng))
        elif self._turn == 0 or config.redraw_options:
            actions = (
                draw_candidates(config, self.world, rng)
                if self._turn
                else draw_first_candidates(config, self.world, rng, with_open=self._with_open)
            )
            knowledge.options = make_list(
                self._answers, actions, knowledge.names, brief=config.brief, rng=dealer
            )
        if config.foresee:
            knowledge.foreseen = self._foresee(knowledge.options.actions)
            knowledge.gains = {
                letter: knowledge.belief.expected_gain(knowledge.known, places)
                for letter, places in knowledge.foreseen.items()
            }

    def _deal_answers(self) -> dict[str, str]:
        """Letter -> answer; in the typed form each answer stands for itself."""
        if self.config.action_form == "typed":
            return {answer: answer for answer in self._task.offer}
        dealer = self.np_random if self.config.shuffle_options else None
        return deal_letters(self._task.offer, dealer)

    def _spell_out(self, actions: list[Action]) -> OptionList:
        """The list of the typed form, which the expert alone reads: each action whose target is in
        view goes by what to write for it.
        """
        written = {write_typed_action(a, self.sight, self.world): a for a in actions}
        spelled = {text: action for text, action in written.items() if text is not None}
        names, brief = self.knowledge.names, self.config.brief
        texts = {text: action.words(names, brief=brief) for text, action in spelled.items()}
        return OptionList(texts={**self._answers, **texts}, answers=self._answers, actions=spelled)

    def _foresee(self, actions: dict[str, Action]) -> dict[str, frozenset[str]]:
        """The places that each action should show; none where nothing is left to find out."""
        knowledge, foresight = self.knowledge, self._foresight
        if knowledge.proven() is not None:
            return dict.fromkeys(actions, frozenset())
        return {
            letter: foresight.shows([action], knowledge.known) for letter, action in actions.items()
        }

    def _truth(self, step: Step) -> dict[str, Any]:
        return make_truth(step, self._task, self.knowledge, self._answers)

    def _observation(self, note: str) -> dict[str, Any]:
        turn = turn_text(note, self._turn, self.config.max_turns)
        options = self.knowledge.options.texts if self.config.action_form == "lettered" else None
        if self._turn == 0:
            text = first_text(self._task.question, self._task.offer, options, self.config, turn)
        elif options and self.config.redraw_options:
            text = "\n".join([f"{letter}. {words}" for letter, words in options.items()] + [turn])
        else:
            text = turn
        return {"text": text, "images": (self.render(),)}

    def _info(self, *, success: bool, truth: dict[str, Any]) -> dict[str, Any]:
        lettered = self.config.action_form == "lettered"
        options = dict(self.knowledge.options.texts) if lettered else {}
        return {"success": success, "options": options, "truth": truth}
