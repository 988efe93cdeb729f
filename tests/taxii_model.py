"""A TAXII server as a value: a collection that grows, and the ways in which servers get the standard wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from urllib.parse import parse_qs, urlsplit

from katchi import stix
from katchi.exchange.fetching import AnswerError
from katchi.exchange.subscription import Fetched
from tests.objects import indicator
from tests.servers import Asked, Reply

ROOT = "https://taxii.example/api/"
COLLECTION = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"
URL = f"{ROOT}collections/{COLLECTION}/"
SECOND = 1_000_000
TAXII = "application/taxii+json;version=2.1"


@dataclass
class Model:
    """A collection: (date_added, object) in the order in which they can be seen. `now` is the server's clock."""

    now: int
    page: int = 3
    says_dates: bool = True
    says_next: bool = True
    has_manifest: bool = True
    items: list[tuple[int, bytes]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    before_page: Callable[[], None] = lambda: None

    def add(self, number: int, at: int | None = None) -> bytes:
        """One more object, with this date_added or now."""
        raw = json.dumps(indicator(number)).encode()
        self.items.append((self.now if at is None else at, raw))
        return raw

    def fetch(self, url: str, *, headers: Mapping[str, str] | None = None) -> Fetched:
        """Answers as a Fetch does."""
        reply = self.reply(urlsplit(url).path, {k: v[-1] for k, v in parse_qs(urlsplit(url).query).items()})
        if reply.status >= 400:
            problem = AnswerError("no", found=str(reply.status))
            problem.status = reply.status
            raise problem
        return Fetched(url, reply.status, {k.lower(): v for k, v in reply.headers.items()}, reply.body)

    def answer(self, asked: Asked) -> Reply:
        """Answers as a server does."""
        return self.reply(asked.path, asked.query)

    def reply(self, path: str, query: Mapping[str, str]) -> Reply:
        """The whole server."""
        self.asked.append(f"{path}?{json.dumps(dict(query))}")
        if path == "/taxii2/":
            return self.json({"title": "Model", "api_roots": ["/api/"]})
        if path == "/api/":
            return self.json({"title": "Root", "versions": [TAXII], "max_content_length": 1000})
        if path == "/api/collections/":
            return self.json({"collections": [self.about(), self.about() | {"id": "other", "can_read": False}]})
        if path == f"/api/collections/{COLLECTION}/":
            return self.json(self.about())
        if path.endswith("/manifest/") and self.has_manifest:
            return self.objects(query, as_manifest=True)
        if path == f"/api/collections/{COLLECTION}/objects/":
            self.before_page()
            return self.objects(query)
        return Reply(b'{"title": "nothing here"}', 404, {"Content-Type": TAXII})

    def about(self) -> dict[str, object]:
        """The collection resource."""
        return {"id": COLLECTION, "title": "Indicators", "alias": "feed", "can_read": True, "can_write": False}

    def json(self, value: object, headers: Mapping[str, str] | None = None) -> Reply:
        """An answer of the server's."""
        date = {"Date": formatdate(self.now / SECOND, usegmt=True), "Content-Type": TAXII}
        return Reply(json.dumps(value).encode(), 200, {**date, **(headers or {})})

    def objects(self, query: Mapping[str, str], *, as_manifest: bool = False) -> Reply:
        """A page. `next` says the last date and how many of that date went, so that nothing is skipped."""
        seen = sorted(self.items, key=lambda item: item[0])
        if "added_after" in query:
            seen = [item for item in seen if item[0] > stix.parse_timestamp(query["added_after"])]
        if "next" in query:
            date, count = map(int, query["next"].split("."))
            same = [item for item in seen if item[0] == date]
            seen = same[count:] + [item for item in seen if item[0] > date]
        page, rest = seen[: self.page], seen[self.page :]
        if not page:
            return self.json({})
        last = page[-1][0]
        sent = [item for item in seen if item[0] == last]
        of_last = len([item for item in page if item[0] == last])
        if "next" in query and int(query["next"].split(".")[0]) == last:
            of_last += int(query["next"].split(".")[1])
        assert sent
        envelope: dict[str, object] = {"more": bool(rest)}
        if rest and (self.says_next or as_manifest):
            envelope["next"] = f"{last}.{of_last}"
        if as_manifest:
            envelope["objects"] = [{"id": "x", "date_added": stix.format_timestamp(date)} for date, _ in page]
        else:
            envelope["objects"] = [json.loads(raw) for _, raw in page]
        headers = {
            "X-TAXII-Date-Added-First": stix.format_timestamp(page[0][0]),
            "X-TAXII-Date-Added-Last": stix.format_timestamp(last),
        }
        return self.json(envelope, headers if self.says_dates else {})
