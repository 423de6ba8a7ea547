"""Elastic Load Balancing's API, version 2015-12-01, over the load balancers on this machine."""

from dataclasses import dataclass

from rehearsal.aws.balancer import Balancer
from rehearsal.aws.elb_change import Changing
from rehearsal.aws.elb_create import Creating
from rehearsal.aws.elb_describe import Describing
from rehearsal.aws.front import Handlers


@dataclass(frozen=True, slots=True)
class ElasticLoadBalancing:
    """The operations; each takes parameters and who calls, and returns the answer or raises Refusal."""

    balancer: Balancer

    @property
    def handlers(self) -> Handlers:
        """Return the operations by name."""
        create, change, describe = Creating(self.balancer), Changing(self.balancer), Describing(self.balancer)
        return {
            "AddTags": change.add_tags,
            "CreateListener": create.create_listener,
            "CreateLoadBalancer": create.create_load_balancer,
            "CreateRule": create.create_rule,
            "CreateTargetGroup": create.create_target_group,
            "DeleteRule": change.delete_rule,
            "DescribeListeners": describe.listeners,
            "DescribeLoadBalancers": describe.load_balancers,
            "DescribeRules": describe.rules,
            "DescribeTags": describe.tags,
            "DescribeTargetGroups": describe.target_groups,
            "DescribeTargetHealth": describe.target_health,
            "ModifyListener": change.modify_listener,
            "ModifyRule": change.modify_rule,
        }
