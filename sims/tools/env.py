"""`Look/Search-v0`, `Look/Compare-v0`, `Look/Inspect-v0`: a large photograph shown small, and tools
to look closer.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Dict

from sims.spaces import ImagesSpace, ReplySpace
from sims.tools.calls import Call, read_reply
from sims.tools.config import LookConfig
from sims.tools.desk import Desk
from sims.tools.expert import STYLES, expert_reply
from sims.tools.knowledge import Knowledge
from sims.tools.photograph import PHOTOGRAPHS, Photograph
from sims.tools.questions import Question
from sims.tools.tasks import draw_task
from sims.tools.texts import first_text, turn_text, what_is_legal, with_pictures
from sims.tools.tool import WHOLE, ToolResult, use_tool
from sims.tools.toolbox import choose_tools
from sims.tools.truth import Step, Tally, judge, make_truth

LETTERS = "ABCD"
SHOWN_AGAIN = {"drawn", "segmented"}
"""Facts of tools that show the whole picture again, and no part of it closer."""


class LookEnv(gymnasium.Env[dict[str, Any], str]):
    """A cluttered table or shelf in a photograph of several megapixels, of which the policy sees a
    small copy; the answer hangs on labels that cannot be read there.

    Observation: `text` and `images` (uint8 (H, W, 3)). Action: the policy's whole reply; the last
    closed `<answer>`, `<action>` or `<tool_call>` tag after the thinking counts. Reward: 1.0 for
    the right answer, else 0.0. An answer terminates; `max_turns` truncates.

    `info` holds `success`, `options` (letter -> text) and `truth`, which is private: see
    `sims.tools.truth`.

    Args:
        config: what is shown, asked and offered; None takes the defaults.
        task: "search", "compare" or "inspect".
        render_mode: "rgb_array" or None.

    Attributes:
        desk: the episode's pictures; private like `info["truth"]`, and so are the next two.
        question: what is asked.
        knowledge: what has been seen.
        tools: name -> those that may be used.
        expert_styles: the ways in which its expert can act.

    Raises:
        ValueError: for settings out of range.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 2}  # noqa: RUF012
    expert_styles = STYLES

    def __init__(
        self,
        config: LookConfig | None = None,
        task: str = "search",
        render_mode: str | None = None,
    ) -> None:
        self.config = config = config or LookConfig()
        config.check()
        config.check_task(task)
        self.task_name, self.render_mode = task, render_mode
        self.tools = choose_tools(config.tools)
        sizes = (config.small_size, config.look_size)
        height, width = max(h for _, h in sizes), max(w for w, _ in sizes)
        images = ImagesSpace(height, width, max_images=config.max_images())
        self.observation_space = Dict({"text": ReplySpace(1_000_000), "images": images})
        self.action_space = ReplySpace(config.max_reply_chars)
        self.desk: Desk
        self.question: Question
        self.knowledge: Knowledge
        self._over = True
        self._start_state: dict[str, Any] = {}
        self._replies: list[str] = []

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Draw a scene, a question and its options from the seed. `options` is not used."""
        super().reset(seed=seed)
        return self._begin()

    def _begin(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start the episode that the generator's present state stands for."""
        config, rng = self.config, self.np_random
        self._start_state, self._replies = dict(rng.bit_generator.state), []
        scene, self.question = draw_task(self.task_name, config, rng)
        self._scene = scene
        self.desk = Desk(
            config=config,
            scene=scene,
            photograph=self._photograph,
            noise_seed=int(rng.integers(2**32)),
        )
        self._letters = _deal(self.question, rng if config.shuffle_options else None)
        self.knowledge = Knowledge(
            question=self.question,
            desk=self.desk,
            letters=self._letters,
            turns_left=config.max_turns,
            brief=config.brief,
        )
        self.knowledge.note(self.desk.shown[0])
        self._turn, self._over, self._tally = 0, False, Tally()
        step = Step(kind="reset", sufficient=self._is_decided())
        return self._observe("", (self.desk.picture(WHOLE),)), self._info(step, success=False)

    def step(self, action: str) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Carry out a reply. One that cannot be met costs a turn and is told what is legal."""
        if self._over:
            raise RuntimeError("step() after the end of an episode; call reset() first")
        reply = str(action)
        self._replies.append(reply)
        spoken = read_reply(reply, self._letters)
        self._turn += 1
        self.knowledge.turns_left -= 1
        self.knowledge.replies += 1
        decided = self._is_decided()
        images: tuple[np.ndarray, ...] = ()
        if spoken.call is not None:
            step, text, images = self._use(spoken.call, sufficient=decided)
        elif spoken.choice is not None:
            step, text = Step(kind="answer", choice=spoken.choice, sufficient=decided), ""
        else:
            step = Step(kind="invalid", error=spoken.error, sufficient=decided)
            text = f"{spoken.note} {what_is_legal(list(self._letters), self.tools)}"
        self._tally.num_invalid += step.kind == "invalid"
        success = step.choice is not None and self._letters[step.choice] == self.question.gold
        terminated = step.choice is not None
        truncated = not terminated and self._turn >= self.config.max_turns
        self._over = terminated or truncated
        obs, info = self._observe(text, images), self._info(step, success=success)
        return obs, float(success), terminated, truncated, info

    def expert_reply(self, style: str = "best") -> str:
        """What the scripted expert says now, from what has been seen only (see
        `sims.tools.expert`).
        """
        return expert_reply(self.knowledge, style)

    def render(self) -> np.ndarray:
        """The picture that was shown last, uint8 (H, W, 3)."""
        return self.desk.picture(len(self.desk.shown))

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

    def _photograph(self) -> Photograph:
        """The scene's photograph: kept, or taken again."""
        config = self.config
        return PHOTOGRAPHS.get(
            self._scene,
            config.full_width,
            shadows=config.shadows,
            max_bytes=config.cache_mib * 2**20,
        )

    def _use(self, call: Call, *, sufficient: bool) -> tuple[Step, str, tuple[np.ndarray, ...]]:
        """Use a tool, and note what that shows: what happened, the tool's text, its pictures."""
        result: ToolResult = use_tool(call, self.tools, self.desk)
        if result.error:
            step = Step(kind="invalid", error=result.error, sufficient=sufficient)
            return step, result.text, ()
        self._tally.num_calls += 1
        known, missing = frozenset(self.knowledge.known), len(self.knowledge.missing())
        shown, relevance = None, None
        if result.images:
            shown = self.desk.shown[-1]
            self._tally.looks.append(list(shown.region))
            if not SHOWN_AGAIN & result.facts.keys():
                relevance = judge(self.knowledge, shown)
                self._tally.relevance[relevance] += 1
            self.knowledge.note(shown)
        self.knowledge.tell(result.facts)
        step = Step(
            kind="look",
            tool=call.name,
            shown=shown,
            relevance=relevance,
            known=known,
            sufficient=sufficient,
            gained=len(self.knowledge.missing()) < missing,
            facts=result.facts,
        )
        return step, result.text, result.images

    def _is_decided(self) -> bool:
        return self.question.decided(self.knowledge.known, self._scene) is not None

    def _observe(self, text: str, images: tuple[np.ndarray, ...]) -> dict[str, Any]:
        """What the policy sees: what is new or, with a memory window, all that it may need."""
        config, num_shown = self.config, len(self.desk.shown)
        lines = [text] if text else []
        window = config.memory_window
        numbers = list(range(num_shown + 1 - len(images), num_shown + 1))
        if self._turn == 0 or window is not None:
            lines.insert(0, first_text(self.question, self._letters, self.tools, config))
        if window is not None and self._turn:
            older = range(WHOLE + 1, num_shown + 1 - len(images))
            again = [WHOLE, *(older[-window:] if window else ())]
            images = (*(self.desk.picture(number) for number in again), *images)
            numbers = [*again, *numbers]
        lines += [with_pictures(numbers, brief=config.brief), turn_text(self._turn, config)]
        return {"text": "\n".join(line for line in lines if line), "images": images}

    def _info(self, step: Step, *, success: bool) -> dict[str, Any]:
        truth = make_truth(step, self.task_name, self.knowledge, self._tally)
        return {"success": success, "options": dict(self._letters), "truth": truth}


def _deal(question: Question, rng: np.random.Generator | None) -> dict[str, str]:
    """Letter -> answer, dealt at random or, without a generator, in the answers' own order."""
    answers = list(question.answers)
    if rng is not None:
        answers = [answers[index] for index in rng.permutation(len(answers)).tolist()]
    return dict(zip(LETTERS, answers, strict=False))
