"""Long videos: exact frames and frame-spotlighting environments. Knows nothing of models.

Importing this registers the environment's id and loads nothing heavy.
"""

from saccade import check_siblings

check_siblings(__file__, needs=("sims",))

from gymnasium.envs.registration import register  # noqa: E402

register(id="Video/Spotlight-v0", entry_point="video.spotlight.env:SpotlightEnv")
