"""What a dataset of traces is made of, in numbers that add up over its parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from training.episode import Episode
from training.traces import TraceConfig, chosen_option, draw_style, reply_text

Tally = dict[str, Any]
"""Names -> whole numbers, sums, or tables of them; JSON-able. Tables of tables add up as well."""
WORDS_PER_BIN = 50
EMPTY: Tally = {
    "num_episodes": 0,
    "num_failed": 0,
    "num_unsolved": 0,
    "num_kept": 0,
    "num_samples": 0,
    "num_pictures": 0,
    "num_replies": 0,
    "num_reply_words": 0,
}


def tally_episode(episode: Episode, config: TraceConfig, *, num_samples: int) -> Tally:
    """The numbers of one episode.

    Args:
        episode: with its truth, or failed.
        config: of the dataset.
        num_samples: samples that it gave; 0 where it was not kept.
    """
    tally: Tally = {**EMPTY, "num_episodes": 1}
    if episode.failure is not None:
        return {**tally, "num_failed": 1, "failure": {episode.failure.stage: 1}}
    tally["num_unsolved"] = int(not episode.success)
    if not num_samples:
        return tally
    assert episode.truth is not None  # samples are made with it
    first, last = episode.truth.initial, episode.turns[-1]
    lengths = [len(reply_text(turn).split()) for turn in episode.turns]
    answer = chosen_option(last) if episode.terminated else "none"
    return {
        **tally,
        "num_kept": 1,
        "num_samples": num_samples,
        "num_pictures": sum(len(turn.image_pngs) for turn in episode.turns),
        "num_replies": len(episode.turns),
        "num_reply_words": sum(lengths),
        "env": {episode.env_id: 1},
        "style": {draw_style(config, episode.seed): 1},
        "scene_type": {first["scene_type"]: 1},
        "question_type": {first["question_kind"]: 1},
        "answer": {first["question_kind"]: {answer: 1}},
        "turns": {str(len(episode.turns)): 1},
        "first_view": {"sufficient" if first["sufficient"] else "insufficient": 1},
        "reply_words": dict(Counter(_bin(number) for number in lengths)),
        "action": _tally_actions(episode.truth.turns),
    }


def _bin(number: int) -> str:
    """The range of numbers of words that a number belongs to, such as "50 to 99"."""
    low = number // WORDS_PER_BIN * WORDS_PER_BIN
    return f"{low} to {low + WORDS_PER_BIN - 1}"


def _tally_actions(truths: Iterable[dict[str, Any]]) -> Tally:
    """Kind of action -> how often, and the sums of its predicted and realised gains [nats]."""
    table: Tally = {}
    for truth in truths:
        if truth.get("action"):
            gain = truth.get("expected_gain")
            step = {
                "count": 1,
                "num_predicted": int(gain is not None),
                "predicted_gain": gain or 0.0,
                "realised_gain": truth.get("entropy_drop", 0.0),
            }
            table = add_tallies([table, {truth["action"]["kind"]: step}])
    return table


def add_tallies(tallies: Iterable[Tally]) -> Tally:
    """Numbers of the same name added up, in the order given; tables entry by entry."""
    total: Tally = {}
    for tally in tallies:
        for name, value in tally.items():
            old = total.get(name)
            if isinstance(value, dict):
                total[name] = add_tallies([old or {}, value])
            else:
                total[name] = value + (old or 0)
    return total


def make_statistics(tally: Tally) -> Tally:
    """The tally of a whole dataset with its tables sorted, and the means that follow from it."""
    kept, replies = max(tally["num_kept"], 1), max(tally["num_replies"], 1)
    actions = tally.get("action", {}).values()
    num_actions = max(sum(row["count"] for row in actions), 1)
    predicted = max(sum(row["num_predicted"] for row in actions), 1)
    means = {
        "mean_turns": tally["num_replies"] / kept,
        "mean_reply_words": tally["num_reply_words"] / replies,
        "share_sufficient": tally.get("first_view", {}).get("sufficient", 0) / kept,
        "mean_predicted_gain_nats": sum(r["predicted_gain"] for r in actions) / predicted,
        "mean_realised_gain_nats": sum(r["realised_gain"] for r in actions) / num_actions,
    }
    return _sorted({**tally, **means})


def _sorted(table: Tally) -> Tally:
    """A table, and those in it, by name; numbers and ranges of numbers by size."""
    return {
        name: _sorted(table[name]) if isinstance(table[name], dict) else table[name]
        for name in sorted(table, key=_rank)
    }


def _rank(name: str) -> tuple[float, str]:
    first = name.partition(" ")[0]
    return (float(first) if first.isdigit() else -1.0, name)
