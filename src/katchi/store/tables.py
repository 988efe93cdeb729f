"""What the node remembers, table by table, for SQLite and PostgreSQL alike."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

# SQLite only keeps its rows in key order without a second index when the key is INTEGER, not BIGINT.
Sequence = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_by_%(column_0_N_name)s",
        "uq": "%(table_name)s_one_%(column_0_N_name)s",
        "pk": "%(table_name)s_key",
    }
)

# ---- the object log: append only, never updated ------------------------------------------------

object_log = Table(
    "object",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=False),
    Column("added", BigInteger, nullable=False),  # µs; strictly increasing with seq
    Column("object_id", Text, nullable=False),
    Column("version", BigInteger, nullable=False),  # µs of modified, created, or else of added
    Column("version_text", Text),  # as the producer wrote it; none for an SCO
    Column("type", Text, nullable=False),
    Column("spec_version", Text, nullable=False),
    Column("origin", Text, nullable=False),  # "own", or the name of a partner or of a subscription
    Column("via", Text, nullable=False),  # the door: a file's name, "taxii", "push", "pull", …
    Column("digest", LargeBinary, nullable=False),  # SHA-256 of raw
    Column("previous", BigInteger),  # seq of the version of this object that came before
    Column("raw", LargeBinary, nullable=False),
    UniqueConstraint("added"),
)

# ---- derived from the log; `katchi store rebuild` makes them anew ------------------------------
# Ids and thing keys come in random order, so each row of an index on them costs a page of its own in a
# batch: they are indexed by 64 bits of a hash, which pack densely, and compared in full when read. All
# else follows seq, which only grows.

newest = Table(
    "newest",
    metadata,
    Column("id_hash", BigInteger, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    sqlite_with_rowid=False,
)

summary = Table(
    "summary",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=False),  # the newest version of the object
    Column("object_id", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("marking", Text, nullable=False),  # "", "clear" … "red": the strictest TLP on the object
    Column("is_revoked", SmallInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("text", Text, nullable=False),  # folded text that search looks through
    Index(None, "type", "seq"),
    Index(None, "origin", "seq"),
)

# Who speaks of which thing, and what it says in numbers (`told.Saying`): what to believe is weighed from these alone.
mention = Table(
    "mention",
    metadata,
    Column("key_hash", BigInteger, primary_key=True),  # of the stand: the key under which the object is filed
    Column("seq", BigInteger, primary_key=True),
    Column("stance", SmallInteger, nullable=False),
    Column("weight", SmallInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("until", BigInteger),
    Column("author", BigInteger, nullable=False),
    Column("report", BigInteger, nullable=False),
    Column("source", BigInteger, nullable=False),
    Column("id_hash", BigInteger, nullable=False),  # of the object, by which attestations find it
    Index(None, "seq"),
    sqlite_with_rowid=False,
)

# Hashes of one file, seen together in one object; both ways round.
kin = Table(
    "kin",
    metadata,
    Column("key_hash", BigInteger, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("other", Text, primary_key=True),
    Column("key", Text, nullable=False),
    Index(None, "seq"),
    sqlite_with_rowid=False,
)

# Labels of objects, folded.
tag = Table(
    "tag",
    metadata,
    Column("tag", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Index(None, "seq"),
    sqlite_with_rowid=False,
)

# Sightings and opinions of objects.
attestation = Table(
    "attestation",
    metadata,
    Column("of_hash", BigInteger, primary_key=True),  # of the object's id
    Column("seq", BigInteger, primary_key=True),
    Column("opinion", SmallInteger),  # -2 to 2; none: it is a sighting
    Column("times", BigInteger, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("author", BigInteger, nullable=False),
    Column("source", BigInteger, nullable=False),
    Column("is_summary", SmallInteger, nullable=False, server_default="0"),  # of sightings told one by one elsewhere
    Index(None, "seq"),
    Index(None, "last"),
    sqlite_with_rowid=False,
)

source = Table(
    "source",
    metadata,
    Column("hash", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),  # an origin
)

thing = Table(
    "thing",
    metadata,
    Column("number", Sequence, primary_key=True, autoincrement=False),  # in the order in which they were first named
    Column("key_hash", BigInteger, nullable=False, unique=True),
    Column("key", Text, nullable=False),  # its root
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("base", SmallInteger, nullable=False),  # belief before age, 0 to 100
    Column("fresh_at", BigInteger, nullable=False),  # µs; when it was last confirmed
    Column("rank", BigInteger, nullable=False),  # within a kind, the order of score at every moment
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("statements", Integer, nullable=False),
    Column("sightings", BigInteger, nullable=False),
    Column("sources", Text, nullable=False),  # names, with commas before, between and behind
    Column("warned", Text, nullable=False),  # classes of warning lists, likewise
    Index(None, "kind", "rank"),
)

link = Table(
    "link",
    metadata,
    Column("to_hash", BigInteger, primary_key=True),
    Column("from_seq", BigInteger, primary_key=True),
    Column("path", Text, primary_key=True),
    Index(None, "from_seq"),
    sqlite_with_rowid=False,
)

# ---- what people decided about things: never derived -------------------------------------------

# A join (`is_same`: `key` is `other`) or a split (it is not); the last word on a pair counts.
ruling = Table(
    "ruling",
    metadata,
    Column("number", Sequence, primary_key=True, autoincrement=True),
    Column("key", Text, nullable=False),
    Column("other", Text, nullable=False),
    Column("is_same", SmallInteger),  # none: withdrawn
    Column("person", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("why", Text, nullable=False),
)

# How reliable a source or an author is: a letter of the Admiralty scale.
grade = Table(
    "grade",
    metadata,
    Column("name", Text, primary_key=True),  # an origin, or an identity's id
    Column("letter", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("why", Text, nullable=False),
)

# What rose faster than its own past explains, as it was found; a person closes it.
alarm = Table(
    "alarm",
    metadata,
    Column("number", Sequence, primary_key=True, autoincrement=True),
    Column("key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("begun_at", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False, index=True),  # when it was last found
    Column("observed", BigInteger, nullable=False),
    Column("expected", Float, nullable=False),
    Column("days", SmallInteger, nullable=False),
    Column("probability", Float, nullable=False),
    Column("evidence", LargeBinary, nullable=False),  # counts by day and by source, as JSON
    Column("closed_at", BigInteger),
    Column("person", Text),
    Column("why", Text),
)

# A saved search that notifies, and what has come to match it since; `looked_at` is when somebody last looked.
watch = Table(
    "watch",
    metadata,
    Column("number", Sequence, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False, unique=True),
    Column("text", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("looked_at", BigInteger, nullable=False),
)

watch_hit = Table(
    "watch_hit",
    metadata,
    Column("watch", BigInteger, primary_key=True),
    Column("key", Text, primary_key=True),  # the root of the thing
    Column("name", Text, nullable=False),
    Column("sources", Text, nullable=False),  # as in thing: another source is news
    Column("at", BigInteger, nullable=False),
    Index(None, "watch", "at"),
    sqlite_with_rowid=False,
)

# A private overlap with a partner. The key and the items are gone once it is over.
overlap = Table(
    "overlap",
    metadata,
    Column("id", Text, primary_key=True),
    Column("partner", Text, nullable=False),
    Column("role", Text, nullable=False),  # "initiator" or "responder"
    Column("state", Text, nullable=False),
    Column("core", LargeBinary, nullable=False),
    Column("query", Text, nullable=False),  # by what the own items were chosen
    Column("key", LargeBinary),
    Column("items", LargeBinary),
    Column("hello", LargeBinary),  # the other side's
    Column("own", BigInteger, nullable=False),
    Column("theirs", BigInteger, nullable=False),
    Column("common", BigInteger),
    Column("found", LargeBinary),  # the items that both have, once they are revealed
    Column("agreed_by", Text),  # our person
    Column("person", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("trouble", Text),
    Index(None, "partner", "made_at"),
)

# What somebody works on, here or at a partner: what it is now, made from its changes.
effort = Table(
    "effort",
    metadata,
    Column("id", Text, primary_key=True),
    Column("founder", Text, nullable=False),  # the id of a node
    Column("origin", Text, nullable=False),  # "own", or the partner whose it is
    Column("marking", Text, nullable=False),  # the TLP label of what we say of it; empty where we say nothing
    Column("object_id", Text, nullable=False),  # the grouping of whoever founded it
    Column("view", LargeBinary, nullable=False),  # the Effort as MessagePack
    Column("shared_from", BigInteger),  # the first of our changes that go to those who take part
    Column("published", BigInteger, nullable=False),  # the last of our changes that our grouping tells
    Column("made_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False, index=True),
    Column("trouble", Text),  # what a partner said of it that could not be taken
)

# Each thing that was done to an effort, as its node signed it.
effort_change = Table(
    "effort_change",
    metadata,
    Column("effort", Text, primary_key=True),
    Column("node", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("body", LargeBinary, nullable=False),  # canonical JSON
    Column("signing_key", Text, nullable=False),
    Column("signature", Text, nullable=False),
)

# A suggestion that a person looked at and put aside.
effort_apart = Table(
    "effort_apart",
    metadata,
    Column("own", Text, primary_key=True),
    Column("other", Text, primary_key=True),
    Column("person", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# A playbook that a person here accepted, byte for byte, by version.
playbook = Table(
    "playbook",
    metadata,
    Column("id", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),  # SHA-256
    Column("person", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# One run of a playbook. `state` is where it is; it changes in one transaction with all that follows from it.
run = Table(
    "run",
    metadata,
    Column("id", Text, primary_key=True),
    Column("playbook_id", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", LargeBinary, nullable=False),
    Column("person", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False, index=True),
    Column("changed_at", BigInteger, nullable=False),
)

# What is to be done for a run, or was: written before it is done.
run_order = Table(
    "run_order",
    metadata,
    Column("key", Text, primary_key=True),
    Column("run", Text, nullable=False, index=True),
    Column("number", BigInteger, nullable=False),
    # "intended", "doing" (it may have been done), "asked" (a person is to say), "stopping", "done", "failed", "stopped"
    Column("phase", Text, nullable=False, index=True),
    Column("document", LargeBinary, nullable=False),
    Column("person", Text),
    Column("reason", Text),
    Column("at", BigInteger, nullable=False),
)

run_alarm = Table(
    "run_alarm",
    metadata,
    Column("run", Text, primary_key=True),
    Column("alarm", BigInteger, primary_key=True),
    Column("at", BigInteger, nullable=False, index=True),
)

# What happened in a run, step by step.
run_note = Table(
    "run_note",
    metadata,
    Column("run", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("what", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

# One reason to block one thing at one device: lifted when its time is over, or nobody wants it any more.
lease = Table(
    "lease",
    metadata,
    Column("id", Text, primary_key=True),
    Column("actuator", Text, nullable=False),
    Column("thing", Text, nullable=False, index=True),
    Column("owner", Text, nullable=False, index=True),  # the response, or the run
    Column("run", Text, nullable=False),
    Column("order_key", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("person", Text, nullable=False),  # who said yes
    Column("made_at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("held_at", BigInteger),  # when the device was first seen to have it
    Column("ended_at", BigInteger),
    Column("why", Text),
    Column("lifted_at", BigInteger),  # when the device was first seen not to have it any more
    Column("due_at", BigInteger, index=True),
    Index("lease_by_actuator", "actuator", "ended_at"),
    Index("lease_by_order", "order_key"),
)

# What was last seen of each device that blocks for us.
device = Table(
    "device",
    metadata,
    Column("name", Text, primary_key=True),
    Column("looked_at", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("put_back", BigInteger, nullable=False),  # what others had taken out
    Column("taken_out", BigInteger, nullable=False),  # what others had put in
    Column("failures", BigInteger, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("problem", Text),
)

# A playbook that several nodes run together, each its own part, and how far it is here.
response = Table(
    "response",
    metadata,
    Column("id", Text, primary_key=True),
    Column("proposer", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("marking", Text, nullable=False),
    Column("playbooks", LargeBinary, nullable=False),
    Column("run", Text, index=True),
    Column("notes_told", BigInteger, nullable=False),
    Column("said", BigInteger, nullable=False),
    Column("published", BigInteger, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False, index=True),
    Column("due_at", BigInteger, index=True),
    Column("trouble", Text),
    Index("response_untold", "id", sqlite_where=text("said > published"), postgresql_where=text("said > published")),
)

# What each node said of a response, signed and chained.
response_entry = Table(
    "response_entry",
    metadata,
    Column("response", Text, primary_key=True),
    Column("node", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("body", LargeBinary, nullable=False),  # as it was signed
    Column("signing_key", Text, nullable=False),
    Column("signature", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# Who here said yes, and to what.
response_approval = Table(
    "response_approval",
    metadata,
    Column("response", Text, primary_key=True),
    Column("person", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("terms", LargeBinary, nullable=False),
)

# What happened, or is to be looked at when its time comes, of which people may have to hear.
happening = Table(
    "happening",
    metadata,
    Column("event", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("told_at", BigInteger),  # when it was made into notices, or found to matter to nobody
    Index("happening_untold", "at", sqlite_where=text("told_at IS NULL"), postgresql_where=text("told_at IS NULL")),
)

# What is sent to one address that katchi.toml names, until it was taken.
notice = Table(
    "notice",
    metadata,
    Column("id", Text, primary_key=True),  # follows from target, event and subject
    Column("target", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("headline", Text, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("made_at", BigInteger, nullable=False, index=True),
    Column("next_at", BigInteger, index=True),  # none: it was sent, or given up
    Column("tries", BigInteger, nullable=False),
    Column("sent_at", BigInteger),
    Column("given_up_at", BigInteger),
    Column("problem", Text),
)

# When each reader last fetched a list of what is blocked.
feed_poll = Table(
    "feed_poll",
    metadata,
    Column("feed", Text, primary_key=True),
    Column("reader", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
)

# ---- partners and what may go to them ----------------------------------------------------------

partner = Table(
    "partner",
    metadata,
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # "node" or "tool"
    Column("state", Text, nullable=False),
    Column("document", LargeBinary, nullable=False),  # the Partner value as JSON: keys, url, contacts
    Column("terms_digest", Text),
    Column("epoch", BigInteger, nullable=False),  # counts the terms put in force; see release.epoch
    # The last terms that all earlier releases and withholdings were held against.
    Column("reviewed_epoch", BigInteger, nullable=False, server_default="0"),
    Column("judged_seq", BigInteger, nullable=False),  # the log is judged for this partner up to here
    Column("pushed_position", BigInteger, nullable=False),
    Column("pulled_after", BigInteger, nullable=False),  # date_added of theirs that we have read up to
    Column("contact_at", BigInteger),  # last good exchange
    Column("trouble", Text),  # the last failure since then
    Column("trouble_at", BigInteger),
)

terms = Table(
    "terms",
    metadata,
    Column("partner", Text, primary_key=True),
    Column("epoch", BigInteger, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("person", Text, nullable=False),
)

release = Table(
    "release",
    metadata,
    Column("position", Sequence, primary_key=True, autoincrement=False),
    Column("added", BigInteger, nullable=False),  # the date_added in this partner's view
    Column("partner", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),  # the version in our log that it is, or is a copy of
    Column("of_id", Text, nullable=False),  # our object's id
    Column("of_hash", BigInteger, nullable=False, index=True),
    Column("object_id", Text, nullable=False),  # the id that goes: of_id, or the redacted copy's
    Column("id_hash", BigInteger, nullable=False, index=True),
    Column("version", BigInteger, nullable=False),
    Column("version_text", Text),
    Column("type", Text, nullable=False),
    Column("spec_version", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),  # SHA-256 of the bytes that go
    Column("raw", LargeBinary),  # none: the bytes are those of object.seq
    Column("rule", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),  # the terms under which it was last judged releasable
    Column("is_recall", SmallInteger, nullable=False),
    Column("is_last", SmallInteger, nullable=False),  # no newer version has gone to this partner
    Column("withdrawn_at", BigInteger),
    Column("is_deleted", SmallInteger, nullable=False, server_default="0"),  # by its reader: it does not come back
    Column("ledger_index", BigInteger, nullable=False),
    Column("receipt", Text),  # the partner's word: "stored", "already-held", "refused:<code>"
    Column("receipt_at", BigInteger),
    Column("told", Text),  # the partner's word on our notice that it was withdrawn
    Column("told_at", BigInteger),
    UniqueConstraint("added"),
    Index(None, "partner", "position"),
    Index(None, "partner", "type", "position"),
    Index(
        "release_untold", "partner", "position",
        sqlite_where=text("withdrawn_at IS NOT NULL AND told IS NULL"),
        postgresql_where=text("withdrawn_at IS NOT NULL AND told IS NULL"),
    ),
)  # fmt: skip

topic = Table(
    "topic",
    metadata,
    Column("number", Sequence, primary_key=True, autoincrement=False),
    Column("alias", Text, nullable=False, unique=True),
    Column("document", LargeBinary, nullable=False),  # the policy's Topic value as JSON
    Column("filled_to", BigInteger),  # releases looked through; none: all
)

shelf = Table(
    "shelf",
    metadata,
    Column("partner", Text, primary_key=True),
    Column("topic", BigInteger, primary_key=True),
    Column("position", BigInteger, primary_key=True),  # of a release to this partner that belongs to the topic
    sqlite_with_rowid=False,
)

# What partners released to us and took back since: it goes to nobody any more.
taken_back = Table(
    "taken_back",
    metadata,
    Column("digest", LargeBinary, primary_key=True),  # SHA-256 of what came
    Column("partner", Text, primary_key=True),
    Column("object_id", Text, nullable=False),
    Column("id_hash", BigInteger, nullable=False, index=True),
    Column("at", BigInteger, nullable=False),  # by the partner's clock
    Column("noted_at", BigInteger, nullable=False),
)

withheld = Table(
    "withheld",
    metadata,
    Column("partner", Text, primary_key=True),
    Column("object_id", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("code", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("waits_for", Text),  # the object whose change would change this
    Column("until", BigInteger),  # a delay that ends
    Column("epoch", BigInteger, nullable=False),  # the terms that decided
    Column("at", BigInteger, nullable=False),
    Index(None, "partner", "waits_for"),
    Index(None, "partner", "until"),
)

dropped = Table(
    "dropped",
    metadata,
    Column("partner", Text, primary_key=True),
    Column("object_id", Text, primary_key=True),  # went as a copy without …
    Column("dropped_id", Text, primary_key=True),  # … its reference to this one
    Index(None, "partner", "dropped_id"),
)

copy = Table(
    "copy",
    metadata,
    Column("copy_id", Text, primary_key=True),
    Column("of_id", Text, nullable=False),
    Column("document", LargeBinary, nullable=False),  # the policy's Copy value as JSON
)

received = Table(
    "received",
    metadata,
    Column("number", Sequence, primary_key=True, autoincrement=True),
    Column("partner", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("version_text", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index(None, "partner", "number"),
)

# ---- the ledger --------------------------------------------------------------------------------

ledger = Table(
    "ledger",
    metadata,
    Column("index", Sequence, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("partner", Text, nullable=False),
    Column("object_id", Text),
    Column("id_hash", BigInteger, index=True),
    Column("entry", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Index(None, "kind", "index"),
)

setting = Table(
    "setting",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

head = Table(
    "head",
    metadata,
    Column("partner", Text, primary_key=True),  # "" = our own
    Column("size", BigInteger, primary_key=True),
    Column("document", LargeBinary, nullable=False),
)

# ---- what we subscribe to ----------------------------------------------------------------------

subscription = Table(
    "subscription",
    metadata,
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("document", LargeBinary, nullable=False),  # what was asked for, as JSON; never a secret
    Column("created_at", BigInteger, nullable=False),
    Column("bookmark", LargeBinary, nullable=False),  # how far it has been read, as JSON
    Column("is_paused", SmallInteger, nullable=False),
    Column("next_due", BigInteger),  # none: it waits for a person
    Column("last_at", BigInteger),
    Column("last_ok_at", BigInteger),
    Column("stored", BigInteger, nullable=False),  # by the last reading that went well
    Column("held", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    Column("stored_total", BigInteger, nullable=False),
    Column("refused_total", BigInteger, nullable=False),
    Column("remarks", LargeBinary),
    Column("trouble", LargeBinary),  # the last failure since it went well, as JSON
    Column("trouble_at", BigInteger),
    Column("failures", Integer, nullable=False),
)

# ---- people, tools and doors -------------------------------------------------------------------

person = Table(
    "person",
    metadata,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("password", Text, nullable=False),  # argon2id
    Column("language", Text, nullable=False),
    Column("is_active", SmallInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

session = Table(
    "session",
    metadata,
    Column("digest", LargeBinary, primary_key=True),  # SHA-256 of the cookie's value
    Column("person", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

token = Table(
    "token",
    metadata,
    Column("id", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("partner", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
)

seen_token = Table(
    "seen_token",
    metadata,
    Column("jti", Text, primary_key=True),
    Column("expires_at", BigInteger, nullable=False, index=True),
    sqlite_with_rowid=False,
)

invitation = Table(
    "invitation",
    metadata,
    Column("id", Text, primary_key=True),
    Column("partner", Text, nullable=False),  # what we will call whoever accepts it
    Column("document", LargeBinary, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    Column("used_by", Text),  # the digest of the request that used it
)

submission = Table(
    "submission",
    metadata,
    Column("id", Text, primary_key=True),
    Column("submitter", Text, nullable=False),
    Column("via", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("stored", Integer, nullable=False),
    Column("held", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Index(None, "at"),
)
