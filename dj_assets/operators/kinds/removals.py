"""Define the base class of operators over an image before and after an object was painted away."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dj_assets.operators.kinds.image_pairs import PairOperator

# The field of a sample with the image before and the one without the object.
IMAGES = "removal_images"
# The field with the description of the object.
OBJECT = "removed_object"


class RemovalOperator(PairOperator):
    """Read the image before and after, which `image_key` lists: the two images of the pair.

    It is the first base of an operator: others have another default of `image_key`.
    """

    image_key: Annotated[str | None, Field(min_length=1)] = IMAGES
