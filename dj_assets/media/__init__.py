"""Images and clips: the locations of their bytes, how they are opened, and the sandboxed process that decodes them."""
