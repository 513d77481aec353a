"""Strong simple baselines for scattered observations: functions of train and test rows, listed in `registry`."""

NAMES = (
    "mean",
    "calendar_month_mean",
    "day_mean",
    "station_climatology",
    "climatology_anomaly",
    "nearest_neighbours",
    "gradient_boosting",
    "gradient_boosting_day_mean",
    "elevation_kriging",
    "anomaly_kriging",
    "space_time_kriging",
)
"""What the registry holds, known without importing what the baselines need; a test compares the two."""
