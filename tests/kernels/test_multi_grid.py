"""Multi-grid patches: an exact round trip, views without aliases, edges by the boundary condition."""

import pytest
import torch

from polyadic.kernels.multi_grid import MultiGrid, coarsened, refined


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(4)


@pytest.mark.parametrize("boundary", ["periodic", "dirichlet", "neumann", "open", ("periodic", "dirichlet")])
@pytest.mark.parametrize("levels", [0, 1, 2, 3])
@pytest.mark.parametrize("padding", [0, 3, (2, 0)])
def test_split_and_stitch_give_the_field_back(boundary, levels, padding):
    field = torch.randn(2, 3, 32, 16)
    grid = MultiGrid(levels, padding, boundary)
    patches = grid.split(field)
    assert patches.shape[:2] == (2 * 4**levels, 3 * (1 + levels))
    assert torch.equal(grid.stitch(patches[:, :3]), field)
    assert torch.equal(grid.stitch([patch[:, :3] for patch in grid.patches(field)]), field)


@pytest.mark.parametrize("shape", [(1, 1, 16), (1, 1, 8, 8, 8)])
def test_one_and_three_dimensions(shape):
    field = torch.randn(shape)
    grid = MultiGrid(1, 1)
    assert torch.equal(grid.stitch(grid.split(field)[:, :1]), field)


@pytest.mark.parametrize("boundary", ["periodic", "neumann", "dirichlet"])
def test_coarsening_keeps_what_the_coarse_grid_holds_and_removes_the_rest(boundary):
    def wave(n, k):
        x = (torch.arange(n, dtype=torch.float64) + 0.5) / n
        return {
            "periodic": torch.cos(2 * torch.pi * k * x + 0.3),
            "neumann": torch.cos(torch.pi * k * x),
            "dirichlet": torch.sin(torch.pi * k * x),
        }[boundary]

    for held in (1, 3, 6):
        torch.testing.assert_close(coarsened(wave(64, held), 4, 0, boundary), wave(16, held), atol=1e-13, rtol=0)
    for lost in (17, 20, 31):
        assert float(coarsened(wave(64, lost), 4, 0, boundary).abs().max()) < 1e-13


@pytest.mark.parametrize("boundary", ["periodic", "neumann", "open"])
def test_refining_puts_back_what_coarsening_has_kept(boundary):
    x = (torch.arange(32, dtype=torch.float64) + 0.5) / 32
    waves = [torch.cos((2 if boundary == "periodic" else 1) * torch.pi * k * x) for k in range(4)]
    basis = torch.stack(waves)
    field = (basis.T @ torch.randn(4, 4, dtype=torch.float64) @ basis)[None]
    coarse = coarsened(coarsened(field, 4, 1, boundary), 4, 2, boundary)
    back = refined(refined(coarse, 4, 1, boundary), 4, 2, boundary)
    torch.testing.assert_close(back, field, atol=1e-12, rtol=0)


def test_every_view_is_centred_on_its_patch():
    """The coordinate itself: the mean over each level's window is the centre of the patch."""
    x = (torch.arange(64, dtype=torch.float64) + 0.5) / 64
    grid = MultiGrid(2, 0, "open")
    line = torch.stack([x, torch.ones_like(x)])[None]
    for i, patch in enumerate(grid.patches(line)):
        inner = 2 * i + 1
        assert float(patch[0, 0].mean()) == pytest.approx(inner / 8)
    smooth = torch.cos(2 * torch.pi * x)[None, None]
    periodic = MultiGrid(2, 0, "periodic")
    for i, patch in enumerate(periodic.patches(smooth)):
        centre = (2 * i + 1) / 8
        for level in (1, 2):
            spacing = 2**level / 64
            there = centre + (torch.arange(16, dtype=torch.float64) - 7.5) * spacing
            torch.testing.assert_close(patch[0, level], torch.cos(2 * torch.pi * there), atol=1e-12, rtol=0)


def test_padding_follows_the_boundary():
    field = torch.arange(1.0, 9.0)[None, None]
    first = {kind: next(MultiGrid(1, 2, kind).patches(field))[0, 0, :2].tolist() for kind in ("periodic", "open")}
    assert first == {"periodic": [7.0, 8.0], "open": [2.0, 1.0]}
    assert next(MultiGrid(1, 2, "dirichlet").patches(field))[0, 0, :2].tolist() == [-2.0, -1.0]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: MultiGrid(-1, 0), "levels is -1"),
        (lambda: MultiGrid(1, 0.5), "padding is 0.5; accepted are whole numbers"),
        (lambda: MultiGrid(1, 0, "round"), "boundary 'round' is unknown"),
        (lambda: MultiGrid(2, 0).split(torch.zeros(1, 1, 18, 16)), "axis of 18 points, which 2 levels cannot halve"),
        (lambda: MultiGrid(1, (1, 1, 1)).split(torch.zeros(1, 1, 8, 8)), "padding has 3 entries for 2 axes"),
        (lambda: MultiGrid(1, 0).stitch(torch.zeros(3, 1, 4, 4)), "patches has 3 entries; accepted is a multiple of 4"),
    ],
)
def test_what_does_not_fit_is_said(build, message):
    with pytest.raises(ValueError, match=message):
        build()
