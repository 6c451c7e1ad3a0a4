"""Public sets of questions about films, each read from its official files in a user's folder.

`video.benchmarks.catalogue` has the table of all sets.
"""
