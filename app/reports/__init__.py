"""Reports at the edge (报表): what a person asks becomes a question, what is made becomes files."""
