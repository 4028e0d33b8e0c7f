"""nginx as the peer and as the fastest upstream: own prefix, own configuration, one worker, no logs of traffic.

Source: ngx_http_proxy_module, ngx_http_upstream_module (keepalive), ngx_http_stub_status_module.
"""

from __future__ import annotations

import os
import pwd
import re
import socket
import urllib.request

from . import machine
from .scene import Child, Scene

_FRAME = """\
{user}daemon off;
worker_processes 1;
worker_rlimit_nofile {files};
pid {prefix}/pid;
error_log {prefix}/error.log crit;
events {{ worker_connections {connections}; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    client_body_temp_path {prefix}/body;
    proxy_temp_path {prefix}/proxy;
    fastcgi_temp_path {prefix}/fastcgi;
    uwsgi_temp_path {prefix}/uwsgi;
    scgi_temp_path {prefix}/scgi;
{http}}}
"""

_PROXY = """\
    upstream api {{
        server 127.0.0.1:{upstream};
        keepalive 256;
        keepalive_requests 1000000000;
        keepalive_timeout 600s;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        client_max_body_size 0;
        location / {{
            proxy_pass http://api;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_request_buffering off;
            proxy_read_timeout 600s;
        }}
    }}
"""

_API = """\
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location = /bench/status {{ stub_status; }}
        location / {{
            default_type application/json;
            return 200 '{answer}';
        }}
    }}
"""

_ANSWER = (
    '{"id":"chatcmpl-$request_id","object":"chat.completion","created":1731000000,"model":"kimi-k2",'
    '"choices":[{"index":0,"message":{"role":"assistant","content":"The rabbit in the moon."},'
    '"finish_reason":"stop"}],"usage":{"prompt_tokens":200,"completion_tokens":6,"total_tokens":206}}'
)


def _start(scene: Scene, name: str, port: int, http: str) -> Child:
    """Write the configuration, start nginx, wait until it listens."""
    program = machine.require("nginx")
    prefix = scene.root / f"{name}-{port}"
    prefix.mkdir()
    files = machine.raise_descriptor_limit()
    user = f"user {pwd.getpwuid(0).pw_name};\n" if os.geteuid() == 0 else ""
    config = prefix / "nginx.conf"
    config.write_text(
        _FRAME.format(user=user, files=files, prefix=prefix, connections=min(files - 100, 32768), http=http)
    )
    child = scene.spawn(name, [program, "-p", str(prefix), "-c", str(config), "-e", str(prefix / "error.log")])
    child.wait_for(lambda: listens(port))
    return child


def listens(port: int) -> bool:
    """Whether somebody accepts on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def start_proxy(scene: Scene, upstream: int) -> tuple[Child, int]:
    """`proxy_pass` to the upstream's port, unbuffered, upstream connections kept alive."""
    port = machine.free_port()
    return _start(scene, "nginx-proxy", port, _PROXY.format(port=port, upstream=upstream)), port


class StaticApi:
    """An upstream that answers every request with the same short chat.completion under a new id."""

    def __init__(self, scene: Scene) -> None:
        self.port = machine.free_port()
        _start(scene, "nginx-api", self.port, _API.format(port=self.port, answer=_ANSWER))
        self._asked = 0

    def requests(self) -> int:
        """How many requests it has answered, ours for this count left out."""
        self._asked += 1
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/bench/status") as answer:
            found = re.search(rb"\d+ \d+ (\d+)", answer.read())
        return (int(found[1]) if found else 0) - self._asked


def worker_pids(child: Child) -> list[int]:
    """The processes that carry the traffic."""
    return machine.descendants(child.pid)
