"""Cloud Monitoring on this machine: the time series that the requests of Cloud Run's users come to."""

from rehearsal.monitoring.server import Monitoring, revision_of

__all__ = ["Monitoring", "revision_of"]
