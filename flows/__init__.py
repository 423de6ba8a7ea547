"""The stories: sequence only."""
