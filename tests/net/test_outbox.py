"""The way out: at once when there is little, together when there is much."""

from moonpalace.net.outbox import LARGE, MANY, Outbox


class Loop:
    """Collects what would run in the next turn."""

    def __init__(self):
        self.soon = []

    def call_soon(self, callback):
        self.soon.append(callback)

    def turn(self):
        soon, self.soon = self.soon, []
        for callback in soon:
            callback()


class Transport:
    def __init__(self, log, name):
        self.log, self.name = log, name
        self.closed = False

    def is_closing(self):
        return self.closed

    def write(self, data):
        if self.closed:
            raise RuntimeError("unable to perform operation; the handler is closed")  # as uvloop does
        self.log.append((self.name, data))


def busy():
    """An outbox in a turn after one with many writes, the log of its writes, and its loop."""
    loop, log = Loop(), []
    outbox = Outbox(loop)
    for number in range(MANY + 1):
        outbox.put(Transport(log, "x"), b"%d" % number)
    loop.turn()
    log.clear()
    return outbox, log, loop


def test_a_single_write_goes_out_at_once():
    """A token must not wait for the loop to come round."""
    loop, log = Loop(), []
    Outbox(loop).put(Transport(log, "a"), b"token")
    assert log == [("a", b"token")]


def test_many_writes_leave_together_at_the_end_of_the_turn():
    """And in the order in which they came."""
    outbox, log, loop = busy()
    a, b = Transport(log, "a"), Transport(log, "b")
    outbox.put(a, b"1")
    outbox.put(b, b"2")
    outbox.put(a, b"3")
    assert log == []
    loop.turn()
    assert log == [("a", b"1"), ("b", b"2"), ("a", b"3")]


def test_what_is_large_goes_out_at_once_after_what_waits():
    """It would only fill the memory, and back-pressure must be felt at once."""
    outbox, log, _ = busy()
    a = Transport(log, "a")
    outbox.put(a, b"1")
    outbox.put(a, b"x" * LARGE)
    assert [len(data) for _, data in log] == [1, LARGE]


def test_a_flush_leaves_nothing_behind():
    """Whoever closes a transport flushes first; the turn's end then writes nothing twice."""
    outbox, log, loop = busy()
    outbox.put(Transport(log, "a"), b"1")
    outbox.flush()
    loop.turn()
    assert log == [("a", b"1")]


def test_a_quiet_turn_ends_the_gathering():
    """After the rush a token goes out at once again."""
    outbox, log, loop = busy()
    outbox.put(Transport(log, "a"), b"1")
    loop.turn()
    outbox.put(Transport(log, "a"), b"2")
    assert log == [("a", b"1"), ("a", b"2")]


def test_a_client_that_leaves_in_the_turn_costs_nobody_else_an_answer():
    """A write to a closed transport raises; what waited behind it belonged to others."""
    outbox, log, loop = busy()
    gone, there = Transport(log, "gone"), Transport(log, "there")
    outbox.put(gone, b"1")
    outbox.put(there, b"2")
    gone.closed = True
    loop.turn()
    assert log == [("there", b"2")]
