"""What of verl 0.9.1 our agent loop builds on, in a few lines with the same names, arguments and
results; for machines without verl, whose packages exclude this suite's.
"""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

MODULE = "verl.experimental.agent_loop.agent_loop"


class DictConfigWrap:
    def __init__(self, config: Any) -> None:
        self.config = config


class AgentLoopOutput(SimpleNamespace):
    """verl's is a pydantic model with these fields."""

    def __init__(
        self,
        *,
        prompt_ids: list[int],
        response_ids: list[int],
        response_mask: list[int],
        metrics: dict[str, float],
        response_logprobs: list[float] | None = None,
        multi_modal_data: dict[str, Any] | None = None,
        reward_score: float | None = None,
        num_turns: int = 0,
        extra_fields: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(**{name: value for name, value in vars().items() if name != "self"})


class AgentLoopBase:
    def __init__(
        self,
        trainer_config: DictConfigWrap,
        server_manager: Any,
        tokenizer: Any,
        processor: Any,
        dataset_cls: type,
        data_config: DictConfigWrap,
        hf_model_type: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.config = trainer_config.config
        self.rollout_config = self.config.actor_rollout_ref.rollout
        self.server_manager, self.tokenizer, self.processor = server_manager, tokenizer, processor

    def _assert_mm_supported(self, has_multi_modal: bool) -> None:
        if has_multi_modal and self.processor is None:
            raise ValueError("Multimodal inputs require a Continuous Token builder that supports")

    async def ct_build_initial_tokens(
        self, messages, tools=None, images=None, videos=None, audios=None, mm_inputs_out=None
    ) -> list[int]:
        return self._render(messages, add_generation_prompt=True)

    async def ct_merge_context_msg(
        self, previous, updated, runtime_ids, mask, logprobs=None, tools=None
    ):
        assert updated[: len(previous)] == previous, "append-only"
        before = [{"role": "user", "content": "x"}]
        new = self._render([*before, *updated[len(previous) :]], add_generation_prompt=True)
        new = new[len(self._render(before, add_generation_prompt=False)) :]
        merged = SimpleNamespace(token_ids=runtime_ids + new)
        noted = None if logprobs is None else logprobs + [0.0] * len(new)
        return merged, mask + [0] * len(new), noted

    async def ct_merge_assistant_token(
        self, runtime_ids, token_ids, mask, logprobs=None, assistant_logprobs=None
    ):
        if logprobs is None and assistant_logprobs is not None:
            raise ValueError("response_logprobs is required when assistant_logprobs is provided")
        noted = None if logprobs is None else logprobs + assistant_logprobs
        merged = SimpleNamespace(token_ids=runtime_ids + token_ids)
        return merged, mask + [1] * len(token_ids), noted

    def _render(self, messages: list[dict[str, Any]], *, add_generation_prompt: bool) -> list[int]:
        ids = self.tokenizer.apply_chat_template(
            messages, tokenize=True, add_generation_prompt=add_generation_prompt, return_dict=True
        )
        return list(ids["input_ids"])


def install() -> None:
    """Put the stand-in where verl would be."""
    names = MODULE.split(".")
    for count in range(1, len(names) + 1):
        sys.modules.setdefault(".".join(names[:count]), ModuleType(".".join(names[:count])))
    for thing in (DictConfigWrap, AgentLoopOutput, AgentLoopBase):
        setattr(sys.modules[MODULE], thing.__name__, thing)
