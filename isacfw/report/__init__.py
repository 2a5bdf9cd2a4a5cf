"""Reports: tables, figures, records and files produced from a data set of results."""
