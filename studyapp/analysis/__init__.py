"""Pure statistics on frozen values and arrays: no Django, no Celery."""
