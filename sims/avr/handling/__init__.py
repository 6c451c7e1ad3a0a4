"""Doing by hand what the worlds' actions ask for: a robot arm in a scaled copy of the world."""
