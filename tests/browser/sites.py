"""How the sites of the journeys are configured."""

from __future__ import annotations

CONSOLE = "browser.console:application"
#: The header in which the console tells which cookies came through to it.
COOKIES_SEEN = "X-Cookies-Seen"
INI = """\
[tfa]
issuer = Harbour Backup
insecure_dev = yes
{tfa}

[realm:admin]
paths = /admin
login = /admin/login
logout = /admin/logout
username = user
password = pass
whoami = /admin
whoami_pattern = <b id="me">([^<]+)</b>
link_after = input[name=admin_password]
{admin}

[realm:user]
paths = /
login = /login
logout = /logout
public = /static/
exempt = /api/
whoami = /profile
whoami_pattern = <b id="me">([^<]+)</b>
{user}

[mail]
from = Harbour Backup <no-reply@backup.example.com>
{mail}
"""


def ini(tfa: str = "", admin: str = "", user: str = "", mail: str = "smtp = file:mails") -> str:
    """The console's INI; each argument adds lines to its section."""
    return INI.format(tfa=tfa, admin=admin, user=user, mail=mail)
