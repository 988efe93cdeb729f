"""What private overlap costs each side, beside what the library's arithmetic alone costs.

    python benchmarks/psi_speed.py [SIZE …]
    python benchmarks/psi_speed.py lookup [SOUGHT HELD]

Beside it, where it is installed, openmined-psi on the same sets (only its client learns anything).
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib
import resource
import sys
import time
from itertools import pairwise

import msgspec

from katchi.overlap.psi import group
from katchi.overlap.psi.lookup import Holder, Seeker
from katchi.overlap.psi.party import Party
from katchi.overlap.psi.side import Core, Limits, on_two_cores

CORE = Core("0" * 32, "identity--a", "identity--b", "katchi-keys-1", "file")
LIMITS = Limits(1, 10_000_000, 10_000_000)


def items(start: int, count: int) -> list[bytes]:
    """Keys of files."""
    return [
        f"file:md5:{hashlib.md5(str(number).encode()).hexdigest()}".encode() for number in range(start, start + count)
    ]


def arithmetic(count: int) -> float:
    """Seconds of one core for one hash to the group and two multiplications an item, by the library, nothing else."""
    made, out = group(), ctypes.create_string_buffer(32)
    key, uniform = made.random_scalar(), bytes(range(64))
    element, tried = made.base(key), min(count, 20_000)
    multiply, derive = made._multiply, made._from_hash
    began = time.process_time()
    for _ in range(tried):
        derive(out, uniform)
        multiply(out, key, element)
        multiply(out, key, element)
    return (time.process_time() - began) * count / tried


def measure(size: int) -> None:
    """Two sets of this size, a tenth in common; one process plays both sides, one after the other."""
    took: dict[str, float] = {}
    sent = 0
    cpu, began = time.process_time(), time.perf_counter()
    one = Party(CORE, "initiator", group().random_scalar(), items(0, size), LIMITS, run=on_two_cores)
    other = Party(CORE, "responder", group().random_scalar(), items(size - size // 10, size), LIMITS, run=on_two_cores)
    other.meet(one.hello())
    one.meet(other.hello())
    sent += len(msgspec.msgpack.encode(one.hello())) + len(msgspec.msgpack.encode(other.hello()))
    for sender, taker in ((one, other), (other, one)):
        for number in range(sender.chunks):
            taker.take_chunk(number, sender.chunk(number))
            sent += len(sender.chunk(number))
    one.hear()
    other.hear()
    for sender, taker in ((one, other), (other, one)):
        for number in range(sender.tag_chunks):
            taker.take_tags(number, sender.tags(number))
            sent += len(sender.tags(number))
    took["number"], took["cpu"] = time.perf_counter() - began, time.process_time() - cpu
    reveals = [one.reveal()]
    assert len(other.take_reveal(reveals[0])) == size // 10
    reveals.append(other.reveal())
    assert len(one.take_reveal(reveals[1])) == size // 10
    sent_too = sum(len(msgspec.msgpack.encode(each)) for each in reveals)
    took["all"] = time.perf_counter() - began
    floor = arithmetic(size)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    counted, cpu, rest = took["number"] / 2, took["cpu"] / 2, (took["all"] - took["number"]) / 2
    print(
        f"{size:,} and {size:,}: number {counted:.2f} s a side on two cores, {cpu:.2f} s of CPU, {cpu / floor:.2f} of "
        f"the library's arithmetic alone, {sent / 1e6:.1f} MB both ways; reveal of {size // 10:,} {rest:.2f} s a side, "
        f"{sent_too / 1e6:.1f} MB; {memory:.0f} MB of memory for both",
        flush=True,
    )


def beside(size: int, held: int = 0) -> None:
    """openmined-psi: one side learns."""
    try:
        psi = importlib.import_module("private_set_intersection.python")
    except ImportError:
        print("openmined-psi is not installed here")
        return
    mine = [each.decode() for each in items(0, size)]
    theirs = [each.decode() for each in items(size - size // 10, held or size)]
    kind, rate = (psi.DataStructure.GCS, 1e-9) if held else (psi.DataStructure.RAW, 0.0)
    began = time.process_time()
    client, server = psi.client.CreateWithNewKey(True), psi.server.CreateWithNewKey(True)
    setup = server.CreateSetupMessage(rate, size, theirs, kind)
    ready = time.process_time()
    request = client.CreateRequest(mine)
    response = server.ProcessRequest(request)
    found = client.GetIntersection(setup, response)
    assert len(found) == size // 10
    sent = sum(len(each.SerializeToString()) for each in (setup, request, response))
    ended = time.process_time()
    if held:
        print(
            f"openmined-psi, {size:,} in {held:,} (GCS, one wrong in 10^9): {ready - began:.1f} s of CPU before it "
            f"is asked, {ended - ready:.2f} s for both after, {sent / 1e6:.1f} MB"
        )
    else:
        print(
            f"openmined-psi, {size:,}: {(ended - began) / 2:.2f} s of CPU a side, {sent / 1e6:.1f} MB; only its client "
            f"learns"
        )


def look_up(sought: int, held: int) -> None:
    """A few looked up among many; one process plays both sides, one after the other."""
    core = msgspec.structs.replace(CORE, mode="lookup")
    took: list[tuple[float, float]] = []

    def now() -> None:
        took.append((time.perf_counter(), time.process_time()))

    now()
    holder = Holder(core, "responder", group().random_scalar(), items(0, held), LIMITS, run=on_two_cores)
    now()
    seeker = Seeker(core, "initiator", group().random_scalar(), items(held - sought // 10, sought), LIMITS,
                    run=on_two_cores)  # fmt: skip
    hellos = seeker.hello(), holder.hello()
    now()
    holder.meet(hellos[0])
    for number in range(seeker.chunks):
        holder.take_chunk(number, seeker.chunk(number))
    holder.hear()
    now()
    seeker.meet(hellos[1])
    for number in range(seeker.chunks):
        seeker.take_answer(number, holder.answer(number))
    for number in range(holder.chunks):
        seeker.take_chunk(number, holder.chunk(number))
    seeker.hear()
    now()
    assert len(seeker.found) == sought // 10
    sent = sum(len(msgspec.msgpack.encode(each)) for each in hellos)
    sent += sum(len(seeker.chunk(number)) + len(holder.answer(number)) for number in range(seeker.chunks))
    sent += sum(len(holder.chunk(number)) for number in range(holder.chunks))
    wall, cpu = ([after[place] - before[place] for before, after in pairwise(took)] for place in (0, 1))
    asked, answered = wall[1] + wall[3], cpu[1] + cpu[3]
    print(
        f"lookup of {sought:,} in {held:,}: the seeker {asked:.2f} s on two cores, {answered:.2f} s of CPU; the holder "
        f"{wall[0]:.1f} s ({cpu[0]:.1f} s of CPU) before it is asked, {wall[2]:.2f} s ({cpu[2]:.2f}) to answer; "
        f"{sent / 1e6:.1f} MB both ways",
        flush=True,
    )


def main() -> None:
    """Each size in turn; then a lookup."""
    if sys.argv[1:2] == ["lookup"]:
        sought, held = (int(each) for each in sys.argv[2:4] or (10_000, 1_000_000))
        look_up(sought, held)
        beside(sought, held)
        return
    for size in [int(each) for each in sys.argv[1:]] or [1000, 10_000, 100_000]:
        measure(size)
        beside(size)


if __name__ == "__main__":
    main()
