"""Frame spotlighting: a question about a long film, and turns in which to choose frames of it."""
