"""Configuration of the frame-spotlighting environment. Standard library and dataclasses only."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, field, replace
from typing import Any

from sims.config import EnvConfig
from video.spotlight.legality import FRAME_THINKER_TOOLS, check_settings
from video.synthetic.config import FilmConfig


@dataclass(kw_only=True)
class SpotlightConfig:
    """A question about a film, and turns in which to choose frames of it.

    A film counts as long above `long_seconds`; the fields that end in `_long` then stand for those
    without.

    Attributes:
        contract: what replies look like: "saccade" (ours), or "frame_thinker", which follows
            arXiv 2509.24304 to the letter and ends an episode without a word on a bad reply.
        tools: what may be asked for, any of `TOOLS`.
        scan_frames, scan_frames_long: most frames of the first scan, at least 1.
        scan_sampler: how the scan is spread over the film: one of `video.sampling.SAMPLERS`.
        scan_fps: where above 0, the scan has no more frames than this per second of film (REVISOR:
            1), but at least one.
        frames_per_look, frames_per_look_long: most frames that one choice shows, at least 1.
        long_seconds: a film that lasts longer is long [s].
        max_height, max_width, max_height_long, max_width_long: a picture is scaled down, its
            aspect ratio kept, until it fits into these [px].
        look_max_height, look_max_width: the same for what is shown after the scan, in films of any
            length; null for as in the scan.
        max_turns: an episode is truncated after this many replies, at least 2.
        frame_budget: most frames shown in an episode, those of the scan among them, which shrinks
            to fit; null for no limit.
        frame_budgets: budgets of which each task has one, decided by its number, so that one policy
            learns to do with few frames and with many; empty for `frame_budget` everywhere.
        scan_only: show nothing but a scan, of `frame_budget` frames where there is a budget, and
            end the episode with the first reply, whatever it is.
        scan_only_share: share of tasks, decided by their numbers, that are played as if `scan_only`
            were set, in [0, 1]: a policy that learns both ways can be compared with itself.
        rewatch_fps: frames per second of film that `rewatch` aims at (REVISOR: 2).
        rewatch_min_frames, rewatch_max_frames: bounds of how many it shows (REVISOR: 4 to 512).
        rewatch_min_seconds: a shorter stretch is widened to this [s] (REVISOR: 2).
        num_segments: how many segments a film is cut into for `find_segment` (Video-CoM: 10), cut
            anew so that each lasts from `segment_min_seconds` to `segment_max_seconds` [s].
        segment_min_seconds, segment_max_seconds: see above; the second at least twice the first.
        segment_frames: frames of a segment (Video-CoM: 16), at least 1.
        frame_names: what frames are called: "numbers" (of the film), or "shown" (their places among
            all frames shown so far, 1 for the first; for models that do not copy long numbers).
        grid_columns: where above 0, all frames of a turn stand in one picture, in rows of this many
            (an image grid, arXiv 2403.18406); 0 gives each frame a picture of its own.
        show_times: whether the time stands beside each frame's number in the text.
        draw_timestamps: whether the time is drawn into each picture.
        subtitles: whether subtitles of what is shown are put into the text.
        max_subtitle_lines: where a stretch has more subtitles than this, only those on show at the
            frames shown are given, and of these the first that many; at least 1.
        brief: short texts without instructions, for very small models.
        ask_evidence: whether the policy is asked to name, beside the option it chooses, the stretch
            that shows it, as `<evidence>12.0 to 15.5</evidence>`. The contract "saccade" reads one
            whether it is asked for or not.
        verification: rules by which the truth calls an episode consistent (see
            `video.spotlight.consistency`): "none", "repaired" or "frame_thinker".
        tiou_success: a stretch given for an answer is right from this overlap on, in (0, 1].
        question_kinds: names of the kinds of question to ask, all equally often where the films
            are synthetic; empty for all that the set, or `film`, has. Synthetic questions about
            what only subtitles say ("spoken") need `subtitles`, and those for a stretch of film
            ("when") the contract "saccade"; they are left out elsewhere.
        film: what synthetic films look like.
        num_films: synthetic films are drawn from this many per 100,000,000 seeds, so that frames
            can be kept; null for a film of its own for every seed.
        data_dir: the directory of a set of questions with its films, in place of films that are
            rendered when asked for; "" for none.
        benchmark: which set it is, a name of `video.benchmarks.catalogue.BENCHMARKS`; "synthetic"
            is what `scripts/generate.py dataset=long_video` writes.
        split: which part of the set; "" for its default.
        allow_links: whether symbolic links may lead out of `data_dir`, as in a model hub's cache.
        reader_backend: what decodes files: "pyav", "decord" or "torchcodec".
        reader_num_decoders: of a film side by side, 1 or more; null for one per core, up to 8.
        reader_keep_between: whether frames that are decoded on the way to others are kept, which
            pays where many episodes look at the same stretches of a film (pyav only).
        reader_cache_mib: what a process keeps of all films together [MiB], 0 or more.
        max_reply_chars: longest reply the action space admits.
    """

    contract: str = "saccade"
    tools: list[str] = field(default_factory=lambda: list(FRAME_THINKER_TOOLS))
    scan_frames: int = 8
    scan_frames_long: int = 12
    scan_sampler: str = "linspace"
    scan_fps: float = 0.0
    frames_per_look: int = 8
    frames_per_look_long: int = 12
    long_seconds: float = 300.0
    max_height: int = 360
    max_width: int = 640
    max_height_long: int = 252
    max_width_long: int = 448
    look_max_height: int | None = None
    look_max_width: int | None = None
    max_turns: int = 5
    frame_budget: int | None = None
    frame_budgets: list[int] = field(default_factory=list)
    scan_only: bool = False
    scan_only_share: float = 0.0
    rewatch_fps: float = 2.0
    rewatch_min_frames: int = 4
    rewatch_max_frames: int = 512
    rewatch_min_seconds: float = 2.0
    num_segments: int = 10
    segment_min_seconds: float = 10.0
    segment_max_seconds: float = 30.0
    segment_frames: int = 16
    frame_names: str = "numbers"
    grid_columns: int = 0
    show_times: bool = True
    draw_timestamps: bool = False
    subtitles: bool = False
    max_subtitle_lines: int = 60
    brief: bool = False
    ask_evidence: bool = False
    verification: str = "repaired"
    tiou_success: float = 0.5
    question_kinds: list[str] = field(default_factory=list)
    film: FilmConfig = field(default_factory=FilmConfig)
    num_films: int | None = None
    data_dir: str = ""
    benchmark: str = "synthetic"
    split: str = ""
    allow_links: bool = False
    reader_backend: str = "pyav"
    reader_num_decoders: int | None = None
    reader_keep_between: bool = True
    reader_cache_mib: int = 1024
    max_reply_chars: int = 8192

    def for_task(self, key: int | str) -> SpotlightConfig:
        """The settings of one task: with its own frame budget, and with a scan alone or not."""
        settings = self
        if self.frame_budgets:
            budget = self.frame_budgets[_draw(f"budget of {key}") % len(self.frame_budgets)]
            settings = replace(settings, frame_budget=budget, frame_budgets=[])
        if self.scan_only_share and _draw(f"scan of {key}") % 1000 < 1000 * self.scan_only_share:
            settings = replace(settings, scan_only=True)
        return settings

    def look_frames(self, duration_seconds: float) -> int:
        """Most frames that one choice shows in a film of this length."""
        is_long = duration_seconds > self.long_seconds
        return self.frames_per_look_long if is_long else self.frames_per_look

    def num_scan_frames(self, duration_seconds: float) -> int:
        """Frames of the first scan of a film of this length."""
        is_long = duration_seconds > self.long_seconds
        num = self.scan_frames_long if is_long else self.scan_frames
        if self.frame_budget is not None:
            num = self.frame_budget if self.scan_only else min(num, self.frame_budget)
        if self.scan_fps > 0:
            num = min(num, max(1, int(duration_seconds * self.scan_fps)))
        return num

    def picture_limits(self, duration_seconds: float) -> tuple[int, int]:
        """Largest height and width [px] of a picture of the scan of a film of this length."""
        if duration_seconds > self.long_seconds:
            return self.max_height_long, self.max_width_long
        return self.max_height, self.max_width

    def look_limits(self, duration_seconds: float) -> tuple[int, int]:
        """Largest height and width [px] of a picture that is shown after the scan."""
        height, width = self.picture_limits(duration_seconds)
        return self.look_max_height or height, self.look_max_width or width

    def largest_picture(self) -> tuple[int, int]:
        """Largest height and width [px] of any picture of any film."""
        height = max(self.max_height, self.max_height_long, self.look_max_height or 0)
        width = max(self.max_width, self.max_width_long, self.look_max_width or 0)
        if not self.grid_columns:
            return height, width
        columns = min(self.grid_columns, self.max_frames())
        return height * math.ceil(self.max_frames() / columns), width * columns

    def num_turns(self) -> int:
        """Replies that an episode admits."""
        return 1 if self.scan_only else self.max_turns

    def max_images(self) -> int:
        """Most pictures that one turn can show."""
        return 1 if self.grid_columns else self.max_frames()

    def max_frames(self) -> int:
        """Most frames that one turn can show."""
        shown = [self.scan_frames, self.scan_frames_long, self.frame_budget or 1]
        shown += self.frame_budgets
        per_tool = {
            "choose_frames": max(self.frames_per_look, self.frames_per_look_long),
            "rewatch": self.rewatch_max_frames,
            "find_segment": self.segment_frames,
        }
        return max(*shown, *(per_tool.get(tool, 1) for tool in self.tools))

    def check(self, prefix: str = "") -> None:
        """Raise `ValueError` naming the first field that is out of range, `prefix` before it."""
        check_settings(self, prefix)
        self.film.check(f"{prefix}film.")


def _draw(what: str) -> int:
    """A number in [0, 2**32) that is the same in every process."""
    return zlib.crc32(what.encode())


@dataclass(kw_only=True)
class SpotlightEnvConfig(EnvConfig):
    """A frame-spotlighting environment.

    Attributes:
        id: its Gymnasium id.
        config: which films, what may be asked for, and what is shown.
    """

    id: str = "Video/Spotlight-v0"
    config: SpotlightConfig = field(default_factory=SpotlightConfig)

    def kwargs(self) -> dict[str, Any]:
        """The configuration."""
        return {"config": self.config}

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        self.config.check("env.config.")
