"""The key file, one derived key per purpose and realm, and the seal for secrets at rest.

A key file has one key a line, oldest first: ``ID TAB BASE64``. The newest one signs and seals; all of them verify and
open, until an operator removes a line, which ends whatever it had signed (REQUIREMENTS F5, F6).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path

from tfa_middleware.errors import KeyFileError, RecordError

KEY_BYTES = 32


class Keys:
    """The secret keys, oldest to newest. Nothing of them shows in a repr."""

    def __init__(self, keys: dict[str, bytes]) -> None:
        if not keys or any(len(key) < KEY_BYTES for key in keys.values()):
            raise KeyFileError(f"at least one key of {KEY_BYTES} bytes is needed")
        self._keys = dict(keys)

    def __repr__(self) -> str:
        return f"<Keys {', '.join(self._keys)}>"

    @classmethod
    def load(cls, path: Path) -> Keys:
        """The keys of a file. Raises `KeyFileError` when it is missing, readable by others, short or damaged."""
        try:
            mode = path.stat().st_mode
            lines = path.read_text("ascii").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise KeyFileError(f"{path}: cannot be read ({type(error).__name__})") from None
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise KeyFileError(f"{path}: others may read it; run: chmod 600 {path}")
        return cls(_parsed(path, lines))

    @classmethod
    def create(cls, path: Path) -> Keys:
        """Make a key file with one key, mode 0600. Raises `KeyFileError` when there is one already."""
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise KeyFileError(f"{path}: cannot be made ({error.strerror})") from None
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(_line(*_new_key()))
            file.flush()
            os.fsync(file.fileno())
        return cls.load(path)

    @classmethod
    def load_or_create(cls, path: Path) -> Keys:
        """The keys of the file, made at the very first start. Two processes that start at once agree on one file."""
        if path.exists():
            return cls.load(path)
        temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        cls.create(temporary)
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass  # another process was first; its file counts
        except OSError as error:
            raise KeyFileError(f"{path}: cannot be made ({error.strerror})") from None
        finally:
            temporary.unlink()
        return cls.load(path)

    @classmethod
    def rotate(cls, path: Path) -> Keys:
        """Add a newest key; older ones still verify and open. Written by temporary file and rename."""
        old = cls.load(path)
        temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        owner = path.stat()
        with os.fdopen(handle, "w", encoding="ascii") as file:
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)  # root may rotate for the service's user
            file.writelines(_line(name, key) for name, key in [*old._keys.items(), _new_key()])
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        return cls.load(path)

    def names(self) -> tuple[str, ...]:
        """The key ids, oldest first."""
        return tuple(self._keys)

    def derive(self, purpose: str, realm: str = "") -> tuple[bytes, ...]:
        """A key for one purpose and realm from each key, oldest to newest (HMAC-SHA256 as in HKDF-Expand, RFC 5869)."""
        return tuple(self.derived(purpose, realm).values())

    def derived(self, purpose: str, realm: str = "") -> dict[str, bytes]:
        """As `derive`, by key id."""
        info = f"tfa_middleware\x00{purpose}\x00{realm}\x01".encode()
        return {name: hmac.new(key, info, hashlib.sha256).digest() for name, key in self._keys.items()}


def _new_key() -> tuple[str, bytes]:
    return secrets.token_hex(4), secrets.token_bytes(KEY_BYTES)


def _line(name: str, key: bytes) -> str:
    return f"{name}\t{base64.b64encode(key).decode('ascii')}\n"


def _parsed(path: Path, lines: list[str]) -> dict[str, bytes]:
    keys: dict[str, bytes] = {}
    for number, line in enumerate(lines, 1):
        if not line or line.startswith("#"):
            continue
        name, _, encoded = line.partition("\t")
        try:
            keys[name] = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raise KeyFileError(f"{path}, line {number}: not a key") from None
        if len(keys[name]) < KEY_BYTES:
            raise KeyFileError(f"{path}, line {number}: the key is too short")
    if not keys:
        raise KeyFileError(f"{path}: holds no key")
    return keys


class Sealer:
    """Authenticated encryption (AES-256-GCM) for secrets at rest, bound to where they belong.

    ``context`` names the place (realm, user, kind); a seal that was moved elsewhere does not open (B8).
    """

    def __init__(self, keys: Keys, purpose: str) -> None:
        self._keys = keys.derived(f"seal {purpose}")

    def seal(self, data: bytes, context: str) -> str:
        """``data -> "KEYID.BASE64"``, with the newest key and a fresh nonce."""
        name, key = list(self._keys.items())[-1]
        nonce = secrets.token_bytes(12)
        sealed = nonce + _aead(key).encrypt(nonce, data, context.encode())
        return f"{name}.{base64.urlsafe_b64encode(sealed).decode('ascii')}"

    def open(self, sealed: str, context: str) -> bytes:
        """What was sealed. Raises `RecordError` when it was changed, moved, or its key is gone."""
        from cryptography.exceptions import InvalidTag

        name, _, encoded = sealed.partition(".")
        try:
            raw = base64.b64decode(encoded, altchars=b"-_", validate=True)
            data: bytes = _aead(self._keys[name]).decrypt(raw[:12], raw[12:], context.encode())
        except KeyError:
            raise RecordError("sealed with a key that is not in the key file") from None
        except (binascii.Error, ValueError, InvalidTag):
            raise RecordError("the seal does not open: changed, or moved from another account") from None
        return data


def _aead(key: bytes):  # type: ignore[no-untyped-def]
    # Loaded at the first seal: it costs a worker 7 MiB, and a worker that only forwards never needs it.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)
