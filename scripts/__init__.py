"""The commands. Each file here is a thin entry point; nothing in the suite imports them."""

from saccade import check_siblings

check_siblings(__file__, needs=("sims", "policies", "video", "training", "configs"))
