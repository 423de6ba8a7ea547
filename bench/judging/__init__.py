"""Simulated rollouts, our judge and its peers' published rules: what bench/judge.py measures with."""
