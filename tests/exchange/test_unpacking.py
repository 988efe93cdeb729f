"""Opening what arrives packed."""

from __future__ import annotations

import contextlib
import gzip
import io
import tarfile
import zipfile

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from katchi.errors import KatchiError
from katchi.exchange.unpacking import (
    MEMBERS,
    ArchiveTooLargeError,
    BrokenArchiveError,
    EncryptedArchiveError,
    Member,
    UnsafeArchiveError,
    unpack,
)

TEXT = b"evil.example\n" * 100
LIMIT = 1 << 20


def _gzip(content: bytes) -> bytes:
    # Without the time of packing: all test processes must collect the same samples.
    return gzip.compress(content, mtime=0)


def _zip(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def _tar(*members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE, form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            info.size = len(content) if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def _zstd(content: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(content)


def _opened(document: bytes, limit: int = LIMIT, name: str = "list.txt.gz") -> list[Member]:
    return list(unpack(document, limit=limit, name=name))


LONG = "폴더/" * 40 + "목록.txt"


@pytest.mark.parametrize(
    ("document", "names"),
    [
        (TEXT, ["list.txt.gz"]),
        (b"", ["list.txt.gz"]),
        (_gzip(TEXT), ["list.txt"]),
        (_gzip(TEXT[:700]) + _gzip(TEXT[700:]) + b"\0" * 512, ["list.txt"]),
        (_zstd(TEXT), ["list.txt"]),
        (_zstd(TEXT[:700]) + _zstd(TEXT[700:]), ["list.txt"]),
        (_zip(("a.txt", TEXT), ("b/", b""), ("b/c.txt", TEXT)), ["a.txt", "b/c.txt"]),
        (_tar(("a.txt", TEXT), (LONG, TEXT)), ["a.txt", LONG]),
        (_tar((LONG, TEXT), form=tarfile.GNU_FORMAT), [LONG]),
        (_tar(("p" * 90 + "/a.txt", TEXT), form=tarfile.USTAR_FORMAT), ["p" * 90 + "/a.txt"]),
        (_gzip(_tar(("a.txt", TEXT))), ["a.txt"]),
        (_zip(("a.tgz", _gzip(_tar(("a.txt", TEXT))))), ["a.txt"]),
        (_zip(("a.txt.gz", _gzip(TEXT))), ["a.txt"]),
        (_zip(), []),
    ],
)
def test_every_package_gives_its_documents(document: bytes, names: list[str]) -> None:
    members = _opened(document)
    assert [member.name for member in members] == names
    assert all(member.document in (TEXT, b"") for member in members)


@pytest.mark.parametrize(
    "name",
    [
        "../a",
        "a/../../b",
        "/etc/passwd",
        "\\\\server\\share",
        "..\\a",
        "C:\\a.txt",
        "c:a",
        "a\nb",
        "a\x1b[2Jb",
        "\u202efdp.exe",
        "a" * 1001,
    ],
)
def test_names_that_reach_outside_are_refused_in_either_archive(name: str) -> None:
    for package in (_zip(("good.txt", TEXT), (name, TEXT)), _tar(("good.txt", TEXT), (name, TEXT))):
        with pytest.raises(UnsafeArchiveError) as caught:
            _opened(package)
        assert "\x1b" not in str(caught.value)


def test_a_name_cut_by_nul_is_refused() -> None:
    package = _zip(("good.txtX.exe", TEXT)).replace(b"good.txtX.exe", b"good.txt\0.exe")
    with pytest.raises(UnsafeArchiveError):
        _opened(package)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_a_tar_are_refused(kind: bytes) -> None:
    with pytest.raises(UnsafeArchiveError):
        _opened(_tar(("a", b""), kind=kind))


def test_a_link_in_a_zip_is_refused() -> None:
    info = zipfile.ZipInfo("link")
    info.external_attr = 0o120777 << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(UnsafeArchiveError):
        _opened(out.getvalue())


def test_a_package_with_a_password_is_refused_with_what_to_do() -> None:
    package = bytearray(_zip(("a.txt", TEXT)))
    package[package.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(EncryptedArchiveError) as caught:
        _opened(bytes(package))
    assert caught.value.remedy


BOMB = b"a" * (10 * LIMIT)


@pytest.mark.parametrize(
    "package",
    [
        _gzip(BOMB),
        _zstd(BOMB),
        _zip(("a", BOMB)),
        _gzip(_tar(("a", BOMB))),
        _gzip(_gzip(BOMB)),
        _zip(*[(str(number), BOMB[: LIMIT // 4]) for number in range(5)]),
        _gzip(_gzip(_gzip(TEXT))),
        _zip(("a.zip", _zip(("b.zip", _zip(("c.txt", TEXT)))))),
        _gzip(b"") * (MEMBERS + 1),
        _zstd(b"") * (MEMBERS + 1),
    ],
)
def test_bombs_are_stopped_at_the_limit(package: bytes) -> None:
    with pytest.raises(ArchiveTooLargeError):
        _opened(package)


def test_too_many_members_are_refused() -> None:
    many = [(str(number), b"") for number in range(MEMBERS + 1)]
    for package in (_zip(*many), _tar(*many, form=tarfile.USTAR_FORMAT)):
        with pytest.raises(ArchiveTooLargeError):
            _opened(package, 1 << 30)


PACKAGES = [_gzip(TEXT), _zstd(TEXT), _zip(("a.txt", TEXT)), _gzip(_tar(("a.txt", TEXT)))]


@pytest.mark.parametrize("package", PACKAGES, ids=["gzip", "zstd", "zip", "tar.gz"])
def test_what_is_cut_off_anywhere_gives_nothing(package: bytes) -> None:
    for end in range(4, len(package)):
        with pytest.raises(BrokenArchiveError):
            _opened(package[:end])


def test_a_tar_cut_off_gives_nothing() -> None:
    package = _tar(("a.txt", TEXT), ("b.txt", TEXT), form=tarfile.USTAR_FORMAT)
    end = package.rindex(b"example") + 500
    for cut in (600, 1024, end - 1000, package.index(b"b.txt") + 300):
        with pytest.raises(BrokenArchiveError):
            _opened(package[:cut])


@given(st.sampled_from([*PACKAGES, _tar(("a.txt", TEXT))]), st.integers(0), st.binary(min_size=1, max_size=8))
def test_a_damaged_package_is_read_or_refused_in_our_words(package: bytes, place: int, damage: bytes) -> None:
    at = place % len(package)
    with contextlib.suppress(KatchiError):
        members = _opened(package[:at] + damage + package[at + len(damage) :])
        assert sum(len(member.document) for member in members) <= LIMIT
