"""Long videos: exact frames and frame-spotlighting environments. Knows nothing of models."""

from saccade import check_siblings

check_siblings(__file__, needs=("sims",))
