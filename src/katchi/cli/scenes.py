"""The demo's scenes: each does what people at two nodes would do, and checks every statement that it makes."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import msgspec

from katchi import policy, stix
from katchi.cli import story
from katchi.cli.stage import Side, Stage, status_of, wait_for
from katchi.errors import KatchiError
from katchi.exchange.channel import RefusedError
from katchi.exchange.channels.node_push import NodePush
from katchi.node import (
    actuating,
    effort_board,
    efforts,
    emerging,
    overlap_after,
    overlapping,
    partnering,
    proof,
    responding,
    responses,
    terms,
    verification,
)
from katchi.node.deliver import link_to
from katchi.node.responses import Wish
from katchi.node.wiring import new_node_id
from katchi.overlap.psi import UnavailableError, group
from katchi.policy.invitation import Invitation, ask_to_join, read_invitation
from katchi.policy.keys import NodeKey
from katchi.policy.signed import canonical
from katchi.respond import library


@dataclass(frozen=True, slots=True)
class Statement:
    """Something that the demo claims, in both languages, whether it was found to be true, and what was seen."""

    en: str
    ko: str
    is_true: bool
    seen: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """A part of the story."""

    en: str
    ko: str
    play: Callable[[Stage], Iterator[Statement]]


def _two_nodes(stage: Stage) -> Iterator[Statement]:
    keys = [side.node.key.public.id for side in stage.sides]
    files = [(side.node.folder / "katchi.db").exists() for side in stage.sides]
    yield Statement(
        "Each node has its own data folder, database and key.",
        "각 노드는 자체 데이터 폴더와 데이터베이스, 키를 가집니다.",
        len(set(keys)) == 2 and all(files),
        "  ".join(f"{side.name} {key[:12]}…" for side, key in zip(stage.sides, keys, strict=True)),
    )
    status = status_of(stage.kr, "/taxii2/katchi/collections/")
    yield Statement(
        "A stranger who asks for intelligence gets none.",
        "모르는 상대가 정보를 요청하면 아무것도 받지 못합니다.",
        status == 401,
        f"HTTP {status}",
    )


def _arrangement(stage: Stage) -> Iterator[Statement]:
    kr, us = stage.sides
    invitation = partnering.invite(kr.node, kr.partner, person=kr.person).to_text()
    partnering.join(us.node, invitation, name=us.partner, person=us.person)
    seen = {side.name: partnering.words(partnering.one(side.node, side.partner), "en") for side in stage.sides}
    korean = partnering.words(partnering.one(kr.node, kr.partner), "ko")
    yield Statement(
        "Both sides show the same six words to read out on the telephone.",
        "양쪽에 같은 단어 여섯 개가 표시되어 전화로 서로 확인합니다.",
        len(set(seen.values())) == 1 and len(korean) == 6,
        f"{' '.join(seen[kr.name])} · {' '.join(korean)}",
    )
    yield _refuses_second_use(stage.kr, invitation)
    for side in stage.sides:
        partnering.confirm(side.node, side.partner, person=side.person)
    states = [partnering.one(side.node, side.partner).state for side in stage.sides]
    yield Statement(
        "Each side confirms for itself; only then may anything flow.",
        "각자 스스로 확인한 뒤에야 정보가 오갈 수 있습니다.",
        all(state == "active" for state in states),
        ", ".join(states),
    )


def _refuses_second_use(side: Side, text: str) -> Statement:
    """Somebody who got hold of the invitation tries it with a key of their own."""
    invitation = read_invitation(text)
    key = NodeKey.generate(secrets.token_bytes(32))
    refusal = ""
    if isinstance(invitation, Invitation):
        stranger = msgspec.structs.replace(
            invitation.inviter, name="choi", node_id=new_node_id(), public_key=key.public.to_text()
        )
        now = side.node.clock.now()
        request = ask_to_join(invitation, stranger, key, nonce=secrets.token_bytes(32), now=now)
        answer = httpx.post(f"{side.node.settings.url}{partnering.JOIN}", content=canonical(request))
        refusal = answer.json().get("error_code", "")
    return Statement(
        "The invitation cannot be used a second time.",
        "초대장은 두 번 사용할 수 없습니다.",
        refusal == "invitation-used",
        refusal,
    )


def _terms(stage: Stage) -> Iterator[Statement]:
    for side, text in ((stage.kr, story.terms("kr")), (stage.us, story.terms("us"))):
        enforced = terms.put_terms(side.node, side.partner, text, side.person)
        in_force = terms.in_force(side.node, side.partner)
        yield Statement(
            f"{side.name} puts its own terms for {side.partner} in force, written so that a lawyer can read them.",
            f"{side.name}이(가) {side.partner}에 대한 자체 공유 조건을 시행합니다. "
            "법률 담당자도 읽을 수 있는 형식입니다.",
            in_force.digest == enforced.digest == hashlib.sha256(text.encode()).hexdigest(),
            f"{enforced.releases} + {enforced.withholds}",
        )
    typed_wrongly = story.terms("kr").replace("up-to", "upto", 1)
    try:
        terms.put_terms(stage.kr.node, stage.kr.partner, typed_wrongly, stage.kr.person)
        refusal = ""
    except KatchiError as problem:
        refusal = f"{problem.where}: {problem.remedy or problem.sentence}"
    yield Statement(
        "Terms with a typing error are refused, the line is named, and the old ones stay in force.",
        "오타가 있는 조건은 해당 줄을 알려 주며 거부되고, 이전 조건이 그대로 유지됩니다.",
        bool(refusal) and terms.in_force(stage.kr.node, stage.kr.partner).text == story.terms("kr"),
        refusal,
    )


def _import(stage: Stage) -> Iterator[Statement]:
    for side, key in ((stage.kr, "kr"), (stage.us, "us")):
        accounts = [side.hand_in(name, document) for name, document in story.documents(key)]
        total = sum(account.total for account in accounts)
        taken = sum(account.stored + account.held for account in accounts)
        yield Statement(
            f"{side.name} imports {total} objects about {'2013 and 2016' if key == 'kr' else '2014'}.",
            f"{side.name}이(가) {'2013년과 2016년' if key == 'kr' else '2014년'} 공격에 관한 "
            f"객체 {total}개를 가져옵니다.",
            taken == total and set(story.EXPECTED[key]) <= set(side.origins()),
            f"{taken}/{total}",
        )
    account = stage.kr.hand_in("broken.json", story.document("kr", "broken.json"))
    yield Statement(
        "From a file with four broken objects the good one is kept, and the others are named with the reason.",
        "잘못된 객체 네 개가 든 파일에서 올바른 것만 저장하고, 나머지는 이유와 함께 알려 줍니다.",
        (account.stored, account.refused) == (1, 4),
        ", ".join(problem.code for problem in account.problems),
    )


def _release(stage: Stage) -> Iterator[Statement]:
    seconds = wait_for(stage.is_settled)
    for side, other, key in ((stage.kr, stage.us, "kr"), (stage.us, stage.kr, "us")):
        yield from _as_expected(side, other, key)
    yield Statement(
        "Everything that was released is answered for with the partner's signed receipt.",
        "제공된 모든 객체에 대해 상대방이 서명한 수령 확인이 도착했습니다.",
        seconds is not None and all(_all_receipted(side) for side in stage.sides),
        "" if seconds is None else f"{seconds:.2f} s",
    )
    yield _red_stays(stage)
    yield _unmarked_stays(stage)


def _outcomes(side: Side) -> dict[str, str]:
    gone = {
        row.of_id: "copy" if row.object_id != row.of_id else "full"
        for row in side.node.store.releases.latest(100_000, side.partner)
        if row.withdrawn_at is None
    }
    kept = {
        row.object_id: f"withheld:{row.code}" for row in side.node.store.releases.latest_withheld(100_000, side.partner)
    }
    return kept | gone


def _as_expected(side: Side, other: Side, key: str) -> Iterator[Statement]:
    expected, found = story.EXPECTED[key], _outcomes(side)
    differing = [object_id for object_id, outcome in expected.items() if found.get(object_id) != outcome]
    counts = Counter(outcome.partition(":")[0] for outcome in expected.values())
    yield Statement(
        f"Of {len(expected)} objects {side.name} releases {counts['full']} in full and {counts['copy']} as redacted "
        f"copies, and withholds {counts['withheld']}: each as its terms say.",
        f"{side.name}은(는) 객체 {len(expected)}개 중 {counts['full']}개를 그대로, "
        f"{counts['copy']}개를 일부 가린 사본으로 제공하고 {counts['withheld']}개를 보류합니다. "
        "모두 공유 조건에 따릅니다.",
        not differing,
        _reasons(expected) if not differing else f"differs: {', '.join(differing[:3])}",
    )
    whole = {object_id for object_id, outcome in expected.items() if outcome == "full"}
    hidden = {object_id for object_id, outcome in expected.items() if outcome != "full"}
    theirs = other.origins()
    mine = side.node.store.log.newest(list(whole))
    same = other.node.store.log.newest(list(whole))
    identical = all(object_id in same and same[object_id].raw == entry.raw for object_id, entry in mine.items())
    leaked = {object_id for object_id in hidden if theirs.get(object_id) == other.partner}
    yield Statement(
        f"What arrived at {other.name} is byte for byte what {side.name} holds; "
        "nothing withheld arrived, not even an id.",
        f"{other.name}에 도착한 것은 {side.name}의 원본과 바이트까지 같으며, "
        "보류된 것은 식별자조차 도착하지 않았습니다.",
        identical and not leaked,
        f"{len(mine)} = {len(same)}",
    )


def _reasons(expected: dict[str, str]) -> str:
    codes = Counter(outcome.partition(":")[2] for outcome in expected.values() if outcome.startswith("withheld:"))
    return ", ".join(f"{code} {count}" for code, count in codes.most_common())


def _all_receipted(side: Side) -> bool:
    flow = side.node.store.releases.flows().get(side.partner)
    return flow is not None and flow.waiting == 0 and flow.released > 0


def _red_stays(stage: Stage) -> Statement:
    phrase = story.RED_PHRASE.encode()
    held = [entry for entry in stage.us.node.store.log.after(0, 100_000) if phrase in bytes(entry.raw)]
    ours = stage.kr.node.store.log.newest([story.RED_ID])
    decision = terms.explain(stage.kr.node, story.RED_ID, stage.kr.partner).decision
    return Statement(
        "The TLP:RED note does not leave, and `katchi terms explain` says which rule decided.",
        "TLP:RED 메모는 나가지 않으며, `katchi terms explain`이 결정한 규칙을 알려 줍니다.",
        bool(ours) and not held and story.RED_ID not in stage.us.origins() and isinstance(decision, policy.Withheld),
        decision.code if isinstance(decision, policy.Withheld) else "",
    )


def _unmarked_stays(stage: Stage) -> Statement:
    return Statement(
        "An object that nobody marked does not leave either: no marking is no permission.",
        "표시가 없는 객체도 나가지 않습니다. 표시가 없다는 것은 허락이 아닙니다.",
        story.UNMARKED_ID not in stage.us.origins()
        and _outcomes(stage.kr).get(story.UNMARKED_ID) == "withheld:unmarked",
        "unmarked",
    )


def _same_thing(stage: Stage) -> Iterator[Statement]:
    for key in story.SHARED_KEYS:
        hits = [hit for hit, _ in stage.us.node.store.things.speaking([key], 50)]
        origins = sorted({hit.origin for hit in hits})
        yield Statement(
            "The same indicator came from both sides, and is shown as one thing with both reports.",
            "같은 지표가 양쪽에서 보고되어, 두 보고가 모두 보이는 하나의 대상으로 표시됩니다.",
            {"own", stage.us.partner} <= set(origins),
            f"{key[:60]}: {len(hits)} ({', '.join(origins)})",
        )


def _overlap(stage: Stage) -> Iterator[Statement]:
    """A case that both work on: they learn how many samples both have, agree, and learn which; the rest stays."""
    kr, us = stage.sides
    try:
        group()
    except UnavailableError:
        yield Statement(
            "Private overlap is off: this machine has no libsodium. Everything else goes on without it.",
            "이 컴퓨터에 libsodium이 없어 비공개 대조 기능이 꺼져 있습니다. 나머지는 그대로 동작합니다.",
            True,
        )
        return
    for side, name in ((kr, "kr"), (us, "us")):
        side.hand_in("case.json", story.internal_work(name))
    session = overlapping.propose(kr.node, kr.partner, "file", query="tag:internal", person=kr.person).id
    wait_for(lambda: bool(us.node.store.overlaps.all()))
    overlapping.accept(us.node, session, query="tag:internal", person=us.person)
    seconds = wait_for(lambda: all(side.node.store.overlaps.one(session).common is not None for side in stage.sides))
    rows = [side.node.store.overlaps.one(session) for side in stage.sides]
    yield Statement(
        "Both work on a case that neither may show. They learn how many samples both have, and nothing else.",
        "양쪽이 아직 보여줄 수 없는 사건을 조사 중입니다. 몇 개의 표본을 함께 가졌는지만 알게 됩니다.",
        seconds is not None and {row.common for row in rows} == {6} and not any(row.found for row in rows),
        " · ".join(f"{row.own} ∩ {row.theirs} = {row.common}" for row in rows),
    )
    overlapping.agree(kr.node, session, person=kr.person)
    overlapping.agree(us.node, session, person=us.person)
    wait_for(lambda: all(side.node.store.overlaps.one(session).state == "revealed" for side in stage.sides))
    known = [overlapping.found(side.node.store.overlaps.one(session)) for side in stage.sides]
    yield Statement(
        "A person on each side agrees: now both know which six. The others never left, and the case is worked on once.",
        "양쪽 담당자가 동의하자 어느 여섯 개인지 서로 알게 됩니다. 나머지는 나가지 않았고, 조사도 한 번이면 됩니다.",
        known[0] == known[1] and len(known[0]) == 6 and not _went(us),
        f"{known[0][0][:40]}…" if known[0] else "",
    )


def _together(stage: Stage) -> Iterator[Statement]:
    """The case that both found: from here on it is worked on once."""
    kr, us = stage.sides
    session = next((row.id for row in kr.node.store.overlaps.all() if row.state == "revealed"), "")
    if not session:
        return
    theirs = efforts.begin(us.node, "Samples of the 2016 case", fields=_costs(us, "alone", "8"), marking="amber",
                           person=us.person).id  # fmt: skip
    ours = overlap_after.together(kr.node, session, "2016년 사건 표본 분석", person=kr.person).id
    efforts.change(kr.node, ours, fields=_costs(kr, "alone", "10"), person=kr.person)
    wait_for(lambda: any(each.row.id == ours for each in effort_board.board(us.node).of("asked")))
    efforts.accept(us.node, ours, own=theirs, person=us.person)
    seconds = wait_for(lambda: all(effort_board.board(side.node).of("joint") for side in stage.sides))
    yield Statement(
        "One command asks the partner to work on it together, and its own effort goes on in the joint one.",
        "명령 하나로 함께 하자고 제안하고, 상대방이 하던 작업은 공동 작업으로 이어집니다.",
        seconds is not None and efforts.view(us.node.store.efforts.one(theirs)).into == ours,
        efforts.view(kr.node.store.efforts.one(ours)).title,
    )
    said = {"kr": "표본 1~3은 우리가 봅니다", "us": "We take samples 4 to 6"}
    for number, (side, text) in enumerate(zip(stage.sides, said.values(), strict=True)):
        task = {f"task/0000000{number}/title": text, f"task/0000000{number}/who": side.node.settings.node_id}
        efforts.change(side.node, ours, fields=task, said=text, person=side.person)
    wait_for(lambda: all(_said(side, ours) >= set(said.values()) for side in stage.sides))
    views = [efforts.view(side.node.store.efforts.one(ours)) for side in stage.sides]
    yield Statement(
        "Both write in it at the same moment. Each change is signed; nothing is lost, and both see the same.",
        "양쪽이 동시에 적습니다. 모든 변경은 서명되고, 잃는 것 없이 양쪽이 같은 것을 봅니다.",
        views[0] == views[1] and len(views[0].tasks) == 2 and all(_said(side, ours) >= set(said.values())
                                                                  for side in stage.sides),
        " · ".join(task.title for task in views[0].tasks),
    )  # fmt: skip
    efforts.change(us.node, ours, fields=_costs(us, "spent", "3"), person=us.person)
    efforts.change(kr.node, ours, fields={"state": "done", **_costs(kr, "spent", "4")}, person=kr.person)
    wait_for(lambda: all(effort_board.board(side.node).saved == 11 for side in stage.sides))
    found = [effort_board.board(side.node).saved for side in stage.sides]
    yield Statement(
        "It is done once. By what both say themselves, 11 person-days were not spent twice.",
        "한 번에 끝났습니다. 양쪽이 밝힌 대로 11인일을 두 번 들이지 않았습니다.",
        found == [11, 11],
        "10 + 8 − 4 − 3",
    )


def _respond(stage: Stage) -> Iterator[Statement]:
    """Something rises; both block it, each after its own yes; it was wrong, and both let go."""
    kr, us = stage.sides
    kr.hand_in("sightings", story.outbreak(kr.node.clock.now()))
    found = [each for each in emerging.look(kr.node) if each.key == story.RISING]
    yield Statement(
        "A name that was seen now and then is seen more every day. The node raises an alarm.",
        "가끔 보이던 이름이 날마다 더 많이 보입니다. 노드가 경보를 냅니다.",
        bool(found),
        story.RISING,
    )
    playbook = responding.accept(kr.node, library.document("block-and-watch"), person=kr.person)[0]
    things = f"{story.RISING.partition(':')[2]} {story.HARMLESS.partition(':')[2]}"
    wish = Wish(playbook.id, {"things": things}, [kr.partner], "경보: 확산 중", [story.RISING], quorum=2)
    response = responses.propose(kr.node, wish, person=kr.person).id
    arrived = wait_for(lambda: any(each.row.id == response for each in responses.every(us.node)))
    plan = responses.dry_run(us.node, response) if arrived is not None else []
    yield Statement(
        "A signed playbook reaches the partner. Its node says what it would do there, and does nothing.",
        "서명된 플레이북이 상대방에 도착합니다. 상대 노드는 무엇을 하게 되는지 보여 줄 뿐, 아무것도 하지 않습니다.",
        [each.verdict for each in plan] == ["here", "people", "people"] and not _blocked(us) and not _blocked(kr),
        " · ".join(f"{each.name}: {each.verdict}" for each in plan),
    )
    responses.accept(us.node, response, person=us.person)
    seconds = wait_for(lambda: all(_blocked(side) >= {story.RISING, story.HARMLESS} for side in stage.sides))
    yield Statement(
        f"A person there says yes. {_seconds(seconds)} later both nodes block, each with its own devices.",
        f"상대방 담당자가 승인합니다. {_seconds(seconds)} 뒤 두 노드가 각자의 장비로 차단합니다.",
        seconds is not None,
        ", ".join(sorted(_blocked(us))),
    )
    responses.recall(kr.node, response, things=[story.HARMLESS], reason="오탐", person=kr.person)
    seconds = wait_for(lambda: all(_blocked(side) == {story.RISING} for side in stage.sides))
    yield Statement(
        f"One of the two was harmless. It is recalled, and {_seconds(seconds)} later neither node blocks it.",
        f"둘 중 하나는 무해했습니다. 회수하자 {_seconds(seconds)} 뒤 어느 노드도 차단하지 않습니다.",
        seconds is not None,
        f"{story.HARMLESS} ✗ · {story.RISING} ✓",
    )
    responses.recall(kr.node, response, reason="상황 종료", person=kr.person)
    seconds = wait_for(lambda: all(_told_all(side, response) for side in stage.sides))
    timeline = responses.read(kr.node, response).joint.timeline
    yield Statement(
        "It ends, and nothing stays behind. Both hold the same signed timeline of who did what, and when.",
        "종료하면 아무것도 남지 않습니다. 누가 언제 무엇을 했는지, 서명된 같은 기록을 양쪽이 갖습니다.",
        seconds is not None and not _blocked(kr) and not _blocked(us),
        f"{len(timeline)} · {', '.join(dict.fromkeys(each.kind for each in timeline))}",
    )


def _blocked(side: Side) -> set[str]:
    """What the simulated device of a side has now."""
    (device,) = actuating.actuators(side.node).values()
    return set(device.read(side.node.clock.now()) or ())


def _told_all(side: Side, response: str) -> bool:
    """Whether this side knows that both have let go."""
    parts = responses.read(side.node, response).joint.parts.values()
    return not _blocked(side) and all(part.state == "lifted" for part in parts)


def _seconds(seconds: float | None) -> str:
    return "—" if seconds is None else f"{seconds:.1f} s"


def _costs(side: Side, name: str, days: str) -> dict[str, str]:
    return {f"{name}/{side.node.settings.node_id}": days}


def _said(side: Side, effort: str) -> set[str]:
    return {each.said for each in efforts.history(side.node, effort)}


def _went(us: Side) -> bool:
    """Whether any sample of the other side's case is held here."""
    samples = json.loads(story.internal_work("kr"))["objects"]
    return bool(us.origins().keys() & {each["id"] for each in samples})


def _recall(stage: Stage) -> Iterator[Statement]:
    before = stage.us.node.store.search.by_id(story.RECALLED_ID)
    stage.kr.hand_in("recall.json", story.document("kr", "recall.json"))
    seconds = wait_for(lambda: _is_revoked(stage.us, story.RECALLED_ID))
    stage.measured["recall"] = seconds or 0.0
    yield Statement(
        "A false positive is recalled, and the recall follows the object to the partner.",
        "오탐으로 밝혀진 지표를 회수하면, 회수가 그 객체를 따라 상대방에게 전달됩니다.",
        before is not None and not before.is_revoked and seconds is not None,
        "" if seconds is None else f"{seconds:.2f} s",
    )


def _is_revoked(side: Side, object_id: str) -> bool:
    hit = side.node.store.search.by_id(object_id)
    return hit is not None and hit.is_revoked


def _suspension(stage: Stage) -> Iterator[Statement]:
    kr, us = stage.sides
    partnering.suspend(kr.node, kr.partner, person=kr.person)
    yield Statement(
        "Kim suspends the arrangement: the partner's very next request is refused.",
        "담당자가 약정을 중지하자 상대방의 바로 다음 요청이 거부됩니다.",
        _is_refused(us),
        "HTTP 403",
    )
    kr.hand_in("late.json", story.document("kr", "late.json"))
    arrived = wait_for(lambda: story.LATE_ID in us.origins(), patience=1.5)
    yield Statement(
        "What comes in meanwhile stays.",
        "그동안 들어온 정보는 나가지 않습니다.",
        arrived is None and story.LATE_ID in kr.origins(),
        "1.5 s",
    )
    partnering.resume(kr.node, kr.partner, person=kr.person)
    seconds = wait_for(lambda: story.LATE_ID in us.origins())
    yield Statement(
        "After the resume it goes on where it stopped.",
        "재개하면 멈춘 곳부터 이어집니다.",
        seconds is not None,
        "" if seconds is None else f"{seconds:.2f} s",
    )


def _is_refused(side: Side) -> bool:
    with link_to(side.node, partnering.one(side.node, side.partner)) as link:
        try:
            NodePush(link).page(added_after="", following="", limit=1)
        except RefusedError as problem:
            return "403" in problem.found
    return False


def _proof(stage: Stage) -> Iterator[Statement]:
    wait_for(stage.is_settled)
    for side in stage.sides:
        both = proof.reconcile(side.node, side.partner)
        yield Statement(
            f"{side.name} lays both books side by side: nothing lost, nothing twice, nothing unexplained.",
            f"{side.name}이(가) 양쪽 원장을 대조합니다. 빠진 것도, 두 번 간 것도, 설명되지 않는 것도 없습니다.",
            both.is_clean and not both.outgoing.in_flight and bool(both.outgoing.agreed),
            f"→ {len(both.outgoing.agreed)}  ← {len(both.incoming.agreed)}",
        )
        verified = verification.verify(side.node)
        yield Statement(
            f"Every entry of {side.name}'s ledger is as it was written.",
            f"{side.name} 원장의 모든 항목이 기록된 그대로입니다.",
            verified.is_intact,
            f"{verified.entries} · {verified.root[:16]}…",
        )
    yield _proven(stage)


def _proven(stage: Stage) -> Statement:
    document = proof.prove(stage.kr.node, story.RECALLED_ID, stage.kr.partner).document
    proven = proof.check(document, stage.kr.node.key.public.to_text())
    return Statement(
        "The partner can check offline, with the other's public key alone, that a release is on the ledger.",
        "상대방은 공개키만으로, 연결 없이도, 제공 기록이 원장에 있음을 확인할 수 있습니다.",
        proven.object_id == story.RECALLED_ID and proven.partner == stage.kr.partner,
        f"{proven.index}/{proven.size} {stix.format_timestamp(proven.at)}",
    )


SCENES = (
    Scene("Two sovereign nodes", "주권을 가진 두 노드", _two_nodes),
    Scene(
        "An invitation, and six words on the telephone",
        "초대, 그리고 전화로 확인하는 여섯 단어",
        _arrangement,
    ),
    Scene("Each owner's terms", "각 소유자의 공유 조건", _terms),
    Scene("Intelligence comes in", "정보 가져오기", _import),
    Scene(
        "What may go goes; what may not stays, with the reason",
        "갈 수 있는 것만 가고, 나머지는 이유와 함께 남습니다",
        _release,
    ),
    Scene("The same thing from both sides", "양쪽에서 본 같은 대상", _same_thing),
    Scene("What both have, before either shows it", "보여주기 전에 알아내는 공통점", _overlap),
    Scene("The same work, done once", "같은 일은 한 번만", _together),
    Scene("An attack, answered together", "함께 대응하기", _respond),
    Scene("A recall", "회수", _recall),
    Scene("A suspension", "중지", _suspension),
    Scene("Both can prove it", "양쪽 모두 증명할 수 있습니다", _proof),
)
