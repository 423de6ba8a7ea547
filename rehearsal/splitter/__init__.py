"""One address before many revisions: weights swapped as one table between two requests, no request dropped."""

from rehearsal.splitter.condition import Condition, Field
from rehearsal.splitter.counts import PUBLIC, Counts, Place, Tally
from rehearsal.splitter.fault import Fault
from rehearsal.splitter.listener import Splitter
from rehearsal.splitter.route import Route

__all__ = ["PUBLIC", "Condition", "Counts", "Fault", "Field", "Place", "Route", "Splitter", "Tally"]
