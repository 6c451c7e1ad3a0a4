"""Our environments for verl, as an agent loop (verl 0.9.1). Every reply is an action, and what the
environment shows next is the next user message; docs/adapters.md has the configuration around it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

from verl.experimental.agent_loop.agent_loop import AgentLoopBase, AgentLoopOutput

from training.adapters.chat_worlds import Content, chat_content, open_seat
from training.pool import MakeEnv
from training.seat import Answer, Seat

Result = TypeVar("Result")


@dataclass(kw_only=True)
class Course:
    """An episode as it goes.

    Attributes:
        messages: so far.
        ids: tokens so far, prompt and response; verl calls them runtime tokens.
        mask: of the response: 1 where the model wrote a token, else 0.
        logprobs: of the response, 0 where the model did not write; None where the server gives
            none.
        images: all pictures, in order.
        rewards: of the environment, reply by reply.
        success: whether the task is solved.
        failure: what the environment raised; empty where it did not.
        seconds: spent in the server and in the environment [s].
        from_server: the fields that came with the replies.
    """

    messages: list[dict[str, Any]]
    ids: list[int] = field(default_factory=list)
    mask: list[int] = field(default_factory=list)
    logprobs: list[float] | None = None
    images: list[Any] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    success: bool = False
    failure: str = ""
    seconds: dict[str, float] = field(
        default_factory=lambda: {"generate_sequences": 0.0, "tool_calls": 0.0}
    )
    from_server: dict[str, Any] = field(default_factory=dict)


class SaccadeAgentLoop(AgentLoopBase):
    """One episode. The environment lives in a thread of its own, where its renderer stays, so that
    no episode waits for another's simulation.

    An episode whose environment breaks has its whole response masked out: nothing is learned from
    its tokens, but its reward, what was earned until then, counts in its group's mean.

    Args:
        make_env: makes the environment, which must be driven by words.
        reward: one of `training.adapters.chat_worlds.REWARDS`.
        max_turns: most replies.
        settings: verl's own arguments.
    """

    def __init__(
        self,
        *arguments: Any,
        make_env: MakeEnv,
        reward: str = "return",
        max_turns: int = 16,
        **settings: Any,
    ) -> None:
        super().__init__(*arguments, **settings)
        self._make_env, self._reward, self._max_turns = make_env, reward, max_turns

    async def run(self, sampling_params: dict[str, Any], **row: Any) -> AgentLoopOutput:
        """Play the world of `extra_info["seed"]`.

        Args:
            sampling_params: for verl's server.
            row: of the data set: `raw_prompt`, the messages to begin with, and `extra_info`.

        Raises:
            ValueError: without a seed, or for pictures where the model takes none.
            RuntimeError: where the world cannot be made.
        """
        info = row.get("extra_info") or {}
        if "seed" not in info:
            raise ValueError(
                "the data set has no extra_info.seed, without which the members of a group would "
                "be in different worlds"
            )
        course = Course(messages=list(row["raw_prompt"]))
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="world")
        try:
            seat = await _in(thread, lambda: open_seat(self._make_env, self._reward))
            answer = await _in(thread, lambda: seat.reset(int(info["seed"])))
            if answer.observation is None:
                raise RuntimeError(f"no world for seed {info['seed']}: {answer.failure}")
            await self._open(course, chat_content(answer.observation))
            await self._play(course, seat, thread, sampling_params)
            await _in(thread, seat.env.close)
        finally:
            thread.shutdown(wait=False)
        return self._output(course)

    async def _open(self, course: Course, content: Content) -> None:
        """The first prompt."""
        course.messages.append({"role": "user", "content": content})
        course.images += _pictures(content)
        self._assert_mm_supported(bool(course.images))
        course.ids = await self.ct_build_initial_tokens(
            course.messages, images=course.images or None
        )

    async def _play(
        self,
        course: Course,
        seat: Seat,
        thread: ThreadPoolExecutor,
        sampling_params: dict[str, Any],
    ) -> None:
        """Replies and what comes of them, until the episode, the turns or the tokens end."""
        request_id = uuid4().hex  # one for all turns: they go to the server that has the beginning
        while True:
            reply = await self._reply(course, request_id, sampling_params)
            began = time.perf_counter()
            answer: Answer = await _in(thread, partial(seat.step, reply))
            course.seconds["tool_calls"] += time.perf_counter() - began
            course.success = answer.success
            course.rewards.append(answer.reward or 0.0)
            course.failure = "" if answer.failure is None else answer.failure.message
            is_full = len(course.mask) >= self.rollout_config.response_length
            if answer.observation is None or is_full or len(course.rewards) >= self._max_turns:
                return
            if not await self._show(course, chat_content(answer.observation)):
                return

    async def _reply(self, course: Course, request_id: str, sampling_params: dict[str, Any]) -> str:
        """What the model says next, tokens kept as they were sampled."""
        began = time.perf_counter()
        output = await self.server_manager.generate(
            request_id=request_id,
            prompt_ids=course.ids,
            sampling_params=sampling_params,
            image_data=course.images or None,
        )
        course.seconds["generate_sequences"] += time.perf_counter() - began
        course.from_server |= output.extra_fields
        if output.log_probs and course.logprobs is None:
            course.logprobs = []
        merged, course.mask, course.logprobs = await self.ct_merge_assistant_token(
            course.ids,
            output.token_ids,
            course.mask,
            course.logprobs,
            assistant_logprobs=output.log_probs or None,
        )
        course.ids = merged.token_ids
        reply: str = self.tokenizer.decode(output.token_ids, skip_special_tokens=True)
        course.messages.append({"role": "assistant", "content": reply})
        return reply

    async def _show(self, course: Course, content: Content) -> bool:
        """Append an observation. False where it does not fit: it is dropped whole, so that no
        picture is ever cut.
        """
        before = list(course.messages)
        after = [*before, {"role": "user", "content": content}]
        self._assert_mm_supported(bool(_pictures(content)))
        merged, mask, logprobs = await self.ct_merge_context_msg(
            before, after, course.ids, course.mask, course.logprobs
        )
        if len(mask) >= self.rollout_config.response_length:
            return False
        course.messages, course.ids, course.mask, course.logprobs = (
            after,
            merged.token_ids,
            mask,
            logprobs,
        )
        course.images += _pictures(content)
        return True

    def _output(self, course: Course) -> AgentLoopOutput:
        """The episode as verl trains on it."""
        num_prompt, most = len(course.ids) - len(course.mask), self.rollout_config.response_length
        mask = [0] * len(course.mask) if course.failure else course.mask
        score = sum(course.rewards) if self._reward == "return" else float(course.success)
        return AgentLoopOutput(
            prompt_ids=course.ids[:num_prompt],
            response_ids=course.ids[num_prompt:][:most],
            response_mask=mask[:most],
            response_logprobs=course.logprobs[:most] if course.logprobs else None,
            multi_modal_data={"images": course.images} if course.images else {},
            reward_score=score,
            num_turns=1 + 2 * len(course.rewards),
            metrics=course.seconds,
            extra_fields={
                **course.from_server,
                "turn_scores": course.rewards,
                "tool_rewards": [],
                "success": course.success,
                "failure": course.failure,
            },
        )


async def _in(thread: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
    return await asyncio.get_running_loop().run_in_executor(thread, work)


def _pictures(content: Content) -> list[Any]:
    if isinstance(content, str):
        return []
    return [block["image"] for block in content if block["type"] == "image"]
