"""Which settings of the spotlight environment are legal, each by itself and beside the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from video.sampling import SAMPLERS

if TYPE_CHECKING:
    from video.spotlight.config import SpotlightConfig

CONTRACTS = ("saccade", "frame_thinker")
TOOLS = ("choose_frames", "frame_number_at", "rewatch", "find_segment", "find_frame", "zoom")
FRAME_THINKER_TOOLS = ("choose_frames", "frame_number_at")
VERIFICATIONS = ("none", "repaired", "frame_thinker")
FRAME_NAMES = ("numbers", "shown")
READER_BACKENDS = ("pyav", "decord", "torchcodec")


def check_settings(config: SpotlightConfig, prefix: str) -> None:
    """Raise `ValueError` naming the first setting that is out of range, `prefix` before it. What
    the films look like is left to their own configuration.
    """
    _check_names(config, prefix)
    _check_ranges(config, prefix)
    _check_pairs(config, prefix)


def _check_names(config: SpotlightConfig, prefix: str) -> None:
    choices = {
        "contract": CONTRACTS,
        "verification": VERIFICATIONS,
        "reader_backend": READER_BACKENDS,
        "scan_sampler": tuple(SAMPLERS),
        "frame_names": FRAME_NAMES,
    }
    for name, legal in choices.items():
        if getattr(config, name) not in legal:
            value = getattr(config, name)
            raise ValueError(f"{prefix}{name} is {value!r}; legal: {', '.join(legal)}")
    known = FRAME_THINKER_TOOLS if config.contract == "frame_thinker" else TOOLS
    if set(config.tools) - set(known) or len(set(config.tools)) != len(config.tools):
        raise ValueError(
            f"{prefix}tools is {config.tools}; legal under the contract {config.contract}, each "
            f"once: {', '.join(known)}"
        )
    if config.contract == "frame_thinker" and set(config.tools) != set(known):
        raise ValueError(
            f"{prefix}tools is {config.tools}; the contract frame_thinker has exactly "
            f"{', '.join(known)}"
        )


def _check_ranges(config: SpotlightConfig, prefix: str) -> None:
    ranges: dict[str, tuple[float, float]] = {
        **dict.fromkeys(("scan_frames", "scan_frames_long"), (1, 4096)),
        **dict.fromkeys(("frames_per_look", "frames_per_look_long"), (1, 4096)),
        "scan_fps": (0.0, 1000.0),
        "scan_only_share": (0.0, 1.0),
        "grid_columns": (0, 64),
        "long_seconds": (0.0, 1e9),
        **dict.fromkeys(("max_height", "max_height_long"), (28, 4096)),
        **dict.fromkeys(("max_width", "max_width_long"), (28, 4096)),
        "max_turns": (2, 1000),
        "rewatch_fps": (0.001, 1000.0),
        "rewatch_min_frames": (1, 4096),
        "rewatch_max_frames": (config.rewatch_min_frames, 4096),
        "rewatch_min_seconds": (0.0, 1e6),
        "num_segments": (1, 1000),
        "segment_min_seconds": (0.1, 1e6),
        "segment_max_seconds": (2 * config.segment_min_seconds, 1e7),
        "segment_frames": (1, 4096),
        "max_subtitle_lines": (1, 10_000),
        "tiou_success": (0.001, 1.0),
        "reader_cache_mib": (0, 1 << 24),
        "max_reply_chars": (16, 1_000_000),
    }
    optional = dict.fromkeys(("frame_budget", "num_films", "reader_num_decoders"), (1, 1_000_000))
    optional |= dict.fromkeys(("look_max_height", "look_max_width"), (28, 4096))
    ranges |= {n: legal for n, legal in optional.items() if getattr(config, n) is not None}
    for name, (low, high) in ranges.items():
        value = getattr(config, name)
        if not low <= value <= high:  # also false for NaN
            raise ValueError(f"{prefix}{name} is {value}; legal: {low} to {high}")


def _check_pairs(config: SpotlightConfig, prefix: str) -> None:
    """What only two fields together can get wrong."""
    if any(budget < 1 for budget in config.frame_budgets) or (
        config.frame_budgets and config.frame_budget is not None
    ):
        raise ValueError(
            f"{prefix}frame_budgets is {config.frame_budgets} and {prefix}frame_budget "
            f"{config.frame_budget}; legal: budgets of at least 1, with frame_budget null"
        )
    budgeted = config.frame_budget is not None or bool(config.frame_budgets)
    if config.contract == "frame_thinker" and budgeted and not config.scan_only:
        raise ValueError(
            f"{prefix}frame_budget is {config.frame_budget}; the contract frame_thinker knows no "
            "frame budget, so it must be null unless scan_only is true"
        )
    if config.contract == "frame_thinker" and config.ask_evidence:
        raise ValueError(
            f"{prefix}ask_evidence is true; the contract frame_thinker knows no evidence beside an "
            "answer, so it must be false"
        )
    if config.data_dir and config.num_films is not None:
        raise ValueError(
            f"{prefix}num_films is {config.num_films}, but the films come from {prefix}data_dir; "
            "set at most one"
        )
    if config.verification == "frame_thinker" != config.contract:
        raise ValueError(
            f"{prefix}verification is 'frame_thinker', whose rules read that contract's words, "
            f"but {prefix}contract is {config.contract!r}; legal: none, repaired"
        )
    if config.frame_names == "shown" and (
        config.contract != "saccade"
        or config.verification != "none"
        or "frame_number_at" in config.tools
    ):
        raise ValueError(
            f"{prefix}frame_names is 'shown', so that nobody speaks of frame numbers; legal "
            f"with contract saccade, verification none and tools without frame_number_at, not "
            f"{config.contract}, {config.verification} and {config.tools}"
        )
    if not config.tools and not config.scan_only:
        raise ValueError(f"{prefix}tools is empty; legal with scan_only alone")
