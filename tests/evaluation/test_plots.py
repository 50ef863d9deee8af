"""Plots: curves on either axis, with any label."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from anyres_bench.evaluation import plots
from anyres_bench.evaluation.curves import Curve, Point


def test_curves_draw() -> None:
    points = [Point(size, size**0.5, size**0.5 - 1, size**0.5 + 1) for size in (32, 45, 64)]
    far = Point(91, 900.0, 800.0, 1000.0)
    for line in (points, [*points, far]):
        drawing = Curve("scope", "Fréchet distance", "frechet", {r"a$\frac$b": line})
        assert drawing.spans_decades is (far in line)
        uri = plots.curve_plot(drawing, plots.colours_of(drawing.lines))
        image = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
        assert np.asarray(image.convert("L")).std() > 5
