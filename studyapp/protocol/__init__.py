"""Study protocols: TOML files read into frozen values: no Django, no Celery."""
