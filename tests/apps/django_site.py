"""A Django project with its admin and its accounts: two realms on one application.

Django's settings hold for the whole process, so there is one project a process, whose database goes with the process.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from apps.console import FIRST, PASSWORD, SECOND, Console
from tfa_middleware.hold import App

LOGIN_PAGE = (
    "<!doctype html><title>Sign in</title>"
    "{% if form.errors %}<p>Your username and password did not match.</p>{% endif %}"
    '<form method="post">{% csrf_token %}{{ form.as_p }}<input type="hidden" name="next" value="{{ next }}">'
    "<button>Sign in</button></form>"
)
PRIVATE_PAGE = (
    '<!doctype html><title>Private</title><b id="me">{{ user.get_username }}</b>'
    '<form method="post" action="{% url "logout" %}">{% csrf_token %}<button>Log out</button></form>'
)
_FOLDER = Path(tempfile.mkdtemp(prefix="django-site-"))
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)

_APPS = ("admin", "auth", "contenttypes", "sessions", "messages", "staticfiles")


def build(folder: Path) -> App:
    """The project's WSGI application, the same for everybody who asks in this process."""
    return _project()


@cache
def _project() -> App:
    _configure()
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application

    application: App = get_wsgi_application()
    call_command("migrate", verbosity=0)
    from django.contrib.auth import get_user_model

    for name in (FIRST, SECOND):
        get_user_model().objects.create_superuser(name, f"{name}@example.com", PASSWORD)
    return application


def _configure() -> None:
    """The settings that ``django-admin startproject`` writes, as a site on https has them, with a quick hash."""
    from django.conf import settings

    contrib, core = "django.contrib", "django.middleware"
    settings.configure(
        SECRET_KEY="for tests alone",
        ALLOWED_HOSTS=["backup.example.com"],
        ROOT_URLCONF="apps.django_urls",
        INSTALLED_APPS=[
            f"{contrib}.{app}" for app in ("admin", "auth", "contenttypes", "sessions", "messages", "staticfiles")
        ],
        MIDDLEWARE=[
            f"{core}.security.SecurityMiddleware",
            f"{contrib}.sessions.middleware.SessionMiddleware",
            f"{core}.common.CommonMiddleware",
            f"{core}.csrf.CsrfViewMiddleware",
            f"{contrib}.auth.middleware.AuthenticationMiddleware",
            f"{contrib}.messages.middleware.MessageMiddleware",
            f"{core}.clickjacking.XFrameOptionsMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {
                    "loaders": [
                        (
                            "django.template.loaders.locmem.Loader",
                            {"registration/login.html": LOGIN_PAGE, "private.html": PRIVATE_PAGE},
                        ),
                        "django.template.loaders.app_directories.Loader",
                    ],
                    "context_processors": [
                        "django.template.context_processors.request",
                        f"{contrib}.auth.context_processors.auth",
                        f"{contrib}.messages.context_processors.messages",
                    ],
                },
            }
        ],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{_FOLDER}/db.sqlite3"}},
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        STATIC_URL="/static/",
        LOGIN_REDIRECT_URL="/private/",
        SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
        SESSION_COOKIE_SECURE=True,
        CSRF_COOKIE_SECURE=True,
        USE_TZ=True,
    )


#: The name in the head of every admin page, by markup alone. Where an account has a first name, Django shows that one
#: in place of the user name: a project with first names leaves whoami out and trusts the posted name.
ADMIN_NAME = r'id="user-tools">[^<]*<strong>([^<]+)</strong>'

SECTIONS = {
    "realm:admin": {
        "paths": "/admin",
        "login": "/admin/login/",
        "whoami": "/admin/password_change/",
        "whoami_pattern": ADMIN_NAME,
        "canonical": "exact",
    },
    "realm:user": {"paths": "/", "login": "/accounts/login/", "public": "/static/", "canonical": "exact"},
}

DJANGO_ADMIN = Console(
    name="django-admin",
    realm="admin",
    sections=SECTIONS,
    build=build,
    entry="/admin/login/",
    page="/admin/",
    others=("/admin/auth/user/", "/admin/auth/user/?o=-1", "/admin/auth/user/1/change/", "/admin/jsi18n/"),
    inside="<strong>{user}</strong>",
    error="Please enter the correct username and password",
)
DJANGO_ACCOUNTS = Console(
    name="django-accounts",
    realm="user",
    sections=SECTIONS,
    build=build,
    entry="/accounts/login/",
    page="/private/",
    others=("/private/reports", "/accounts/password_change/", "/"),
    inside='<b id="me">{user}</b>',
    error="Your username and password did not match.",
)
