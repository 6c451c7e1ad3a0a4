"""The chat format of Qwen2.5-VL and Qwen3-VL, token in, token out.

A conversation becomes one append-only token sequence: ChatML lines, each picture as as many
placeholders as it has features. What a policy sampled is kept token by token and never tokenised
again, so the sequence that is trained on is the sequence that was sampled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from transformers import PreTrainedTokenizerBase

from policies.inputs import (
    ModelInputs,
    PictureFormat,
    TokenSequence,
    collate,
    resize_picture,
)
from policies.interface import Observation, PolicyOutput, Sample

MARKERS = ("<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>")
END_OF_TEXT = "<|endoftext|>"


@dataclass(kw_only=True)
class Transcript:
    """A conversation as tokens. Grows at the end only; `ChatFormat.extend` is what grows it.

    Attributes:
        ids: expanded tokens so far.
        loss_mask: True on the tokens of replies.
        turn_index: the turn of a token under the loss mask, -1 elsewhere.
        rollout_logprobs: what the replies' tokens had when they were sampled, 0 elsewhere.
        has_logprobs: False once a reply came without sampled tokens (imitation).
        images: pictures at the size that the model sees.
        image_spans: half-open placeholder spans, one per picture.
        num_observations, num_outputs: how much of the conversation is in.
        reply_end: length of `ids` up to and with the last reply.
    """

    ids: list[int] = field(default_factory=list)
    loss_mask: list[bool] = field(default_factory=list)
    turn_index: list[int] = field(default_factory=list)
    rollout_logprobs: list[float] = field(default_factory=list)
    has_logprobs: bool = True
    images: list[np.ndarray] = field(default_factory=list)
    image_spans: list[tuple[int, int]] = field(default_factory=list)
    num_observations: int = 0
    num_outputs: int = 0
    reply_end: int = 0

    def prompt(self) -> TokenSequence:
        """Everything up to the opened assistant line, for a generation request.

        Raises:
            ValueError: where no observation waits for a reply.
        """
        if self.num_observations != self.num_outputs + 1:
            raise ValueError(
                f"a prompt needs one observation more than outputs, got {self.num_observations} "
                f"observations and {self.num_outputs} outputs"
            )
        return TokenSequence(
            ids=np.asarray(self.ids, dtype=np.int64),
            images=tuple(self.images),
            image_spans=_spans(self.image_spans),
        )

    def sample(self, role: str = "policy") -> Sample:
        """The sequence up to the end of the last reply, for training.

        Args:
            role: what the sequence is for, see `Sample`.

        Raises:
            ValueError: where there is no reply.
        """
        if self.num_outputs == 0:
            raise ValueError("a sample needs at least one reply, the transcript has none")
        end = self.reply_end
        spans = [span for span in self.image_spans if span[1] <= end]
        logprobs = np.asarray(self.rollout_logprobs[:end], dtype=np.float32)
        return Sample(
            input_ids=np.asarray(self.ids[:end], dtype=np.int64),
            loss_mask=np.asarray(self.loss_mask[:end], dtype=bool),
            turn_index=np.asarray(self.turn_index[:end], dtype=np.int32),
            rollout_logprobs=logprobs if self.has_logprobs else None,
            images=tuple(self.images[: len(spans)]),
            image_spans=_spans(spans),
            role=role,
            first_turn=0,
            last_turn=self.num_outputs,
        )

    def _add_context(self, ids: Sequence[int]) -> None:
        self.ids.extend(ids)
        self.loss_mask.extend([False] * len(ids))
        self.turn_index.extend([-1] * len(ids))
        self.rollout_logprobs.extend([0.0] * len(ids))

    def _add_reply(self, ids: Sequence[int], logprobs: Sequence[float] | None) -> None:
        self.ids.extend(ids)
        self.loss_mask.extend([True] * len(ids))
        self.turn_index.extend([self.num_outputs] * len(ids))
        self.rollout_logprobs.extend([0.0] * len(ids) if logprobs is None else logprobs)
        self.has_logprobs = self.has_logprobs and logprobs is not None
        self.num_outputs += 1
        self.reply_end = len(self.ids)


class ChatFormat:
    """Turns conversations into tokens, and sampled tokens into text.

    Layout: an optional system line; per turn a user line with the pictures before the text, and an
    assistant line with the reply. A reply that was cut by its length is closed with an end token
    that is outside the loss mask. Markers such as `<|im_end|>` inside observations or imitated
    replies are encoded as ordinary text, so nothing that an environment or an expert says can open
    or close a turn.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        *,
        system_prompt: str | None,
        patch_size: int = 14,
        merge_size: int = 2,
        image_size: int | None = None,
        picture_format: PictureFormat | None = None,
    ) -> None:
        """
        Args:
            tokenizer: knows the ChatML and vision markers.
            system_prompt: text of the system line, None for no such line.
            patch_size: side of a patch in pixels.
            merge_size: patches per side merged into one feature.
            image_size: pictures are resized so that their longer side has this many pixels; None
                keeps their size, rounded to patch_size*merge_size and within the bounds of
                `picture_format`.
            picture_format: how a checkpoint's processor cuts pictures, in place of patch_size and
                merge_size; its placeholder is that of the tokenizer. None: no bounds.

        Raises:
            ValueError: where the tokenizer lacks a marker or image_size is no multiple of the
                factor.
        """
        vocabulary = tokenizer.get_vocab()
        missing = [marker for marker in MARKERS if marker not in vocabulary]
        if missing:
            raise ValueError(f"tokenizer lacks {missing}; a Qwen-VL chat needs all of {MARKERS}")
        pictures = picture_format or PictureFormat(patch_size=patch_size, merge_size=merge_size)
        factor = pictures.factor
        if image_size is not None and (image_size < factor or image_size % factor):
            raise ValueError(
                f"image_size={image_size} must be a positive multiple of "
                f"patch_size*merge_size={factor}"
            )
        self.tokenizer = tokenizer
        self.system_prompt = system_prompt
        self.image_size = image_size
        self._ids = {marker: vocabulary[marker] for marker in MARKERS}
        self.end_id: int = self._ids["<|im_end|>"]
        end_of_text = [vocabulary[END_OF_TEXT]] if END_OF_TEXT in vocabulary else []
        self.stop_ids: tuple[int, ...] = (self.end_id, *end_of_text)
        self.picture_format = replace(pictures, image_token_id=self._ids["<|image_pad|>"])
        # The same few texts recur in every turn and every member of a group.
        self._encode_cached = lru_cache(maxsize=8192)(self._encode_plain)

    def encode_text(self, text: str) -> tuple[int, ...]:
        """Tokens of a text, markers in it taken as ordinary characters."""
        return self._encode_cached(text)

    def decode(self, reply_ids: Sequence[int] | np.ndarray) -> str:
        """The text of a reply, without the token that ended it."""
        ids = [int(token) for token in reply_ids]
        if ids and ids[-1] in self.stop_ids:
            ids.pop()
        return self.tokenizer.decode(
            ids, skip_special_tokens=False, clean_up_tokenization_spaces=False
        )

    def transcript(
        self, observations: Sequence[Observation], outputs: Sequence[PolicyOutput]
    ) -> Transcript:
        """A conversation as tokens.

        Args:
            observations: one per turn.
            outputs: the replies; as many as observations, or one fewer when a reply is awaited.

        Raises:
            ValueError: where the two do not fit together or an output has no text.
        """
        transcript = Transcript()
        self.extend(transcript, observations, outputs)
        return transcript

    def sample_turn(
        self, observations: Sequence[Observation], outputs: Sequence[PolicyOutput], turn: int
    ) -> Sample:
        """What the learner sees of one turn: the prompt as the policy saw it, and its reply.

        Args:
            observations, outputs: the turns that the policy was shown, as many of each; the last is
                the turn itself.
            turn: its index in the episode.
        """
        whole = self.transcript(observations, outputs).sample()
        mask = whole.turn_index == len(outputs) - 1
        logprobs = whole.rollout_logprobs
        return replace(
            whole,
            loss_mask=mask,
            turn_index=np.where(mask, turn, -1).astype(np.int32),
            rollout_logprobs=None if logprobs is None else np.where(mask, logprobs, 0),
            first_turn=turn + 1 - len(outputs),
            last_turn=turn + 1,
        )

    def extend(
        self,
        transcript: Transcript,
        observations: Sequence[Observation],
        outputs: Sequence[PolicyOutput],
    ) -> None:
        """Add to a transcript what a conversation has and it has not yet.

        Args:
            transcript: made of the first turns of this very conversation; changed in place.
            observations: all turns.
            outputs: all replies.
        """
        if len(observations) - len(outputs) not in (0, 1):
            raise ValueError(
                f"{len(observations)} observations and {len(outputs)} outputs; there must be as "
                "many outputs as observations, or one fewer"
            )
        while transcript.num_observations < len(observations) or transcript.num_outputs < len(
            outputs
        ):
            if transcript.num_observations == transcript.num_outputs:
                self._add_observation(transcript, observations[transcript.num_observations])
            else:
                self._add_output(transcript, outputs[transcript.num_outputs])

    def collate(self, samples: Sequence[Sample]) -> ModelInputs:
        """A right-padded batch of samples for a model of the family.

        Raises:
            ValueError: where placeholders and picture features disagree.
        """
        sequences = [
            TokenSequence(ids=s.input_ids, images=s.images, image_spans=s.image_spans)
            for s in samples
        ]
        return collate(sequences, self.picture_format)

    def _encode_plain(self, text: str) -> tuple[int, ...]:
        ids = self.tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return tuple(ids)

    def _add_observation(self, transcript: Transcript, observation: Observation) -> None:
        start, end = self._ids["<|im_start|>"], self.end_id
        newline = self.encode_text("\n")
        if transcript.num_observations == 0 and self.system_prompt is not None:
            system = self.encode_text(f"system\n{self.system_prompt}")
            transcript._add_context([start, *system, end, *newline])
        if transcript.num_outputs:
            closing = [] if transcript.ids[-1] == end else [end]
            transcript._add_context([*closing, *newline])
        said = "user\n"
        opened = [start]
        for part in observation.parts():
            if isinstance(part, str):
                said += part
                continue
            transcript._add_context([*opened, *self.encode_text(said)])
            self._add_picture(transcript, part)
            said, opened = "", []
        text = [*opened, *self.encode_text(said), *self._state_tokens(observation)]
        opening = [start, *self.encode_text("assistant\n")]
        transcript._add_context([*text, end, *newline, *opening])
        transcript.num_observations += 1

    def _add_picture(self, transcript: Transcript, image: np.ndarray) -> None:
        picture = resize_picture(image, self.picture_format, image_size=self.image_size)
        count = self.picture_format.num_features(picture)
        first = len(transcript.ids) + 1
        pads = [self._ids["<|image_pad|>"]] * count
        transcript._add_context([self._ids["<|vision_start|>"], *pads, self._ids["<|vision_end|>"]])
        transcript.images.append(picture)
        transcript.image_spans.append((first, first + count))

    def _add_output(self, transcript: Transcript, output: PolicyOutput) -> None:
        if output.reply_ids is not None:
            logprobs = output.rollout_logprobs
            transcript._add_reply(
                np.asarray(output.reply_ids).tolist(),
                None if logprobs is None else np.asarray(logprobs).tolist(),
            )
            return
        if output.text is None:
            transcript._add_reply(self._action_tokens(output), None)
            return
        transcript._add_reply([*self.encode_text(output.text), self.end_id], None)

    def _state_tokens(self, observation: Observation) -> Sequence[int]:
        """What stands behind an observation's words for its proprioception: nothing here."""
        return ()

    def _action_tokens(self, output: PolicyOutput) -> Sequence[int]:
        """The whole reply that an action is. A chat in words alone has none."""
        raise ValueError("a chat transcript needs replies in words; this output is an action")


def _spans(spans: Sequence[tuple[int, int]]) -> np.ndarray:
    return np.asarray(spans, dtype=np.int64).reshape(-1, 2)
