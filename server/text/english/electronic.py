"""What is typed, not written: web and mail addresses, files and folders, hashtags, names with an at sign."""

from __future__ import annotations

import re

from server.text.english.figures import spelled
from server.text.rules import Rule, rule

MARKS = {".": "dot", "/": "slash", "-": "dash", "_": "underscore", "?": "question mark", "=": "equals",
         "&": "ampersand", "#": "hash", "@": "at", "%": "percent", "+": "plus", ":": "colon", "\\": "backslash",
         "~": "tilde"}  # fmt: skip
TOP_LEVEL = ("com", "org", "net", "edu", "gov", "mil", "info", "dev", "app", "shop", "blog", "online", "tech", "cloud",
             "store", "news", "abc", "io", "ai", "co", "uk", "de", "fr", "it", "es", "ca", "us", "eu", "tv", "me", "ch",
             "at", "au", "jp", "cn", "in", "ru", "nl", "se", "no", "dk", "fi", "ie", "nz", "be", "pt", "pl", "br", "gg",
             "ly", "fm", "sm", "xyz")  # fmt: skip
AMBIGUOUS = ("at", "be", "co", "de", "in", "it", "me", "no", "us", "abc", "sm")
"""Ends of domains that are also words: "first.it" may be two sentences without a space, so these need letters in small
before them, or a path."""
SUFFIXES = ("txt", "md", "pdf", "html", "htm", "css", "js", "ts", "py", "rs", "go", "java", "cpp", "sh", "json", "yaml",
            "yml", "toml", "xml", "csv", "tsv", "zip", "tar", "gz", "jpg", "jpeg", "png", "gif", "svg", "mp3", "mp4",
            "wav", "flac",
            "docx", "xlsx", "pptx", "exe", "log", "ini", "cfg", "conf", "lock", "sql", "db", "ipynb")  # fmt: skip
"""Ends of file names."""
_PIECE = re.compile(r"\d+|[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[A-Z]|[^\W\d_]+|[^\w\s]|_")
_WORD = r"[A-Za-z0-9_-]{1,63}"
_CLOSING = ".,;:!?)]}'\"\u201d\u2019"


def words(address: str) -> str:
    """Returns an address with its marks in words, its digits one by one, and a country's domain in letters."""
    spoken: list[str] = []
    for piece in re.findall(r"\d+|[^\W\d_]+|[^\w\s]|_", address):
        if piece.isdigit():
            spoken.append(spelled(piece) if len(piece) != 4 or piece[0] not in "12" else piece)
        elif (
            len(piece) == 2
            and spoken
            and spoken[-1] == "dot"
            and piece.lower() in TOP_LEVEL
            and piece not in {"co", "me"}
        ):
            spoken.append(spelled(piece.upper()))
        else:
            spoken.append(MARKS.get(piece, piece))
    return " ".join(spoken)


def _web(match: re.Match[str]) -> str:
    """Reads a web address without its scheme and "www"."""
    address = match[0].rstrip(_CLOSING)
    bare = re.sub(r"^(?:https?://)?(?:www\.)?", "", address, flags=re.IGNORECASE).rstrip("/")
    return words(bare if any(map(str.isalnum, bare)) else address) + match[0][len(address) :]


def _plain(match: re.Match[str]) -> str:
    address = match[0].rstrip(_CLOSING)
    return words(address) + match[0][len(address) :]


def _domain(match: re.Match[str]) -> str | None:
    """Reads a bare domain, such as example.com/a."""
    if match["end"] in AMBIGUOUS and not match["path"] and match[0] != match[0].lower():
        return None
    return _web(match)


def _hashtag(match: re.Match[str]) -> str:
    """Reads #BlackFriday2024 as "hashtag Black Friday 2024"."""
    return "hashtag " + " ".join(piece for piece in _PIECE.findall(match[1]) if piece != "_")


def _at_name(match: re.Match[str]) -> str:
    return "at " + words(match[1])


RULES: tuple[Rule, ...] = (
    rule(
        "url",
        r"(?<![\w./@+-])(?:https?://|ftp://|file://|www\.)[^\s<>\"]{1,500}",
        _web,
        signs="/.",
        flags=re.IGNORECASE,
    ),
    rule(
        "email",
        r"(?<![\w.+&-])[\w.+&-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}(?:/[^\s<>\"]{0,200})?",
        _plain,
        signs="@",
    ),
    rule(
        "domain",
        rf"(?<![\w./@+-])(?:[A-Za-z0-9-]{{1,63}}\.){{1,4}}(?P<end>{'|'.join(sorted(TOP_LEVEL, key=len, reverse=True))})"
        r"(?P<path>(?::\d{2,5})?/[^\s<>\"]{0,300})?(?![\w-])(?!\.\w)",
        _domain,
        signs=".",
    ),
    rule("path", r"(?<![\w/.:])(?:[A-Za-z]:\\)(?:[\w.-]{1,64}\\){0,12}[\w.-]{0,64}", _plain, signs="\\"),
    rule("path", r"(?<![\w/.<])(?:~|\.{1,2})?(?:/[\w.-]{1,64}){2,12}/?(?:\?\w[\w.=&%+-]{0,200})?", _plain, signs="/"),
    rule("path", r"(?<![\w/.<])(?:~|\.{1,2})/[\w.-]{1,64}/?", _plain, signs="/"),
    rule(
        "path",
        rf"(?<![\w/.@-])(?:{_WORD}/){{0,8}}{_WORD}(?:\.{_WORD}){{0,2}}\.(?:{'|'.join(SUFFIXES)})(?![\w/-])(?!\.\w)",
        _plain,
        signs=".",
    ),
    rule("hashtag", r"(?<![\w#&/])#([^\W\d]\w{0,60})(?![\w#])", _hashtag, signs="#"),
    rule("handle", r"(?<![\w@.])@([A-Za-z]\w{0,30}\d\w{0,10}|[A-Za-z]{1,30}_\w{0,30})(?!\w)", _at_name, signs="@"),
)
