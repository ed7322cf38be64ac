"""One flat file per experiment, a row of a table each."""
