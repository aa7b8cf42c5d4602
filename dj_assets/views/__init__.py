"""Views of results: SVG pictures, HTML pages, terminal tables, Markdown."""
