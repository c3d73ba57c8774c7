"""Addresses of the research pages."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
