"""What a password costs whoever guesses it."""

from __future__ import annotations

from argon2 import Type

from tests.conftest import real_hasher


def test_a_password_is_kept_as_rfc_9106_recommends_for_little_memory() -> None:
    hasher = real_hasher()
    assert hasher.type is Type.ID
    assert (hasher.time_cost, hasher.memory_cost, hasher.parallelism) == (3, 65_536, 4)  # §4, second choice
