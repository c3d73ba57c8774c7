"""The one app of the project."""

from django.apps import AppConfig


class StudyAppConfig(AppConfig):
    """Loads the Celery application, so that any process can enqueue jobs, and the settings' checks."""

    name = "studyapp"
    label = "studyapp"
    verbose_name = "Second Look"

    def ready(self) -> None:
        from studyapp import celery, checks  # noqa: F401
