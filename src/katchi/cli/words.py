"""What the command line says, in English and Korean. Help texts and JSON documents are in English only."""

from __future__ import annotations

import os
from typing import Final, Literal

Language = Literal["en", "ko"]

SENTENCES: Final[dict[str, tuple[str, str]]] = {
    # How an error is laid out
    "error": ("Error", "오류"),
    "where": ("where", "위치"),
    "what": ("property", "속성"),
    "expected": ("expected", "기대한 값"),
    "found": ("found", "실제 값"),
    "remedy": ("do", "조치"),
    "interrupted": (
        "Stopped. What was finished before is kept.",
        "중단했습니다. 이미 끝난 작업은 유지됩니다.",
    ),
    # A new node
    "init-made": ("Node {name} is ready in {folder}.", "노드 {name}을(를) {folder}에 만들었습니다."),
    "init-person": ("Administrator: {person}", "관리자: {person}"),
    "init-password": (
        "Password: {password}   (shown once; write it down)",
        "비밀번호: {password}   (한 번만 표시되니 적어 두십시오)",
    ),
    "init-key": ("Public key: {key}", "공개 키: {key}"),
    "init-next": ("Next:", "다음 단계:"),
    "init-next-folder": ("  export KATCHI_NODE={folder}", "  export KATCHI_NODE={folder}"),
    "init-next-serve": (
        "  katchi serve                 starts it: {url}",
        "  katchi serve                 노드를 시작합니다: {url}",
    ),
    "init-next-import": (
        "  katchi import FILE           brings intelligence in",
        "  katchi import FILE           정보를 가져옵니다",
    ),
    "init-next-invite": (
        "  katchi partner invite NAME   begins an arrangement",
        "  katchi partner invite NAME   협력을 시작합니다",
    ),
    "serve-on": (
        "Katchi listens on {listen}; partners use {url}. Ctrl-C stops it.",
        "{listen}에서 대기 중, 협력 기관은 {url}을 사용합니다. Ctrl-C로 종료합니다.",
    ),
    # Import and export
    "import-summary": (
        "{source}: {total} objects: {stored} new, {held} already held, {refused} refused",
        "{source}: 객체 {total}개: 신규 {stored}, 이미 보유 {held}, 거부 {refused}",
    ),
    "import-found": (
        "{source} ({kind}): {count} objects found, {known} of them held already",
        "{source} ({kind}): 객체 {count}개 발견, 그중 {known}개는 이미 보유",
    ),
    "import-mapping": ("Columns: {mapping}", "열: {mapping}"),
    "import-left-out": ("Left out: {codes}", "제외: {codes}"),
    "import-more-found": ("… and {count} more; --json lists all", "… 외 {count}개; --json으로 모두 볼 수 있습니다"),
    "import-ask": ("Take these {count} objects in?", "이 객체 {count}개를 저장할까요?"),
    "import-not-taken": ("{source}: nothing was taken in.", "{source}: 저장하지 않았습니다."),
    "col-from": ("from", "출처"),
    "import-preview": ("(preview: nothing was stored)", "(미리보기: 저장하지 않았습니다)"),
    "import-refused": ("Refused:", "거부된 객체:"),
    "import-refused-more": (
        "… and {count} more; --json lists all",
        "… 외 {count}건; --json으로 모두 볼 수 있습니다",
    ),
    "import-tolerated": (
        "Tolerated, though the standard says otherwise: {codes}",
        "표준과 다르지만 허용함: {codes}",
    ),
    "unreadable-object": ("(an object without a readable id)", "(ID를 읽을 수 없는 객체)"),
    "export-done": (
        "{objects} objects, {size} bytes to {out}",
        "객체 {objects}개, {size}바이트를 {out}에 썼습니다",
    ),
    "export-digest": ("SHA-256 {digest}", "SHA-256 {digest}"),
    "feed-done": ("{entries} entries, {size} bytes in {out}", "항목 {entries}개, {size}바이트: {out}"),
    "misp-done": (
        "{events} events in {out}, of these {written} new or changed",
        "이벤트 {events}개: {out} (새것이거나 바뀐 것 {written}개)",
    ),
    "feed-left-out": ("left out {count}: {reason}", "제외 {count}개: {reason}"),
    "left-out-not-atomic": ("no value alone is bad, by its pattern", "패턴상 값 하나만으로는 악성이 아님"),
    "left-out-other-language": (
        "written in a language that this feed does not carry",
        "이 피드가 담지 않는 언어로 작성됨",
    ),
    "left-out-other-thing": ("about things that this feed does not carry", "이 피드가 담지 않는 대상"),
    "left-out-unusable-value": ("a value that no device can use", "장비가 쓸 수 없는 값"),
    "left-out-revoked": ("revoked", "회수됨"),
    "left-out-expired": ("no longer valid", "유효 기간 지남"),
    "left-out-not-yet-valid": ("not valid yet", "아직 유효하지 않음"),
    "left-out-confidence-too-low": ("less confident than asked for", "요청한 신뢰도 미만"),
    "left-out-never-blocked": (
        "private networks, public resolvers or large sites; --with-warned has them too",
        "사설망, 공개 DNS 또는 대형 사이트. --with-warned로 포함",
    ),
    "left-out-twice": ("there already", "이미 포함됨"),
    "left-out-not-carried": ("not expressible in this format", "이 형식으로 표현할 수 없음"),
    "export-unsafe": (
        "This file holds everything, whatever its markings. It must not leave your hands.",
        "이 파일에는 표시 등급과 무관하게 모든 객체가 들어 있습니다. 외부로 반출하면 안 됩니다.",
    ),
    # Objects
    "search-none": ("Nothing found.", "찾은 것이 없습니다."),
    "search-more": (
        "More than {limit}; --limit shows more.",
        "{limit}건 이상; --limit으로 더 볼 수 있습니다.",
    ),
    "col-id": ("id", "ID"),
    "col-type": ("type", "유형"),
    "col-name": ("name", "이름"),
    "col-origin": ("origin", "출처"),
    "col-marking": ("TLP", "TLP"),
    "col-version": ("version", "버전"),
    "col-partner": ("partner", "협력 기관"),
    "col-state": ("state", "상태"),
    "col-kind": ("kind", "종류"),
    "col-url": ("address", "주소"),
    "col-terms": ("terms", "약정"),
    "col-trouble": ("trouble", "문제"),
    "col-when": ("when", "시각"),
    "col-why": ("why", "이유"),
    "col-rule": ("rule", "규칙"),
    "col-line": ("line", "행"),
    "col-role": ("role", "역할"),
    "col-language": ("language", "언어"),
    "col-label": ("label", "용도"),
    "col-expires": ("expires", "만료"),
    "col-count": ("objects", "객체 수"),
    "col-number": ("no.", "번호"),
    "col-what": ("what", "내용"),
    "col-person": ("person", "담당자"),
    "col-arrived": ("arrived", "도착"),
    "col-via": ("through", "경로"),
    "col-receipt": ("receipt", "수령 확인"),
    "section-properties": ("Properties", "속성"),
    "section-versions": ("Versions", "버전"),
    "section-things": ("Speaks of", "언급하는 대상"),
    "section-same": ("Others about the same", "같은 대상을 말하는 객체"),
    "section-referring": ("Referred to by", "이 객체를 참조하는 객체"),
    "section-released": ("Released to", "공개한 기관"),
    "section-taken-back": ("Taken back by", "제공을 철회한 기관"),
    "section-withheld": ("Withheld from", "공개하지 않은 기관"),
    "revoked": ("revoked", "철회됨"),
    "withdrawn": ("withdrawn", "공개 취소"),
    "withdrawn-known": ("withdrawn, and known there", "철회됨, 상대 기관 확인"),
    "waiting": ("waiting", "대기 중"),
    "redacted": ("redacted copy", "편집본"),
    # Partners
    "partner-invited": (
        "Invitation for {partner}, valid once, until {expires}. Hand it over by a way that you both trust.",
        "{partner} 초대장 (1회용, {expires}까지). 서로 믿을 수 있는 경로로 전달하십시오.",
    ),
    "partner-invitation-in": ("Invitation: {out}", "초대장: {out}"),
    "partner-joined": ("{partner} is introduced.", "{partner}와(과) 서로 소개되었습니다."),
    "partner-words": (
        "Read these words to {partner} on the telephone; both sides must see the same:",
        "전화로 {partner}에 다음 단어를 읽어 주십시오. 양쪽에 같은 단어가 보여야 합니다:",
    ),
    "partner-confirm-next": (
        "If they agree: katchi partner confirm {partner}",
        "일치하면: katchi partner confirm {partner}",
    ),
    "partner-agree": ("Do both sides see these words?", "양쪽에 같은 단어가 보입니까?"),
    "partner-not-confirmed": (
        "Not confirmed. If the words differ, somebody may stand between the two nodes.",
        "확인하지 않았습니다. 단어가 다르면 중간에 누군가 있을 수 있습니다.",
    ),
    "partner-now": ("{partner} is now {state}.", "{partner}: {state}"),
    "partner-no-terms": (
        "No terms are in force for {partner}, so nothing goes yet: katchi terms new {partner}",
        "{partner}에 적용되는 약정이 없어 아직 아무것도 보내지 않습니다: katchi terms new {partner}",
    ),
    "partner-token-next": (
        "It needs a token: katchi token create --partner {partner}",
        "토큰이 필요합니다: katchi token create --partner {partner}",
    ),
    "partner-none": (
        "No partners yet: katchi partner invite NAME",
        "아직 협력 기관이 없습니다: katchi partner invite NAME",
    ),
    "key-rotated": ("This node has a new key: {key}. Told: {told}.", "새 키: {key}. 통지한 기관: {told}."),
    "nobody": ("nobody", "없음"),
    "state-invited": ("invited", "초대함"),
    "state-introduced": ("introduced", "소개됨"),
    "state-active": ("active", "교류 중"),
    "state-suspended": ("suspended", "중단됨"),
    "state-ended": ("ended", "종료됨"),
    # Terms
    "terms-put": (
        "Terms for {partner} are in force (no. {epoch}; release rules: {releases}, withhold rules: {withholds}).",
        "{partner} 약정을 적용했습니다 ({epoch}번; 공개 규칙 {releases}개, 보류 규칙 {withholds}개).",
    ),
    "terms-unchanged": (
        "These terms for {partner} are in force already.",
        "{partner}에 이미 적용 중인 약정입니다.",
    ),
    "terms-good": (
        "{source}: good terms for {partner}; release rules: {releases}, withhold rules: {withholds}.",
        "{source}: {partner} 약정에 문제가 없습니다. 공개 규칙 {releases}개, 보류 규칙 {withholds}개.",
    ),
    "terms-draft": ("A draft for {partner}: {out}", "{partner} 약정 초안: {out}"),
    "explain-goes": ("{object} goes to {partner}.", "{object} → {partner}: 공개합니다."),
    "explain-copy": (
        "A redacted copy of {object} goes to {partner}.",
        "{object} → {partner}: 편집본을 공개합니다.",
    ),
    "explain-stays": (
        "{object} stays; {partner} does not get it.",
        "{object} → {partner}: 공개하지 않습니다.",
    ),
    "explain-later": (
        "{object} goes to {partner}, but not before {until}.",
        "{object} → {partner}: {until} 이후에 공개합니다.",
    ),
    "step-marking-read": ("Its markings count as TLP:{detail}.", "표시 등급은 TLP:{detail}입니다."),
    "step-withhold-does-not-apply": (
        "This rule, which withholds, does not speak of it.",
        "이 보류 규칙에 해당하지 않습니다.",
    ),
    "step-not-in-scope": ("This rule does not speak of it.", "이 규칙에 해당하지 않습니다."),
    "step-reference-allowed": ("It refers to {detail}, which may go.", "공개할 수 있는 {detail}을(를) 참조합니다."),
    "step-reference-dropped": ("The reference to {detail} is left out.", "{detail} 참조를 뺍니다."),
    "step-redacted": ("A copy without, or with other words for: {detail}.", "편집본에서 빼거나 바꾼 속성: {detail}"),
    "step-delayed": ("It waits until {detail}.", "{detail}까지 기다립니다."),
    "step-recalled": ("It was revoked: the recall goes to whoever has it.", "철회되어, 보유한 기관에 철회를 알립니다."),
    "step-released": ("It goes.", "공개합니다."),
    "try-head": (
        "{objects} objects. Released now: {now}; under these terms: {then}.",
        "객체 {objects}개. 현재 공개: {now}, 이 약정을 적용하면: {then}.",
    ),
    "try-would-go": ("would go", "새로 공개"),
    "try-would-stay": ("would stay", "공개 중단"),
    "try-would-wait": ("would wait", "지연 후 공개"),
    "try-would-change": ("would go in another form", "다른 형태로 공개"),
    "try-same": ("These terms would change nothing.", "이 약정을 적용해도 달라지는 것이 없습니다."),
    "try-nothing-done": (
        "Nothing was changed. To put them in force: katchi terms put {source} {partner}",
        "변경한 것은 없습니다. 적용: katchi terms put {source} {partner}",
    ),
    # The ledger
    "verify-intact": (
        "Intact: {objects} objects, {entries} ledger entries, {releases} releases, {heads} signed heads.",
        "이상 없음: 객체 {objects}, 원장 항목 {entries}, 공개 {releases}, 서명된 헤드 {heads}.",
    ),
    "verify-root": ("Root: {root}", "루트: {root}"),
    "verify-tampered": (
        "Rows that are not as they were written: {count}",
        "기록된 내용과 다른 행: {count}",
    ),
    "prove-done": (
        "Proof that {node} wrote down, at {at}: {kind} of {object} to {partner}.",
        "증명: {node}은(는) {at}에 {partner}에 대한 {object}의 {kind}을(를) 기록했습니다.",
    ),
    "prove-entry": (
        "Entry {index} of {size}; the head was signed at {head_at}.",
        "{size}개 항목 중 {index}번; 헤드 서명 시각 {head_at}.",
    ),
    "prove-check": (
        "Anybody can check it: katchi ledger check-proof {out} --key {key}",
        "누구나 확인할 수 있습니다: katchi ledger check-proof {out} --key {key}",
    ),
    "kind-release": ("release", "공개"),
    "kind-withdrawal": ("withdrawal", "공개 취소"),
    "kind-receipt": ("their receipt", "상대 수령 확인"),
    "kind-receipt-sent": ("our receipt", "우리 수령 확인"),
    "kind-terms": ("terms", "약정"),
    "kind-state": ("state", "상태"),
    "kind-key": ("key", "키"),
    "kind-head": ("their head", "상대 헤드"),
    "reconcile-clean": (
        "Both books agree: nothing lost, nothing twice, nothing unexplained.",
        "양측 장부가 일치합니다: 유실, 중복, 설명되지 않는 항목이 없습니다.",
    ),
    "reconcile-unclean": ("The books do not agree.", "장부가 일치하지 않습니다."),
    "reconcile-outgoing": ("from us to {partner}", "우리 → {partner}"),
    "reconcile-incoming": ("from {partner} to us", "{partner} → 우리"),
    "reconcile-agreed": ("agreed", "일치"),
    "reconcile-refused": ("refused on arrival", "도착 후 거부"),
    "reconcile-in_flight": ("on the way", "전송 중"),
    "reconcile-withdrawn": ("withdrawn before arrival", "도착 전 취소"),
    "reconcile-lost": ("lost", "유실"),
    "reconcile-twice": ("twice", "중복"),
    "reconcile-unexplained": ("unexplained", "설명되지 않음"),
    # The store, people, tokens
    "store-upgraded": (
        "The database has the newest schema ({revision}).",
        "데이터베이스 스키마가 최신입니다 ({revision}).",
    ),
    "store-rebuilt": (
        "Derived tables were made anew from {count} versions.",
        "버전 {count}개로 파생 테이블을 다시 만들었습니다.",
    ),
    "user-password": (
        "Password of {person}: {password}   (shown once)",
        "{person} 비밀번호: {password}   (한 번만 표시)",
    ),
    "user-added": ("{person} can sign in as {role}.", "{person}: {role} 역할로 로그인할 수 있습니다."),
    "user-role": ("{person} is now {role}.", "{person}: 역할 {role}"),
    "user-closed": ("{person} can no longer sign in.", "{person}: 더 이상 로그인할 수 없습니다."),
    "user-closed-already": ("closed", "닫힘"),
    "token-made": ("Token {id} for {partner}:", "{partner} 토큰 {id}:"),
    "token-secret": ("{secret}   (shown once)", "{secret}   (한 번만 표시)"),
    "token-use": (
        "As Bearer token, or as password of user {partner}, at {url}",
        "Bearer 토큰으로, 또는 사용자 {partner}의 비밀번호로 사용: {url}",
    ),
    "token-revoked": ("Token {id} is no longer accepted.", "토큰 {id}을(를) 더 이상 받지 않습니다."),
    "token-none": ("No tokens.", "토큰이 없습니다."),
    # Things
    "col-score": ("score", "점수"),
    "col-sources": ("reported by", "보고한 곳"),
    "col-lists": ("on lists", "경고 목록"),
    "col-last": ("last", "최근"),
    "col-stance": ("says", "주장"),
    "col-confidence": ("confidence", "신뢰도"),
    "col-relation": ("relation", "관계"),
    "col-class": ("class", "분류"),
    "col-list": ("list", "목록"),
    "col-entries": ("entries", "항목 수"),
    "stance-1": ("bad", "악성"),
    "stance-0": ("exists", "존재"),
    "stance--1": ("harmless", "무해"),
    "thing-possible": ("It may mean: {names}", "다음을 뜻할 수 있습니다: {names}"),
    "thing-looked-up": (
        "{known} of {count} values are known here.",
        "값 {count}개 중 {known}개를 알고 있습니다.",
    ),
    "thing-nobody": ("Nobody reported it here.", "이 노드에 보고된 적이 없습니다."),
    "thing-score": ("Score {score} of 100:", "점수 {score} / 100:"),
    "thing-voice": (
        "  +{points}  one voice of {count} statements ({sources})",
        "  +{points}  독립된 출처 하나, 진술 {count}건 ({sources})",
    ),
    "thing-sighting": (
        "  +{points}  seen, {count} reports ({sources})",
        "  +{points}  목격 보고 {count}건 ({sources})",
    ),
    "thing-denial": ("  -{points}  denied, {count} times ({sources})", "  -{points}  부인 {count}건 ({sources})"),
    "thing-warned": ("  {left} % is left: on a list of {list}", "  {left} % 남음: {list} 경고 목록에 있음"),
    "thing-expired": (
        "  30 % is left: nobody says that it still holds",
        "  30 % 남음: 유효 기간이 모두 지났음",
    ),
    "thing-age": (
        "  {left} % is left by age: confirmed {date}, half of it goes in {days} days",
        "  {left} % 남음(경과): {date} 확인, 반감기 {days}일",
    ),
    "thing-ruling": (
        "{person}, {at}: {key} {word} {other}: {why}",
        "{person}, {at}: {key} {word} {other}: {why}",
    ),
    "ruling-True": ("is", "="),
    "ruling-False": ("is not", "≠"),
    "ruling-None": ("(withdrawn)", "(철회)"),
    "thing-join": ("{key} is {other} from now on.", "이제 {key}은(는) {other}와(과) 같은 대상입니다."),
    "thing-split": ("{key} is not {other} from now on.", "이제 {key}은(는) {other}와(과) 다른 대상입니다."),
    "thing-withdraw": (
        "What was decided of {key} and {other} no longer counts.",
        "{key}와(과) {other}에 대한 결정은 더 이상 적용되지 않습니다.",
    ),
    "thing-graded": (
        "{source} is graded {letter}; {count} things were weighed anew.",
        "{source}의 등급은 {letter}입니다. 대상 {count}개를 다시 평가했습니다.",
    ),
    "col-observed": ("seen", "관측"),
    "col-expected-count": ("expected", "예상"),
    "col-window": ("days", "기간(일)"),
    "alarm-none": ("Nothing rises faster than its past explains.", "과거에 비해 급증한 것이 없습니다."),
    "thing-seen": ("  seen {count} times: {name}", "  {count}회 탐지: {name}"),
    "advice-True": (
        "{origin} says that it is the same as {name} ({id}): {why}",
        "{origin}: {name}({id})와(과) 같음: {why}",
    ),
    "advice-False": ("{origin} says that it is not {name} ({id}): {why}", "{origin}: {name}({id})와(과) 다름: {why}"),
    "lists-compiling": (
        "Preparing the warning lists; once, some ten seconds …",
        "경고 목록을 준비합니다. 처음 한 번, 약 10초 …",
    ),
    "thing-same": ("Both are the same thing.", "둘은 같은 것입니다."),
    "col-aspect": ("aspect", "항목"),
    "col-likeness": ("alike", "유사도"),
    "col-only-one": ("only the first", "첫째만"),
    "col-both": ("both", "둘 다"),
    "col-only-other": ("only the second", "둘째만"),
    "thing-renewed": ("{count} things were held against the lists.", "항목 {count}건을 목록과 다시 대조했습니다."),
    "watch-added": ("{name}: what comes to match from now on is news.", "{name}: 앞으로 일치하는 것을 알립니다."),
    "watch-dropped": ("{name} is no longer watched.", "{name} 감시를 그만두었습니다."),
    "watch-none": (
        "Nothing is watched. `katchi watch add NAME WORDS` saves a search.",
        "감시 중인 검색이 없습니다. `katchi watch add NAME WORDS`로 저장합니다.",
    ),
    "watch-no-news": ("No news.", "새 소식이 없습니다."),
    "col-watch": ("watch", "감시"),
    "col-news": ("news", "새 소식"),
    "col-query": ("query", "검색식"),
    "alarm-closed": ("Alarm {number} is closed.", "경보 {number}을(를) 닫았습니다."),
    "topic-made": ("Topic {alias}: {count} releases.", "주제 {alias}: 공개 {count}건."),
    "topic-filled": ("Topic {alias} is served.", "주제 {alias}을(를) 제공합니다."),
    "topic-removed": (
        "Topic {alias} is gone; what was in it stays released.",
        "주제 {alias}을(를) 없앴습니다. 들어 있던 객체는 그대로 공개되어 있습니다.",
    ),
    "topic-none": ("No topics: `katchi topic add --help`.", "주제가 없습니다: `katchi topic add --help`."),
    "topic-filling": ("filling", "채우는 중"),
    "col-topic": ("Topic", "주제"),
    "col-belongs": ("What belongs to it", "속하는 것"),
    "col-readers": ("Readers", "읽는 기관"),
    "never": ("never", "없음"),
    # Subscriptions
    "subscription-secret": ("Password, token or key", "비밀번호, 토큰 또는 키"),
    "subscription-added": (
        "Subscribed to {name}. It is read while the node runs; `katchi subscription pull {name}` reads it now.",
        "{name} 구독을 추가했습니다. 노드가 실행되는 동안 읽습니다. 지금 읽기: `katchi subscription pull {name}`",
    ),
    "subscription-came": (
        "{name}: {stored} new, {held} already held, {refused} refused",
        "{name}: 신규 {stored}, 이미 보유 {held}, 거부 {refused}",
    ),
    "subscription-remarks": ("Noted: {codes}", "참고: {codes}"),
    "subscription-more": ("There is more; this is as far as it was read.", "더 있습니다. 여기까지만 읽었습니다."),
    "subscription-none": (
        "No subscriptions. `katchi subscription add NAME URL` makes one.",
        "구독이 없습니다. `katchi subscription add NAME URL`로 추가합니다.",
    ),
    "subscription-no-collections": ("No collections.", "컬렉션이 없습니다."),
    "subscription-trouble": ("{name} has trouble:", "{name}에 문제가 있습니다:"),
    "subscription-paused": ("{name} is paused.", "{name} 구독을 멈췄습니다."),
    "subscription-resumed": ("{name} is read again.", "{name} 구독을 다시 읽습니다."),
    "subscription-removed": (
        "{name} is no longer subscribed to; what it brought stays.",
        "{name} 구독을 끝냈습니다. 가져온 객체는 남아 있습니다.",
    ),
    "subscription-state-new": ("not read yet", "아직 읽지 않음"),
    "subscription-state-well": ("well", "정상"),
    "subscription-state-paused": ("paused", "멈춤"),
    "subscription-state-refused": ("not let in: waits for you", "로그인 거부: 조치 필요"),
    "subscription-state-waiting": ("the server asks to wait", "서버가 대기를 요청함"),
    "subscription-state-troubled": ("trouble", "문제 있음"),
    "subscription-yes": ("yes", "예"),
    "subscription-no": ("no", "아니요"),
    "col-alias": ("alias", "별칭"),
    "col-title": ("title", "제목"),
    "col-readable": ("readable", "읽기"),
    "col-new": ("new", "신규"),
    "col-refused": ("refused", "거부"),
    "col-next": ("next", "다음"),
}


def sentence(key: str, language: Language, /, **values: object) -> str:
    """One sentence in this language."""
    return SENTENCES[key][language == "ko"].format(**values)


def language_of_shell() -> Language:
    """The language that the shell is set to: Korean for ko_KR and the like, else English."""
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(variable)
        if value:
            return "ko" if value.startswith("ko") else "en"
    return "en"
