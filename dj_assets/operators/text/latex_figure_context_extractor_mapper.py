"""Make one sample of each figure of a LaTeX source, with the paragraphs that cite it."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from pydantic import Field

from dj_assets.operators.base import Expander
from dj_assets.operators.batch import TEXT, Batch
from dj_assets.operators.registry import register
from dj_assets.operators.views.latex_figures import Figure, cited, figures, prose


@register("latex_figure_context_extractor_mapper")
class LatexFigureContextExtractorMapper(Expander):
    r"""Replace every sample by one for each figure or subfigure with images; the text and other fields are copied.

    Figures are the environments `figure`, `figure*` and `wrapfigure`; subfigures are the environment `subfigure` and
    the commands `\subfigure` and `\subfloat`. Of a figure with several minipages, each with an image is a figure. The
    samples have the paths of `\includegraphics` in `image_key`, caption and label, those of the parent of a subfigure,
    and in `context_key` the paragraphs outside of floats and formulas that cite the figure or its parent by one of
    `citation_commands` (`\ref`, `\cref`, `\Cref` and `\autoref` by default). `\input` is not followed.
    """

    citation_commands: tuple[str, ...] | None = None
    paragraph_separator: str = Field("\n\n", min_length=1)
    caption_key: str = Field("caption", min_length=1)
    label_key: str = Field("label", min_length=1)
    context_key: str = Field("citing_paragraphs", min_length=1)
    parent_caption_key: str = Field("parent_caption", min_length=1)
    parent_label_key: str = Field("parent_label", min_length=1)
    image_key: str = Field("images", min_length=1)

    def expand(self, batch: Batch) -> pa.ListArray:
        """Return the figures of every source."""
        texts = pa.list_(pa.string())
        words = (self.caption_key, self.label_key, self.parent_caption_key, self.parent_label_key)
        lists = (self.image_key, self.context_key)
        fields = {TEXT: pa.string(), **dict.fromkeys(words, pa.string()), **dict.fromkeys(lists, texts)}
        children = [[*self._children(source)] for source in batch.text.to_pylist()]
        return pa.array(children, pa.list_(pa.struct([*fields.items()])))

    def _children(self, source: str) -> Iterator[dict[str, object]]:
        found = figures(source)
        if not found:
            return
        paragraphs = [part.strip() for part in prose(source).split(self.paragraph_separator) if part.strip()]
        commands = self.citation_commands or ("\\ref", "\\cref", "\\Cref", "\\autoref")
        citing = [(paragraph, cited(paragraph, commands)) for paragraph in paragraphs]
        for figure in found:
            for part in figure.parts or (figure,):
                labels = [label for label in (figure.label, part.label) if label]
                context = [paragraph for label in labels for paragraph, known in citing if label in known]
                parent = figure if figure.parts else None
                yield {TEXT: source, **self._fields(part, parent, list(dict.fromkeys(context)))}

    def _fields(self, figure: Figure, parent: Figure | None, context: list[str]) -> dict[str, object]:
        return {
            self.image_key: list(figure.images),
            self.caption_key: figure.caption,
            self.label_key: figure.label,
            self.context_key: context,
            self.parent_caption_key: parent.caption if parent else "",
            self.parent_label_key: parent.label if parent else "",
        }
