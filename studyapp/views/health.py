"""Whether this server can do its work, for load balancers and start-up scripts."""

from __future__ import annotations

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET


@require_GET
def health(_request: HttpRequest) -> HttpResponse:
    """Answer "ok" once the database answers."""
    with connection.cursor() as cursor:
        cursor.execute("select 1")
    return HttpResponse("ok", content_type="text/plain")
