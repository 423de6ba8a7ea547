"""A Slack on the laptop: the Web API that slack_sdk speaks, and the channel as people would see it."""

from rehearsal.slack.channel import Channel, SlackError, Workspace
from rehearsal.slack.web import Slack, SlackFault

__all__ = ["Channel", "Slack", "SlackError", "SlackFault", "Workspace"]
