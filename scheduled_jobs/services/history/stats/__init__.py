"""Figures of runs: kept in cells of ten minutes, hours and days, which are made anew from the runs."""
