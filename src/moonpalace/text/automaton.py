"""How often a text repeats itself, counted exactly: a suffix automaton that grows with the text.

1. Each prefix has a longest suffix that occurs earlier in it, overlap allowed. `repeated` is the sum of their lengths,
   `longest` the length for the text as it is.
2. Every other suffix is new when its last character comes. So a text of n code points has n(n+1)/2 - `repeated`
   distinct substrings.
3. 1 to 2 µs and 300 to 600 bytes a code point, whatever the text: at most 2n states and 3n edges, none is ever
   removed. So it is for short texts, and for as long as there is a doubt.

Source: Blumer et al., The smallest automaton recognizing the subwords of a text (1985).
"""

from __future__ import annotations


class Automaton:
    """The substrings of one text; `length` code points so far."""

    __slots__ = ("_edges", "_last", "_lengths", "_links", "length", "longest", "repeated")

    def __init__(self) -> None:
        self.length = 0
        self.longest = 0
        self.repeated = 0
        self._edges: list[dict[str, int]] = [{}]
        self._links = [-1]
        self._lengths = [0]
        self._last = 0

    def feed(self, text: str) -> None:
        """Adds `text` at the end. One loop without calls: it runs for every code point."""
        edges, links, lengths = self._edges, self._links, self._lengths
        last, repeated = self._last, self.repeated
        for char in text:
            new, at = len(lengths), last
            lengths.append(lengths[last] + 1)
            edges.append({})
            while at >= 0 and char not in (out := edges[at]):
                out[char] = new
                at = links[at]
            if at < 0:
                links.append(0)
            elif lengths[target := edges[at][char]] == lengths[at] + 1:
                links.append(target)
                repeated += lengths[target]
            else:  # some of what `target` stands for ends here too: that gets a state of its own
                links += (new + 1, links[target])
                lengths.append(lengths[at] + 1)
                edges.append(edges[target].copy())
                links[target] = new + 1
                repeated += lengths[at] + 1
                while at >= 0 and edges[at].get(char) == target:
                    edges[at][char] = new + 1
                    at = links[at]
            last = new
        self.length += len(text)
        self._last, self.repeated, self.longest = last, repeated, lengths[links[last]] if last else 0
