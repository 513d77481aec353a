"""Beijing multi-site air quality (UCI set 501): ``PRSA_Data_STATION_*.csv``, hourly, China Standard Time, no places."""

from polyadic.sources.observation_files.presets.preset import Preset, Variable

_PM = "mass_concentration_of_pm{}_ambient_aerosol_particles_in_air"
_GAS = "mass_concentration_of_{}_in_air"

PRSA_BEIJING = Preset(
    name="prsa_beijing",
    title="UCI Beijing multi-site air quality",
    header=("No", "year", "month", "day", "hour", "PM2.5", "wd", "WSPM", "station"),
    settings={
        "columns": {"station": "station", "time": ("year", "month", "day", "hour")},
        "time_zone": "+08:00",
    },
    variables={
        "PM2.5": Variable("PM2.5 mass concentration", "ug m-3", standard_name=_PM.format("2p5")),
        "PM10": Variable("PM10 mass concentration", "ug m-3", standard_name=_PM.format(10)),
        "SO2": Variable("sulfur dioxide", "ug m-3", standard_name=_GAS.format("sulfur_dioxide")),
        "NO2": Variable("nitrogen dioxide", "ug m-3", standard_name=_GAS.format("nitrogen_dioxide")),
        "CO": Variable("carbon monoxide", "ug m-3", standard_name=_GAS.format("carbon_monoxide")),
        "O3": Variable("ozone", "ug m-3", standard_name=_GAS.format("ozone")),
        "TEMP": Variable("air temperature", "degC", standard_name="air_temperature"),
        "PRES": Variable("air pressure", "hPa", standard_name="air_pressure"),
        "DEWP": Variable("dew point temperature", "degC", standard_name="dew_point_temperature"),
        "RAIN": Variable("precipitation", "mm", standard_name="lwe_thickness_of_precipitation_amount"),
        "WSPM": Variable("wind speed", "m s-1", standard_name="wind_speed"),
    },
    places="the file states no places; add a CSV with the header station,latitude,longitude and a line for each of"
    " Aotizhongxin, Changping, Dingling, Dongsi, Guanyuan, Gucheng, Huairou, Nongzhanguan, Shunyi, Tiantan, Wanliu and"
    " Wanshouxigong, in degrees",
)
