"""Addresses of the research pages."""

from django.contrib.auth.views import LoginView
from django.urls import path

from studyapp.views import research_jobs

urlpatterns = [
    path("login/", LoginView.as_view(template_name="research/login.html"), name="login"),
    path("jobs/", research_jobs.jobs, name="jobs"),
    path("jobs/<int:pk>/", research_jobs.job, name="job"),
    path("jobs/<int:pk>/retry/", research_jobs.retry, name="job-retry"),
    path("jobs/<int:pk>/cancel/", research_jobs.cancel, name="job-cancel"),
]
