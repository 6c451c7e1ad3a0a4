"""Robot manipulation: one arm, two physics engines, language-conditioned tasks."""
