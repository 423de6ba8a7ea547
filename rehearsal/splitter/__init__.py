"""One address before many revisions: weights swapped as one table between two requests, no request dropped."""

from rehearsal.splitter.counts import PUBLIC, Counts, Place, Tally
from rehearsal.splitter.fault import Fault
from rehearsal.splitter.listener import Splitter

__all__ = ["PUBLIC", "Counts", "Fault", "Place", "Splitter", "Tally"]
