"""The pages' common HTML: the frame, tables, forms, notices. Everything that comes from outside is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from .http import Request

USER_MENU = (("/backups", "Backups"), ("/profile", "Profile"))
ADMIN_MENU = (
    ("/admin", "Dashboard"),
    ("/admin/users", "Users"),
    ("/admin/configuration", "Configuration"),
    ("/admin/log", "Log"),
)


class Html(str):
    """Text that is HTML already and is not escaped again."""

    __slots__ = ()


def text(value: object) -> str:
    """``value`` as HTML text or attribute value."""
    return value if isinstance(value, Html) else escape(str(value))


def frame(request: Request, title: str, body: str, *, name: str, admin: bool = False) -> str:
    """A whole page for somebody who is logged in; ``<b id="me">`` holds the name."""
    menu = ADMIN_MENU if admin else USER_MENU
    logout, product = ("/admin/logout", "Harbour Backup Administration") if admin else ("/logout", "Harbour Backup")
    items = "".join(_menu_item(request, path, label, menu[0][0]) for path, label in menu)
    head = (
        f'<header class="bar{" admin" if admin else ""}">'
        f'<a class="brand" href="{text(request.url(menu[0][0]))}">{product}</a>'
        f'<nav aria-label="Main"><ul>{items}</ul></nav>'
        f'<p class="who">Logged in as <b id="me">{text(name)}</b>'
        f' <a href="{text(request.url(logout))}">Log out</a></p></header>'
    )
    return _document(request, f"{title} - {product}", f"{head}<main><h1>{text(title)}</h1>{body}</main>")


def login_form(request: Request, *, admin: bool, error: str, name: str) -> str:
    """The page with the login form. The field names are the console's own: user and pass, or username and password."""
    action, user, password = ("/admin/login", "user", "pass") if admin else ("/login", "username", "password")
    title = "Harbour Backup Administration" if admin else "Harbour Backup"
    body = (
        f'<main class="card"><h1>{title}</h1>{notice(error, "error")}'
        f'<form method="post" action="{text(request.url(action))}">'
        f"{field('User name', user, value=name, autocomplete='username', required=True)}"
        f"{field('Password', password, kind='password', autocomplete='current-password', required=True)}"
        f'<button type="submit">Log in</button></form>'
        f'<p class="small">{_other_door(request, admin)}</p></main>'
    )
    return _document(request, f"Log in - {title}", body)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], *, caption: str) -> Html:
    """A table; cells are escaped unless they are `Html`."""
    head = "".join(f'<th scope="col">{text(cell)}</th>' for cell in heads)
    body = "".join(f"<tr>{''.join(f'<td>{text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return Html(
        f'<div class="scroll"><table><caption>{text(caption)}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def field(
    label: str, name: str, *, kind: str = "text", value: str = "", autocomplete: str = "off", required: bool = False
) -> Html:
    """One labelled input."""
    must = " required" if required else ""
    return Html(
        f'<p class="field"><label for="{name}">{text(label)}</label>'
        f'<input type="{kind}" name="{name}" id="{name}" value="{text(value)}" autocomplete="{autocomplete}"{must}></p>'
    )


def checkbox(label: str, name: str) -> Html:
    """One labelled tick, set."""
    return Html(
        f'<p class="field"><label><input type="checkbox" name="{name}" value="yes" checked> {text(label)}</label></p>'
    )


def link(request: Request, path: str, label: str) -> Html:
    """A link to another page of the console."""
    return Html(f'<a href="{text(request.url(path))}">{text(label)}</a>')


def notice(message: str, kind: str = "done") -> Html:
    """A line that a screen reader says at once; nothing where there is no message."""
    role = "alert" if kind == "error" else "status"
    return Html(f'<p class="notice {kind}" role="{role}">{text(message)}</p>' if message else "")


def badge(result: str) -> Html:
    """How a backup ended, in colour and in words."""
    return Html(f'<span class="badge {"warn" if "warning" in result else "good"}">{text(result)}</span>')


def _menu_item(request: Request, path: str, label: str, home: str) -> str:
    here = request.path.rstrip("/") == path or (path != home and request.path.startswith(path))
    return f'<li><a href="{text(request.url(path))}"{" aria-current=page" if here else ""}>{label}</a></li>'


def _other_door(request: Request, admin: bool) -> str:
    return link(request, "/login", "Log in as a user") if admin else link(request, "/admin/login", "Administration")


def _document(request: Request, title: str, body: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{text(title)}</title><link rel="stylesheet" href="{text(request.url("/static/console.css"))}">'
        f"</head>\n<body>{body}\n</body></html>\n"
    )
