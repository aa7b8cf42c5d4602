"""Show the control characters of printed texts by name: no sample can send a command to the terminal."""

from __future__ import annotations

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult

from dj_assets.views.visible import visible


class VisibleControls(RenderHook):
    """A hook for `Console.push_render_hook`."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Return renderables that print the same without control characters."""
        return [_Visible(renderable) for renderable in renderables]


class _Visible:
    def __init__(self, renderable: ConsoleRenderable) -> None:
        self.renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self.renderable, options):
            # the control segments are those of rich itself, such as moving the cursor of a progress bar
            yield segment if segment.control else segment._replace(text=visible(segment.text))
