"""One person's episodes in an environment: what was shown, what was said, and whose turn it is."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Any

import gymnasium

from sims.spaces import ReplySpace
from training.belief_chart import entropy_of
from training.episode import encode_png
from training.film_view import own_lines, question_and_said
from training.seeding import task_seed

KINDS = ("answer", "action", "written")
"""How a typed text is sent: inside an answer's or an action's tags, or as it was written."""
_CALL = re.compile(r"\s*\w+\s*\(.*\)\s*", re.DOTALL)


class StaleError(Exception):
    """A reply to something that is no longer the present turn."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What the environment showed at one turn.

    Attributes:
        text: what it said.
        options: letter -> text of the options on offer.
        pictures: PNG files.
        truth: what the simulator knows.
    """

    text: str
    options: dict[str, str]
    pictures: tuple[bytes, ...]
    truth: dict[str, Any]


def is_action(text: str) -> bool:
    """Whether an option's text names an action: they start with its title in square brackets."""
    return text.startswith("[")


def tagged(text: str, kind: str) -> str:
    """A text as a reply of a kind of `KINDS`."""
    return text if kind == "written" else f"<{kind}>{text}</{kind}>"


def typed_kind(text: str) -> str:
    """The kind that a text seems to be: "pick(0.4, 0.6)" is an action, "red" an answer."""
    if "<" in text:
        return "written"
    return "action" if _CALL.fullmatch(text) else "answer"


class Game:
    """An environment that a person plays, one world after another.

    Everything happens in the caller's thread, to which the environment's renderer is bound.

    Args:
        env: answered in words.
        purpose: which seeds, a key of `training.seeding`.
        index: of the first world.

    Attributes:
        index, seed: of the present world.
        looks: what was shown so far, at least one.
        replies: one for each look that was replied to.
        over, success: of the present episode.
        reward: sum of the environment's rewards.
    """

    def __init__(self, env: gymnasium.Env, *, purpose: str, index: int = 0) -> None:
        if not isinstance(env.action_space, ReplySpace):
            raise ValueError(
                f"env takes {env.action_space} for actions; a person can play environments that "
                "are answered in words"
            )
        self._env, self.purpose = env, purpose
        self._session, self._num_episodes = secrets.token_hex(4), 0
        self.start(index)

    @property
    def episode(self) -> str:
        """Names the present episode, unlike any other of this or another process."""
        return f"{self._session}-{self._num_episodes}"

    @property
    def ticket(self) -> str:
        """Names the present turn; a reply must carry it."""
        return f"{self.episode}-{len(self.replies)}"

    @property
    def now(self) -> Look:
        """The latest look."""
        return self.looks[-1]

    def start(self, index: int) -> None:
        """Begin the world of an index.

        Raises:
            ValueError: for an index outside the purpose's range.
        """
        seed = task_seed(self.purpose, index)
        obs, info = self._env.reset(seed=seed)
        self.index, self.seed = index, seed
        self._num_episodes += 1
        self.looks = [_look(obs, info)]
        self.replies: list[str] = []
        self.over, self.success, self.reward = False, False, 0.0

    def check_ticket(self, ticket: str) -> None:
        """Raise `StaleError` unless the ticket is the present turn's."""
        if ticket != self.ticket:
            raise StaleError("This world has gone on elsewhere; here is where it stands now.")

    def choose(self, letter: str) -> None:
        """Reply with the option of a letter.

        Raises:
            ValueError: where there is no such option, or the episode is over.
        """
        options = self.now.options
        if letter not in options:
            raise ValueError(f"{letter!r} is not on offer; legal: {', '.join(options) or 'none'}")
        self.reply(tagged(letter, "action" if is_action(options[letter]) else "answer"))

    def reply(self, text: str) -> None:
        """Send a whole reply.

        Raises:
            ValueError: where it is too long, or the episode is over.
        """
        if self.over:
            raise ValueError("this episode is over; go on to the next world")
        if not self._env.action_space.contains(text):
            raise ValueError(f"a reply of {len(text)} characters does not fit this environment")
        obs, reward, terminated, truncated, info = self._env.step(text)
        self.replies.append(text)
        self.looks.append(_look(obs, info))
        self.reward += float(reward)
        self.over, self.success = bool(terminated or truncated), bool(info.get("success"))

    def max_turns(self) -> int | None:
        """How many replies an episode may have, where the environment says so."""
        inner = self._env.unwrapped
        found = getattr(getattr(inner, "config", inner), "max_turns", None)
        return None if found is None else int(found)

    def snapshot(self) -> dict[str, Any]:
        """All that a page may show now, JSON-able. The right answer is in it only at the end."""
        first, now = (own_lines(look.text, look.options) for look in (self.looks[0], self.now))
        question, said = question_and_said(first, now)
        options = [
            {"letter": letter, "text": text, "action": is_action(text)}
            for letter, text in sorted(self.now.options.items())
        ]
        gold = self.now.truth.get("gold", self.looks[0].truth.get("gold"))
        return {
            "ticket": self.ticket,
            "episode": self.episode,
            "env": self._env.spec.id if self._env.spec else type(self._env.unwrapped).__name__,
            "purpose": self.purpose,
            "index": self.index,
            "seed": self.seed,
            "turn": len(self.replies),
            "max_turns": self.max_turns(),
            "question": question,
            "said": said,
            "instructions": "\n".join(line for line in first if not _is_shown(line, question)),
            "options": options,
            "looks": [self._summary(index) for index in range(len(self.looks))],
            "gains": self.now.truth.get("expected_gains") or {},
            "over": self.over,
            "success": self.success,
            "reward": self.reward,
            "gold": str(gold) if self.over and gold is not None else None,
        }

    def _summary(self, index: int) -> dict[str, Any]:
        """A look in the history: its pictures, what led to it, and the belief that it left."""
        look, truth = self.looks[index], self.looks[index].truth
        belief = truth.get("belief")
        return {
            "pictures": len(look.pictures),
            "words": self._words(index - 1) if index else "first view",
            "kind": truth.get("kind", "reset" if index == 0 else "reply"),
            "belief": belief,
            "entropy": entropy_of(belief) if belief else None,
        }

    def _words(self, index: int) -> str:
        """What the person said at a turn, in the option's words where a letter was chosen."""
        reply = re.sub(r"</?(answer|action)>", "", self.replies[index])
        return self.looks[index].options.get(reply, reply)


def _is_shown(line: str, question: str) -> bool:
    """Whether a line is the question or the number of the turn, which stand elsewhere."""
    return question in line or re.fullmatch(r"Turn \d+ of \d+\.", line) is not None


def _look(obs: dict[str, Any], info: dict[str, Any]) -> Look:
    return Look(
        text=obs["text"],
        options=dict(info.get("options", {})),
        pictures=tuple(encode_png(picture) for picture in obs["images"]),
        truth=info.get("truth", {}),
    )
