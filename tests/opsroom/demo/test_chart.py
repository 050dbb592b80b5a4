import io

import pytest
from PIL import Image

from opsroom.demo.chart import draw

GREEN = (94, 214, 160)


def picture(values: list[float]) -> Image.Image:
    return Image.open(io.BytesIO(draw(values, "references left"))).convert("RGB")


def height_of_last_bar(image: Image.Image) -> int:
    box = (0, image.height * 2 // 5 - 2, image.width, image.height - image.height // 8)
    part = image.crop(box)
    return max(sum(part.getpixel((column, row)) == GREEN for row in range(part.height)) for column in range(part.width))


def test_the_picture_has_the_size_that_captures_have() -> None:
    assert picture([3, 2, 1]).size == (480, 270)


def test_the_last_bar_is_as_high_as_its_value() -> None:
    full, half = height_of_last_bar(picture([100, 100])), height_of_last_bar(picture([100, 50]))

    assert half == pytest.approx(full / 2, abs=2)


def test_the_shape_survives_the_half_blocks_of_a_terminal() -> None:
    small = picture([700, 650, 400, 100]).resize((60, 60), Image.Resampling.BOX)
    middles = [4, 11, 18]
    tops = [next(row for row in range(22, 60) if sum(small.getpixel((x, row))) > 150) for x in middles]  # type: ignore[arg-type]

    assert tops == sorted(tops)
    assert tops[2] - tops[0] > 5


@pytest.mark.parametrize("values", [[0], [5], [0, 0], list(range(200))])
def test_any_numbers_make_a_picture(values: list[float]) -> None:
    assert picture(values).size == (480, 270)


def test_nothing_makes_none() -> None:
    with pytest.raises(ValueError, match="needs a value"):
        draw([], "nothing")
