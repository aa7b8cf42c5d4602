"""Texts of any size that are built against operators: patterns, parsers, tokenizers, tables, repetition, Unicode."""

from __future__ import annotations

import random
from collections.abc import Mapping

# A text is `head`, then `unit` as often as it fits, then `tail`.
UNITS: Mapping[str, tuple[str, str, str]] = {
    # one character, and words without an end
    "letters": ("", "a", ""),
    "spaces": ("", " ", "x"),
    "tabs": ("x", "\t", "x"),
    "line feeds": ("x", "\n", "x"),
    "carriage returns": ("x", "\r", "x"),
    "returns and feeds": ("x", "\r\n", "x"),
    "nul": ("", "\x00", "x"),
    "digits": ("", "1", ""),
    "dots": ("", ".", ""),
    "han": ("", "一", ""),
    "emoji": ("", "👩\u200d", "👧"),
    "marks": ("a", "\u0301", ""),
    "marks of two classes": ("a", "\u0301\u0323", ""),
    "marks in reverse order": ("a", "\u0345\u0315\u0300\u0327\u05b0", ""),
    "hangul jamo": ("", "\u1100\u1161\u11a8", ""),
    "ligatures": ("", "ﬃ", ""),
    "the longest decomposition": ("", "\ufdfa", ""),
    "full width": ("", "ａ１", ""),
    "dotted capital i": ("", "İ", ""),
    "final sigma": ("", "ΑΣ ", ""),
    "sigma without end": ("", "Σ", ""),
    "sigma behind marks": ("Α", "\u0301", "Σ"),
    "alternating": ("", "ab", ""),
    "short words": ("", "a ", ""),
    "one word": ("", "word ", ""),
    # mojibake and entities
    "mojibake": ("", "Ã©", ""),
    "mojibake of mojibake": ("", "ÃƒÂƒÃ‚Â©", ""),
    "mojibake many times": ("", "ÃƒÆ’Ã†â€™Ãƒâ€šÃ‚Â©", ""),
    "mojibake with spaces": ("", "Ã ", ""),
    "a mojibake, then letters": ("Ã©", "é", ""),
    "lossy mojibake": ("", "â€�", ""),
    "windows quotes": ("", "â€œ", ""),
    "ampersands": ("", "&", ""),
    "entities": ("", "&amp;", ""),
    "entities of entities": ("", "&amp;amp;amp;", ""),
    "entities without a bottom": ("&", "amp;", "lt;"),
    "ampersands of numbers": ("&", "#38;", "#38;"),
    "marks as entities": ("a", "&#801;&#768;", ""),
    "marks as entities of entities": ("a", "&amp;#801;&amp;#768;", ""),
    "marks that decompose": ("a", "\u0f73", ""),
    "entities without an end": ("", "&#", ""),
    "long entities": ("", "&aaaaaaaaaaaaaaaaaaaaaaaa", ";"),
    "numeric entities": ("", "&#x41;", ""),
    "surrogate entities": ("", "&#xD800;", ""),
    "escape sequences": ("", "\x1b[31m", ""),
    "escape without end": ("", "\x1b[", ""),
    "escape with digits": ("\x1b[", "1;", ""),
    "private use": ("", "\ue000", ""),
    "tags": ("", "\U000e0041", ""),
    "last code point": ("", "\U0010ffff", ""),
    # e-mail, links, addresses
    "at signs": ("", "@", ""),
    "local part": ("", "a.", "@"),
    "local parts": ("", "a@", ""),
    "address without end": ("a@", "b.", ""),
    "domain of dots": ("a@", ".", "1"),
    "domains": ("", "a@b.", ""),
    "addresses": ("", "a@b.c", ""),
    "local signs": ("", "-", "@a.b"),
    "dashes and at": ("", "-@", "a.b"),
    "scheme": ("", "a-", ":"),
    "schemes": ("", "a:", ""),
    "long scheme": ("", "aaaa", "://x"),
    "colon and letters": ("", "ab:", "("),
    "www": ("", "www", ".a"),
    "www dots": ("", "www.", "("),
    "hosts": ("", "a.bc", "/"),
    "hosts without slash": ("", "a.bc.", ""),
    "host slashes": ("", "a.bc/", "("),
    "open parentheses behind link": ("http://a", "(", ""),
    "nested parentheses behind link": ("http://a", "(()", ""),
    "balanced parentheses behind link": ("http://a", "(a)", "("),
    "parentheses of letters": ("http://a", "(a", ""),
    "parentheses of pairs": ("http://a(", "(a)", ""),
    "parentheses of letters and pairs": ("http://a(", "a(b)", ""),
    "quotes behind link": ("http://a", "'", ""),
    "commas behind link": ("http://a", ",", ""),
    "links of punctuation": ("", "a:b!!!!", "!"),
    "links": ("", "http://a.bc/d ", ""),
    "links in one word": ("", "http://a.bc/d", ""),
    "octets": ("", "1.", ""),
    "three octets": ("", "1.1.1.", "x"),
    "octets of three": ("", "255.", ""),
    "groups": ("", "f:", ""),
    "seven groups": ("", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:g", ""),
    # HTML
    "open tags": ("", "<", ""),
    "tag without end": ("<a ", "b ", ""),
    "attributes": ("<a ", "b=c ", ">"),
    "equal attributes": ("<a ", "b ", ">"),
    "attributes of slashes": ("<a ", "b/", ">"),
    "attributes of quotes": ("<a ", 'b="c"', ">"),
    "quote without end": ('<a b="', "c", ""),
    "divs": ("", "<div>", ""),
    "divs of paragraphs": ("", "<div><p>", ""),
    "formatting": ("", "<b>", ""),
    "formatting in paragraphs": ("", "<b><p>", ""),
    "formatting of attributes": ("", "<font a=1>", ""),
    "anchors": ("", "<a>", ""),
    "anchors in tables": ("<table>", "<a>", ""),
    "letters in tables": ("<table>", "a<b>", ""),
    "letters between cells": ("<table>", "a<tr>", ""),
    "tables": ("", "<table>", ""),
    "tables in cells": ("", "<table><tr><td>", ""),
    "closed tables in cells": ("<table><tr>", "<td><table></table>", ""),
    "rows": ("<table>", "<tr><td>a", ""),
    "cells": ("<table><tr>", "<td>", ""),
    "wrong ends": ("", "</p>", ""),
    "wrong ends of breaks": ("", "</br>", ""),
    "ends of unknown elements": ("<x>", "</y>", ""),
    "spans, then ends": ("<span>", "<i></b>", ""),
    "formatting, closed wrongly": ("<b><i><u>", "<p></b>", ""),
    "selects": ("", "<select><option>", ""),
    "nobr": ("", "<nobr>", ""),
    "lists": ("", "<ul><li>", ""),
    "items": ("", "<li>", ""),
    "templates": ("", "<template>", ""),
    "svg": ("", "<svg>", ""),
    "svg objects": ("", "<svg><foreignObject>", ""),
    "math": ("", "<math><mi>", ""),
    "frames": ("", "<frameset>", ""),
    "body attributes": ("", "<body a>", ""),
    "different body attributes": ("<body>", "<html b=1>", ""),
    "comments": ("", "<!--", ""),
    "comments of dashes": ("<!--", "-", ""),
    "comments with bang": ("<!--", "--!", ""),
    "scripts": ("", "<script>", ""),
    "scripts in comments": ("<script><!--", "<script>", ""),
    "script ends": ("<script>", "</scrip", ""),
    "titles": ("", "<title>", ""),
    "plain text": ("<plaintext>", "<b>", ""),
    "cdata": ("<svg>", "<![CDATA[", ""),
    "headings": ("", "<h1><h2>", ""),
    "forms": ("", "<form><div>", ""),
    "buttons": ("", "<button>", ""),
    "ruby": ("", "<ruby><rt>", ""),
    "definitions": ("", "<dd><dt>", ""),
    "long tag name": ("<", "a", ">"),
    "tags of different names": ("", "<a1><a2><a3>", ""),
    "fonts in fonts": ("", "<font size=1><i><font size=2>", ""),
    "paragraphs after formatting": ("<b><i><u><s><em>", "<p>x", ""),
    "marquee": ("<b>", "<marquee>", ""),
    # LaTeX
    "macros": ("", "\\def\\a{b}\n", ""),
    "macros of macros": ("\\def\\a{\\a\\a}\n", "\\a ", ""),
    "macro heads": ("", "\\def\\a{", ""),
    "new commands": ("", "\\newcommand{\\a}{", "}"),
    "spaces of macros": ("", "\\def ", ""),
    "white space in macros": ("\\def", " ", "\\a{"),
    "names of macros": ("\\def\\", "a", "{b}\n"),
    "uses without end": ("\\def\\a{b}\n", "\\a", ""),
    "backslashes": ("", "\\", ""),
    "headings of LaTeX": ("", "\\section[", "]{a}"),
    "headings without end": ("", "\\section{", ""),
    "subsections": ("", "\\sub", "section{a}"),
    "appendices": ("", "\\bibliography{", ""),
    "begin": ("", "\\begin{", "references}"),
    "percent signs": ("", "%", ""),
    "percent lines": ("", "%\n", ""),
    "percent words": ("", "a%", "\n"),
    "escaped percent": ("", "\\%", ""),
    "braces": ("", "{", ""),
    # copyright
    "open comments": ("", "/*", ""),
    "comment without notice": ("/*", "copyrigh", "*/"),
    "slashes": ("", "//\n", ""),
    "long s in notices": ("/*", "copyrıght", "*/"),
    # tables, sentences, words
    "rows of two cells": ("\n", "a b\n", ""),
    "rows of many cells": ("\n", "a " * 19 + "b\n", ""),
    "rows of bars": ("\n", "a|b|c|d\n", ""),
    "bars": ("\n", "|", "\na\n"),
    "cells in one line": ("\n", "a|", "\n"),
    "double spaces": ("\n", "a  b\n", ""),
    "lines of one letter": ("", "a\n", ""),
    "empty lines and words": ("", "a\n\n", ""),
    "questions": ("", "?", "a"),
    "sentences of one letter": ("", "a.", ""),
    "ellipses": ("", "…", "a"),
    "six dots": ("", "......", "a"),
    "quoted ends": ("", ".”", ""),
    "initials": ("", "A. ", ""),
    "abbreviations": ("", "e.g. ", ""),
    "ends and quotes": ("", '."', ""),
    "closing brackets": ("Mr", ".)", ""),
    "special characters": ("", "!", ""),
    "special words": ("", "! ", ""),
    "words between signs": ("", "!a! ", ""),
    "line separators": ("", "\u2028", ""),
    "ideographic spaces": ("", "\u3000", ""),
    "replacement": ("", "\ufffd", ""),
    "contractions": ("", "'s", ""),
    "spaces before a word": ("", "          a", ""),
    "punctuation of all kinds": ("", "«»‹›¿¡", ""),
    "traditional": ("", "乾乾乾後", ""),
    "idioms": ("", "乾柴烈火", ""),
    "errors of tools": ("", "not ", "found"),
    "spaces behind not": ("", "not" + " " * 20, "x"),
    "error and spaces": ("error", " ", "x"),
    "permission": ("permission", " ", "x"),
    "failures": ("", "failur ", ""),
    "base64": ("", "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo", ""),
}


def text(name: str, size: int) -> str:
    """Return the text of a name with at most about `size` bytes in UTF-8."""
    if name in MADE:
        made = MADE[name](size)
        return made if made.isascii() else made.encode()[:size].decode(errors="ignore")
    head, unit, tail = UNITS[name]
    return head + unit * max(1, (size - len((head + tail).encode())) // len(unit.encode())) + tail


def _different_words(size: int) -> str:
    return " ".join(map(str, range(size // 7)))


def _different_lines(size: int) -> str:
    return "\n".join(f"{i} a" for i in range(size // 9))


def _noise(size: int) -> str:
    chosen = random.Random(1)
    return "".join(chosen.choices([chr(c) for c in range(32, 0x3000) if not 0x300 <= c < 0x370], k=size))


def _noise_of_ascii(size: int) -> str:
    chosen = random.Random(2)
    return "".join(chosen.choices([chr(c) for c in range(33, 127)], k=size))


def _noise_of_all(size: int) -> str:
    chosen = random.Random(3)
    return "".join(
        chr(chosen.choice((chosen.randrange(0xD800), chosen.randrange(0xE000, 0x110000)))) for _ in range(size)
    )


def _noise_of_latin(size: int) -> str:
    chosen = random.Random(4)
    return "".join(chosen.choices([chr(c) for c in range(0x80, 0x180)] + list("€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ "), k=size))


def _doubling_macros(size: int) -> str:
    macros = "".join(f"\\def\\m{i}{{\\m{i + 1} \\m{i + 1} }}\n" for i in range(1000))
    return (macros + "\\m0 " * (size // 4))[:size]


def _different_macros(size: int) -> str:
    return "".join(f"\\def\\m{i}{{{i}}}\n" for i in range(size // 20))


def _used_macros(size: int) -> str:
    return "".join(f"\\newcommand{{\\m{i}}}{{a}} \\m{i}\n" for i in range(size // 30))


def _different_attributes(size: int) -> str:
    return "<a " + " ".join(f"a{i}=1" for i in range(size // 10)) + ">"


def _different_attributes_with_ends(size: int) -> str:
    return "<a " + " ".join(f"a{i}='>'" for i in range(size // 12)) + ">"


def _different_attributes_of_ends(size: int) -> str:
    return "</a " + "/".join(f"a{i}" for i in range(size // 8)) + ">"


def _hosts_of_names(size: int) -> str:
    return "-".join(f"a{i}" for i in range(size // 8)) + ":/("


def _different_tags(size: int) -> str:
    return "".join(f"<t{i}>" for i in range(size // 9))


def _attributes_of_body(size: int) -> str:
    return "<body>" + "".join(f"<body a{i}>" for i in range(size // 13))


def _attributes_of_fonts(size: int) -> str:
    return "".join(f"<font a{i}><p>" for i in range(size // 17))


def _anchors(size: int) -> str:
    return "".join(f"<a href={i}><div>" for i in range(size // 20))


def _random_tags(size: int) -> str:
    chosen = random.Random(5)
    names = "a b i p div table tr td span font ul li select option form button svg math template body html h1".split()
    return "".join(f"<{chosen.choice(('', '', '/'))}{chosen.choice(names)}>" for _ in range(size // 6))


def _de_bruijn(size: int) -> str:
    """All sequences of letters of a length, without repeated n-grams."""
    letters, n = "abcdefghijklmnopqrstuvwxyz", 5
    word, sequence, length = [0] * n, [], 1
    while length and len(sequence) < size:
        if n % length == 0:
            sequence.extend(word[:length])
        for i in range(n):
            word[i] = word[i % length]
        length = n
        while length and word[length - 1] == len(letters) - 1:
            length -= 1
        if length:
            word[length - 1] += 1
    return "".join(letters[i] for i in sequence[:size])


def _fibonacci(size: int) -> str:
    a, b = "a", "ab"
    while len(b) < size:
        a, b = b, b + a
    return b[:size]


MADE = {
    "different words": _different_words,
    "different lines": _different_lines,
    "noise": _noise,
    "noise of ASCII": _noise_of_ascii,
    "noise of all planes": _noise_of_all,
    "noise of Latin": _noise_of_latin,
    "macros that double": _doubling_macros,
    "different macros": _different_macros,
    "used macros": _used_macros,
    "different attributes": _different_attributes,
    "different attributes with ends": _different_attributes_with_ends,
    "different attributes of ends": _different_attributes_of_ends,
    "scheme of names": _hosts_of_names,
    "different tags": _different_tags,
    "attributes of the body": _attributes_of_body,
    "attributes of fonts": _attributes_of_fonts,
    "anchors in blocks": _anchors,
    "random tags": _random_tags,
    "de Bruijn": _de_bruijn,
    "Fibonacci": _fibonacci,
}
NAMES = (*UNITS, *MADE)
