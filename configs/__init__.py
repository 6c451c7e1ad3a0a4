"""The Hydra configuration: YAML groups, and in `store.py` the dataclasses that they fill."""

from saccade import check_siblings

check_siblings(__file__, needs=("sims", "policies", "video", "training"))
