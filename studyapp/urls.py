"""Every address, by who opens it."""

from django.contrib import admin
from django.urls import include, path

from studyapp.views.health import health

urlpatterns = [
    path("health/", health, name="health"),
    path("admin/gallery/", include("studyapp.admin.gallery.urls")),
    path("admin/", admin.site.urls),
    path("", include("studyapp.views.participant_urls")),
    path("", include("studyapp.views.results_urls")),
    path("", include("studyapp.views.research_urls")),
]
