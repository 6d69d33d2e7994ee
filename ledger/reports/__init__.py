"""Books and reports (账簿与报表): one value for every report, its form as data, made from the journal alone."""
