"""Synthetic films: minutes to hours long, and it is known what happens in them, when and where.

A film is a pure function of a seed and a `FilmConfig`; any of its frames can be drawn alone.
"""
