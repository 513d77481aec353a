"""EPA Air Quality System: pre-generated files ``daily_PARAMETER_YEAR.csv`` and ``hourly_PARAMETER_YEAR.csv``.

A station is a site (state, county, number); its monitors (POC) at one time are duplicates. Of a daily mean that is
stated with and without exceptional events, the one with all that was measured is kept.
"""

from polyadic.sources.observation_files.presets.preset import Preset, Variable

_SITE = ("State Code", "County Code", "Site Num")
_ALL_MEASURED = ("", "None", "No Events", "Included", "Events Included")
_NAMES = {
    "PM2.5 - Local Conditions": ("pm25", "PM2.5 mass concentration, local conditions"),
    "Acceptable PM2.5 AQI & Speciation Mass": ("pm25", "PM2.5 mass concentration, acceptable for AQI"),
    "PM10 Total 0-10um STP": ("pm10", "PM10 mass concentration, standard conditions"),
    "Ozone": ("o3", "ozone in air"),
    "Sulfur dioxide": ("so2", "sulfur dioxide in air"),
    "Nitrogen dioxide (NO2)": ("no2", "nitrogen dioxide in air"),
    "Carbon monoxide": ("co", "carbon monoxide in air"),
    "Outdoor Temperature": ("temperature", "outdoor temperature"),
}
_COLUMNS = {
    "station": _SITE,
    "latitude": "Latitude",
    "longitude": "Longitude",
    "parameter": "Parameter Name",
    "units": "Units of Measure",
}


def _variables(cell_methods: str) -> dict[str, Variable]:
    return {
        label: Variable(long_name, cell_methods=cell_methods, name=name) for label, (name, long_name) in _NAMES.items()
    }


AQS_DAILY = Preset(
    name="aqs_daily",
    title="EPA AQS daily summaries",
    header=(*_SITE, "POC", "Parameter Name", "Date Local", "Event Type", "Arithmetic Mean"),
    settings={
        "columns": {**_COLUMNS, "time": "Date Local"},
        "values": ("Arithmetic Mean",),
        "flags": {"Event Type": _ALL_MEASURED},
        "local_day": True,
        "time_cell": "day",
    },
    variables=_variables("time: mean"),
    single=("Sample Duration",),
)

AQS_HOURLY = Preset(
    name="aqs_hourly",
    title="EPA AQS hourly data",
    header=(*_SITE, "POC", "Parameter Name", "Date GMT", "Time GMT", "Sample Measurement"),
    settings={
        "columns": {**_COLUMNS, "time": ("Date GMT", "Time GMT")},
        "values": ("Sample Measurement",),
        "time_cell": "hour",
    },
    variables=_variables("time: mean"),
)
