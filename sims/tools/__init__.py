"""Visual tool use: a large photograph shown small, and tools to look closer.

`sims.tools.tool`, `calls` and `coordinates` are the interface of tools, which any environment can
use; the rest is the environments `Look/Search-v0`, `Look/Compare-v0` and `Look/Inspect-v0`.
"""
