"""Find regions of pictures that may show one object: by a mask model, or by a grid without a model."""
