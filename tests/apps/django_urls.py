"""The addresses of the Django project. Read by Django, after its settings."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.urls import include, path
from django.views.generic import TemplateView

_private = login_required(TemplateView.as_view(template_name="private.html"))

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("django.contrib.auth.urls")),
    path("private/", _private),
    path("private/<path:more>", _private),
]
