"""Settings: one object made of files, mounted secrets, the environment and code, checked as a whole.

Use ``wrap(app)``. Each source beats those before it:

1. the defaults;
2. ``[tool.asgi_patterns]`` in ``pyproject.toml``, then ``asgi-patterns.toml``, in the working directory, or
   where ``ASGI_PATTERNS_CONFIG`` points; directories above are never looked at;
3. files in the directory that ``ASGI_PATTERNS_SECRETS_DIR`` names, called like variables;
4. environment variables, such as ``ASGI_PATTERNS_HEALTH__PATH``;
5. ``config``: a file, or a mapping such as a dictionary in Django's ``settings.py``;
6. keyword arguments.

A section is a layer: ``[health]``, or ``[[request_id]]`` for each of several, told apart by ``name``. ``true``
and ``false`` in its place switch it on and off. Whatever is wrong, in any source, is in one ``SettingsError``.
"""

from asgi_patterns.settings.complaints import SettingsError
from asgi_patterns.settings.loading import load, wrap
from asgi_patterns.settings.sections import Given, Sections, Settings

__all__ = ["Given", "Sections", "Settings", "SettingsError", "load", "wrap"]
