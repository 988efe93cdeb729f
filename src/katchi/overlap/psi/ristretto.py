"""The group ristretto255 (RFC 9496), by libsodium; off where there is no such library, or one that errs."""

from __future__ import annotations

import ctypes
import ctypes.util
import hashlib
import importlib
from functools import cache
from pathlib import Path
from typing import Final

from katchi.errors import KatchiError

ELEMENT: Final = 32  # bytes of an encoded element, and of a scalar
IDENTITY: Final = bytes(ELEMENT)


class UnavailableError(KatchiError):
    """There is no library for it here, or it fails its self-test."""

    code = "overlap-unavailable"
    exit_status = 4


class BadElementError(KatchiError):
    """This is no element of the group, or the identity, which hides nothing."""

    code = "bad-element"


class Group:
    """Elements and scalars are 32 bytes each, scalars little-endian and below the group's order."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._multiply = _function(library, "crypto_scalarmult_ristretto255", 3)
        self._base = _function(library, "crypto_scalarmult_ristretto255_base", 2)
        self._from_hash = _function(library, "crypto_core_ristretto255_from_hash", 2)
        self._is_valid = _function(library, "crypto_core_ristretto255_is_valid_point", 1)
        self._add = _function(library, "crypto_core_ristretto255_add", 3)
        self._random = _function(library, "crypto_core_ristretto255_scalar_random", 1, returns=None)
        self._reduce = _function(library, "crypto_core_ristretto255_scalar_reduce", 2, returns=None)
        self._scalar_multiply = _function(library, "crypto_core_ristretto255_scalar_mul", 3, returns=None)
        self._scalar_subtract = _function(library, "crypto_core_ristretto255_scalar_sub", 3, returns=None)
        self._invert = _function(library, "crypto_core_ristretto255_scalar_invert", 2)

    # ---- elements ----------------------------------------------------------------------------

    def is_element(self, encoded: bytes) -> bool:
        """Whether it is the one canonical encoding of an element other than the identity.

        libsodium 1.0.18 takes encodings with bit 255 set, a second one for each element: we do not.
        """
        return (
            len(encoded) == ELEMENT and not encoded[31] & 0x80 and encoded != IDENTITY
            and self._is_valid(encoded) == 1
        )  # fmt: skip

    def from_uniform(self, uniform: bytes) -> bytes:
        """The element that 64 uniform bytes stand for (RFC 9496 §4.3.4)."""
        out = ctypes.create_string_buffer(ELEMENT)
        self._from_hash(out, _sized(uniform, 64))
        return out.raw

    def multiply(self, scalar: bytes, element: bytes) -> bytes:
        """Raises BadElementError for no element, for the identity, and where the identity would come out."""
        return self.multiply_all(_sized(scalar, ELEMENT), _sized(element, ELEMENT))

    def multiply_all(self, scalar: bytes, elements: bytes) -> bytes:
        """The same for many, one after the other. Raises BadElementError at the first that is none."""
        count, rest = divmod(len(elements), ELEMENT)
        if rest:
            raise BadElementError("There is half an element at the end.", found=f"{len(elements)} bytes")
        out = ctypes.create_string_buffer(len(elements))
        given = ctypes.create_string_buffer(elements, len(elements))
        multiply, at = self._multiply, ctypes.byref
        for start in range(0, count * ELEMENT, ELEMENT):
            if elements[start + 31] & 0x80 or multiply(at(out, start), scalar, at(given, start)):
                raise BadElementError("This is no element of the group.", what=f"element {start // ELEMENT}")
        return out.raw

    def base(self, scalar: bytes) -> bytes:
        """This multiple of the generator. Raises BadElementError for zero."""
        out = ctypes.create_string_buffer(ELEMENT)
        if self._base(out, _sized(scalar, ELEMENT)):
            raise BadElementError("Zero times the generator hides nothing.")
        return out.raw

    def add(self, one: bytes, other: bytes) -> bytes:
        """The sum, which may be the identity. Raises BadElementError."""
        out = ctypes.create_string_buffer(ELEMENT)
        if self._add(out, _sized(one, ELEMENT), _sized(other, ELEMENT)):
            raise BadElementError("One of these is no element of the group.")
        return out.raw

    # ---- scalars -----------------------------------------------------------------------------

    def random_scalar(self) -> bytes:
        """One that is not zero."""
        out = ctypes.create_string_buffer(ELEMENT)
        self._random(out)
        return out.raw

    def reduce(self, uniform: bytes) -> bytes:
        """64 bytes modulo the group's order."""
        out = ctypes.create_string_buffer(ELEMENT)
        self._reduce(out, _sized(uniform, 64))
        return out.raw

    def is_scalar(self, encoded: bytes) -> bool:
        """Whether it is below the order, the only encoding of its scalar; zero is one too."""
        return len(encoded) == ELEMENT and self.reduce(encoded + bytes(32)) == encoded

    def product(self, one: bytes, other: bytes) -> bytes:
        """Of two scalars."""
        out = ctypes.create_string_buffer(ELEMENT)
        self._scalar_multiply(out, _sized(one, ELEMENT), _sized(other, ELEMENT))
        return out.raw

    def difference(self, one: bytes, other: bytes) -> bytes:
        """Of two scalars."""
        out = ctypes.create_string_buffer(ELEMENT)
        self._scalar_subtract(out, _sized(one, ELEMENT), _sized(other, ELEMENT))
        return out.raw

    def inverse(self, scalar: bytes) -> bytes:
        """Of a scalar. Raises BadElementError for zero."""
        out = ctypes.create_string_buffer(ELEMENT)
        if self._invert(out, _sized(scalar, ELEMENT)):
            raise BadElementError("Zero has no inverse.")
        return out.raw


def _sized(given: bytes, size: int) -> bytes:
    # The library reads as many bytes as it expects, whatever there are.
    if len(given) != size:
        raise BadElementError("This has another length.", expected=f"{size} bytes", found=f"{len(given)} bytes")
    return given


def _function(
    library: ctypes.CDLL, name: str, arguments: int, returns: type | None = ctypes.c_int
) -> ctypes._NamedFuncPointer:
    found = getattr(library, name, None)
    if found is None:
        raise UnavailableError("The library has no ristretto255.", what=name, expected="libsodium 1.0.18 or newer")
    found.argtypes = [ctypes.c_void_p] * arguments
    found.restype = returns
    return found  # type: ignore[no-any-return]


@cache
def group() -> Group:
    """The group, once its library has shown that it computes what the standard says. Raises UnavailableError."""
    library = _system() or _packaged()
    if library is None:
        raise UnavailableError(
            "Private overlap needs libsodium.", expected="libsodium 1.0.18 or newer",
            remedy="install it (Debian: libsodium23), or `pip install rbcl`",
        )  # fmt: skip
    if library.sodium_init() < 0:
        raise UnavailableError("libsodium does not start.")
    made = Group(library)
    _test(made)
    return made


def _system() -> ctypes.CDLL | None:
    for name in (ctypes.util.find_library("sodium"), "libsodium.so.26", "libsodium.so.23"):
        if name is not None:
            try:
                return ctypes.CDLL(name)
            except OSError:
                continue
    return None


def _packaged() -> ctypes.CDLL | None:
    """The one that the package `rbcl` brings; it lays it into a file that it never takes away."""
    try:
        brought = importlib.import_module("rbcl._sodium")
    except (ImportError, OSError):
        return None
    Path(brought.lib_path).unlink(missing_ok=True)
    return brought._sodium  # type: ignore[no-any-return]


# RFC 9496: A.1 (twice the generator), A.3 (from the SHA-512 of a sentence), A.2 (one of each class that is refused).
_TWICE: Final = bytes.fromhex("6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919")
_SENTENCE: Final = b"Ristretto is traditionally a short shot of espresso coffee"
_OF_THE_SENTENCE: Final = bytes.fromhex("3066f82a1a747d45120d1740f14358531a8f04bbffe6a819f86dfe50f44a0a46")
_REFUSED: Final = (
    "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",  # no field element
    "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20",  # negative
    "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",  # x² is no square
    "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e",  # xy is negative
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  # y = 0
)


def _test(made: Group) -> None:
    one, two = (number.to_bytes(ELEMENT, "little") for number in (1, 2))
    generator = made.base(one)
    holds = (
        made.base(two) == made.add(generator, generator) == made.multiply(two, generator) == _TWICE
        and made.from_uniform(hashlib.sha512(_SENTENCE).digest()) == _OF_THE_SENTENCE
        and not any(made.is_element(bytes.fromhex(each)) for each in _REFUSED)
        and not made.is_element(bytes([*_TWICE[:31], _TWICE[31] | 0x80])) and not made.is_element(IDENTITY)
    )  # fmt: skip
    if not holds:
        raise UnavailableError("libsodium computes something else than RFC 9496 says.")
