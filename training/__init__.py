"""Training: rollouts, rewards and learning. Meets environments only as `gymnasium.Env`."""

from saccade import check_siblings

check_siblings(__file__, needs=("policies",))
