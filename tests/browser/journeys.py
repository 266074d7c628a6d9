"""Steps that several journeys share."""

from __future__ import annotations

from pathlib import Path

from smtp_servers import Inbox

from browser.chrome import Chrome
from browser.phone import Phone
from browser.post import awaited, codes

LINK = "Two-Factor Authentication"
FACTORS = "section[aria-labelledby=factors]"


def enrol_app(browser: Chrome, folder: Path, realm: str = "user") -> Phone:
    """Enrol an authenticator app by the QR code on the screen, starting from the management page."""
    browser.open(f"/_tfa/{realm}/")
    browser.press("Authenticator app", near=FACTORS)
    phone = Phone.scan(browser.picture(folder / "screen.png"))
    browser.fill(code=phone.code())
    browser.press("Continue")
    phone.recovery = [one.text for one in browser.all("ol.codes code")]
    if phone.recovery:
        browser.press("I have saved them")
    return phone


def enrol_email(browser: Chrome, inbox: Inbox, address: str, realm: str = "user") -> None:
    """Enrol an address by the code that is mailed there."""
    before = len(codes(inbox, to=address))
    browser.open(f"/_tfa/{realm}/")
    browser.press("Email", near=FACTORS)
    browser.fill(address=address)
    browser.press("Continue")
    browser.fill(code=awaited(inbox, to=address, count=before + 1))
    browser.press("Continue")
    if browser.all("ol.codes"):
        browser.press("I have saved them")


def log_out(browser: Chrome) -> None:
    """Leave by the console's own logout."""
    browser.open("/backups")
    browser.press("Log out")
