"""Fixtures that tests of several folders share; each is described where it is defined."""

from prefect_real import prefect, within, worker

__all__ = ["prefect", "within", "worker"]
