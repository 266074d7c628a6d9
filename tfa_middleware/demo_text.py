"""What the demo writes: its settings and what there is to try."""

from __future__ import annotations

from pathlib import Path

SETTINGS = """\
# The settings of the demo. Plain http on loopback needs insecure_dev; a real site must not have it.
[tfa]
issuer = Harbour Backup
key_file = tfa.key
accounts = TFARecs.dat
store = sqlite:tfa.sqlite3
insecure_dev = yes

[realm:admin]
paths = /admin
login = /admin/login
logout = /admin/logout
username = user
password = pass
whoami = /admin
whoami_pattern = <b id="me">([^<]+)</b>
policy = optional
link_after = input[name=admin_password]

[realm:user]
paths = /
login = /login
logout = /logout
public = /static/
exempt = /api/
whoami = /profile
whoami_pattern = <b id="me">([^<]+)</b>
policy = optional

[mail]
smtp = file:mails
from = Harbour Backup <no-reply@backup.example.com>
"""

GUIDE = """\
Harbour Backup, a model console, now behind the second factor

  Console          {site}/
  Administration   {site}/admin
  Mail box         {mail}/mailbox
  Working folder   {folder}
  Log              {folder}/tfa.log

  User     Password          Second factor
  alice    correct horse     none yet
  bob      battery staple    {bob}
  admin    open sesame       none yet, at Administration

What to try
  1. The refusal. Log in as bob: his password is right, and the console stays shut until he types the code of his
     authenticator app, which the mail box page shows.
  2. Enrol with a QR code. Log out, log in as alice, follow "Two-Factor Authentication" in the lower right-hand corner
     and choose the authenticator app. Log out and in again: now she is asked.
  3. Enrol by email. The same page takes any address; the code arrives in the mail box.
  4. The administrator. At Administration, open Configuration, Security: the link stands under Admin Password.
  5. Switch it off. Untick "Enabled" on the page of the link: the password alone is enough again.
  6. Locked out. While this runs, delete a user's line and log in again:
     sed -i '/^user\\tbob\\t/d' {records}
  7. The backup client is not challenged:
     curl -u 'alice:correct horse' {site}/api/v1/jobs

Ctrl-C stops the demo{ending}."""


def guide(site: str, mail: str, folder: Path, app_key: str, *, kept: bool) -> str:
    """Addresses, passwords and what to try, for the terminal. ``app_key`` is the key of bob's authenticator app."""
    bob = f"authenticator app, key {app_key}" if app_key else "as you left it"
    ending = "; the folder stays" if kept else " and removes the folder"
    records = folder / "TFARecs.dat"
    return GUIDE.format(site=site, mail=mail, folder=folder, bob=bob, records=records, ending=ending)
