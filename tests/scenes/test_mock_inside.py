"""The mock inside of the proxy, with real processes: it lets in whom the proxy lets in."""

from __future__ import annotations

from moonpalace.testing.program import Program
from moonpalace.testing.rawclient import RawClient, request

PAGE = "http://localhost:3000"
LINES = ("Authorization: Bearer sk-mock", "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty")


def test_a_page_that_the_proxy_lets_in_gets_an_answer_of_the_mock() -> None:
    """Its request reaches the mock with its origin, where another gate stands."""
    with Program("mock", "--allow-origin", PAGE) as program:
        for origin, status in ((PAGE, 200), ("http://evil.test", 403)):
            with RawClient(program.port) as client:
                asked = request("GET", "/v1/models", b"", *LINES, f"Origin: {origin}", host=f"127.0.0.1:{program.port}")
                client.send(asked)
                answer = client.read_answer("GET")
            assert answer.status == status, answer
