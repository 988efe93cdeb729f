"""What people are told when a response needs them, in English and Korean."""

from __future__ import annotations

from typing import Final, Literal

Language = Literal["en", "ko"]

_WORDS: Final[dict[str, tuple[str, str]]] = {
    # ---- headlines: a subject, the first line of a ticket -----------------------------------------------
    "head-proposal": ("{who} asks: {name} (answer by {answer_by})", "{who} 제안: {name} ({answer_by}까지 응답)"),
    "head-approval": (
        "One more yes is needed: {name} (answer by {answer_by})", "추가 승인 필요: {name} ({answer_by}까지)",
    ),
    "head-step": ("To do: a step of {name}", "할 일: {name}의 한 단계"),
    "head-failed": ("Failed: {name}", "실패: {name}"),
    "head-in-force": ("In force until {until}: {name}", "차단 시행 중 ({until}까지): {name}"),
    "head-recalled": ("Taken back: {name}", "회수됨: {name}"),
    "head-over": ("Over: {name}", "종료됨: {name}"),
    "head-unanswered": (
        "No answer yet, and time until {answer_by}: {name}",
        "아직 응답 없음 ({answer_by} 마감): {name}",
    ),
    "head-ends-soon": ("Ends at {until} unless it is renewed: {name}", "연장하지 않으면 {until}에 종료: {name}"),
    "head-device-lost": ("Device in trouble: {name}", "장치 이상: {name}"),
    "head-device-back": ("Device works again: {name}", "장치 복구됨: {name}"),
    "head-test": ("A test of {name}", "{name} 시험 알림"),
    # ---- what it means and what to do -----------------------------------------------------------------
    "text-proposal": (
        "A partner asks us to take part in a response. Nothing happens here before people here say yes.",
        "협력 기관이 공동 대응을 제안했습니다. 이쪽 담당자가 승인하기 전에는 아무것도 실행되지 않습니다.",
    ),
    "text-approval": (
        "Somebody here has said yes. It begins when enough people have said yes to the same.",
        "승인이 한 건 있었습니다. 정해진 수의 사람이 같은 내용을 승인하면 시작됩니다.",
    ),
    "text-step": (
        "A playbook waits until people have done a step of it and have said so.",
        "플레이북이 사람이 할 단계를 기다리고 있습니다. 끝낸 뒤 완료로 표시해 주십시오.",
    ),
    "text-failed": (
        "A playbook came to an end with a failure here. Look at what is in force and what is not.",
        "이쪽에서 플레이북이 실패로 끝났습니다. 무엇이 적용되었고 무엇이 빠졌는지 확인해 주십시오.",
    ),
    "text-in-force": ("What we agreed to block is blocked here.", "합의한 대상을 이쪽에서 차단하고 있습니다."),
    "text-recalled": (
        "It was taken back. What was blocked here for it is let go.",
        "회수되었습니다. 이에 따른 차단을 해제합니다.",
    ),
    "text-over": ("Nothing more is done or blocked here for it.", "이에 따른 실행과 차단이 모두 끝났습니다."),
    "text-unanswered": (
        "Its time for an answer is nearly over, and nobody here has answered. Whoever does not answer takes no part.",
        "응답 마감이 임박했지만 아직 응답이 없습니다. 응답하지 않으면 참여하지 않는 것으로 처리됩니다.",
    ),
    "text-ends-soon": (
        "What is blocked for it is let go at its end.", "종료 시각이 되면 이에 따른 차단이 해제됩니다.",
    ),
    "text-device-lost": (
        "It cannot be reached, or does not do as it should. It is tried again and again; `katchi respond devices` says "
        "what is wrong. What it already blocks may stay blocked, also what is lifted meanwhile.",
        "연결되지 않거나 제대로 동작하지 않습니다. 계속 다시 시도하며, 원인은 `katchi respond devices`로 확인할 수 "
        "있습니다. 그동안 해제한 대상도 그 장치에는 차단된 채 남아 있을 수 있습니다.",
    ),
    "text-device-back": ("It has what it is to have.", "있어야 할 차단 항목이 모두 적용되어 있습니다."),
    "text-test": (
        "Nothing happened. Somebody tries whether notices arrive.",
        "실제 상황이 아닙니다. 알림이 도착하는지 시험합니다.",
    ),
    "text-exercise": ("This is an exercise: nothing of it is real.", "훈련입니다. 실제 상황이 아닙니다."),
    "text-kept": (
        "What it is about stays at the node: look there.",
        "자세한 내용은 노드 밖으로 나가지 않습니다. 노드에서 확인해 주십시오.",
    ),
    # ---- labels -----------------------------------------------------------------------------------------
    "exercise": ("[EXERCISE]", "[훈련]"),
    "a-response": ("a response", "대응"),
    "a-playbook": ("a playbook", "플레이북"),
    "name": ("Playbook", "플레이북"),
    "device": ("Device", "장치"),
    "who": ("Asked by", "제안 기관"),
    "answer_by": ("Answer by", "응답 기한"),
    "until": ("Until", "종료"),
    "yes": ("Said yes", "승인"),
    "marking": ("Marking", "표시"),
    "reason": ("Why", "이유"),
    "about": ("About", "관련 대상"),
    "values": ("With", "입력값"),
    "step": ("Step", "단계"),
    "agent": ("For", "담당"),
    "task": ("To do", "할 일"),
    "order": ("Say that it is done", "완료 표시"),
}  # fmt: skip


def word(key: str, language: Language, /, **values: str) -> str:
    """One sentence, headline or label."""
    english, korean = _WORDS[key]
    return (korean if language == "ko" else english).format(**values)
