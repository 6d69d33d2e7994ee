"""Policy (政策): dated parameters per county and bank, and the check of an application against them, rule by rule."""
