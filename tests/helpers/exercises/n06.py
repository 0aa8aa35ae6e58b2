"""What the tests know of 06_fusion_and_map_convolution: wrong answers, their messages, bounds of its results."""


def _product(sentence, candidate):
    return [s * v for s, v in zip(sentence, candidate, strict=True)]


def _norm(x):
    return sum(v * v for v in x) ** 0.5


def _scaled(x, size):
    return [v / size if size else 0.0 for v in x]


def _unit(x):
    return _scaled(x, _norm(x))


def _in_place(sentence, candidate):
    for d, s in enumerate(sentence):
        candidate[d] *= s
    return _scaled(candidate, _norm(candidate))


def _zero_as_none(sentence, candidate):
    product = _product(sentence, candidate)
    return _scaled(product, _norm(product)) if any(product) else None


def _cells(
    start,
    end,
    mask,
    kernel,
    half=None,
    stop=1,
    inside=lambda i, j, n: 0 <= i < n and 0 <= j < n,
    at=lambda mask, i, j: mask[i][j],
):
    half = kernel // 2 if half is None else half
    return sum(
        bool(at(mask, i, j))
        for i in range(start - half, start + half + stop)
        for j in range(end - half, end + half + stop)
        if inside(i, j, len(mask))
    )


WRONG = {
    "fuse": [
        (lambda s, v: _product(s, v), "its norm is 5"),
        (lambda s, v: [p / _norm(_product(s, v)) for p in _product(s, v)], "ZeroDivisionError"),
        (lambda s, v: _scaled(x := _product(s, v), sum(x)), "its norm is 5"),
        (lambda s, v: _scaled(x := _product(s, v), sum(map(abs, x))), "its norm is 5"),
        (lambda s, v: _scaled(x := _product(s, v), max(map(abs, x))), "its norm is 5"),
        (lambda s, v: _scaled(x := _product(s, v), _norm(x) ** 2), "its norm is 5"),
        (lambda s, v: _scaled(x := [a + b for a, b in zip(s, v, strict=True)], _norm(x)), "product, not a sum"),
        (lambda s, v: _product(_scaled(s, _norm(s)), _scaled(v, _norm(v))), "after the product"),
        (lambda s, v: _product(_scaled(s, _norm(s)), v), "after the product"),
        (lambda s, v: _scaled(_product(s, v), _norm(v)), "norm of the product"),
        (lambda s, v: list(map(abs, _unit(_product(s, v)))), "keep the signs"),
        (lambda s, v: [max(0.0, x) for x in _unit(_product(s, v))], "keep the signs"),
        (lambda s, v: _scaled(x := _product(s, v), _norm(x) / len(x) ** 0.5), "norm is 1"),
        (lambda s, v: sum(_product(s, v)), "the answer has 2 entries"),
        (lambda s, v: _scaled(x := [*s, *v], _norm(x)), "product, not a sum"),
        (_zero_as_none, "If nothing is left"),
        (_in_place, "without a change of its arguments"),
    ],
    "reach": [
        (lambda layers, kernel: layers * kernel, "from its middle"),
        (lambda layers, kernel: layers * (kernel - 1), "one direction"),
        (lambda layers, kernel: layers * kernel // 2, "Each layer adds the reach"),
        (lambda layers, kernel: kernel // 2, "Each layer adds the reach"),
        (lambda layers, kernel: layers + kernel // 2, "Each layer adds the reach"),
        (lambda layers, kernel: layers + kernel // 2 - 1, "Each layer adds the reach"),
        (lambda layers, kernel: (kernel // 2) ** layers, "Each layer adds the reach"),
        (lambda layers, kernel: (layers - 1) * (kernel // 2), "from its middle"),
        (lambda layers, kernel: 1 + layers * (kernel - 1), "one direction"),
        (lambda layers, kernel: layers, "A 5×5 kernel reaches two cells"),
        (lambda layers, kernel: layers * ((kernel + 1) // 2), "does not count"),
        (lambda layers, kernel: layers * kernel / 2, "from its middle"),
        (lambda layers, kernel: kernel**2 // 2 * layers, "one direction"),
        (lambda layers, kernel: max(1, kernel // 2) * layers, "its own cell only"),
    ],
    "count_neighbours": [
        (lambda start, end, mask, kernel: kernel * kernel, "impossible half"),
        (lambda *a: _cells(*a, at=lambda mask, i, j: 1), "impossible half"),
        (lambda *a: _cells(*a) - 1, "it counts"),
        (lambda *a: _cells(*a, inside=lambda i, j, n: i < n and j < n), "mask[-1]"),
        (
            lambda *a: _cells(
                *a, inside=lambda i, j, n: True, at=lambda mask, i, j: mask[i % len(mask)][j % len(mask)]
            ),
            "Cells outside the map",
        ),
        (lambda *a: _cells(*a, at=lambda mask, i, j: i <= j), "A hole does not count"),
        (lambda start, end, mask, kernel: _cells(start, end, mask, kernel, half=kernel), "half of it on each side"),
        (lambda start, end, mask, kernel: _cells(start, end, mask, kernel, half=kernel // 2, stop=0), "both sides"),
        (lambda *a: _cells(*a, at=lambda mask, i, j: mask[j][i]), "mask[start][end]"),
        (lambda start, end, mask, kernel: _cells(end, start, mask, kernel), "mask[start][end]"),
        (lambda start, end, mask, kernel: sum(map(sum, mask)), "under the kernel"),
        (lambda *a: _cells(*a, inside=lambda i, j, n: 0 < i < n and 0 < j < n), "counted from 0"),
        (lambda *a: _cells(*a, inside=lambda i, j, n: 0 <= i < n - 1 and 0 <= j < n - 1), "last row"),
        (lambda *a: _cells(*a, inside=lambda i, j, n: True), "Cells outside the map"),
        (
            lambda start, end, mask, kernel: sum(
                bool(mask[start + d][end + d])
                for d in range(-(kernel // 2), kernel // 2 + 1)
                if 0 <= start + d < len(mask) and 0 <= end + d < len(mask)
            ),
            "whole square",
        ),
    ],
}

EXPECTED = {
    "neighbours": (19.3, 19.5),  # of 25 on the map of Charades-STA
    "heard_1": (9, 9),
    "loss_a_layer_torch": (35, 75),  # √6 n is 47
    "loss_a_layer_unit": (0.6, 1.2),
    "signal_torch": (0, 1e-10),
    "dense_differs_1": (0, 1e-4),
    "dense_differs_2": (1e-3, 10),
}
