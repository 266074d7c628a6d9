"""Programs of the system that tests ask as independent sources."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def need(program: str) -> str:
    """The program's path; without it the test is skipped, save where everything must run."""
    found = shutil.which(program)
    if not found and os.environ.get("CI") == "true":
        pytest.fail(f"{program} is not installed")
    return found or pytest.skip(f"{program} is not installed")


def oathtool(key: str, when: float) -> str:
    """The six-digit code of a base32 key, blanks allowed, at a time, by the OATH toolkit."""
    command = [need("oathtool"), "--totp", "--base32", f"--now=@{int(when)}", key.replace(" ", "")]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def read_qr(picture: str, folder: Path) -> str:
    """What a reader sees on the screen of a browser that shows a picture's address."""
    browser, reader = need("chromium"), need("zbarimg")
    page, shot = folder / "page.html", folder / "shot.png"
    page.write_text(f'<!doctype html><body style="background:#333"><img src="{picture}">')
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--window-size=800,800",
    ]
    where = [f"--user-data-dir={folder / 'profile'}", f"--screenshot={shot}", page.as_uri()]
    subprocess.run([browser, *options, *where], check=True, capture_output=True, timeout=120)
    read = subprocess.run([reader, "--quiet", "--raw", str(shot)], check=True, capture_output=True, text=True)
    return read.stdout.strip()
