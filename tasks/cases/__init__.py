"""Rollouts that somebody else has recorded: read from a file, judged, by as many processes as there are processors."""
