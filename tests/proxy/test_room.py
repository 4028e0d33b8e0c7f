"""Room: what the limits of the system allow, in a process that has them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytest.importorskip("resource")

_BEGIN = """
import json, resource
from moonpalace.proxy import room
from moonpalace.proxy.room import MIB, Room
def used():
    return int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
def say(*values):
    print(json.dumps(values))
"""


def run(script: str) -> list[object]:
    """What a fresh process with that script says."""
    done = subprocess.run([sys.executable, "-c", _BEGIN + script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


@pytest.mark.parametrize(("limit", "places"), [(64, 38), (256, 230), (27, 2), (10, 2), (1_000_000, 40_000)])
def test_places_are_what_the_descriptors_leave(limit: int, places: int) -> None:
    """Some are kept for the journal and all else; and there always is a place, or nothing could be told 503."""
    script = f"""
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
if hard != resource.RLIM_INFINITY and hard < {limit}:
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    say({places}, True)
else:
    resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, hard))
    made = Room()
    say(made.places, made.is_full(made.places) and not made.is_full(made.places - 1))
"""
    assert run(script) == [places, True]


def test_a_quarter_is_kept_for_refusals() -> None:
    """Who cannot be served shall be told so."""
    script = """
resource.setrlimit(resource.RLIMIT_NOFILE, (66, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
made = Room()
say(made.refuses(30), made.refuses(31))
"""
    assert run(script) == [
        "",
        "31 sockets are open and 66 descriptors are allowed: try again, or allow more (ulimit -n)",
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="measures through /proc")
def test_memory_is_asked_for_and_given_back() -> None:
    """Under a limit only; what is held back is there for the refusals, and taken back when there is memory again."""
    script = """
made = Room()
words = [made.refuses(0)]
for more in (4, 4, 64):
    resource.setrlimit(resource.RLIMIT_AS, (used() + more * MIB, resource.RLIM_INFINITY))
    made.look()
    words.append(made.refuses(0))
before = used()
for _ in range(1000):
    made.refuses(0)
say(words[0], words[1][:34], words[2][:34], words[3], used() - before, made._held is not None)
"""
    refusal = "the memory that the proxy may use "
    found = run(script)
    assert found == ["", refusal, refusal, "", 0, True]
