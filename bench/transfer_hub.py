"""A hub made of nginx and static files: as fast as the machine, so that clients are compared.

Listings are files too; large files answer with a redirect to a second port, as the real hub's do.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LFS_FROM_BYTES = 1 << 20
PAGE = 1000
BLOCK_BYTES = 1 << 20

CONFIG = """
{user} daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log warn; worker_processes 1;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 1000000;
  default_type application/octet-stream; etag off; types {{ }}
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  map_hash_max_size 262144; map_hash_bucket_size 256;
  map $uri $linked_etag {{ default ""; include {folder}/etags.map; }}
  map $uri $linked_size {{ default ""; include {folder}/sizes.map; }}
  map $uri $storage {{ default ""; include {folder}/storage.map; }}
  map $arg_cursor $page {{ default $arg_cursor; "" 0; }}
  map "$repo/$page" $next_page {{ default ""; include {folder}/pages.map; }}
  server {{
    listen 127.0.0.1:{port}{ssl}; {tls}
    location ~ ^/api/models/(?<repo>[^/]+/[^/]+)/revision/ {{
      default_type application/json; alias {folder}/api/$repo/info.json;
    }}
    location ~ ^/api/models/(?<repo>[^/]+/[^/]+)/tree/ {{
      default_type application/json; add_header Link $next_page;
      alias {folder}/api/$repo/tree-$page.json;
    }}
    location ~ ^/(?<repo>[^/]+/[^/]+)/resolve/[^/]+/(?<file>.+)$ {{
      add_header X-Repo-Commit {commit} always;
      add_header X-Linked-Etag $linked_etag always; add_header X-Linked-Size $linked_size always;
      add_header ETag $linked_etag;
      if ($storage != "") {{ return 302 {scheme}://127.0.0.1:{storage_port}/$repo/$file; }}
      alias {folder}/files/$repo/$file;
    }}
    location / {{ return 404; }}
  }}
  server {{
    listen 127.0.0.1:{storage_port}{ssl}; {tls}
    location / {{ add_header ETag $linked_etag; root {folder}/files; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the benchmark's repository."""

    path: str
    size_bytes: int
    etag: str
    is_lfs: bool

    def as_tree_item(self) -> dict[str, Any]:
        """The file as the hub's tree lists it."""
        item: dict[str, Any] = {
            "type": "file",
            "oid": "0" * 40 if self.is_lfs else self.etag,
            "size": self.size_bytes,
            "path": self.path,
        }
        if self.is_lfs:
            item["lfs"] = {"oid": self.etag, "size": self.size_bytes, "pointerSize": 130}
        return item


class NginxHub:
    """Repositories as folders of files, served until closed."""

    def __init__(self, folder: Path, *, tls: bool = False) -> None:
        """Make the folder; nothing listens before `start`."""
        self.folder = folder
        self.tls = tls
        self.port, self.storage_port = _free_port(), _free_port()
        self._repos: dict[str, list[Entry]] = {}
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def endpoint(self) -> str:
        """Address of the hub."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def ca_file(self) -> Path | None:
        """The certificate that clients have to trust."""
        return self.folder / "cert.pem" if self.tls else None

    def add_repo(self, repo: str, count: int, size_bytes: int) -> list[Entry]:
        """Make a repository of so many files of that size."""
        entries = []
        for number in range(count):
            name = f"part-{number:05}.bin"
            path = self.folder / "files" / repo / name
            path.parent.mkdir(parents=True, exist_ok=True)
            entries.append(_write(path, size_bytes, number))
        self._repos[repo] = entries
        return entries

    def remove_repo(self, repo: str) -> None:
        """Free its space."""
        shutil.rmtree(self.folder / "files" / repo)
        del self._repos[repo]

    def start(self) -> None:
        """Write the listings and run nginx."""
        self._write_listings()
        tls = ""
        if self.tls:
            _make_certificate(self.folder)
            pair = self.folder / "cert.pem", self.folder / "key.pem"
            tls = "ssl_certificate {}; ssl_certificate_key {};".format(*pair)
        text = CONFIG.format(
            user="user root;" if os.geteuid() == 0 else "",
            folder=self.folder,
            port=self.port,
            storage_port=self.storage_port,
            scheme="https" if self.tls else "http",
            ssl=" ssl" if self.tls else "",
            tls=tls,
            commit=COMMIT,
        )
        config = self.folder / "nginx.conf"
        config.write_text(text)
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        self._process = subprocess.Popen([nginx, "-c", str(config), "-p", str(self.folder)])
        _wait_for(self.port)

    def stop(self) -> None:
        """End nginx."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def _write_listings(self) -> None:
        etags, sizes, storage, pages = [], [], [], []
        for repo, entries in self._repos.items():
            api = self.folder / "api" / repo
            api.mkdir(parents=True, exist_ok=True)
            (api / "info.json").write_text(json.dumps({"id": repo, "sha": COMMIT, "siblings": []}))
            for first in range(0, max(1, len(entries)), PAGE):
                page = [entry.as_tree_item() for entry in entries[first : first + PAGE]]
                (api / f"tree-{first // PAGE}.json").write_text(json.dumps(page))
                if first + PAGE < len(entries):
                    url = f"{self.endpoint}/api/models/{repo}/tree/{COMMIT}?recursive=true&cursor="
                    number = first // PAGE
                    pages.append(f'"{repo}/{number}" \'<{url}{number + 1}>; rel="next"\';')
            for entry in entries:
                for uri in (f"/{repo}/resolve/{COMMIT}/{entry.path}", f"/{repo}/{entry.path}"):
                    etags.append(f"{uri} '\"{entry.etag}\"';")
                    sizes.append(f"{uri} {entry.size_bytes};")
                if entry.is_lfs:
                    storage.append(f"/{repo}/resolve/{COMMIT}/{entry.path} 1;")
        for name, lines in (("etags", etags), ("sizes", sizes), ("storage", storage)):
            (self.folder / f"{name}.map").write_text("\n".join(lines))
        (self.folder / "pages.map").write_text("\n".join(pages))


def _write(path: Path, size_bytes: int, number: int) -> Entry:
    is_lfs = size_bytes >= LFS_FROM_BYTES
    digest = hashlib.sha256() if is_lfs else hashlib.sha1(b"blob %d\0" % size_bytes)
    block = os.urandom(min(BLOCK_BYTES, size_bytes))
    left = size_bytes
    with path.open("wb") as file:
        while left:
            piece = number.to_bytes(4, "big") + left.to_bytes(8, "big") + block[12:]
            piece = piece[:left]
            digest.update(piece)
            file.write(piece)
            left -= len(piece)
    return Entry(path.name, size_bytes, digest.hexdigest(), is_lfs)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("nginx did not start")


def _make_certificate(folder: Path) -> None:
    command = [
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
        *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
        *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")),
    ]
    subprocess.run(command, check=True, capture_output=True)
