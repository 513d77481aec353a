"""How source `observations` reads files: settings, recognition of columns, tables, NetCDF, times, cleaning."""
