"""A request is the partner's own, fresh, and meant for us; each way in which it is not has a name."""

from __future__ import annotations

import base64
import json
import warnings
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OctKey, OKPKey

from katchi.exchange import token
from katchi.policy.keys import NodeKey, PublicKey

NOW = 1_456_000_000_000_000
SECOND = 1_000_000
KIM, PARK, CHOI = (NodeKey.generate(bytes([number]) * 32) for number in (1, 2, 3))
KIM_ID, PARK_ID = "identity--kim", "identity--park"
BODY = b'{"objects":[]}'
TARGET = "/taxii2/katchi/collections/inbox/objects/?a=%20b&c=1"


class Seen:
    """A replay guard that forgets nothing."""

    def __init__(self) -> None:
        self.kept: dict[str, int] = {}

    def first_time(self, jti: str, expires_at: int, *, now: int) -> bool:
        if jti in self.kept:
            return False
        self.kept[jti] = expires_at
        return True


def keys_of(node_id: str) -> Sequence[PublicKey]:
    return (KIM.public,) if node_id == KIM_ID else ()


def minted(**changes: Any) -> str:
    told = {
        "key": KIM, "issuer": KIM_ID, "audience": PARK_ID, "method": "POST", "target": TARGET,
        "body": token.body_digest(BODY), "now": NOW, "jti": bytes(16), **changes,
    }  # fmt: skip
    return token.mint(told.pop("key"), **told)


def check(header: str | None, **changes: Any) -> token.Caller:
    told = {
        "method": "POST", "target": TARGET, "audience": PARK_ID, "key_of": keys_of, "now": NOW,
        "seen": Seen(), **changes,
    }  # fmt: skip
    return token.check(header, **told)


def test_kims_request_is_known_as_kims() -> None:
    caller = check(minted())
    assert (caller.node_id, caller.key) == (KIM_ID, KIM.public)
    caller.check_body(token.body_digest(BODY))


def test_the_token_is_a_jws_as_rfc_7515_and_9864_have_it() -> None:
    scheme, _, value = minted().partition(" ")
    key = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": KIM.public.to_text()})
    read = jws.deserialize_compact(value, key, algorithms=["Ed25519"])
    assert scheme == "Katchi"
    assert read.protected == {"alg": "Ed25519", "kid": KIM.public.id, "typ": "katchi-request+jws"}
    assert json.loads(read.payload) == {
        "iss": KIM_ID, "aud": PARK_ID, "iat": NOW // SECOND, "exp": NOW // SECOND + 60, "jti": "A" * 22,
        "htm": "POST", "htu": TARGET, "bd": "c2UgyduEbW65sBjgZNfbFMEIsE0n2SAy_jTdSjRxB0E",
    }  # fmt: skip


@pytest.mark.parametrize("scheme", ["katchi", "KATCHI"])
def test_the_scheme_may_be_in_any_case(scheme: str) -> None:
    check(scheme + minted()[6:])


# ---- another request ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"method": "GET"},
        {"method": "post"},
        {"target": TARGET + "&d=1"},
        {"target": TARGET.replace("%20", "+")},
        {"target": TARGET.partition("?")[0]},
        {"audience": "identity--choi"},
    ],
    ids=str,
)
def test_a_token_for_another_request_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(token.TokenForOtherRequestError):
        check(minted(), **change)


@given(body=st.binary())
def test_a_token_for_another_body_is_refused(body: bytes) -> None:
    caller = check(minted(body=token.body_digest(body)))
    caller.check_body(token.body_digest(body))
    with pytest.raises(token.TokenForOtherRequestError):
        caller.check_body(token.body_digest(body + b" "))


# ---- another time ------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [-30, 0, 60, 89, 90])
def test_clocks_may_differ_by_half_a_minute(seconds: int) -> None:
    check(minted(), now=NOW + seconds * SECOND)


@pytest.mark.parametrize("seconds", [-86400, -31, 91, 86400])
def test_a_token_from_another_time_is_refused(seconds: int) -> None:
    with pytest.raises(token.TokenExpiredError):
        check(minted(), now=NOW + seconds * SECOND)


def test_a_token_is_good_once() -> None:
    seen = Seen()
    check(minted(), seen=seen)
    with pytest.raises(token.TokenReplayedError):
        check(minted(), seen=seen)
    check(minted(jti=b"another" + bytes(9)), seen=seen)


def test_a_token_is_remembered_for_as_long_as_it_is_good() -> None:
    seen = Seen()
    check(minted(), seen=seen)
    assert list(seen.kept.values()) == [NOW + 90 * SECOND]


def test_nobody_uses_up_anothers_number() -> None:
    seen = Seen()
    check(minted(key=CHOI, issuer="identity--choi"), seen=seen, key_of=lambda _: (CHOI.public,))
    check(minted(), seen=seen)


# ---- another signer ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"key": CHOI},
        {"key": CHOI, "issuer": "identity--choi"},
        {"issuer": PARK_ID},
    ],
    ids=["a stranger as Kim", "a stranger as himself", "Kim as Park"],
)
def test_a_stranger_is_refused_and_leaves_no_trace(change: dict[str, Any]) -> None:
    seen = Seen()
    with pytest.raises(token.TokenUnknownSignerError):
        check(minted(**change), seen=seen)
    assert not seen.kept


def test_a_partners_next_key_signs_beside_the_current_one() -> None:
    for key in (KIM, CHOI):
        assert check(minted(key=key), key_of=lambda _: (KIM.public, CHOI.public)).key == key.public


def claims(**changes: Any) -> dict[str, Any]:
    value = minted().partition(" ")[2].split(".")[1]
    told = {**json.loads(base64.urlsafe_b64decode(value + "==")), **changes}
    return {name: value for name, value in told.items() if value is not None}


def forged(payload: object, **header: Any) -> str:
    """A token with this payload that Kim really signed."""
    protected = {"alg": "Ed25519", "kid": KIM.public.id, "typ": "katchi-request+jws", **header}
    told = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = jws.serialize_compact(
            {name: value for name, value in protected.items() if value is not None},
            told, OKPKey.import_key(KIM.private_pem()), algorithms=["Ed25519", "EdDSA"],
        )  # fmt: skip
    return f"Katchi {value}"


def under_the_public_key() -> str:
    """The old trick: the public key taken for an HMAC secret."""
    header = {"alg": "HS256", "kid": KIM.public.id, "typ": "katchi-request+jws"}
    secret = OctKey.import_key(KIM.public.to_text())
    return "Katchi " + jws.serialize_compact(header, json.dumps(claims()), secret, algorithms=["HS256"])


def unsigned() -> str:
    header = {"alg": "none", "kid": KIM.public.id, "typ": "katchi-request+jws"}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims())]
    return "Katchi " + ".".join([*parts, ""])


def spoiled(part: int, place: int = 5) -> str:
    """Kim's token with one character changed."""
    parts = minted().partition(" ")[2].split(".")
    text = parts[part]
    parts[part] = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
    return "Katchi " + ".".join(parts)


@given(part=st.integers(0, 2), place=st.integers(0, 60))
def test_a_token_with_one_character_changed_is_refused(part: int, place: int) -> None:
    with pytest.raises((token.TokenMalformedError, token.TokenUnknownSignerError)):
        check(spoiled(part, place))


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Katchi",
        "Katchi ",
        "Bearer " + minted()[7:],
        "Katchi a.b.c",
        "Katchi a.b",
        minted() + ".x",
        minted()[:40],
        "Katchi " + "é" * 10 + "..",
        "Katchi " + "A" * 9000 + ".A.A",
        unsigned(),
        under_the_public_key(),
        forged(claims(), alg="EdDSA"),
        forged(claims(), typ="JWT"),
        forged(claims(), typ=None),
        forged(claims(), kid=None),
        forged(claims(), cty="x"),
        forged([]),
        forged(b"{"),
        forged(b"\xff"),
        forged(b"[" * 5000),
        *(forged(claims(**{name: None})) for name in ("iss", "aud", "iat", "exp", "jti", "htm", "htu", "bd")),
        forged(claims(admin=True)),
        forged(claims(iat="now")),
        forged(claims(iat=-1)),
        forged(claims(exp=NOW / SECOND)),
        forged(claims(exp=NOW // SECOND + 61)),
        forged(claims(exp=NOW // SECOND - 1)),
        forged(claims(exp=2**70)),
        forged(claims(jti="short")),
        forged(claims(jti="A" * 22 + "\n")),
        forged(claims(bd="x")),
    ],
    ids=lambda header: str(header)[:30],
)
def test_what_is_no_token_of_ours_is_refused(header: str | None) -> None:
    seen = Seen()
    with pytest.raises(token.TokenMalformedError):
        check(header, seen=seen)
    assert not seen.kept


def test_no_refusal_shows_more_than_an_excerpt() -> None:
    with pytest.raises(token.TokenForOtherRequestError) as caught:
        check(minted(target="/" + "x" * 4000))
    assert len(str(caught.value)) < 1000
