"""Source files in six languages, with the licence headers that people paste on top of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dj_assets.samples.grammar import Dice, Grammar

Document = tuple[str, dict[str, object]]
# The number of first files that the two code subsets have in common: forks, vendored copies.
SHARED_FILES = 12
# Suffixes that the recipe of the reproduced set does not list.
_OTHER_ENDINGS = (".ipynb", ".lock", ".svg", ".csv", ".map")
_LICENCES = (
    (
        "Copyright (c) {#1999-2023} {forename} {surname}. All rights reserved.\n"
        "Use and distribution of this file are subject to the terms in the file LICENSE of {place} {noun.s}."
    ),
    (
        "Copyright {#2004-2023} The {place} Authors\nSPDX-License-Identifier: Apache-2.0\n"
        "This file is part of the {adj} {noun} of {place}."
    ),
    (
        "This program is free software of {forename} {surname}, copyright {#1996-2020}.\n"
        "It comes without any warranty; see the file COPYING for what you may do with it."
    ),
)


@dataclass(frozen=True)
class Language:
    """Hold the syntax of one language: its comment sign, the frame of a function, lines to fill it with."""

    name: str
    ending: str
    comment: str
    imports: tuple[str, ...]
    opening: str
    lines: tuple[str, ...]
    closing: str


LANGUAGES = (
    Language(
        "Python",
        ".py",
        "#",
        ("import {noun_id}", "from {noun_id}.{verb_id} import {noun_id}_{verb_id} as {verb_id}_{noun_id}"),
        "def {verb_id}_{noun_id}({noun_id}, {verb_id}_count={#1-99}, *args):",
        (
            "{noun_id}_{noun_id} = [{verb_id}(item, {#0-40}) for item in args if item.{noun_id} >= {#1-500}]",
            (
                "if not isinstance({noun_id}, {noun_id}.{verb_id}) or {verb_id}_count < {#0-9}:\n"
                '        raise ValueError("cannot {verb_id} {noun_id} of {adj} {noun}")'
            ),
            (
                'with open("{noun_id}/{verb_id}_{#1-99}.json", encoding="utf-8") as {noun_id}:\n'
                "        {noun_id}.{verb_id}(self.{noun_id}[{#0-9}:], key=lambda {noun_id}: {noun_id}.{verb_id})"
            ),
            "{verb_id}_{noun_id} = dict(zip(args, range({#2-60}))).get('{noun_id}', {#1-999}) // {#2-9}",
            "self.{noun_id}.{verb_id}(*args, {noun_id}={verb_id}_{noun_id}, {verb_id}='{adj} {noun}')",
        ),
        "return {noun_id}.{verb_id}({verb_id}_count + {#1-9})",
    ),
    Language(
        "JavaScript",
        ".js",
        "//",
        ("const {noun_id} = require('./{verb_id}-{noun_id}');", "import {{ {verb_id} }} from '{noun_id}/{noun_id}';"),
        "export function {verb_id}{noun_id}({noun_id}, options = {{ {verb_id}: {#1-99} }}) {{",
        (
            "const {noun_id} = options.{noun_id}.filter((item) => item.{verb_id} !== {#1-99});",
            "if (!{noun_id} || {noun_id}.length < {#1-20}) {{ throw new Error('{adj} {noun}'); }}",
            "await {noun_id}.{verb_id}(`/{noun_id}/${{options.{verb_id}}}?{noun_id}={#1-900}`);",
            "document.querySelector('#{noun_id} .{verb_id}').addEventListener('{noun_id}', () => {verb_id}());",
            "return {noun_id}.map(({noun_id}) => ({{ ...{noun_id}, {verb_id}: {noun_id}.{verb_id} ?? {#0-9} }}));",
        ),
        "}",
    ),
    Language(
        "Java",
        ".java",
        "//",
        ("import org.{noun_id}.{verb_id}.{noun_id};", "import java.util.{noun_id};"),
        "public static int {verb_id}{noun_id}(List<String> {noun_id}, int {verb_id}Count) {{",
        (
            "Map<String, Integer> {noun_id}{verb_id} = new HashMap<>({#2-64});",
            "for (String {noun_id} : {noun_id}.{verb_id}s()) {{ {verb_id}Count += {noun_id}.length() % {#2-31}; }}",
            'logger.{verb_id}("{adj} {noun} of {}: {}", {noun_id}, {verb_id}Count);',
            "if ({noun_id} == null || {verb_id}Count > {#10-9000}) {{ return {noun_id}.{verb_id}({#1-99}); }}",
            "this.{noun_id} = Optional.of({noun_id}).map({noun_id}::{verb_id}).orElse({#1-77});",
        ),
        "}",
    ),
    Language(
        "C",
        ".c",
        "//",
        ("#include <{noun_id}.h>", '#include "{verb_id}_{noun_id}.h"'),
        "static int {verb_id}_{noun_id}(struct {noun_id} *{noun_id}, size_t {verb_id}_len)\n{{",
        (
            "uint32_t {noun_id}_{verb_id} = ({noun_id}->{noun_id} << {#1-16}) ^ 0x{#1000-9999}u;",
            'fprintf(stderr, "%s: {adj} {noun} at %zu\\n", __func__, {verb_id}_len);',
            "for (size_t i = {#0-3}; i < {verb_id}_len; i++) {noun_id}->{noun_id}[i] = {verb_id}(i, {#1-255});",
            "if ((rc = {verb_id}_{noun_id}({noun_id}, &{noun_id}->{verb_id}, {#1-4096})) < 0) goto {noun_id};",
            "memcpy({noun_id}->{verb_id}, {noun_id}_{verb_id}, sizeof(*{noun_id}) * {#2-32});",
        ),
        "}",
    ),
    Language(
        "Go",
        ".go",
        "//",
        ("package {noun_id}", 'import "github.example/{surname}/{noun_id}/{verb_id}"'),
        "func (s *Server) {verb_id}{noun_id}(ctx context.Context, {noun_id} []string) error {{",
        (
            "{noun_id}, err := s.{noun_id}.{verb_id}(ctx, {noun_id}[{#0-9}:], time.Duration({#1-60})*time.Second)",
            'if err != nil {{ return fmt.Errorf("{verb_id} {adj} {noun}: %w", err) }}',
            "for i, {noun_id} := range {noun_id} {{ s.{verb_id}[i%{#2-17}] = append(s.{noun_id}, {noun_id}...) }}",
            "go func() {{ defer s.{noun_id}.Done(); s.{verb_id} <- {noun_id}{{ID: {#1-999}}} }}()",
        ),
        "}",
    ),
    Language(
        "Shell",
        ".sh",
        "#",
        ("set -euo pipefail", "source ./{noun_id}-{verb_id}.sh"),
        "{verb_id}_{noun_id}() {{",
        (
            "local {noun_id}=${1:-/var/{noun_id}/{verb_id}.{#1-99}}",
            "if [ ! -d \"${noun_id}\" ]; then echo '{adj} {noun} is missing' >&2; return {#1-9}; fi",
            "find . -name '*.{noun_id}' -mtime +{#1-30} -print0 | xargs -0 {verb_id} --{noun_id}={#1-64}",
            "curl -sf \"https://{noun_id}.example/{verb_id}?{noun_id}={#1-999}\" | grep -v '^#' >> {noun_id}.log",
        ),
        "}",
    ),
)


def redpajama_code(dice: Dice, index: int) -> Document:
    """Return a source file with its path, repository and language as metadata."""
    return _file(Dice(f"shared/{index}") if index < SHARED_FILES else dice, index, LANGUAGES)


def the_stack(dice: Dice, index: int) -> Document:
    """Return a source file in the form of The Stack; the first ones are those of the other code subset."""
    text, meta = redpajama_code(dice, index)
    stars = dice.between(0, 900)
    return text, {"lang": meta["language"], "max_stars_count": stars, "max_stars_repo_path": meta["path"]}


def reproduced_code(dice: Dice, index: int) -> Document:
    """Return a file of any repository: one in six has a suffix that is not of program text."""
    text, meta = _file(dice, index, LANGUAGES)
    if dice.chance(1 / 6):
        path = str(meta["path"])
        meta["path"] = path[: path.rindex(".")] + dice.pick(_OTHER_ENDINGS)
    return text, meta


def _file(dice: Dice, index: int, languages: tuple[Language, ...]) -> Document:
    g = Grammar.of("tech", dice)
    language = dice.pick(languages)

    def filled(template: str) -> str:
        return g.expand(template).replace("{{", "{").replace("}}", "}")

    parts = [_header(g, language)] if dice.chance(0.5) else []
    parts += ["\n".join(filled(line) for line in dice.shuffled(language.imports * 3)[: dice.between(2, 4)])]
    parts += [_function(g, language, filled) for _ in range(dice.between(2, 6))]
    text = "\n\n".join(parts) + "\n"
    path = g.expand("src/{noun_id}/{verb_id}_{noun_id}") + language.ending
    repository = g.expand("{surname}/{noun}").lower().replace(" ", "-")
    meta = {"path": path, "repo_name": repository, "language": language.name, "size": len(text), "number": index}
    return text, meta


def _header(g: Grammar, language: Language) -> str:
    lines = g.expand(g.dice.pick(_LICENCES)).split("\n")
    if language.comment == "//" and g.dice.chance(0.6):
        return "/*\n" + "\n".join(f" * {line}" for line in lines) + "\n */"
    return "\n".join(f"{language.comment} {line}" for line in lines)


def _function(g: Grammar, language: Language, filled: Callable[[str], str]) -> str:
    lines = [f"{language.comment} {g.sentence()}", filled(language.opening)]
    for _ in range(g.dice.between(3, 8)):
        lines.append("    " + filled(g.dice.pick(language.lines)))
        if g.dice.chance(0.2):
            lines.append(f"    {language.comment} {g.sentence()}")
    last = filled(language.closing)
    return "\n".join([*lines, last if last == "}" else f"    {last}"])
