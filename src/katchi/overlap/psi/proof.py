"""That many elements were multiplied by the one scalar behind a public key: the batched DLEQ proof of RFC 9497 §2.2."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from katchi.overlap.psi import hashing
from katchi.overlap.psi.ristretto import ELEMENT, BadElementError, Group

MOST: Final = 65_535  # of one batch: its places are two bytes
SIZE: Final = 2 * ELEMENT


def prove(
    group: Group, key: bytes, public: bytes, before: Sequence[bytes], after: Sequence[bytes], context: bytes,
    *, random: bytes | None = None,
) -> bytes:  # fmt: skip
    """64 bytes that show that each of `after` is `key` times its `before`. `random` is a scalar, for test vectors."""
    middle, _ = _composites(group, public, before, after, context, with_after=False)
    image = group.multiply(key, middle)
    nonce = group.random_scalar() if random is None else random
    challenge = _challenge(
        group, public, middle, image, group.base(nonce), group.multiply(nonce, middle), context
    )  # fmt: skip
    return challenge + group.difference(nonce, group.product(challenge, key))


def verify(
    group: Group, public: bytes, before: Sequence[bytes], after: Sequence[bytes], proof: bytes, context: bytes
) -> bool:
    """Whether it holds. False for whatever is no proof."""
    if len(proof) != SIZE or not before or len(before) != len(after) or len(before) > MOST:
        return False
    challenge, response = proof[:ELEMENT], proof[ELEMENT:]
    if not group.is_scalar(challenge) or not group.is_scalar(response):
        return False
    try:
        middle, image = _composites(group, public, before, after, context, with_after=True)
        first = group.add(group.base(response), group.multiply(challenge, public))
        second = group.add(group.multiply(response, middle), group.multiply(challenge, image))
    except BadElementError:
        return False
    return _challenge(group, public, middle, image, first, second, context) == challenge


def _composites(
    group: Group, public: bytes, before: Sequence[bytes], after: Sequence[bytes], context: bytes, *, with_after: bool
) -> tuple[bytes, bytes]:
    """One element for all of `before`, and one for all of `after`, by weights that nobody can choose."""
    if not before or len(before) != len(after) or len(before) > MOST:
        raise BadElementError("A proof is of 1 to 65,535 elements.", found=str(len(before)))
    seed_tag = b"Seed-" + context
    seed = hashlib.sha512(_long(public) + _long(seed_tag)).digest()
    tag = b"HashToScalar-" + context
    sums: list[bytes | None] = [None, None]
    for place, (one, other) in enumerate(zip(before, after, strict=True)):
        weight = hashing.to_scalar(
            group, b"".join((_long(seed), place.to_bytes(2, "big"), _long(one), _long(other), b"Composite")), tag
        )
        for side, element in ((0, one), (1, other)) if with_after else ((0, one),):
            term, sum_ = group.multiply(weight, element), sums[side]
            sums[side] = term if sum_ is None else group.add(sum_, term)
    return sums[0] or b"", sums[1] or b""


def _challenge(
    group: Group, public: bytes, middle: bytes, image: bytes, first: bytes, second: bytes, context: bytes
) -> bytes:
    parts = b"".join(_long(each) for each in (public, middle, image, first, second))
    return hashing.to_scalar(group, parts + b"Challenge", b"HashToScalar-" + context)


def _long(part: bytes) -> bytes:
    return len(part).to_bytes(2, "big") + part
