"""The librarian's pace: it gives way to heavy traffic, and only to that."""

import pytest

from moonpalace.librarian.pace import HEAVY, LONGEST, REST, Pace


class Scene:
    """A clock and a journal that grow as told."""

    def __init__(self):
        self.now = 100.0
        self.size = 5 * HEAVY
        self.pace = Pace(lambda: self.now, lambda: self.size)

    def after(self, seconds, grown):
        self.now += seconds
        self.size += grown


@pytest.mark.parametrize(
    ("seconds", "grown", "rest"),
    [
        (1.0, 0, 0.0),
        (1.0, HEAVY // 2, 0.0),
        (1.0, HEAVY * 2, REST * 0.01),
        (0.05, HEAVY, 0.0),
    ],
    ids=["nothing new", "light traffic", "heavy traffic", "too soon to tell"],
)
def test_only_heavy_traffic_is_given_way_to(seconds, grown, rest):
    """A record that is late costs something too: nobody should wait for it without need."""
    scene = Scene()
    scene.after(seconds, grown)
    assert scene.pace.rest(0.01) == rest


def test_a_rest_is_bounded():
    """A long step must not make the record late by as much again."""
    scene = Scene()
    scene.after(1.0, HEAVY * 2)
    assert scene.pace.rest(5.0) == LONGEST


def test_when_the_traffic_ends_so_do_the_rests():
    """What was put off is made up for at once."""
    scene = Scene()
    scene.after(1.0, HEAVY * 2)
    assert scene.pace.rest(0.01) > 0
    scene.after(1.0, 0)
    assert scene.pace.rest(0.01) == 0
