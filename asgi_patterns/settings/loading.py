"""How settings are read: look at every source, join what they say, check it once, and say all that is wrong."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Unpack

from pydantic import ValidationError, create_model
from pydantic_settings import BaseSettings

from asgi_patterns.kernel.types import AnyApp
from asgi_patterns.pipeline import Config, Wrapped
from asgi_patterns.settings.complaints import SettingsError, Wrong, explain
from asgi_patterns.settings.files import read_file, usual_files
from asgi_patterns.settings.schema import Key, fields
from asgi_patterns.settings.sections import SECTIONS, Sections, Settings
from asgi_patterns.settings.source import Source, holder, in_code, merge
from asgi_patterns.settings.variables import environment, secrets

_FIELDS: dict[str, Any] = {name: (found.annotation, found) for name, found in fields(Settings).items()}

_SHAPE = create_model("_Shape", __base__=BaseSettings, **_FIELDS)
"""The same fields for pydantic-settings, which reads variables into the fields of a model."""


def wrap(app: AnyApp, config: Config = None, **sections: Unpack[Sections]) -> Wrapped:
    """Return ``app`` behind the pipeline that the settings describe.

    ``config`` is a TOML file or a mapping; a keyword argument is a layer, a mapping with its fields, a list of
    either, or true or false. Both beat what files, secrets and the environment say. Raises ``SettingsError``,
    and ``TypeError`` for an app that is behind a pipeline already.
    """
    return gather("wrap()", config, sections).pipeline()(app)


def load(config: Config = None, **sections: Unpack[Sections]) -> Settings:
    """Return the settings that ``wrap`` would use. Raises ``SettingsError``."""
    return gather("load()", config, sections)


def gather(caller: str, config: Config, sections: Mapping[str, Any]) -> Settings:
    """Return what all sources say together. ``caller`` is what messages call the origin of ``sections``."""
    sources = [*usual_files(), secrets(_SHAPE), environment(_SHAPE)]
    if isinstance(config, Mapping):
        sources.append(in_code(f"{caller} config", config))
    elif config is not None:
        sources.append(read_file(str(config), named_by=caller))
    if sections:
        sources.append(in_code(caller, sections))
    return settle(sources)


def settle(sources: Sequence[Source]) -> Settings:
    """Return what ``sources`` say, the weakest first. Raises ``SettingsError`` with everything that is wrong."""
    tree, clashes = merge(sources, SECTIONS)
    found, wrong = _check(tree, sources)
    complaints = [complaint for source in sources for complaint in source.complaints] + clashes
    complaints += [f"{_place(each.key, sources)}: {each}" for each in wrong]
    if found is None or complaints:
        raise SettingsError(*complaints)
    object.__setattr__(found, "sources", tuple(sources))  # no field: nothing that anybody could set
    return found


def _check(tree: Mapping[str, Any], sources: Sequence[Source]) -> tuple[Settings | None, list[Wrong]]:
    def is_open(key: Key) -> bool:
        source = holder(sources, key)
        return source is None or source.is_open

    try:
        found = Settings(**tree)
    except ValidationError as error:
        # The error itself goes no further: it repeats its input, secrets included.
        return None, explain(error, tree, Settings, is_open)
    return found, [*_twice(found), *_lacking(found, tree)]


def _twice(settings: Settings) -> list[Wrong]:
    labels = [(name, layer.label) for name in SECTIONS for layer in getattr(settings, name) if layer.enabled]
    count = Counter(label for _, label in labels)
    twice = {label: name for name, label in labels if count[label] > 1}
    right = 'give each a name of its own, name = "..."'
    return [Wrong((name,), f"two layers are called {label!r}", right) for label, name in twice.items()]


def _lacking(settings: Settings, tree: Mapping[str, Any]) -> Iterator[Wrong]:
    """Yield what layers ask for and nothing says, such as who the caller is: they would not start."""
    context = settings.context()
    for name in SECTIONS:
        is_list = isinstance(tree.get(name), list | tuple)
        for index, layer in enumerate(getattr(settings, name)):
            for lack in layer.lacks(context) if layer.enabled else ():
                yield Wrong((name, *([index] if is_list else []), *lack.key), lack.wrong, lack.right)


def _place(key: Key, sources: Sequence[Source]) -> str:
    source = holder(sources, key) or holder(sources, key[:-1])
    return source.place(key) if source else ""
