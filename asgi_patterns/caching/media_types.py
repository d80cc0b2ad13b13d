"""Which media types an answer may have: as a rule names them, or as the extension in its path promises.

A path that ends in ``.css`` is no proof of a style sheet. Many apps answer ``/account/x.css`` as they answer
``/account``, and a cache that goes by the path alone then keeps somebody's account for everybody to read.
"""

from typing import Final

_BINARY = ("application/octet-stream",)
_XML = ("application/xml", "text/xml")
_JSON = ("application/json",)

# Raster images, sounds and films are told apart by looking inside, so any type of the kind will do.
_BY_TYPES: dict[tuple[str, ...], str] = {
    ("text/css",): "css",
    ("text/javascript", "application/javascript", "application/x-javascript"): "js mjs cjs",
    ("text/html", "application/xhtml+xml"): "html htm xhtml",
    ("text/plain",): "txt text log",
    ("text/plain", "text/markdown"): "md markdown",
    ("text/csv", "application/csv"): "csv",
    ("text/tab-separated-values",): "tsv",
    ("text/calendar",): "ics",
    ("text/vtt",): "vtt",
    ("text/x-component", "text/plain"): "htc",
    (*_JSON, "text/plain"): "map",
    _JSON: "json",
    ("application/ld+json", *_JSON): "jsonld",
    ("application/geo+json", *_JSON): "geojson",
    ("application/manifest+json", *_JSON): "webmanifest",
    ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"): "yaml yml",
    ("application/toml", "text/plain"): "toml",
    _XML: "xml xsd",
    ("application/xslt+xml", *_XML): "xsl xslt",
    ("application/rss+xml", *_XML): "rss",
    ("application/atom+xml", *_XML): "atom",
    ("application/gpx+xml", *_XML): "gpx",
    ("image/svg+xml",): "svg",
    ("image/*",): "png apng jpg jpeg jfif gif webp avif heic heif jxl bmp ico cur tif tiff",
    (
        "font/*", "application/font-woff", "application/font-woff2", "application/x-font-woff",
        "application/x-font-ttf", "application/x-font-otf", "application/vnd.ms-fontobject", *_BINARY,
    ): "woff woff2 ttf otf ttc eot",
    ("video/*", "audio/*", "application/ogg"): "mp4 m4v webm ogv ogg mov mpeg mpg avi mkv",
    ("audio/*", "application/ogg"): "mp3 m4a aac wav flac opus oga weba mid midi",
    ("video/mp2t",): "ts",
    ("application/vnd.apple.mpegurl", "application/x-mpegurl", "audio/mpegurl", "audio/x-mpegurl"): "m3u8",
    ("application/dash+xml", *_XML): "mpd",
    ("application/pdf",): "pdf",
    ("application/wasm",): "wasm",
    ("application/zip", "application/x-zip-compressed", *_BINARY): "zip",
    ("application/gzip", "application/x-gzip", *_BINARY): "gz tgz",
    ("application/x-bzip2", *_BINARY): "bz2",
    ("application/x-xz", *_BINARY): "xz",
    ("application/zstd", *_BINARY): "zst",
    ("application/vnd.rar", "application/x-rar-compressed", *_BINARY): "rar",
    ("application/x-7z-compressed", *_BINARY): "7z",
    ("application/x-tar", *_BINARY): "tar",
    ("application/java-archive", *_BINARY): "jar",
    _BINARY: "bin exe dmg iso",
    ("application/msword",): "doc",
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document",): "docx",
    ("application/vnd.ms-excel",): "xls",
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",): "xlsx",
    ("application/vnd.ms-powerpoint",): "ppt",
    ("application/vnd.openxmlformats-officedocument.presentationml.presentation",): "pptx",
    ("application/epub+zip",): "epub",
    ("application/rtf", "text/rtf"): "rtf",
}  # fmt: skip

TYPES: Final = {extension: types for types, names in _BY_TYPES.items() for extension in names.split()}
"""Of each known extension in lower case, the media types that an answer with it may have."""


def extension(path: str) -> str | None:
    """Return the extension that every path has which a pattern matches, in lower case; ``None`` without one."""
    # A slash at the end of a pattern means nothing, and must not be a way around.
    _, dot, last = path.strip().removesuffix("/").rpartition("/")[2].rpartition(".")
    return last.lower() if dot and last and "*" not in last else None


def is_glob(path: str) -> bool:
    """Whether a pattern is for more than one path."""
    return "*" in path
