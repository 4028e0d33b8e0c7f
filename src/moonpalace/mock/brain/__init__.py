"""What the mock model says when no scenario does: an answer made from the request and a seed alone.

1. The same request and seed give the same answer. Whether it is streamed has no part in it.
2. An answer is in the language of the question, short unless asked to be long, and says once that it is a mock's.
3. Nothing here applies stop sequences or token limits, and nothing here fails: a request that the law lets through is
   answered, whatever it holds.
"""

from .mind import answer, use_tools

__all__ = ["answer", "use_tools"]
