"""The middleware that makes a ``Problem`` raised in a Django view the answer.

MIDDLEWARE = [..., "asgi_patterns.errors.django.ProblemMiddleware"]
"""

from collections.abc import Callable
from typing import Any, final

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse

from asgi_patterns.kernel.problems import Problem


@final
class ProblemMiddleware:
    """Answers a ``Problem`` that a view raised, sync or async; to Django it would be a crash.

    Everything else is Django's: ``Http404`` and ``PermissionDenied`` become its pages, and those become problems
    outside; a ``ValidationError`` that nobody caught is a fault of the program.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Return the answer, or under ASGI what has to be awaited for it."""
        return self.get_response(request)

    # Sync, whatever the view is: Django calls it so, and would take a thread more for an async one.
    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Return the answer for a ``Problem``; ``None`` leaves anything else to Django."""
        if not isinstance(exception, Problem):
            return None
        head, body = exception.answer(getattr(request, "scope", {}))  # under WSGI there is no scope
        fields = {name.decode(): value.decode("latin-1") for name, value in head["headers"]}
        shown = b"" if request.method == "HEAD" else body
        return HttpResponse(shown, status=head["status"], headers=fields)
