"""AWS on this machine: its wire, its load balancers, and moto for what is not rehearsed."""

from rehearsal.aws.front import Front, Handlers
from rehearsal.aws.refusal import Refusal

__all__ = ["Front", "Handlers", "Refusal"]
