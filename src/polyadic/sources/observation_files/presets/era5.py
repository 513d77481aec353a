"""ERA5 from the Climate Data Store: the legacy form (time, packed) and the new one (valid_time, number, expver).

Where ``expver`` is a dimension, values of the final product (0001) go before those of the preliminary one (0005).
"""

from polyadic.sources.observation_files.presets.preset import Preset, Variable

_VARIABLES = {
    "t2m": Variable("2 metre temperature", "K", standard_name="air_temperature", cell_methods="time: point"),
    "d2m": Variable("2 metre dewpoint temperature", "K", standard_name="dew_point_temperature"),
    "u10": Variable("10 metre U wind component", "m s-1", standard_name="eastward_wind", cell_methods="time: point"),
    "v10": Variable("10 metre V wind component", "m s-1", standard_name="northward_wind", cell_methods="time: point"),
    "msl": Variable("mean sea level pressure", "Pa", standard_name="air_pressure_at_mean_sea_level"),
    "sp": Variable("surface pressure", "Pa", standard_name="surface_air_pressure", cell_methods="time: point"),
    "sst": Variable("sea surface temperature", "K", standard_name="sea_surface_temperature"),
    "tp": Variable("total precipitation", "m", cell_methods="time: sum"),
    "ssrd": Variable("surface solar radiation downwards", "J m-2", cell_methods="time: sum"),
}

ERA5 = Preset(
    name="era5",
    title="ERA5 of the Climate Data Store",
    attributes={"institution": "European Centre for Medium-Range Weather Forecasts", "GRIB_centre": "ecmf"},
    header=("latitude", "longitude", "expver"),
    variables=_VARIABLES,
    merged=("expver",),
)
