"""Pictures of what a classifier looked at: no Django, no Celery."""
