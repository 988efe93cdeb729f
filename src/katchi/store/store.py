"""A node's state behind one door."""

from __future__ import annotations

from katchi.store.database import Database
from katchi.store.efforts import Efforts
from katchi.store.leases import Leases
from katchi.store.ledger import Ledger
from katchi.store.log import ObjectLog
from katchi.store.notices import Notices
from katchi.store.overlaps import Overlaps
from katchi.store.partners import Partners
from katchi.store.people import People
from katchi.store.releases import Releases
from katchi.store.responses import Responses
from katchi.store.runs import Runs
from katchi.store.search import Search
from katchi.store.submissions import Submissions
from katchi.store.subscriptions import Subscriptions
from katchi.store.things import Things
from katchi.store.topics import Topics
from katchi.store.watches import Watches
from katchi.store.withdrawals import Withdrawals


class Store:
    """The one place for state; each part keeps one kind of thing.

    Values read from one part are consistent in themselves; what must change together changes in one
    `database.writing()` transaction.
    """

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.log = ObjectLog(self.database)
        self.search = Search(self.database)
        self.partners = Partners(self.database)
        self.releases = Releases(self.database)
        self.ledger = Ledger(self.database)
        self.people = People(self.database)
        self.submissions = Submissions(self.database)
        self.topics = Topics(self.database)
        self.things = Things(self.database)
        self.overlaps = Overlaps(self.database)
        self.efforts = Efforts(self.database)
        self.runs = Runs(self.database)
        self.responses = Responses(self.database)
        self.leases = Leases(self.database)
        self.notices = Notices(self.database)
        self.watches = Watches(self.database)
        self.withdrawals = Withdrawals(self.database)
        self.subscriptions = Subscriptions(self.database)

    def close(self) -> None:
        """Lets go of every connection."""
        self.database.close()
