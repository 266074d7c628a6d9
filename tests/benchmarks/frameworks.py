"""Two frameworks with their own second factor, against the same view without: what an application pays that has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.subjects import Subject, entered, fresh


def flask_security(folder: Path) -> Iterator[Subject]:
    """A Flask view, and one behind Flask-Security whose user came in by a second factor."""
    from flask import Flask
    from flask_security import Security, SQLAlchemySessionUserDatastore, auth_required, login_user
    from flask_security.models import sqla
    from sqlalchemy import create_engine
    from sqlalchemy.orm import declarative_base, scoped_session, sessionmaker

    plain = Flask("plain")
    plain.add_url_rule("/private", view_func=lambda: "ok", endpoint="private")
    yield Subject("Flask, a bare view", "", plain, fresh("theme=dark"))

    engine = create_engine(f"sqlite:///{folder / 'flask.sqlite3'}")
    session = scoped_session(sessionmaker(bind=engine))
    base = declarative_base()
    sqla.FsModels.set_db_info(base_model=base)
    role = type("Role", (base, sqla.FsRoleMixin), {"__tablename__": "role"})
    user = type("User", (base, sqla.FsUserMixin), {"__tablename__": "user"})
    app = Flask("secured")
    app.config |= {
        "SECRET_KEY": "k" * 32,
        "SECURITY_PASSWORD_SALT": "s" * 32,
        "SECURITY_TWO_FACTOR": True,
        "SECURITY_TWO_FACTOR_REQUIRED": True,
        "SECURITY_TWO_FACTOR_ENABLED_METHODS": ["authenticator"],
        "SECURITY_TOTP_SECRETS": {"1": "t" * 32},
        "SECURITY_TOTP_ISSUER": "Console",
        "WTF_CSRF_ENABLED": False,
    }
    store = SQLAlchemySessionUserDatastore(session, user, role)
    Security(app, store)
    base.metadata.create_all(engine)

    @app.get("/enter")
    def enter() -> str:
        login_user(store.find_user(email="alice@example.com"), authn_via=["password", "otp"])
        return "ok"

    @app.get("/private")
    @auth_required("session")
    def private() -> str:
        return "ok"

    with app.app_context():
        store.create_user(email="alice@example.com", password="unused", tf_primary_method="authenticator")
        store.commit()
    yield Subject("Flask-Security, two factors", "Flask, a bare view", app, fresh(entered(app)))


def django_otp(folder: Path) -> Iterator[Subject]:
    """A Django view, and one behind session, auth and django-otp."""
    import django
    from django.conf import settings
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application

    settings.configure(
        SECRET_KEY="k" * 50,
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="benchmarks.django_urls",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "django.sqlite3")}},
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django_otp",
            "django_otp.plugins.otp_static",
        ],
        MIDDLEWARE=[
            "benchmarks.django_urls.only_private",
        ],
    )
    django.setup()
    call_command("migrate", verbosity=0)
    app = get_wsgi_application()
    yield Subject("Django, a bare view", "", app, fresh("theme=dark"), "/bare")
    yield Subject("Django, session, auth and django-otp", "Django, a bare view", app, fresh(entered(app)))
