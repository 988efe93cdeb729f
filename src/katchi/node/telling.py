"""What a node makes of each object for the sake of things: filed under which keys, said what, on which lists."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec

from katchi import stix
from katchi.overlap import things
from katchi.overlap.names import Names, packaged
from katchi.overlap.warning import (
    BadListError,
    Compiled,
    WarningLists,
    compile_lists,
    own_lists,
    package_version,
)
from katchi.store.log import Tell
from katchi.store.told import Told

logger = logging.getLogger(__name__)

FORMAT: Final = 1  # of the compiled file
OWN_LISTS: Final = "warning-lists"  # a folder of the node's, where its owner puts lists of their own


class Telling(msgspec.Struct, frozen=True):
    """All that telling rests on beside the object: small enough to go to another process."""

    lists: tuple[str, ...] = ()  # compiled warning lists, by their files
    apart: tuple[tuple[str, tuple[str, ...]], ...] = ()  # folded names, and whom a person said that they do not mean


def teller(telling: Telling) -> Tell:
    """The function that tells."""
    return _Teller(warning_lists(telling.lists), {name: frozenset(keys) for name, keys in telling.apart}).tell


@lru_cache(maxsize=4)
def warning_lists(files: tuple[str, ...]) -> WarningLists:
    """The compiled lists in these files, mapped once for all; without one that cannot be read."""
    found = []
    for each in files:
        try:
            found.append(Compiled.from_file(Path(each)))
        except (OSError, ValueError) as problem:  # a cache that somebody spoiled must not stop what comes in
            logger.warning("warning lists cannot be read: %s: %s", each, problem)
    return WarningLists(*found)


def classes_on(lists: WarningLists, stand: str) -> str:
    """The classes of the lists that a thing is on, with commas."""
    found = lists.matching(stand)
    if not found:
        return ""
    return found[0].category if len(found) == 1 else ",".join(dict.fromkeys([info.category for info in found]))


class _Teller:
    def __init__(self, lists: WarningLists, apart: dict[str, frozenset[str]]) -> None:
        self._lists = lists
        self._apart = apart

    def tell(self, item: stix.Object, keys: tuple[str, ...]) -> Told:
        attesting = things.attesting(item) if item.type in ("sighting", "opinion") else ()
        if not keys:
            return Told(attesting=attesting) if attesting else NOTHING
        stands: dict[str, None] = {}
        own = ""
        for key in keys:
            if not key.startswith("name:"):
                stands[key] = None
                continue
            stand = things.stand(key, _names(), self._apart)
            own = own or stand  # the name comes before the other names
            # That somebody also goes by the name of another one whom the tables know is one object's word, no more.
            if stand == own or things.is_folded_name(stand):
                stands[stand] = None
        warned = tuple(classes_on(self._lists, stand) for stand in stands)
        kin = things.kin(item, keys) if len(keys) > 1 else ()
        return Told(tuple(stands), warned, things.saying(item), kin, attesting, things.tags(item))


NOTHING: Final = Told()


def _names() -> Names:
    return packaged()


def are_compiled(folder: Path) -> bool:
    """Whether the package's lists need no compiling, which takes some ten seconds, once for each version."""
    return _packaged_file(folder).exists()


def _packaged_file(folder: Path) -> Path:
    return _cache(folder) / f"warning-lists-{FORMAT}-{package_version()}.bin"


def lists_of(folder: Path) -> tuple[str, ...]:
    """The compiled lists of a node, made if they are not there yet: the package's, and the owner's own."""
    cache, packaged_file = _cache(folder), _packaged_file(folder)
    found = (str(packaged_file),) if packaged_file.exists() or _compiled(packaged_file) else ()
    own = folder / OWN_LISTS
    return (*found, *_own(own, cache)) if own.is_dir() else found


def _compiled(file: Path) -> bool:
    # In a process of its own: it takes 300 MB for some seconds, which a node would keep.
    unfinished = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        subprocess.run([sys.executable, "-m", "katchi.overlap.warning", str(unfinished)], check=True, timeout=300)
        unfinished.replace(file)
    except (OSError, subprocess.SubprocessError) as problem:  # things can do without; what comes in cannot wait
        logger.warning("the warning lists cannot be compiled: %s", problem)
        return False
    return True


def _own(own: Path, cache: Path) -> tuple[str, ...]:
    stats = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(own.glob("*.json"))]
    if not stats:
        return ()
    digest = hashlib.sha256(repr((str(own.resolve()), stats)).encode()).hexdigest()[:20]
    file = cache / f"own-lists-{FORMAT}-{digest}.bin"
    if not file.exists():
        unfinished = file.with_name(f"{file.name}.{os.getpid()}")
        unfinished.write_bytes(compile_lists(good_lists(own), digest))
        unfinished.replace(file)
    return (str(file),)


def good_lists(own: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The owner's own lists that can be used: one that cannot must not stop what comes in."""
    for path in sorted(own.glob("*.json")):
        with contextlib.suppress(BadListError):
            (found,) = own_lists(own, path.name)
            compile_lists([found])
            yield found


def list_problems(folder: Path) -> list[BadListError]:
    """What is wrong with the owner's own lists."""
    problems = []
    for path in sorted((folder / OWN_LISTS).glob("*.json")):
        try:
            compile_lists(own_lists(path.parent, path.name))
        except BadListError as problem:
            problems.append(problem)
    return problems


def _cache(folder: Path) -> Path:
    """Where what can be made anew is kept, for all nodes of this user; else in the node's folder."""
    named = os.environ.get("KATCHI_CACHE") or os.environ.get("XDG_CACHE_HOME")
    for place in (Path(named) if named else Path.home() / ".cache", folder):
        try:
            (place / "katchi").mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            continue
        if os.access(place / "katchi", os.W_OK):
            return place / "katchi"
    raise BadListError("There is no place to keep the compiled warning lists.", where=str(folder))
