"""Our environments as the trainers of others want them: TRL's environments, verl's agent loops."""
