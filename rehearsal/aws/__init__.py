"""AWS on this machine: its wire, its load balancers, and moto for what is not rehearsed."""

from rehearsal.aws.balancer import Balancer
from rehearsal.aws.elb import ElasticLoadBalancing
from rehearsal.aws.front import Front, Handlers
from rehearsal.aws.refusal import Refusal

__all__ = ["Balancer", "ElasticLoadBalancing", "Front", "Handlers", "Refusal"]
