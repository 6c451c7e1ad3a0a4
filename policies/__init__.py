"""Policies: from an observation to a reply or an action. Knows nothing of environments."""

from saccade import check_siblings

check_siblings(__file__)
