"""What the backup client talks to: JSON behind HTTP Basic (RFC 7617), without cookies."""

from __future__ import annotations

import base64
import binascii
import hashlib

from .catalogue import Catalogue, Job
from .http import Request, Response, answer
from .sessions import Passwords

UPLOAD_LIMIT = 100_000_000
CHUNK = 65_536


class ClientApi:
    """The two calls that a backup client makes: which jobs are there, and here is a file."""

    def __init__(self, catalogue: Catalogue, users: Passwords) -> None:
        self.catalogue = catalogue
        self.users = users

    def jobs(self, request: Request) -> Response:
        """GET /api/v1/jobs: the jobs of the user whose name and password came with the request."""
        user = self._user(request)
        if user is None:
            return _unauthorized()
        return answer({"user": user, "jobs": [_job(job) for job in self.catalogue.jobs(user)]})

    def upload(self, request: Request) -> Response:
        """POST /api/v1/upload?job=ID: take the body as one file; the answer tells its size and SHA-256."""
        user = self._user(request)
        if user is None:
            return _unauthorized()
        job = self.catalogue.job(user, request.query.get("job", "documents"))
        length = request.environ.get("CONTENT_LENGTH") or "0"
        if job is None or not length.isdigit():
            return answer({"error": "no such job" if job is None else "bad length"}, status=400)
        if int(length) > UPLOAD_LIMIT:
            return answer({"error": "too large"}, status=413)
        size, digest = _take(request, int(length))
        self.catalogue.received(user, job, size)
        return answer({"job": job.id, "stored": size, "sha256": digest}, status=201)

    def _user(self, request: Request) -> str | None:
        scheme, _, given = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        try:
            name, _, password = base64.b64decode(given, validate=True).decode("utf-8").partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return name if scheme.lower() == "basic" and self.users.right(name, password) else None


def _unauthorized() -> Response:
    challenge = ("WWW-Authenticate", 'Basic realm="Harbour Backup client", charset="UTF-8"')
    return answer({"error": "user name and password needed"}, status=401, headers=(challenge,))


def _job(job: Job) -> dict[str, object]:
    return {"id": job.id, "name": job.name, "computer": job.computer, "bytes": job.size, "last": job.last.isoformat()}


def _take(request: Request, length: int) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    while size < length:
        block = request.environ["wsgi.input"].read(min(CHUNK, length - size))
        if not block:
            break
        digest.update(block)
        size += len(block)
    return size, digest.hexdigest()
