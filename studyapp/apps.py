"""The one app of the project."""

from django.apps import AppConfig


class StudyAppConfig(AppConfig):
    """Loads the Celery application, so that jobs can be enqueued from any process."""

    name = "studyapp"
    label = "studyapp"
    verbose_name = "Second Look"

    def ready(self) -> None:
        from studyapp import celery  # noqa: F401
