"""A Cloud Run on the laptop: the Admin API v2 on gRPC, with real processes behind real addresses."""

from rehearsal.cloud_run.admin import CloudRun
from rehearsal.cloud_run.pace import Pace
from rehearsal.cloud_run.reconciler import Reconciler
from rehearsal.cloud_run.server import CALLER_KEY, DEFAULT_CALLER, Front

__all__ = ["CALLER_KEY", "DEFAULT_CALLER", "CloudRun", "Front", "Pace", "Reconciler"]
