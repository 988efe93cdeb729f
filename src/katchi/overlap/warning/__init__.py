"""Warning lists: values that are often reported and seldom bad, and which list says so."""

from katchi.overlap.warning.compiled import Compiled, ListInfo
from katchi.overlap.warning.compiling import BadListError, compile_lists
from katchi.overlap.warning.matching import WarningLists
from katchi.overlap.warning.sources import own_lists, package_lists, package_version

__all__ = [
    "BadListError",
    "Compiled",
    "ListInfo",
    "WarningLists",
    "compile_lists",
    "own_lists",
    "package_lists",
    "package_version",
]
