"""For Django projects: ``manage.py check`` also checks the settings of the pipeline.

    INSTALLED_APPS = [..., "asgi_patterns.django.Checks"]

Nothing else happens: the pipeline stands around Django (``wrap(get_asgi_application(), ...)``), not inside it.
"""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks

from asgi_patterns.settings import SettingsError, load

SETTING = "ASGI_PATTERNS"
"""The name of the mapping in ``settings.py``; without it, the files and the environment are checked alone."""


class Checks(AppConfig):  # type: ignore[misc]  # Django has no types
    """Registers the check."""

    name = "asgi_patterns.django"
    label = "asgi_patterns"
    verbose_name = "asgi_patterns"

    def ready(self) -> None:
        """Have Django call ``check_settings`` with its own checks."""
        checks.register(check_settings, "asgi_patterns")


def check_settings(app_configs: Any = None, **options: Any) -> Sequence[Any]:
    """Return an error for all that would keep the pipeline from starting, else a warning for what is hardly meant."""
    config = getattr(settings, SETTING, None)
    try:
        pipeline = load(config).pipeline()
    except SettingsError as exc:
        return [
            checks.Error(complaint, hint=_hint(config), id="asgi_patterns.E001")
            for complaint in exc.complaints
        ]
    except ValueError as exc:
        return [checks.Error(str(exc), hint=_hint(config), id="asgi_patterns.E002")]
    doubts = [f"{layer.label} {doubt}" for layer, doubt in pipeline.doubts()]
    return [checks.Warning(doubt, hint=_hint(config), id="asgi_patterns.W001") for doubt in doubts]


def _hint(config: object) -> str | None:
    return None if config is None else f"The mapping is {SETTING} in settings.py."
