"""The answering side of a private overlap: what we say to a partner that leads one."""

from __future__ import annotations

import msgspec

from katchi.node.deliver import partner_of
from katchi.node.overlapping import counted, end, forget, note, require_budget, revealed
from katchi.node.wiring import Node
from katchi.overlap.psi import group, guard
from katchi.overlap.psi.lookup import Holder
from katchi.overlap.psi.messages import (
    Agree,
    Answer,
    Close,
    Content,
    Get,
    Propose,
    Put,
    Show,
    Shown,
    Status,
    read_message,
    written,
)
from katchi.overlap.psi.party import Party
from katchi.overlap.psi.side import Core, Hello, Limits, Phase, RefusedError, Side
from katchi.store import overlaps
from katchi.store.overlaps import OverlapRow, UnknownOverlapError


def answer(node: Node, partner: str, body: bytes) -> bytes:
    """What we say to a partner's message. Raises RefusedError, GuardError or UnknownOverlapError, changing nothing."""
    message = read_message(body)
    if isinstance(message, Propose):
        return written(_proposed(node, partner, message))
    row = _session(node, partner, message.session)
    if isinstance(message, Close):
        if not row.is_over:
            end(node, row, "closed", partner, message.why[:200])
        elif row.key is not None:
            forget(node, row)
        return written(Status("closed", False))
    if row.is_over and not _is_owed(row):
        return written(Status(row.state, False))
    return written(_answered(node, row, message))


def _session(node: Node, partner: str, session: str) -> OverlapRow:
    with node.store.database.reading() as transaction:
        row = overlaps.one(transaction, session)
    if row is None or row.partner != partner or row.role != "responder":
        raise UnknownOverlapError("There is no such session.", what=session[:40])
    return row


def _is_owed(row: OverlapRow) -> bool:
    """Whether the other side may not have heard yet what was revealed: it says when it has."""
    return row.state == "revealed" and row.key is not None


def _proposed(node: Node, partner: str, message: Propose) -> Status:
    core, hello = message.core, message.hello
    known = _known(node, partner, core)
    if known is None:
        _take_proposal(node, partner, core, hello)
        return Status("asked", False)
    if known.state == "asked" or (known.is_over and not _is_owed(known)):
        return Status(known.state, False)
    if known.hello is not None and msgspec.msgpack.decode(known.hello, type=Hello) != hello:
        raise RefusedError("The first word was another one.", what="hello")
    party = node.desk.side(known)
    if party is None:
        return Status(known.state, True)
    return Status(known.state, False, party.hello(), int(party.phase), tuple(party.missing_chunks))


def _known(node: Node, partner: str, core: Core) -> OverlapRow | None:
    with node.store.database.reading() as transaction:
        row = overlaps.one(transaction, core.session)
    if row is None:
        return None
    if row.partner != partner or row.role != "responder" or row.core != core.to_bytes():
        raise RefusedError("This session is another one.", what="session")
    return row


def _take_proposal(node: Node, partner: str, core: Core, hello: Hello) -> None:
    """A new session that waits for our person. Everything is looked at before any work."""
    theirs = partner_of(node.store.partners.one(partner)).node_id
    if core != Core(core.session, theirs or "", node.settings.node_id, guard.PROFILE, core.kind, core.mode):
        raise RefusedError("It is for another node, or in another version.", what="core")
    if len(core.session) != 32 or not core.session.isalnum():
        raise RefusedError("A session is named by 32 hexadecimal digits.", what="session")
    guard.require_kind(core.kind, node.settings.overlap_kinds)
    Limits().require(core.mode, "initiator", hello.count)
    if not group().is_element(hello.public):
        raise RefusedError("The public key is none.", what="public")
    now = node.clock.now()
    with node.store.database.writing() as transaction:
        require_budget(node, transaction, partner, core, hello.count)
        guard.require_few(overlaps.open_of(transaction, partner))
        made = OverlapRow(
            core.session, partner, "responder", "asked", core.to_bytes(), "", None, None,
            msgspec.msgpack.encode(hello), 0, hello.count, None, None, None, partner, now, now, None,
        )  # fmt: skip
        overlaps.add(transaction, made)
        note(node, transaction, made, "asked", partner)


def _answered(node: Node, row: OverlapRow, message: Put | Get | Agree | Show) -> Answer:
    desk = node.desk
    party = desk.side(row) if row.key is not None else None
    if party is None:
        return Status(row.state, row.key is not None)
    if isinstance(party, Holder):
        return _looked_up(node, row, party, message)
    assert isinstance(party, Party)
    if isinstance(message, Get):
        if message.what == "tags" and party.phase < Phase.COUNTED:
            return _status(row, party, not party.missing_chunks and desk.hear(row.id, party))
        return Content(party.chunk(message.number) if message.what == "elements" else party.tags(message.number))
    if isinstance(message, Put):
        if message.what == "elements":
            party.take_chunk(message.number, message.content)
            if not party.missing_chunks:
                desk.hear(row.id, party)  # while the other side works through ours
        elif party.phase < Phase.HEARD:
            return _status(row, party, not party.missing_chunks and desk.hear(row.id, party))
        else:
            party.take_tags(message.number, message.content)
            row = counted(node, row, party)
        return _status(row, party, False)
    if isinstance(message, Agree):
        return _status(row, party, False)
    if row.state not in ("agreed", "revealed") or party.phase < Phase.COUNTED:
        return _status(row, party, False)
    items = party.take_reveal(message.reveal)
    revealed(node, row, items)
    return Shown(party.reveal())


def _looked_up(node: Node, row: OverlapRow, holder: Holder, message: Put | Get | Agree | Show) -> Answer:
    """In a lookup: from the first answer on, the other side may know what we hold of what it asked for."""
    desk = node.desk
    if isinstance(message, Put) and message.what == "elements":
        holder.take_chunk(message.number, message.content)
        return _status(row, holder, not holder.missing_chunks and desk.hear(row.id, holder))
    if isinstance(message, Get) and message.what == "elements":
        return Content(holder.chunk(message.number))
    if isinstance(message, Get) and message.what == "answers":
        if holder.phase < Phase.HEARD:
            return _status(row, holder, not holder.missing_chunks and desk.hear(row.id, holder))
        answer = holder.answer(message.number)
        revealed(node, row, None)
        return Content(answer)
    raise RefusedError("There is no such thing in a lookup.", what="message")


def _status(row: OverlapRow, party: Side, is_working: bool) -> Status:
    return Status(row.state, is_working, None, int(party.phase), tuple(party.missing_chunks))
