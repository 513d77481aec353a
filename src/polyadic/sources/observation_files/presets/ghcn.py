"""GHCN-Daily: long tables by station or year (with or without header), ``.dly`` files, and the wide "access" tables.

Values are whole numbers in tenths or units of their element; a value whose quality flag is not blank failed a check
and is dropped. A day is the observer's local day.
"""

from polyadic.sources.observation_files.presets.preset import Preset, Variable

ELEMENTS = {
    "TMAX": Variable("daily maximum temperature", "degC", 0.1, "air_temperature", "time: maximum"),
    "TMIN": Variable("daily minimum temperature", "degC", 0.1, "air_temperature", "time: minimum"),
    "TAVG": Variable("daily mean temperature", "degC", 0.1, "air_temperature", "time: mean"),
    "TOBS": Variable("temperature at the time of observation", "degC", 0.1, "air_temperature", "time: point"),
    "PRCP": Variable("daily precipitation", "mm", 0.1, "lwe_thickness_of_precipitation_amount", "time: sum"),
    "SNOW": Variable("daily snowfall", "mm", 1.0, "thickness_of_snowfall_amount", "time: sum"),
    "SNWD": Variable("snow depth", "mm", 1.0, "surface_snow_thickness", "time: point"),
    "WESD": Variable("water equivalent of snow on the ground", "mm", 0.1, "lwe_thickness_of_surface_snow_amount"),
    "EVAP": Variable("evaporation from a pan", "mm", 0.1, cell_methods="time: sum"),
    "AWND": Variable("daily mean wind speed", "m s-1", 0.1, "wind_speed", "time: mean"),
    "WSF2": Variable("fastest 2-minute wind speed", "m s-1", 0.1, "wind_speed", "time: maximum"),
    "WSF5": Variable("fastest 5-second wind speed", "m s-1", 0.1, "wind_speed", "time: maximum"),
    "TSUN": Variable("daily sunshine", "min", 1.0, "duration_of_sunshine", "time: sum"),
}
_SENTINELS = (-999.0, -9999.0, -999.9)  # the last one: elevations
HEADER = ("ID", "DATE", "ELEMENT", "DATA_VALUE", "M_FLAG", "Q_FLAG", "S_FLAG", "OBS_TIME")

GHCN_DAILY = Preset(
    name="ghcn_daily",
    title="GHCN-Daily, one row a station, day and element",
    header=HEADER[:7],
    settings={
        "columns": {"station": "ID", "time": "DATE", "parameter": "ELEMENT"},
        "values": ("DATA_VALUE",),
        "flags": {"Q_FLAG": ("",)},
        "sentinels": _SENTINELS,
        "local_day": True,
        "time_cell": "day",
    },
    variables=ELEMENTS,
    first_row=(r"[A-Z]{2}[A-Z0-9_-]{9}", r"\d{8}", r"[A-Z0-9]{4}", r"-?\d+", ".?", ".?", ".?", r"\d{0,4}"),
    whole=True,
    places="GHCN-Daily states places in ghcnd-stations.txt: give that file too, as it is, or a CSV with the header"
    " station,latitude,longitude,elevation",
)

GHCN_ACCESS = Preset(
    name="ghcn_access",
    title="GHCN-Daily access table, one column an element",
    header=("STATION", "DATE", "LATITUDE", "LONGITUDE", "ELEVATION", "NAME"),
    settings={
        "columns": {
            "station": "STATION",
            "time": "DATE",
            "latitude": "LATITUDE",
            "longitude": "LONGITUDE",
            "elevation": "ELEVATION",
        },
        "flags": {"{value}_ATTRIBUTES[2]": ("",)},
        "sentinels": _SENTINELS,
        "local_day": True,
        "time_cell": "day",
    },
    variables=ELEMENTS,
    whole=True,
)
