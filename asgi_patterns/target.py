"""The app that a command is about: ``module:name``, imported and wrapped."""

import importlib
import logging
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from asgi_patterns.kernel.dotted import NoSuchName, load
from asgi_patterns.kernel.optional import MissingExtra
from asgi_patterns.kernel.types import ASGIApp
from asgi_patterns.pipeline import Pipeline, pipeline_of
from asgi_patterns.settings import Settings, SettingsError
from asgi_patterns.settings.loading import gather

__all__ = ["NoSuchName", "Target", "explain"]

_OURS = (str(Path(__file__).parent), "<frozen importlib", importlib.__file__)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a command was told. It can be pickled, so a worker process can load the same app."""

    app: str | None = None
    """``module:name``; the module is looked for in the working directory first."""
    factory: bool = False
    """Whether the name is a function that returns the app."""
    config: str | None = None
    """A TOML file that beats all other sources."""

    def settings(self) -> Settings:
        """Return the settings for an app that brings none of its own. Raises ``SettingsError``."""
        _see_working_directory()  # settings may name functions of the app
        return gather("--config", self.config, {})

    def load(self) -> tuple[ASGIApp, Pipeline]:
        """Import the app; wrap it unless it is wrapped already. Return it with its pipeline.

        Raises ``NoSuchName`` where there is no such app, ``SettingsError``, and whatever its module raises.
        """
        _see_working_directory()
        app = self._import()
        pipeline = pipeline_of(app)
        if pipeline is not None:
            return app, pipeline
        wrapped = self.settings().pipeline()(app)
        return wrapped, wrapped.pipeline

    def load_or_log(self, log: logging.Logger) -> tuple[ASGIApp, Pipeline] | None:
        """Load it in a process of its own, where nobody else would say what is wrong."""
        try:
            return self.load()
        except (SettingsError, NoSuchName, MissingExtra) as exc:
            log.error("%s", exc)
        except Exception as exc:
            log.error("%s", explain(exc))
        return None

    def _import(self) -> Any:
        name = self.app or ""
        if ":" not in name:
            raise NoSuchName(f"{name!r} names no app: write module:name, such as shop.api:app")
        app: Any = load(name)
        if self.factory and callable(app):
            app = app()
        if not callable(app):
            raise NoSuchName(f"{name!r} is no app, its type is {type(app).__name__}: an ASGI app is callable")
        return app


def explain(exc: BaseException) -> str:
    """Return the traceback of what an app's own code raised, beginning where that code begins."""
    found = exc.__traceback__
    while found is not None and found.tb_frame.f_code.co_filename.startswith(_OURS):
        found = found.tb_next
    return "".join(traceback.format_exception(type(exc), exc, found or exc.__traceback__))


def _see_working_directory() -> None:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
