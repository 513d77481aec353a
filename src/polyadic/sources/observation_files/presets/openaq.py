"""OpenAQ archive: ``location-ID-YYYYMMDD.csv.gz``, one row a measurement, several parameters a file.

Times state their zone. Sensors of one location and parameter at one time are duplicates.
"""

from polyadic.sources.observation_files.presets.preset import Preset, Variable

_PM = "mass_concentration_of_pm{}_ambient_aerosol_particles_in_air"

OPENAQ = Preset(
    name="openaq",
    title="OpenAQ archive",
    header=("location_id", "sensors_id", "location", "datetime", "lat", "lon", "parameter", "units", "value"),
    settings={
        "columns": {
            "station": "location_id",
            "time": "datetime",
            "latitude": "lat",
            "longitude": "lon",
            "parameter": "parameter",
            "units": "units",
        },
        "values": ("value",),
    },
    variables={
        "pm1": Variable("PM1 mass concentration", standard_name=_PM.format(1)),
        "pm25": Variable("PM2.5 mass concentration", standard_name=_PM.format("2p5")),
        "pm10": Variable("PM10 mass concentration", standard_name=_PM.format(10)),
        "no": Variable("nitrogen monoxide in air"),
        "no2": Variable("nitrogen dioxide in air"),
        "nox": Variable("nitrogen oxides in air"),
        "so2": Variable("sulfur dioxide in air"),
        "o3": Variable("ozone in air"),
        "co": Variable("carbon monoxide in air"),
        "bc": Variable("black carbon in air"),
        "temperature": Variable("air temperature", standard_name="air_temperature"),
        "relativehumidity": Variable("relative humidity", standard_name="relative_humidity"),
    },
)
