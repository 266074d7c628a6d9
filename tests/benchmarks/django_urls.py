"""The Django site of the benchmark: one bare view, one behind session, auth and a verified device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model, login
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django_otp import login as otp_login
from django_otp.decorators import otp_required
from django_otp.middleware import OTPMiddleware
from django_otp.plugins.otp_static.models import StaticDevice


def only_private(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """The middlewares of session, auth and OTP for everything but the bare view."""
    whole = SessionMiddleware(AuthenticationMiddleware(OTPMiddleware(get_response)))

    def call(request: HttpRequest) -> Any:
        return get_response(request) if request.path == "/bare" else whole(request)

    return call


def bare(request: HttpRequest) -> HttpResponse:
    """No user, no session."""
    return HttpResponse("ok")


def enter(request: HttpRequest) -> HttpResponse:
    """Log in with both factors."""
    user, _ = get_user_model().objects.get_or_create(username="alice")
    device, _ = StaticDevice.objects.get_or_create(user=user, name="paper")
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    otp_login(request, device)
    return HttpResponse("ok")


@otp_required
def private(request: HttpRequest) -> HttpResponse:
    """For who came in by both factors."""
    return HttpResponse("ok")


urlpatterns = [path("bare", bare), path("enter", enter), path("private", private)]
