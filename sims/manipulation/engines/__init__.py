"""What simulates and draws a scene."""
