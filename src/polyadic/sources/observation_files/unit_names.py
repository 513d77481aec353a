"""UDUNITS spellings of units as networks write them."""

_SPELLINGS = {
    "ug m-3": ("µg/m³", "μg/m³", "ug/m3", "µg/m3", "μg/m3", "ug/m³", "micrograms/cubic meter", "ugm-3", "µg m-3"),
    "mg m-3": ("mg/m³", "mg/m3", "milligrams/cubic meter"),
    "1e-6": ("ppm", "parts per million"),
    "1e-9": ("ppb", "parts per billion"),
    "degC": ("c", "°c", "deg c", "celsius", "degrees centigrade", "degrees celsius"),
    "degF": ("f", "°f", "fahrenheit", "degrees fahrenheit"),
    "%": ("percent", "percent relative humidity"),
    "m s-1": ("m/s", "meters/second"),
    "particles cm-3": ("particles/cm³",),
}
_KNOWN = {text: units for units, texts in _SPELLINGS.items() for text in texts}


def udunits(text: str) -> str:
    """Return the UDUNITS spelling of a stated unit; the text itself where it is no known one.

    Examples
    --------
    >>> udunits("Micrograms/cubic meter (LC)"), udunits("µg/m³"), udunits("Parts per million"), udunits("K")
    ('ug m-3', 'ug m-3', '1e-6', 'K')
    """
    bare = text.strip().casefold()
    for end in (" (lc)", " (25 c)"):
        bare = bare.removesuffix(end)
    return _KNOWN.get(bare, text.strip())
