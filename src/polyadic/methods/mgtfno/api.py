"""The modules as `import polyadic` offers them; torch is imported with this file and not before."""

import torch  # noqa: F401 - the examples of the inherited texts name it

from polyadic.kernels import fourier_operator, multi_grid, spectral_convolution

__all__ = ["TFNO", "MultiGrid", "SpectralConv"]


class SpectralConv(spectral_convolution.SpectralConv):
    """A spectral convolution layer."""


class TFNO(fourier_operator.TFNO):
    """A tensorised Fourier neural operator."""


class MultiGrid(multi_grid.MultiGrid):
    """The decomposition of fields into patches with coarser views round them."""


for _own in (SpectralConv, TFNO, MultiGrid):  # help() shows the whole text
    _own.__doc__ = _own.__bases__[0].__doc__
